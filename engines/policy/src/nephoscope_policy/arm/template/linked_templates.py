"""Templates and parameters that a deployment links to: a path beside the template, an address, a template spec."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

from nephoscope_policy.arm.parser import unescape_literal
from nephoscope_policy.arm.template.deployment_functions import BASE_URI, build_template_uri
from nephoscope_policy.arm.template.document import Located, Path, TemplateDocument, member
from nephoscope_policy.arm.template.errors import TemplateError
from nephoscope_policy.arm.template.expansion_types import GivenParameter, PlanView, WrittenNode
from nephoscope_policy.arm.template.parameters import read_given_parameters
from nephoscope_policy.arm.text_patterns import build_pattern, format_pattern, get_literal_tail, is_open
from nephoscope_policy.arm.unknown import Unknown

MAX_TRIES = 12
"""Paths beside the template that an address is looked for under."""


def load_linked_template(origin: WrittenNode, path: Path, link: object) -> Located | None:
    """The template behind a `templateLink`; None where it cannot be read, which is reported with its reason."""
    spec = _read_text(origin, path, link, "id")
    if spec is not None:
        return _load_template_spec(origin, path, spec)
    found = _follow_link(origin, path, link)
    if found is None or isinstance(found[2], dict):
        return found
    _load_plan(origin).report(found[0].find_place(found[1]), "a template must be a JSON object")
    return None


def load_linked_parameters(origin: WrittenNode, path: Path, link: object) -> Mapping[str, GivenParameter]:
    """The parameters behind a `parametersLink`, none where they cannot be read, which is reported."""
    found = _follow_link(origin, path, link)
    section = member(found[2], "parameters") if found else None
    if found is None or section is None:
        return {}
    return read_given_parameters(found[0], (*found[1], section[0]), section[1], None)


def _load_plan(origin: WrittenNode) -> PlanView:
    return origin.frame.deployment.plan


def _follow_link(origin: WrittenNode, path: Path, link: object) -> Located | None:
    plan = _load_plan(origin)
    relative = _read_text(origin, path, link, "relativePath")
    address = relative if relative is not None else _read_text(origin, path, link, "uri")
    if address is None:
        plan.report(
            origin.document.find_place(path),
            "a link needs a uri, a relativePath or the id of a template spec",
        )
        return None
    names = (
        _list_sibling_paths(origin, address) if relative is not None else _list_candidates(origin, address)
    )
    around = ""
    for name in names:
        if name in origin.frame.deployment.files:
            around = name  # a template does not deploy itself: another one of its name is meant
            continue
        document = load_document(plan, name)
        if document is not None:
            return document, (), document.value
        if name in plan.artifacts:
            return plan.artifacts[name]
    if around and relative is not None:
        plan.report(
            origin.document.find_place(path),
            f"{around} deploys this template or is it: a template cannot deploy itself, link another one",
        )
        return None
    plan.report(
        origin.document.find_place(path),
        f"{format_pattern(address)} could not be read: it is neither beside the template nor fetched; what it deploys is unknown",
        error=False,
        unread=True,
    )
    return None


def load_document(plan: PlanView, name: str) -> TemplateDocument | None:
    """A document by its path, read once; one that cannot be used is reported."""
    if name not in plan.documents:
        found = plan.load(name) if plan.load is not None else None
        try:
            parsed = TemplateDocument.parse(found, name) if isinstance(found, str | bytes) else found
            plan.documents[name] = parsed
        except TemplateError as error:
            plan.report(error.problem.place, error.problem.message)
            plan.documents[name] = None
    return plan.documents[name]


def _read_text(origin: WrittenNode, path: Path, link: object, name: str) -> str | None:
    found = member(link, name)
    if found is None:
        return None
    value = origin.frame.evaluate(origin.document, (*path, found[0]), found[1])
    if value in (None, ""):
        return None
    return build_pattern(value) or (
        str(build_pattern(Unknown(key=name))) if isinstance(value, Unknown) else None
    )


def _list_sibling_paths(origin: WrittenNode, relative: str) -> Iterator[str]:
    if not is_open(relative):
        yield _join_path(origin, relative)


def _join_path(origin: WrittenNode, relative: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(origin.document.file), relative))


def _list_candidates(origin: WrittenNode, address: str) -> Iterator[str]:
    """Yield where the file behind an address may be: as the template's own address leads, else the end of its path
    beside the template."""
    scope = origin.frame.instance.scope
    if address.startswith(BASE_URI):
        yield posixpath.normpath(unquote(address.removeprefix(BASE_URI).partition("?")[0]))
    base = build_template_uri(scope, origin.document.file).rpartition("/")[0] + "/"
    if address.startswith(base):
        yield _join_path(origin, unquote(address.removeprefix(base).partition("?")[0]))
    tail = get_literal_tail(address) if is_open(address) else urlsplit(address).path
    segments = [part for part in unquote(tail.partition("?")[0]).split("/") if part]
    if not segments or ".." in segments:
        return
    for start in range(max(0, len(segments) - MAX_TRIES), len(segments)):
        yield _join_path(origin, "/".join(segments[start:]))


def _load_template_spec(origin: WrittenNode, path: Path, spec: str) -> Located | None:
    plan = _load_plan(origin)
    planned = plan.by_key.get(spec.lower())
    if planned is not None:
        source = planned.origin
        found = _load_main_template(plan, (source.document, source.path, unescape_texts(source.node)))
        if found is not None:
            return found
    document = load_document(plan, spec)
    if document is not None and isinstance(document.value, dict):
        if document.file == spec:  # no file has it: what it deploys stands where the link does
            document = TemplateDocument.from_expression(document.value, origin.document.find_place(path))
        exported = (document, (), document.value)
        return _load_main_template(plan, exported) or exported
    plan.report(
        origin.document.find_place(path),
        f"the template spec {format_pattern(spec)} could not be read: what it deploys is unknown",
        error=False,
        unread=True,
    )
    return None


def unescape_texts(node: object) -> object:
    """A copy of what a template gives to another one that it holds as a value: `[[` at the start of a text stands for `[`."""
    if isinstance(node, str):
        return unescape_literal(node)
    if isinstance(node, list):
        return [unescape_texts(one) for one in node]
    return {key: unescape_texts(one) for key, one in node.items()} if isinstance(node, dict) else node


def _load_main_template(plan: PlanView, version: Located) -> Located | None:
    """The `mainTemplate` of a template spec's version, as a resource or as an export; what it links to is kept beside it."""
    document, path, node = version
    properties = member(node, "properties")
    if properties is not None:
        path, node = (*path, properties[0]), properties[1]
    linked = member(node, "linkedTemplates")
    for place, one in enumerate(linked[1] if linked and isinstance(linked[1], list) else []):
        name, template = member(one, "path"), member(one, "template")
        if linked and name and template and isinstance(name[1], str):
            beside = posixpath.normpath(posixpath.join(posixpath.dirname(document.file), name[1]))
            plan.artifacts[beside] = document, (*path, linked[0], place, template[0]), template[1]
    main = member(node, "mainTemplate")
    return (document, (*path, main[0]), main[1]) if main and isinstance(main[1], dict) else None

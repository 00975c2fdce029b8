"""Resource expansion: unroll loops, decide conditions and build ids; bodies are computed later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from nephoscope_policy.arm.template.dependencies import resolve_dependencies
from nephoscope_policy.arm.template.deployment import Deployment
from nephoscope_policy.arm.template.document import Path, TemplateDocument, format_path, member
from nephoscope_policy.arm.template.expansion_result import DEPLOYMENTS, PlannedResource
from nephoscope_policy.arm.template.expansion_types import FrameView, WrittenNode
from nephoscope_policy.arm.template.nested_deployments import build_nested_deployment, resolve_nested_scope
from nephoscope_policy.arm.template.resource_ids import (
    NamingError,
    PlannedName,
    build_full_name,
    build_full_type,
    name_resource,
)
from nephoscope_policy.arm.text_patterns import build_pattern, format_pattern
from nephoscope_policy.arm.unknown import OpenArray, OpenObject, Unknown
from nephoscope_policy.arm.value import Value, describe_type

_OWN_EXTENSIONS = frozenset({"az", "azureresourcemanager"})


def list_template_resources(deployment: Deployment, template: WrittenNode) -> None:
    """List the resources of a deployment's template, then what depends on what."""
    found = member(template.node, "resources")
    if found is not None:
        listing = _Listing(deployment, template.document)
        listing.list_section(template.frame, (*template.path, found[0]), found[1], None)
    resolve_dependencies(deployment)


class _Listing:
    def __init__(self, deployment: Deployment, document: TemplateDocument) -> None:
        self._deployment = deployment
        self._plan = deployment.plan
        self._document = document

    def list_section(self, frame: FrameView, path: Path, node: Any, parent: PlannedResource | None) -> None:
        """List the members of `resources`, an array or an object by symbolic names."""
        if isinstance(node, str):
            node = frame.evaluate(self._document, path, node)
        rest = node.rest if isinstance(node, OpenObject) else node
        if isinstance(rest, Unknown):
            self._leave_open(path, rest, parent)
        if isinstance(node, OpenArray):
            node = list(node.known)
        if not isinstance(node, dict | list):
            if not isinstance(node, Unknown):
                self._report_failure(
                    path, f"resources must be an array or an object, not {describe_type(node)}"
                )
            return
        steps: Any = node.items() if isinstance(node, dict) else enumerate(node)
        for step, item in steps:
            here = (*path, step)
            made = frame.evaluate(self._document, here, item) if isinstance(item, str) else item
            if isinstance(made, Unknown):
                self._leave_open(here, made, parent)
            elif not isinstance(item, dict):
                self._report_failure(here, f"a resource must be an object, not {describe_type(item)}")
            elif not self._is_foreign(frame, here, item):
                self._expand_resource(frame, here, item, parent, step if isinstance(step, str) else "")

    def _leave_open(self, path: Path, unknown: Unknown, parent: PlannedResource | None) -> None:
        """Say that more is deployed than is known, into a resource or the scope of the deployment."""
        problem = f"which resources are deployed is not known before the deployment: {unknown.reason}"
        self._report_failure(path, problem)
        scope = parent.id if parent is not None else format_pattern(self._deployment.scope.id)
        self._plan.leave_open(scope.lower(), problem)

    def _report_failure(self, path: Path, message: str) -> None:
        self._plan.report(self._document.find_place(path), message)

    def _is_foreign(self, frame: FrameView, path: Path, item: dict[str, object]) -> bool:
        """Return whether the resource belongs to an extension other than Azure's own: it is no Azure resource."""
        used = member(item, "import") or member(item, "extension")
        if used is None or not isinstance(used[1], str):
            return False
        name = used[1].partition("@")[0]
        for section in ("imports", "extensions"):
            declared = member(frame.instance.get_section(section)[1], name)
            found = (member(declared[1], "provider") or member(declared[1], "name")) if declared else None
            name = str(found[1]) if found else name
        if name.lower() in _OWN_EXTENSIONS:
            return False
        self._plan.report(
            self._document.find_place(path),
            f"it is a resource of the extension {name}, not of Azure: it is not planned",
            error=False,
        )
        return True

    def _expand_resource(
        self,
        frame: FrameView,
        path: Path,
        item: dict[str, object],
        parent: PlannedResource | None,
        symbol: str,
    ) -> None:
        loop = member(item, "copy")
        if loop is None or not isinstance(loop[1], dict):
            made = [self._expand_single(frame, path, item, parent, symbol)]
            self._keep_resources(symbol, [one for one in made if one is not None])
            return
        name = str((member(loop[1], "name") or ("", symbol))[1])
        turns = list(self._iterate_turns(frame, (*path, loop[0]), loop[1], name))
        found = [self._expand_single(turn, path, item, parent, symbol, repeated=one) for turn, one in turns]
        kept = [one for one in found if one is not None]
        if kept and kept[0].repeated is not None:
            kept[0].at_turn = self._expand_copy_by_number(frame, path, item, parent, name)
        self._deployment.loops[name.lower()] = kept
        self._keep_resources(symbol, kept)

    def _expand_copy_by_number(
        self,
        frame: FrameView,
        path: Path,
        item: dict[str, object],
        parent: PlannedResource | None,
        name: str,
    ) -> Callable[[int], PlannedResource | None]:
        """One copy of a loop whose count is unknown, for who names it by its number."""

        def make_copy(index: int) -> PlannedResource | None:
            return self._plan_named_resource(
                WrittenNode(self._document, path, item, frame.make_turn_frame(name, index, resource=True)),
                parent,
            )

        return make_copy

    def _keep_resources(self, symbol: str, made: list[PlannedResource]) -> None:
        if not symbol:
            return
        self._deployment.symbols[symbol.lower()] = made
        if not made:
            self._deployment.absent.add(symbol.lower())

    def _iterate_turns(
        self, frame: FrameView, path: Path, loop: dict[str, object], name: str
    ) -> Iterator[tuple[FrameView, Unknown | None]]:
        count = frame.count(self._document, path, loop)
        if isinstance(count, Unknown):
            index = Unknown(
                "int",
                count.cause,
                f"the turn of the loop {name!r} is unknown",
                self._deployment.qualify_key(f"copyIndex('{name.lower()}')"),
            )
            yield frame.make_turn_frame(name, index, resource=True), count
            return
        for place in range(count):
            yield frame.make_turn_frame(name, place, resource=True), None

    def _expand_single(
        self,
        frame: FrameView,
        path: Path,
        item: dict[str, object],
        parent: PlannedResource | None,
        symbol: str,
        repeated: Unknown | None = None,
    ) -> PlannedResource | None:
        if self._plan.is_full:
            self._report_failure(
                path, f"the expansion stops here: it has {len(self._plan.resources)} resources"
            )
            return None
        origin = WrittenNode(self._document, path, item, frame)
        condition = self._evaluate_condition(frame, path, item)
        if condition is False:
            self._record_left_out_names(origin, parent)
            return None
        made = self._plan_named_resource(origin, parent)
        if made is None:
            return None
        made.condition = condition if parent is None or condition is not True else parent.condition
        made.symbol, made.repeated = symbol, repeated or (parent.repeated if parent else None)
        existing = member(item, "existing")
        made.existing = existing is not None and existing[1] is True
        made.api_version = self._evaluate_text(made.origin, "apiVersion", wanted=False)
        self._register_resource(made)
        children = member(item, "resources")
        if children is not None and not made.is_deployment:
            self.list_section(frame, (*path, children[0]), children[1], made)
        return made

    def _record_left_out_names(self, origin: WrittenNode, parent: PlannedResource | None) -> None:
        """Remember the names of what is not made; they may have no value without it."""
        with self._plan.suppress_reports():
            left_out = self._plan_named_resource(origin, parent)
        if left_out is not None:
            self._deployment.absent.update((left_out.key, left_out.full_name.lower()))

    def _register_resource(self, made: PlannedResource) -> None:
        self._plan.add(made)
        self._deployment.resources.append(made)
        if made.is_deployment and not made.existing:
            made.nested = nested = build_nested_deployment(self._deployment, made)
            self._plan.pending.append(nested)

    def _evaluate_condition(self, frame: FrameView, path: Path, item: dict[str, object]) -> bool | Unknown:
        found = member(item, "condition")
        if found is None:
            return True
        value = frame.evaluate(self._document, (*path, found[0]), found[1])
        if isinstance(value, str) and value.lower() in ("true", "false"):
            value = value.lower() == "true"
        if isinstance(value, bool | Unknown):
            return value
        return frame.report_error(
            self._document.find_place((*path, found[0])),
            f"a condition must be a boolean, not {describe_type(value)}",
        )

    def _evaluate_text(self, origin: WrittenNode, name: str, *, wanted: bool = True) -> Value:
        found = member(origin.node, name)
        if found is None:
            if wanted:
                self._report_failure(origin.path, f"a resource needs a {name}")
            return None
        return origin.frame.evaluate(self._document, (*origin.path, found[0]), found[1])

    def _plan_named_resource(
        self, origin: WrittenNode, parent: PlannedResource | None
    ) -> PlannedResource | None:
        written = self._evaluate_text(origin, "type")
        if not isinstance(written, str):
            if isinstance(written, Unknown):
                self._leave_open(origin.path, written, parent)
            elif written is not None:
                self._report_failure(
                    origin.path, f"the type of a resource must be a string, not {describe_type(written)}"
                )
            return None
        given = self._evaluate_text(origin, "name")
        if given is None:
            return None
        name = build_pattern(given) if isinstance(given, str | Unknown | int) else None
        if name is None:
            if not isinstance(given, Unknown):
                self._report_failure(
                    origin.path, f"the name of a resource must be a string, not {describe_type(given)}"
                )
                return None
            key = self._deployment.qualify_key(f"name of {format_path(origin.path)}")
            name = str(build_pattern(Unknown(key=key)))
        type_ = build_full_type(written, parent.written_type if parent else "")
        own = build_full_name(
            name, type_, parent.written_type if parent else "", parent.full_name if parent else ""
        )
        try:
            named = self._build_id(origin, type_, own, parent)
        except NamingError as error:
            self._report_failure(origin.path, format_pattern(str(error)))
            if error.lacking < 1:
                return None
            around = str(build_pattern(Unknown(key=f"the parents of {format_path(origin.path)}")))
            own = "/".join([*[around] * error.lacking, own])  # what it sets is judged all the same
            named = self._build_id(origin, type_, own, parent)
        return PlannedResource(self._deployment, origin, named, (type_, own))

    def _build_id(
        self, origin: WrittenNode, type_: str, name: str, parent: PlannedResource | None
    ) -> PlannedName:
        if type_.lower() in DEPLOYMENTS:
            return name_resource(resolve_nested_scope(self._deployment, origin).id, type_, name)
        scope = self._evaluate_text(origin, "scope", wanted=False)
        text = build_pattern(scope) if isinstance(scope, str | Unknown) else None
        if text is None:
            outer = parent.extension_scope if parent else None
            return name_resource(outer if outer is not None else self._deployment.scope.id, type_, name)
        return name_resource(self._parse_scope_id(text), type_, name)

    def _parse_scope_id(self, text: str) -> str:
        if text.startswith("/"):
            return text.rstrip("/")
        if text.lower().startswith("microsoft.management/managementgroups/"):
            return f"/providers/{text}"
        segments = text.split("/")
        if len(segments) < 3:
            return text
        namespace, *rest = segments
        names = "/".join(f"{rest[place]}/{rest[place + 1]}" for place in range(0, len(rest) - 1, 2))
        return f"{self._deployment.scope.id}/providers/{namespace}/{names}"

"""Export script: Azure CLI or PowerShell commands that export a snapshot where nephoscope cannot sign in."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from nephoscope.collect.azure.collection_plan import CollectionPlan
from nephoscope.collect.azure.manifest import build_job_entries, list_manifest_entries
from nephoscope.collect.azure.microsoft_graph import ALWAYS_READ, GROUPS, KINDS
from nephoscope.collect.azure.resource_graph import QueryArea, build_request_body, build_table_queries
from nephoscope.collect.resource_sources import ANY, TypeSources
from nephoscope.collect.resources.child_resources import list_child_types
from nephoscope_policy.model.resource_id import MANAGEMENT_GROUP_TYPE, RESOURCE_GROUP_TYPE, SUBSCRIPTION_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from nephoscope.collect.azure.content_requirements import ContentNeeds
    from nephoscope.collect.azure.resource_graph import GraphTableQuery

_TOKEN = "@TOKEN@"  # noqa: S105 - a mark for the place of Resource Graph's $skipToken
_ROLES = "microsoft.authorization/roledefinitions"
_TENANT = frozenset({SUBSCRIPTION_TYPE, RESOURCE_GROUP_TYPE, MANAGEMENT_GROUP_TYPE})
_PATTERNS = {
    SUBSCRIPTION_TYPE: "^/subscriptions/[^/]+$",
    RESOURCE_GROUP_TYPE: "^/subscriptions/[^/]+/resourcegroups/[^/]+$",
}


@dataclass(frozen=True, slots=True)
class ScriptCall:
    """One call of a function of the script: texts, and lists of texts."""

    function: str
    arguments: tuple[str | tuple[str, ...], ...]


def render_export_script(kind: str, needs: ContentNeeds) -> str:
    """The script of a kind (`az` or `powershell`) that exports what is needed."""
    name, render = _KINDS[kind]
    head = (files("nephoscope.collect.azure") / "scripts" / name).read_text(encoding="utf-8")
    return head + "".join(
        render(step) + "\n"
        for step in list_export_calls(
            CollectionPlan.of(needs, TypeSources.load_builtin()), TypeSources.load_builtin()
        )
    )


def list_export_calls(plan: CollectionPlan, reading: TypeSources) -> Iterator[ScriptCall]:
    """Yield what is asked, in the order in which one answer needs another."""
    for table, types in plan.tables.items():
        for number, query in enumerate(build_table_queries(plan, reading, table, types)):
            yield _build_query(f"{table}-{number}", query, plan, reading)
    for type_, lack in plan.lacks.items():
        yield ScriptCall("body", (type_, _build_id_pattern(type_), lack.api))
    for job in plan.jobs:
        pattern = "|".join(_build_id_pattern(parent) for parent in sorted(job.parents))
        entries = tuple(sorted(build_job_entries(job)))
        yield ScriptCall("list", (job.list.type, pattern, f"/{job.list.path}", job.list.api, entries))
    if _ROLES in plan.tables_by_type:
        # built-in roles lie in the tenant, and a role that was not read leaves its assignments Unknown
        yield ScriptCall(
            "list",
            (
                _ROLES,
                _PATTERNS[SUBSCRIPTION_TYPE],
                "/providers/Microsoft.Authorization/roleDefinitions",
                "2022-04-01",
                (),
            ),
        )
    if plan.graph:
        for kind in sorted(plan.graph | ALWAYS_READ):
            yield ScriptCall("objects", (kind, KINDS[kind].path))
        if GROUPS in plan.graph:
            yield ScriptCall("members", ())
    yield ScriptCall("manifest", ())


def _build_query(name: str, query: GraphTableQuery, plan: CollectionPlan, reading: TypeSources) -> ScriptCall:
    body = build_request_body(query, QueryArea(""), _TOKEN)
    options = json.dumps({key: item for key, item in body["options"].items() if item != _TOKEN})
    text = f'{{"query": {json.dumps(body["query"])}, "options": {options[:-1]}{_TOKEN}}}}}'
    types = tuple(sorted(query.types))
    return ScriptCall(
        "query", (name, text, types, tuple(sorted(_list_claimed_types(query.types, plan, reading))))
    )


def _list_claimed_types(types: Iterable[str], plan: CollectionPlan, reading: TypeSources) -> set[str]:
    """Return what is read in full by the rows of some types: they, and the children that their bodies list."""
    held = {
        type_
        for type_ in types
        if type_ not in reading.partial and type_ not in (_TENANT - {SUBSCRIPTION_TYPE})
    }
    held |= {child for type_ in held for child in list_child_types(type_)}
    found: set[str] = set()
    for type_ in held:
        found |= list_manifest_entries(type_, plan, reading)
    if RESOURCE_GROUP_TYPE in types:
        found.add(RESOURCE_GROUP_TYPE)
    return {entry for entry in found if not _needs_lookup(entry, plan)}


def _needs_lookup(entry: str, plan: CollectionPlan) -> bool:
    """Return whether the entry is a name that is read apart from its table, which the script does not."""
    return any(entry == f"{type_}/{name}" for type_, names in plan.items.items() for name in names)


def _build_id_pattern(type_: str) -> str:
    """The ids of a type, as a regular expression that both shells know, whatever the case."""
    if type_ == ANY:
        return "^/subscriptions/[^/]+/resourcegroups/[^/]+/providers/"
    if type_ in _PATTERNS:
        return _PATTERNS[type_]
    namespace, *names = type_.split("/")
    return f"/providers/{namespace.replace('.', '[.]')}" + "".join(f"/{name}/[^/]+" for name in names) + "$"


def _format_bash_line(step: ScriptCall) -> str:
    words = [step.function]
    for number, argument in enumerate(step.arguments):
        if isinstance(argument, str):
            words.append(shlex.quote(argument))
        elif number < len(step.arguments) - 1:
            words.append(shlex.quote(" ".join(argument)))
        else:
            words += map(shlex.quote, argument)
    return " ".join(words)


def _format_powershell_line(step: ScriptCall) -> str:
    if step.function == "members":
        return "# the members of groups were read with the groups"
    words = (
        _quote_text(argument) if isinstance(argument, str) else f"@({', '.join(map(_quote_text, argument))})"
        for argument in step.arguments
    )
    return " ".join((step.function.capitalize(), *words))


def _quote_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_KINDS: dict[str, tuple[str, Callable[[ScriptCall], str]]] = {
    "az": ("az.sh", _format_bash_line),
    "powershell": ("powershell.ps1", _format_powershell_line),
}

"""Rules, hunting queries, functions and watchlists in ARM templates, and in what Azure's REST API returns.

Sources: https://learn.microsoft.com/azure/templates/microsoft.securityinsights/alertrules, .../watchlists,
https://learn.microsoft.com/azure/templates/microsoft.operationalinsights/workspaces/savedsearches
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from nephoscope.alerts.library.content_item import ContentItem, ContentKind, UnusableContent
from nephoscope.files.separated_values import SeparatedValuesError, read_separated_rows
from nephoscope_policy.arm.errors import ArmError, ArmSyntaxError, FunctionError
from nephoscope_policy.arm.expression import parse
from nephoscope_policy.arm.value import Value
from nephoscope_policy.model.source_location import Place

RULES = frozenset({
    "microsoft.securityinsights/alertrules", "microsoft.operationalinsights/workspaces/providers/alertrules",
    "microsoft.securityinsights/alertruletemplates",
    "microsoft.operationalinsights/workspaces/providers/alertruletemplates",
})  # fmt: skip
WATCHLISTS = frozenset(
    {"microsoft.securityinsights/watchlists", "microsoft.operationalinsights/workspaces/providers/watchlists"}
)
SEARCHES = frozenset({"microsoft.operationalinsights/workspaces/savedsearches", "savedsearches"})
TEMPLATES = frozenset(
    {"microsoft.securityinsights/contenttemplates", "microsoft.operationalinsights/workspaces/providers/contenttemplates"}
)  # fmt: skip
RUN = frozenset({"scheduled", "nrt"})
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DEEPEST = 8
_WORKSPACE = "workspace"
Found = ContentItem | UnusableContent


def is_arm(document: object) -> bool:
    """Return whether a document holds resources: a template, an answer of the REST API, a list of them, or one of them."""
    return any(True for _ in _read_resources(document, Place("")))


def extract_arm_items(document: object, place: Place, source: str) -> Iterator[Found]:
    """Yield what a document holds, in its order; expressions of a template are evaluated with the defaults of its parameters."""
    for resource, where, template in _read_resources(document, place):
        yield from _find_pieces(_TemplateResource(resource, where, source, template))


@dataclass(frozen=True, slots=True)
class _Template:
    """The template that a resource stands in: its parameters and variables; None: no expression is one."""

    document: Mapping[str, Any]

    def evaluate(self, value: object, deep: int = 0) -> Any:
        """A value with the expressions in it evaluated; ArmError where one cannot be."""
        if isinstance(value, dict):
            return {name: self.evaluate(one, deep) for name, one in value.items()}
        if isinstance(value, list):
            return [self.evaluate(one, deep) for one in value]
        if not isinstance(value, str) or not value.startswith("["):
            return value
        if value.startswith("[["):
            return value[1:]
        if not value.endswith("]"):
            return value
        if deep > _DEEPEST:
            raise ArmError("variables", "they refer to each other", 0)
        hosts = {
            "parameters": lambda _, given: self._resolve_parameter(given, deep),
            "variables": lambda _, given: self._resolve_variable(given, deep),
            "resourceid": lambda _, given: "/".join(map(str, given)),
            "extensionresourceid": lambda _, given: "/".join(map(str, given)),
            "resourcegroup": lambda _, __: {"location": "", "name": "", "id": ""},
            "subscription": lambda _, __: {"subscriptionId": "", "id": "", "tenantId": ""},
        }
        return parse(value).interpret(hosts, None)

    def _resolve_parameter(self, given: list[Value], deep: int) -> object:
        name = str(given[0]) if given else ""
        known = _read_members(self.document.get("parameters"))
        about = _lower_case_keys(known).get(name.lower())
        if not isinstance(about, dict):
            raise FunctionError(f"parameter {name!r} not found")
        # what only names the place of a deployment matters to no rule
        return self.evaluate(about.get("defaultValue", name), deep + 1)

    def _resolve_variable(self, given: list[Value], deep: int) -> object:
        name = str(given[0]) if given else ""
        known = _lower_case_keys(_read_members(self.document.get("variables")))
        if name.lower() not in known:
            raise FunctionError(f"variable {name!r} not found")
        return self.evaluate(known[name.lower()], deep + 1)


@dataclass(frozen=True, slots=True)
class _TemplateResource:
    """A resource, where it stands, and its template."""

    resource: Mapping[str, Any]
    place: Place
    file: str
    template: _Template | None

    def evaluate(self, value: object) -> Any:
        return value if self.template is None else self.template.evaluate(value)


def _read_resources(
    document: object, place: Place, template: _Template | None = None, deep: int = 0
) -> Iterator[tuple[Mapping[str, object], Place, _Template | None]]:
    """Every resource of a known type, those of nested templates too."""
    if isinstance(document, list):
        for number, one in enumerate(document):
            yield from _read_resources(one, _extend_document_place(place, f"[{number}]"), template, deep)
        return
    if not isinstance(document, dict) or deep > _DEEPEST:
        return
    kind = _read_type(document)
    if kind in RULES | WATCHLISTS | SEARCHES:
        yield document, place, template
    nested = document.get("value") if isinstance(document.get("value"), list) else None
    if nested is not None:
        yield from _read_resources(nested, _extend_document_place(place, "value"), template, deep + 1)
    inner = document.get("resources")
    if isinstance(inner, list | dict):
        own = _Template(document) if "$schema" in document or "contentVersion" in document else template
        several = list(inner.values()) if isinstance(inner, dict) else inner
        yield from _read_resources(several, _extend_document_place(place, "resources"), own, deep + 1)
    properties = document.get("properties")
    if isinstance(properties, dict):
        for name in ("mainTemplate", "template"):
            if isinstance(properties.get(name), dict):
                yield from _read_resources(
                    properties[name], _extend_document_place(place, f"properties.{name}"), template, deep + 1
                )


def _read_type(document: Mapping[str, object]) -> str:
    """The type of a resource, lower-cased; an answer of the REST API may give it in its id alone."""
    kind = document.get("type")
    if isinstance(kind, str) and isinstance(document.get("properties"), dict):
        return kind.lower()
    return ""


def _find_pieces(given: _TemplateResource) -> Iterator[Found]:
    kind = _read_type(given.resource)
    try:
        if kind in RULES:
            yield _read_rule(given)
        elif kind in WATCHLISTS:
            yield _read_watchlist(given)
        else:
            yield from _read_saved_search(given)
    except (ArmError, ArmSyntaxError) as error:
        yield _to_unusable_content(given, f"an expression cannot be evaluated: {error}")


def _read_rule(given: _TemplateResource) -> Found:
    properties = _drop_nulls(given.evaluate(given.resource["properties"]))
    kind = str(given.resource.get("kind") or properties.get("kind") or "Scheduled")
    if kind.lower() not in RUN:
        return _to_unusable_content(
            given, f"rules of kind {kind} are not run here; Scheduled and NRT are", unsupported=True
        )
    techniques = [*_read_texts(properties.get("techniques")), *_read_texts(properties.get("subTechniques"))]
    document = {
        **properties,
        "id": _extract_id(given),
        "name": properties.get("displayName") or _extract_id(given),
        "kind": kind,
        "techniques": techniques,
        "version": properties.get("templateVersion") or properties.get("version") or "",
    }
    return _build_piece(given, ContentKind.RULE, document["id"], str(document["name"]), document)


def _read_saved_search(given: _TemplateResource) -> Iterator[Found]:
    """A saved search: a function where it has an alias, a hunting query by its category; others are nobody's content."""
    properties = _drop_nulls(given.evaluate(given.resource["properties"]))
    alias = properties.get("functionAlias")
    if alias:
        document = {
            "name": str(alias),
            "parameters": str(properties.get("functionParameters") or ""),
            "body": str(properties.get("query") or ""),
        }
        yield _build_piece(given, ContentKind.FUNCTION, str(alias), str(alias), document)
    elif str(properties.get("category", "")).lower() == "hunting queries":
        tags: dict[str, str] = {
            str(one.get("name", "")).lower(): str(one.get("value", ""))
            for one in _to_list(properties.get("tags"))
            if isinstance(one, dict)
        }
        name = str(properties.get("displayName") or _extract_id(given))
        query: dict[str, Any] = {
            "id": _extract_id(given),
            "name": name,
            "kind": "Hunting",
            "description": tags.get("description", ""),
            "query": str(properties.get("query") or ""),
            "tactics": _read_texts(tags.get("tactics")),
            "relevantTechniques": _read_texts(tags.get("techniques")),
            "version": str(properties.get("version") or ""),
        }
        yield _build_piece(given, ContentKind.HUNTING, query["id"], name, query)


def _read_watchlist(given: _TemplateResource) -> Found:
    properties = _drop_nulls(given.evaluate(given.resource["properties"]))
    alias = str(
        properties.get("watchlistAlias")
        or _extract_last_segment(str(given.evaluate(given.resource.get("name", ""))))
    )
    raw = properties.get("rawContent")
    key = str(properties.get("itemsSearchKey") or "")
    if not isinstance(raw, str) or not key:
        return _to_unusable_content(given, "a watchlist needs rawContent (CSV) and itemsSearchKey")
    skipped = properties.get("numberOfLinesToSkip") or 0
    if not isinstance(skipped, int) or skipped < 0:
        return _to_unusable_content(given, "numberOfLinesToSkip is no whole number from 0 on")
    try:
        items, columns = _parse_items("\n".join(raw.splitlines()[skipped:]))
    except SeparatedValuesError as error:
        return _to_unusable_content(given, f"rawContent, {error}")
    if key not in columns:
        return _to_unusable_content(given, f"itemsSearchKey {key!r} is no column of rawContent")
    return _build_piece(
        given, ContentKind.WATCHLIST, alias, alias, {"alias": alias, "key": key, "items": items}
    )


def _parse_items(text: str) -> tuple[list[dict[str, str]], list[str]]:
    """The rows by column, and the columns; a cell without a column is left out, one that lacks is empty."""
    rows = [row.require_cells() for row in read_separated_rows(text, strict=False) if not row.empty]
    columns = rows[0] if rows else []
    items = [{name: "" for name in columns if name} | _pair_cells(columns, cells) for cells in rows[1:]]
    return items, columns


def _pair_cells(columns: list[str], cells: list[str]) -> dict[str, str]:
    return {name: text for name, text in zip(columns, cells, strict=False) if name}


def _build_piece(
    given: _TemplateResource, kind: ContentKind, id_: str, name: str, document: dict[str, Any]
) -> ContentItem:
    version = str(document.get("version", ""))
    return ContentItem(kind, id_, name, version, given.file, document, given.place)


def _to_unusable_content(
    given: _TemplateResource, reason: str, *, unsupported: bool = False
) -> UnusableContent:
    properties = given.resource.get("properties")
    name = properties.get("displayName") if isinstance(properties, dict) else ""
    return UnusableContent(
        given.place, given.file, str(name or _get_display_name(given)), (reason,), unsupported
    )


def _get_display_name(given: _TemplateResource) -> str:
    """Return what a resource without a title is called; an expression that cannot be told is its own text."""
    try:
        return _extract_id(given)
    except (ArmError, ArmSyntaxError, FunctionError):
        return str(given.resource.get("name", ""))


def _extract_id(given: _TemplateResource) -> str:
    """The last part of the resource's name: the GUID in it where there is one."""
    raw = str(given.resource.get("name") or given.resource.get("id") or "")
    if found := _GUID.findall(raw):
        return str(found[-1]).lower()
    name = _extract_last_segment(str(given.evaluate(raw)))
    found = _GUID.findall(name)
    return str(found[-1]).lower() if found else name.lower()


def _extract_last_segment(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2]


def _drop_nulls(value: object) -> dict[str, Any]:
    return {name: one for name, one in value.items() if one is not None} if isinstance(value, dict) else {}


def _to_list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _read_texts(value: object) -> list[str]:
    several = value.split(",") if isinstance(value, str) else value
    return [str(one).strip() for one in several if str(one).strip()] if isinstance(several, list) else []


def _read_members(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _lower_case_keys(value: Mapping[str, object]) -> dict[str, object]:
    return {name.lower(): one for name, one in value.items()}


def _extend_document_place(place: Place, part: str) -> Place:
    joined = f"{place.path}{part}" if part.startswith("[") or not place.path else f"{place.path}.{part}"
    return replace(place, path=joined)

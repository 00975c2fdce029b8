"""expansions: templates whose resources another implementation asserts, group by group."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from template_records import EVERYWHERE, MATCH, Verdict, excluded, expanded, miss, same

from nephoscope_policy.arm.template import PlannedResource, TemplateExpansion, Unknown

ABSENT = object()
#: Children that the other implementation shows as properties of their parents.
PARTS = {"microsoft.web/sites/config": "siteConfig", "microsoft.sql/servers/administrators": "administrators"}
#: What guid() and uniqueString() of the other implementation look like: its hashes are no hashes of Azure.
HASH = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{13}")


def assess(record: Mapping[str, Any]) -> Iterator[Verdict]:
    """For each group, whether one expanded resource fulfils all its asserts; expansions under other options are excluded."""
    if record.get("options_differ"):
        yield excluded("it was recorded under other options")
        return
    expansion = expanded(record["template"], record.get("parameters"))
    resources = views(expansion)
    if not record["groups"]:
        yield MATCH
    for group in record["groups"]:
        wrong = _wrong(group, resources)
        yield miss(f"{wrong} {next(iter(expansion.errors), '')}") if wrong else MATCH


def _wrong(group: Mapping[str, Any], resources: list[dict[str, Any]]) -> str:
    """Why no resource fulfils a group, '' where one does."""
    selector = group["index"]
    candidates = resources
    if isinstance(selector, str):
        how, _, condition = selector.partition(":")
        name, _, value = condition.partition("=")
        candidates = [one for one in resources if str(one.get(name, "")).lower() == value.lower()]
        if how == "all":
            return _all_wrong(group, candidates)
    failures = [_first_failure(group, one) for one in candidates]
    if None in failures:
        return ""
    near = max((one for one in failures if one), default=(0, "no such resource"))
    return f"group {selector}: {near[1]}"


def _all_wrong(group: Mapping[str, Any], candidates: list[dict[str, Any]]) -> str:
    for path, wanted in group["asserts"]:
        if not _holds(_at(candidates, path), wanted):
            return f"group {group['index']}: {path} is not {wanted}"
    return ""


def _first_failure(group: Mapping[str, Any], resource: dict[str, Any]) -> tuple[int, str] | None:
    for place, (path, wanted) in enumerate(group["asserts"]):
        found = _at(resource, path)
        if not _holds(found, wanted):
            said = "nothing" if found is ABSENT else repr(found)[:120]
            return (
                place,
                f"{resource['type']} {resource['name']}: {path} is {said}, wanted {str(wanted)[:120]!r}",
            )
    return None


def _holds(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict) and wanted.keys() <= {"len", "present", "missing"} and wanted:
        if "missing" in wanted:
            return found is ABSENT or found is None
        if "len" in wanted:
            return (0 if found is ABSENT else len(found)) == wanted["len"]
        return found is not ABSENT
    if wanted == EVERYWHERE and (found is ABSENT or isinstance(found, Unknown)):
        return True  # what only Azure answers has this value there, and is unknown here
    return found is not ABSENT and (same(found, wanted) or _same_but_for_hashes(found, wanted))


def _same_but_for_hashes(found: Any, wanted: Any) -> bool:
    """Whether two texts differ only where one has a hash and the other a hash of its own."""
    if not isinstance(found, str) or not isinstance(wanted, str) or not HASH.search(wanted):
        return False
    pattern = "[0-9a-z-]{13,36}".join(map(re.escape, HASH.split(wanted)))
    return re.fullmatch(pattern, found) is not None


def _at(value: Any, path: list[Any]) -> Any:
    for step in path:
        if isinstance(step, dict):
            value = len(value) if isinstance(value, list | dict) else ABSENT
        elif isinstance(step, str) and isinstance(value, dict):
            key = next((own for own in value if own.lower() == step.lower()), None)
            value = ABSENT if key is None else value[key]
        elif isinstance(step, int) and isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return ABSENT
    return value


def views(expansion: TemplateExpansion) -> list[dict[str, Any]]:
    """The resources as the other implementation lists them: the deployment itself first, children inside their parents too."""
    root = expansion.deployments[0]
    found = [
        {
            "type": "Microsoft.Resources/deployments",
            "name": root.name,
            "id": root.id,
            "scope": root.scope or "/",
        }
    ]
    shown: dict[str, dict[str, Any]] = {}
    for one in (*expansion.resources, *expansion.existing):
        shown[one.id.lower()] = _laid_over(shown.get(one.id.lower(), {}), view(one))
    for one in expansion.resources:
        parent = shown.get(one.container.lower())
        if parent is not None:
            _lay_into(parent, one)
            parent.setdefault("resources", []).append(_inside(one, shown[one.id.lower()]))
    return [*found, *(shown[one.id.lower()] for one in expansion.resources)]


def _laid_over(base: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    """Two deployments of one resource as one: the later one wins, and null leaves what is there."""
    result = dict(base)
    for key, value in later.items():
        known = result.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            result[key] = _laid_over(known, value)
        elif value is not None or key not in result:
            result[key] = value
    return result


def _lay_into(parent: dict[str, Any], child: PlannedResource) -> None:
    """A child that is a property of its parent, laid over it."""
    name = PARTS.get(child.type.lower())
    properties = child.body.get("properties")
    if name is not None and isinstance(properties, dict):
        parent["properties"] = _laid_over(parent.get("properties") or {}, {name: properties})


def _inside(resource: PlannedResource, shown: dict[str, Any]) -> dict[str, Any]:
    """A child as it is written in its parent."""
    return {**shown, "name": _written_name(resource)}


def _written_name(resource: PlannedResource) -> str:
    found = resource.member("name")
    written = (
        resource.origin.frame.evaluate(resource.origin.document, (), found[1]) if found else resource.name
    )
    return written if isinstance(written, str) else resource.name


def view(resource: PlannedResource) -> dict[str, Any]:
    """A planned resource as the other implementation shows it: full name, and the scope that it stands in."""
    return {
        **resource.body,
        "name": resource.name,
        "type": resource.written_type,
        "scope": resource.container or "/",
        "dependsOn": list(resource.depends_on),
    }

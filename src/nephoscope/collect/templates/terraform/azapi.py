"""Resources of the provider azapi, which are ARM as they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from nephoscope.collect.templates.terraform.arm_names import build_name_pattern
from nephoscope.collect.templates.terraform.attribute_mapper import BodyBuilder
from nephoscope.collect.templates.terraform.attributes import MISSING, PlanAttributes
from nephoscope.collect.templates.terraform.mapping_table import ResourceTable
from nephoscope.collect.templates.terraform.planned_resource import AZAPI_TYPES
from nephoscope_policy.arm.template.deployment_scope import ASSUMED_SUBSCRIPTION
from nephoscope_policy.arm.text_patterns import build_pattern
from nephoscope_policy.arm.unknown import Unknown

AZAPI = {name: ResourceTable(name, type="azapi") for name in AZAPI_TYPES}


def build_table_values(
    attributes: PlanAttributes, builder: BodyBuilder, address: str
) -> tuple[str, str, str, dict[str, object]]:
    """Return type ('' where it is unknown), name, container and body; names and ids are patterns.

    An update is the resource that it updates, with what it sets.
    """
    given_type = attributes.get("type").value
    type_ = given_type.partition("@")[0] if isinstance(given_type, str) else ""
    name = attributes.get("name").value
    parent = attributes.get("parent_id").value
    target = attributes.get("resource_id").value
    updated = build_pattern(target) if isinstance(target, str | Unknown) else None
    if name is MISSING and updated and "/" in updated:
        parent, name = _extract_parent_id(updated), updated.rsplit("/", 1)[-1]
    named = build_name_pattern(name, f"{address}.name")
    container = _read_container(parent, address)
    body = attributes.get("body")
    given = _decode_body(body.value)
    if isinstance(given, dict):
        builder.places.update((path, (*body.path, *path)) for path in _list_paths(given))
        return type_, named, container, given
    unknown = given.derive("object") if isinstance(given, Unknown) else None
    return type_, named, container, {"properties": unknown} if unknown else {}


def _list_paths(value: object, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every part of a value, those of its members after its own."""
    members: Iterable[tuple[str | int, object]] = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for key, member in members:
        yield (*above, key)
        yield from _list_paths(member, (*above, key))


def _read_container(parent: object, address: str) -> str:
    """Return the id that a resource stands in; of one that is not known, that of a group that is not known."""
    text = build_name_pattern(parent, f"{address}.parent_id").rstrip("/")
    return text if text.startswith("/") else f"/subscriptions/{ASSUMED_SUBSCRIPTION}/resourceGroups/{text}"


def _extract_parent_id(id_: str) -> str:
    above = id_.rsplit("/", 2)[0]
    provider, _, rest = above.rpartition("/providers/")
    return provider if rest and "/" not in rest else above


def _decode_body(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return MISSING

"""Resources of the provider azapi, which are ARM as they are."""

from __future__ import annotations

import json
from typing import Any

from nephoscope.collect.templates.terraform.attributes import MISSING, Attributes
from nephoscope.collect.templates.terraform.mapper import BodyBuilder
from nephoscope.collect.templates.terraform.table import ResourceTable
from nephoscope_policy.arm.unknown import Unknown

AZAPI = {
    "azapi_resource": ResourceTable("azapi_resource", type="azapi"),
    "azapi_data_plane_resource": ResourceTable("azapi_data_plane_resource", type="azapi"),
    "azapi_update_resource": ResourceTable("azapi_update_resource", type="azapi"),
}


def azapi_table_values(attributes: Attributes, builder: BodyBuilder) -> tuple[str, str, str, dict[str, Any]]:
    """Return type, name, container and body; an update is the resource that it updates, with what it sets."""
    type_ = str(attributes.get("type").value).partition("@")[0]
    name = attributes.get("name").value
    parent = attributes.get("parent_id").value
    target = attributes.get("resource_id").value
    if name is MISSING and isinstance(target, str):
        parent, name = _above(target), target.rsplit("/", 1)[-1]
    body = attributes.get("body")
    given = _decoded(body.value)
    if isinstance(given, dict):
        builder.places[("properties",)] = body.path
        return type_, _text(name, "name"), _text(parent, "parent_id"), given
    unknown = given if isinstance(given, Unknown) else None
    return type_, _text(name, "name"), _text(parent, "parent_id"), {"properties": unknown} if unknown else {}


def _above(id_: str) -> str:
    above = id_.rsplit("/", 2)[0]
    provider, _, rest = above.rpartition("/providers/")
    return provider if rest and "/" not in rest else above


def _decoded(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return MISSING


def _text(value: Any, label: str) -> str:
    return value.rstrip("/") if isinstance(value, str) else f"{{{label}}}"

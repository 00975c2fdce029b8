"""The managed resources of a plan or a state, as Terraform writes them.

Source: https://developer.hashicorp.com/terraform/internals/json-format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nephoscope_policy.arm.template.deployment_scope import ASSUMED_SUBSCRIPTION

if TYPE_CHECKING:
    from nephoscope.collect.templates.terraform.planned_resource import TerraformResource
    from nephoscope_policy.arm.template.document import Path

INSTANCE_KEY = re.compile(r"\[(?:\d+|\"(?:[^\"\\]|\\.)*\")\]")
MAX_RESOURCES = 100_000
_MAX_MODULES = 50


@dataclass(slots=True)
class PlannedChange:
    """A resource that will be there: its values, what of them is unknown and secret, and their path in the plan."""

    address: str
    module: str
    type: str
    path: Path
    values: Any
    unknown: object
    sensitive: object
    made: list[TerraformResource] = field(default_factory=list)

    @property
    def local(self) -> str:
        """The address within the module."""
        return self.address.removeprefix(f"{self.module}.") if self.module else self.address

    @property
    def key(self) -> str:
        """The key of the instance with its brackets; '' where there is one only."""
        found = re.search(f"{INSTANCE_KEY.pattern}$", self.address)
        return found.group() if found else ""


def strip_instance_keys(address: str) -> str:
    """Return an address without the keys of instances."""
    return INSTANCE_KEY.sub("", address)


def find_provider_subscription(configuration: Mapping[str, object]) -> str:
    """Return the subscription that a provider of the configuration names, else the assumed one."""
    providers = configuration.get("provider_config")
    for provider in (providers if isinstance(providers, dict) else {}).values():
        given: object = provider
        for name in ("expressions", "subscription_id", "constant_value"):
            given = given.get(name) if isinstance(given, dict) else None
        if isinstance(given, str) and given:
            return given
    return ASSUMED_SUBSCRIPTION


def read_planned_changes(root: Mapping[str, object], deleted: list[str]) -> Iterator[PlannedChange]:
    """Give what will be there: of the changes, or of a state's values where there are none; adds what goes to `deleted`."""
    listed = root.get("resource_changes")
    if not isinstance(listed, list):
        yield from _read_state(root)
        return
    for index, item, change in _list_managed_resources(listed):
        if change.get("after") is None:
            deleted.append(str(item.get("address")))
        else:
            path = ("resource_changes", index, "change", "after")
            yield _read_change(
                item, path, change["after"], change.get("after_unknown"), change.get("after_sensitive")
            )


def iterate_prior_resources(root: Mapping[str, object]) -> Iterator[PlannedChange]:
    """Give what is there before the apply: nothing in it is unknown."""
    listed = root.get("resource_changes")
    for index, item, change in _list_managed_resources(listed if isinstance(listed, list) else []):
        if change.get("before") is not None:
            path = ("resource_changes", index, "change", "before")
            yield _read_change(item, path, change["before"], None, change.get("before_sensitive"))


def _list_managed_resources(listed: list[Any]) -> Iterator[tuple[int, dict[str, object], dict[str, object]]]:
    for index, item in enumerate(listed[:MAX_RESOURCES]):
        change = item.get("change") if isinstance(item, dict) else None
        if isinstance(change, dict) and item.get("mode", "managed") == "managed":
            yield index, item, change


def _read_state(root: Mapping[str, object]) -> Iterator[PlannedChange]:
    for key in ("planned_values", "values"):
        module = root.get(key)
        if isinstance(module, dict):
            yield from _walk_values(module.get("root_module"), (key, "root_module"), 0)
            return


def _walk_values(module: object, path: Path, depth: int) -> Iterator[PlannedChange]:
    if not isinstance(module, dict) or depth > _MAX_MODULES:
        return
    for index, item in enumerate(module.get("resources") or []):
        if isinstance(item, dict) and item.get("mode", "managed") == "managed":
            place: Path = (*path, "resources", index, "values")
            named = {**item, "module_address": module.get("address", "")}
            yield _read_change(named, place, item.get("values"), None, item.get("sensitive_values"))
    for index, child in enumerate(module.get("child_modules") or []):
        yield from _walk_values(child, (*path, "child_modules", index), depth + 1)


def _read_change(
    item: dict[str, object], path: Path, values: object, unknown: object, sensitive: object
) -> PlannedChange:
    module = str(item.get("module_address") or "")
    return PlannedChange(
        str(item.get("address")), module, str(item.get("type")), path, values, unknown, sensitive
    )

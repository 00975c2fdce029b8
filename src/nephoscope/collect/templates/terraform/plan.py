"""A plan of Terraform: its planned resources as resources of Azure.

Source: https://developer.hashicorp.com/terraform/internals/json-format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from nephoscope.collect.templates.terraform.attributes import MISSING, Attributes
from nephoscope.collect.templates.terraform.azapi import AZAPI, azapi_table_values
from nephoscope.collect.templates.terraform.mapper import COMMON, BodyBuilder, merge
from nephoscope.collect.templates.terraform.mapping_expression import compile_expression
from nephoscope.collect.templates.terraform.planned import TerraformResource
from nephoscope.collect.templates.terraform.references import find_reference
from nephoscope.collect.templates.terraform.table import Child, ResourceTable, tables
from nephoscope_policy.arm.template.document import Document, Path
from nephoscope_policy.arm.template.scope import ASSUMED_SUBSCRIPTION
from nephoscope_policy.arm.unknown import Unknown
from nephoscope_policy.model.place import Place

_KEY = re.compile(r"\[(?:\d+|\"(?:[^\"\\]|\\.)*\")\]$")
MAX_RESOURCES = 100_000
MAX_DEPTH = 12


class Unmapped(NamedTuple):
    """A resource of Azure that the plan makes and no table or reference says what it is in ARM."""

    address: str
    type: str
    place: Place
    reason: str


@dataclass(slots=True)
class TerraformPlan:
    """The resources that will be there after the apply, those that no table knows, and the addresses that are deleted."""

    document: Document
    resources: list[TerraformResource] = field(default_factory=list)
    unmapped: list[Unmapped] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)

    def at(self, address: str) -> list[TerraformResource]:
        """Return the resources of an address: the one itself first, then what Terraform keeps in its blocks."""
        return [resource for resource in self.resources if resource.address == address]


@dataclass(slots=True)
class _Change:
    address: str
    module: str
    type: str
    path: Path
    values: Any
    unknown: Any
    sensitive: Any
    made: list[TerraformResource] = field(default_factory=list)

    @property
    def local(self) -> str:
        """The address within the module."""
        return self.address.removeprefix(f"{self.module}.") if self.module else self.address


def map_plan(document: Document) -> TerraformPlan:
    """Map the resources of a plan (or a state) of `terraform show -json`."""
    return _Mapper(document).run()


class _Mapper:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.plan = TerraformPlan(document)
        root = document.value if isinstance(document.value, dict) else {}
        configuration = root.get("configuration")
        self.configuration: Mapping[str, Any] = configuration if isinstance(configuration, dict) else {}
        self.subscription = _subscription(self.configuration)
        self.changes = {change.address: change for change in _changes(root, self.plan)}
        self.by_base: dict[str, list[_Change]] = {}
        for change in self.changes.values():
            self.by_base.setdefault(_KEY.sub("", change.address), []).append(change)
        self.open: set[str] = set()

    def run(self) -> TerraformPlan:
        """Map every resource, then what is part of others."""
        parts = []
        for change in self.changes.values():
            table = self._table(change)
            if table is None:
                if change.type.startswith(("azurerm_", "azapi_")):
                    place = self.document.place(change.path)
                    self.plan.unmapped.append(
                        Unmapped(change.address, change.type, place, "no table maps this type")
                    )
            elif table.merge_into:
                parts.append((change, table))
            else:
                self.resource(change, 0)
        for change, table in parts:
            self._merge(change, table)
        return self.plan

    def _table(self, change: _Change) -> ResourceTable | None:
        return AZAPI.get(change.type) or tables().get(change.type)

    def resource(self, change: _Change, depth: int) -> TerraformResource | None:
        """Return the resource of a change, mapped once; None where its table is missing or it needs itself."""
        table = self._table(change)
        if (
            change.made
            or table is None
            or table.merge_into
            or change.address in self.open
            or depth > MAX_DEPTH
        ):
            return change.made[0] if change.made else None
        self.open.add(change.address)
        try:
            self._map(change, table, depth)
        finally:
            self.open.discard(change.address)
        return change.made[0] if change.made else None

    def attributes(self, change: _Change, depth: int) -> Attributes:
        """Return the attributes of a change; unknown ones are looked up in what they refer to."""

        def resolve(names: tuple[str, ...]) -> Any:
            return self._referred(change, names, depth)

        return Attributes(change.values, change.unknown, change.sensitive, change.path, resolve)

    def _referred(self, change: _Change, names: tuple[str, ...], depth: int) -> Any:
        reference = find_reference(self.configuration, change.module, change.local, names)
        if reference is None or depth > MAX_DEPTH:
            return None
        target = self._instance(change, reference.module, reference.address)
        if target is None:
            return None
        if reference.attribute == "id":
            made = self.resource(target, depth + 1)
            return made.id if made is not None else None
        value = self.attributes(target, depth + 1).get(*reference.attribute.split(".")).value
        return None if value is MISSING or isinstance(value, Unknown) else value

    def _instance(self, change: _Change, module: str, address: str) -> _Change | None:
        """Return the instance that a reference means: by its index, else the one of the same key, else the only one."""
        full = f"{module}.{address}".lstrip(".")
        if full in self.changes:
            return self.changes[full]
        plain = re.sub(_KEY.pattern[:-1], "", full)
        found = [
            one
            for base, all_ in self.by_base.items()
            if re.sub(_KEY.pattern[:-1], "", base) == plain
            for one in all_
        ]
        key = _KEY.search(change.address)
        same = [one for one in found if key and one.address.endswith(key.group())]
        beside = [one for one in found if one.module == change.module]
        for group in (same, beside, found):
            if len(group) == 1:
                return group[0]
        return None

    def _map(self, change: _Change, table: ResourceTable, depth: int) -> None:
        attributes = self.attributes(change, depth)
        builder = BodyBuilder()
        if change.type in AZAPI:
            type_, name, container, body = azapi_table_values(attributes, builder)
            body = {
                **builder.build({k: COMMON[k] for k in ("location", "tags", "identity")}, attributes),
                **body,
            }
        else:
            type_, name = table.type, _shown(compile_expression(table.name)(attributes).value, "name")
            container = self._container(table, attributes)
            body = builder.build(COMMON, attributes)
            merge(body, builder.build(table.body, attributes))
        id_, full = resource_id(container, type_, name, extends=bool(table.scope))
        self._add(change, id_, full, type_, container, body, builder.places, change.path)
        for child in table.children:
            self._child(change, child, attributes, id_, full, type_)
        if table.embed:
            self._embed(change, table, container)

    def _add(
        self,
        change: _Change,
        id_: str,
        name: str,
        type_: str,
        container: str,
        body: dict[str, Any],
        places: dict[Path, Path],
        path: Path,
    ) -> None:
        whole = {"id": id_, "name": name.rsplit("/", 1)[-1], "type": type_, **body}
        resource = TerraformResource(
            change.address, change.type, id_, name, type_, container, whole, self.document, path, places
        )
        change.made.append(resource)
        self.plan.resources.append(resource)

    def _child(
        self, change: _Change, child: Child, attributes: Attributes, parent: str, name: str, type_: str
    ) -> None:
        if child.when:
            given = compile_expression(child.when)(attributes).value
            if given is MISSING or given in (False, [], ""):
                return
        builder = BodyBuilder()
        body = builder.build(child.body, attributes)
        own = _shown(compile_expression(child.name)(attributes).value, "name")
        id_ = f"{parent}/{child.type}/{own}"
        self._add(
            change, id_, f"{name}/{own}", f"{type_}/{child.type}", parent, body, builder.places, change.path
        )

    def _container(self, table: ResourceTable, attributes: Attributes) -> str:
        """Return the id of what a resource stands in."""
        named = table.parent or table.scope
        if named:
            found = compile_expression(named)(attributes).value
            if isinstance(found, str):
                return found.rstrip("/")
            if found is not MISSING or not table.parents:
                label = re.search(r"[a-z]\w+", named)
                return f"{{{label.group() if label else named}}}"
        group = attributes.get("resource_group_name").value
        base = f"/subscriptions/{self.subscription}"
        if table.type.lower() != "microsoft.resources/resourcegroups" and group is not MISSING:
            base += f"/resourceGroups/{_shown(group, 'resource_group_name')}"
        types = table.type.split("/")
        names = [_shown(compile_expression(text)(attributes).value, text) for text in table.parents]
        if names and group is MISSING:
            above = self._named("/".join(types[:2]), names[0])
            base = (
                above.rpartition("/providers/")[0]
                if above
                else f"{base}/resourceGroups/{{resource_group_name}}"
            )
        if names:
            base += f"/providers/{types[0]}"
            base += "".join(f"/{kind}/{name}" for kind, name in zip(types[1:], names, strict=False))
        return base

    def _named(self, type_: str, name: str) -> str:
        """Return the id of the planned resource of a type and name; '' where there is none."""
        for change in self.changes.values():
            table = self._table(change)
            if table is not None and table.type.lower() == type_.lower() and isinstance(change.values, dict):
                made = self.resource(change, 1) if change.values.get("name") == name else None
                if made is not None:
                    return made.id
        return ""

    def _embed(self, change: _Change, table: ResourceTable, container: str) -> None:
        """Repeat a resource in the list of its parent, where that is in the plan."""
        parent = next((one for one in self._mapped(container)), None)
        if parent is not None:
            own = change.made[0]
            steps = table.embed.split(".")
            entry = {key: own.body[key] for key in ("id", "name", "properties") if key in own.body}
            body: dict[str, Any] = {steps[-1]: [entry]}
            for step in reversed(steps[:-1]):
                body = {step: body}
            merge(parent.body, body)

    def _mapped(self, id_: str) -> Iterator[TerraformResource]:
        for change in self.changes.values():
            made = self.resource(change, 1)
            if made is not None and made.id.lower() == id_.lower():
                yield made

    def _merge(self, change: _Change, table: ResourceTable) -> None:
        attributes = self.attributes(change, 0)
        target = compile_expression(table.merge_into)(attributes).value
        found = next(
            (
                one
                for one in self.plan.resources
                if isinstance(target, str) and one.id.lower() == target.lower()
            ),
            None,
        )
        if found is None:
            place = self.document.place(change.path)
            reason = f"the resource that {table.merge_into} names is not in the plan"
            self.plan.unmapped.append(Unmapped(change.address, change.type, place, reason))
            return
        builder = BodyBuilder()
        merge(found.body, builder.build(table.body, attributes))
        found.places.update(builder.places)
        change.made.append(found)


def resource_id(container: str, type_: str, name: str, *, extends: bool = False) -> tuple[str, str]:
    """Return the id and full name of a resource in a container: a scope, or the resource that its type is a child of."""
    provider, _, types = type_.partition("/")
    if type_.lower() == "microsoft.resources/resourcegroups":
        return f"{container}/resourceGroups/{name}", name
    kinds = types.split("/")
    inside = f"/providers/{provider}/".lower() in f"{container}/".lower() or container.startswith("{")
    if len(kinds) > 1 and inside and not extends:
        at = container.lower().rfind(f"/providers/{provider}/".lower())
        parents = container[at:].split("/")[4::2] if at >= 0 else [container]
        return f"{container}/{kinds[-1]}/{name}", "/".join([*parents, name])
    return f"{container}/providers/{provider}/{types}/{name}", name


def _shown(value: Any, label: str) -> str:
    return str(value) if isinstance(value, str | int) else f"{{{label}}}"


def _subscription(configuration: Mapping[str, Any]) -> str:
    providers = configuration.get("provider_config")
    for provider in (providers if isinstance(providers, dict) else {}).values():
        given = (
            ((provider.get("expressions") or {}).get("subscription_id") or {})
            if isinstance(provider, dict)
            else {}
        )
        value = given.get("constant_value") if isinstance(given, dict) else None
        if isinstance(value, str) and value:
            return value
    return ASSUMED_SUBSCRIPTION


def _changes(root: dict[str, Any], plan: TerraformPlan) -> Iterator[_Change]:
    """Give the managed resources that will be there: of the changes, or of a state's values where there are none."""
    listed = root.get("resource_changes")
    if isinstance(listed, list):
        for index, item in enumerate(listed[:MAX_RESOURCES]):
            change = item.get("change") if isinstance(item, dict) else None
            if not isinstance(change, dict) or item.get("mode", "managed") != "managed":
                continue
            if change.get("after") is None:
                plan.deleted.append(str(item.get("address")))
                continue
            path: Path = ("resource_changes", index, "change", "after")
            yield _change(
                item, path, change.get("after"), change.get("after_unknown"), change.get("after_sensitive")
            )
        return
    for key in ("planned_values", "values"):
        module = root.get(key)
        if isinstance(module, dict):
            yield from _values(module.get("root_module"), (key, "root_module"), 0)
            return


def _values(module: Any, path: Path, depth: int) -> Iterator[_Change]:
    if not isinstance(module, dict) or depth > 50:
        return
    for index, item in enumerate(module.get("resources") or []):
        if isinstance(item, dict) and item.get("mode", "managed") == "managed":
            place: Path = (*path, "resources", index, "values")
            named = {**item, "module_address": module.get("address", "")}
            yield _change(named, place, item.get("values"), None, item.get("sensitive_values"))
    for index, child in enumerate(module.get("child_modules") or []):
        yield from _values(child, (*path, "child_modules", index), depth + 1)


def _change(item: dict[str, Any], path: Path, values: Any, unknown: Any, sensitive: Any) -> _Change:
    module = str(item.get("module_address") or "")
    return _Change(str(item.get("address")), module, str(item.get("type")), path, values, unknown, sensitive)

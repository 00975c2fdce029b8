"""Maps the resources of a plan by their tables: each with its children, then what is part of others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from nephoscope.collect.templates.terraform.arm_names import (
    build_name_pattern,
    build_open_pattern,
    build_resource_id,
    build_unknown_parent,
    is_resource_group,
)
from nephoscope.collect.templates.terraform.attribute_mapper import COMMON, BodyBuilder, merge
from nephoscope.collect.templates.terraform.attributes import MISSING, PlanAttributes
from nephoscope.collect.templates.terraform.azapi import AZAPI, build_table_values
from nephoscope.collect.templates.terraform.mapping_expression import compile_expression
from nephoscope.collect.templates.terraform.mapping_table import (
    Child,
    ResourceTable,
    find_block_names,
    list_extension_tables,
    load_tables,
    read_attributes,
)
from nephoscope.collect.templates.terraform.plan import TerraformPlan, Unmapped
from nephoscope.collect.templates.terraform.plan_references import ModuleReferences
from nephoscope.collect.templates.terraform.plan_resources import (
    PlannedChange,
    find_provider_subscription,
    iterate_prior_resources,
    read_planned_changes,
    strip_instance_keys,
)
from nephoscope.collect.templates.terraform.planned_resource import SourceOfPlan, TerraformResource
from nephoscope_policy.arm.template.document import TemplateDocument
from nephoscope_policy.arm.text_patterns import build_from_pattern, build_pattern, format_pattern
from nephoscope_policy.arm.unknown import Unknown

MAX_DEPTH = 12
_OURS = ("azurerm_", "azapi_")
_OF_EVERY_TYPE = frozenset({
    "id", "identity", "location", "name", "resource_group_name", "tags", "tags_all", "timeouts", "zones",
})  # fmt: skip
_EMPTY: tuple[object, ...] = (None, "", [], {})


class PlanMapper:
    """Maps one plan; a resource that another one refers to is mapped when it is asked for."""

    def __init__(
        self, plan: TerraformPlan, root: Mapping[str, object], subscription: str, *, before: bool
    ) -> None:
        self.plan = plan
        given = root.get("configuration")
        configuration: Mapping[str, object] = given if isinstance(given, dict) else {}
        self.subscription = subscription or find_provider_subscription(configuration)
        self._references = ModuleReferences(configuration)
        listed = iterate_prior_resources(root) if before else read_planned_changes(root, self.plan.deleted)
        self._changes = {change.address: change for change in listed}
        self._instances: dict[str, list[PlannedChange]] = defaultdict(list)
        self._by_name: dict[tuple[str, str], PlannedChange] = {}
        self._by_id: dict[str, TerraformResource] = {}
        self._open: set[str] = set()
        self._untabled: set[str] = set()
        self._astray: set[str] = set()

    def run(self) -> TerraformPlan:
        """Map every resource, then what is part of others."""
        tabled = [(change, self._find_table(change)) for change in self._changes.values()]
        self._untabled = {change.type for change, table in tabled if table is None}
        for change, table in tabled:
            self._instances[strip_instance_keys(change.address)].append(change)
            name = change.values.get("name") if isinstance(change.values, dict) else None
            if table is not None and isinstance(name, str):
                self._by_name.setdefault((table.type.lower(), name), change)
        for change, table in tabled:
            if table is not None:
                self._map_resource(change, 0)
            elif change.type.startswith(_OURS):
                self._record_unmapped(change, "no table maps this type")
        for change, table in tabled:
            if table is not None and table.merge_into:
                self._merge_into_parent(change, table.merge_into, table)
        for resource in self.plan.resources:
            self._record_known_parts(resource)
        return self.plan

    def _record_unmapped(self, change: PlannedChange, reason: str) -> None:
        self.plan.unmapped.append(Unmapped(change.address, change.type, change.path, reason))

    def _find_table(self, change: PlannedChange) -> ResourceTable | None:
        return AZAPI.get(change.type) or load_tables().get(change.type)

    def _map_resource(self, change: PlannedChange, depth: int) -> TerraformResource | None:
        """Return the resource of a change, mapped once; None where its table is missing or it needs itself."""
        table = self._find_table(change)
        waits = change.address in self._open or depth > MAX_DEPTH
        if change.made or table is None or table.merge_into or waits:
            return change.made[0] if change.made else None
        self._open.add(change.address)
        try:
            self._map_change(change, table, depth)
        finally:
            self._open.discard(change.address)
        return change.made[0] if change.made else None

    def _build_attributes(self, change: PlannedChange, depth: int) -> PlanAttributes:
        """Return the attributes of a change; unknown ones are looked up in what they refer to."""

        def resolve(names: tuple[str, ...]) -> object:
            return self._resolve_reference(change, names, depth)

        return PlanAttributes(change.values, change.unknown, change.sensitive, change.path, resolve)

    def _resolve_reference(self, change: PlannedChange, names: tuple[str, ...], depth: int) -> object:
        """Return what an unknown attribute refers to, else an unknown that all that refer to the same share."""
        label = ".".join(names)
        unknown = Unknown("any", "runtime", f"{label} of {change.address} is known after the apply")
        if self._is_left_to_azure(change, names):
            return MISSING
        reference = self._references.find(change.module, change.local, names)
        target = (
            self._find_instance(change, reference.module, reference.address)
            if reference is not None
            else None
        )
        if reference is None or target is None or depth > MAX_DEPTH:
            return Unknown(unknown.type, unknown.cause, unknown.reason, f"{change.address}.{label}")
        if reference.attribute == "id":
            made = self._map_resource(target, depth + 1)
            if made is not None:
                return build_from_pattern(made.key_text, unknown)
        value = self._build_attributes(target, depth + 1).get(*reference.attribute.split(".")).value
        if value is not MISSING:
            return value
        return Unknown(unknown.type, unknown.cause, unknown.reason, f"{target.address}.{reference.attribute}")

    def _is_left_to_azure(self, change: PlannedChange, names: tuple[str, ...]) -> bool:
        """Return whether the configuration does not set an unknown attribute, so that Azure makes of it what it does.

        A block that is not in the plan's configuration may be a dynamic one: only the files tell.
        """
        if self._references.has_expression(change.module, change.local, names):
            return False
        whole = change.unknown.get(names[0]) if isinstance(change.unknown, dict) else None
        held = change.values.get(names[0]) if isinstance(change.values, dict) else None
        if whole is not True or held is not None or names[0] not in find_block_names(change.type):
            return self._references.knows(change.module, change.local)
        written = self.plan.source.is_set(change.path, names[0]) if self.plan.source is not None else None
        return written is False

    def _is_whole(self, change: PlannedChange) -> bool:
        """Return whether the table of a change reads every attribute that is set.

        A plan has all attributes of a type: what none of them sets is what Azure makes of it. Another resource of the plan that no
        table maps (`azurerm_key_vault_...`) may set the rest.
        """
        if change.type in AZAPI or change.type not in load_tables():
            return False
        if any(one.startswith(f"{change.type}_") for one in self._untabled):
            return False
        values = change.values if isinstance(change.values, dict) else {}
        unknown = change.unknown if isinstance(change.unknown, dict) else {}
        unread = {*values, *unknown} - read_attributes(change.type) - _OF_EVERY_TYPE
        return all(
            self._is_left_to_azure(change, (name,))
            if _is_open(unknown.get(name))
            else values.get(name) in _EMPTY
            for name in unread
        )

    def _find_instance(self, change: PlannedChange, module: str, address: str) -> PlannedChange | None:
        """Return the instance that a reference means: by its index, else the one of the same key, else the only one."""
        full = f"{module}.{address}".lstrip(".")
        if full in self._changes:
            return self._changes[full]
        found = self._instances.get(strip_instance_keys(full), [])
        same = [one for one in found if change.key and one.key == change.key]
        beside = [one for one in found if one.module == change.module]
        both = [one for one in same if one.module == change.module]
        return next((group[0] for group in (both, same, beside, found) if len(group) == 1), None)

    def _map_change(self, change: PlannedChange, table: ResourceTable, depth: int) -> None:
        attributes = self._build_attributes(change, depth)
        builder = BodyBuilder()
        if change.type in AZAPI:
            type_, name, container, body = build_table_values(attributes, builder, change.address)
            common = {key: COMMON[key] for key in ("location", "tags", "identity")}
            body = {**builder.build(common, attributes), **body}
        else:
            type_ = table.type
            name = build_name_pattern(
                compile_expression(table.name)(attributes).value, f"{change.address}.name"
            )
            container = self._find_container(change, table, attributes)
            body = builder.build(COMMON, attributes)
            merge(body, builder.build(table.body, attributes))
        if not type_.partition("/")[2]:
            self._record_unmapped(change, "its type is known after the apply")
            return
        id_, full = build_resource_id(container, type_, name, extends=bool(table.scope))
        self._add_resource(
            change, (id_, full, type_, container), body, builder, is_whole=self._is_whole(change)
        )
        for child in table.children:
            self._map_child(change, child, attributes, (id_, full, type_))

    def _add_resource(
        self,
        change: PlannedChange,
        named: tuple[str, str, str, str],
        body: dict[str, object],
        builder: BodyBuilder,
        *,
        is_whole: bool,
    ) -> None:
        id_, full, type_, container = named
        reason = Unknown("string", "runtime", f"a part of {format_pattern(id_)} is known after the apply")
        name = full.rsplit("/", 1)[-1]
        whole = {
            "id": build_from_pattern(id_, reason),
            "name": build_from_pattern(name, reason),
            "type": type_,
            **body,
        }
        resource = TerraformResource(
            change.address, change.type, id_, full, type_, container, whole, self.plan.document, change.path,
            builder.places, builder.rules, builder.unset, self.plan.source, is_whole,
        )  # fmt: skip
        change.made.append(resource)
        self._by_id.setdefault(id_.lower(), resource)
        self.plan.resources.append(resource)

    def _map_child(
        self, change: PlannedChange, child: Child, attributes: PlanAttributes, parent: tuple[str, str, str]
    ) -> None:
        if child.when:
            given = compile_expression(child.when)(attributes).value
            if given is MISSING or given in (False, [], ""):
                return
        builder = BodyBuilder()
        body = builder.build(child.body, attributes)
        own = build_name_pattern(
            compile_expression(child.name)(attributes).value, f"{change.address}.{child.type}"
        )
        id_, name, type_ = parent
        named = (f"{id_}/{child.type}/{own}", f"{name}/{own}", f"{type_}/{child.type}", id_)
        self._add_resource(change, named, body, builder, is_whole=self._is_whole(change))

    def _find_container(self, change: PlannedChange, table: ResourceTable, attributes: PlanAttributes) -> str:
        """Return the id, as a pattern, of what a resource stands in."""
        named = table.parent or table.scope
        if named:
            found = compile_expression(named)(attributes).value
            text = build_pattern(found) if isinstance(found, str | Unknown) else None
            if text and text.startswith("/"):
                return text.rstrip("/")
            if found is not MISSING or not table.parents:
                part = text or build_open_pattern(f"{change.address}.{named}")
                above = table.type if table.parent else "/"
                return build_unknown_parent(self.subscription, above, part)
        return self._find_group(change, table, attributes)

    def _find_group(self, change: PlannedChange, table: ResourceTable, attributes: PlanAttributes) -> str:
        """Return the id of the resource group, or of the parents in it that have names."""
        group = attributes.get("resource_group_name").value
        base = f"/subscriptions/{self.subscription}"
        if not is_resource_group(table.type) and group is not MISSING:
            base += f"/resourceGroups/{build_name_pattern(group, f'{change.address}.resource_group_name')}"
        types = table.type.split("/")
        names = [
            build_name_pattern(compile_expression(text)(attributes).value, f"{change.address}.{text}")
            for text in table.parents
        ]
        if names and group is MISSING:
            above = self._find_id("/".join(types[:2]), names[0])
            within = f"{base}/resourceGroups/{build_open_pattern(f'{change.address}.resource_group_name')}"
            base = above.rpartition("/providers/")[0] if above else within
        if names:
            base += f"/providers/{types[0]}"
            base += "".join(f"/{kind}/{name}" for kind, name in zip(types[1:], names, strict=False))
        return base

    def _find_id(self, type_: str, name: str) -> str:
        """Return the id of the planned resource of a type and name; '' where there is none."""
        change = self._by_name.get((type_.lower(), name))
        made = self._map_resource(change, 1) if change is not None else None
        return made.key_text if made is not None else ""

    def _record_known_parts(self, resource: TerraformResource) -> None:
        """Know which parts of a resource would be resources of their own: those that the plan does not have are not set."""
        for table in list_extension_tables(resource.terraform_type):
            resource.is_whole = resource.is_whole and table.resource not in self._astray
            if (
                table.resource not in self._astray
                and resource.type.lower() == load_tables()[resource.terraform_type].type.lower()
            ):
                for key in table.body:
                    resource.unset.setdefault(tuple(key.split(".")), True)

    def _merge_into_parent(self, change: PlannedChange, merge_into: str, table: ResourceTable) -> None:
        attributes = self._build_attributes(change, 0)
        target = compile_expression(merge_into)(attributes).value
        key = build_pattern(target) if isinstance(target, str | Unknown) else None
        found = self._by_id.get(key.lower()) if key else None
        if found is None:
            self._astray.add(change.type)
            self._record_unmapped(change, f"the resource that {merge_into} names is not in the plan")
            return
        builder = BodyBuilder()
        found.merge_part(builder.build(table.body, attributes), builder)
        found.is_whole = found.is_whole and self._is_whole(change)
        change.made.append(found)


def _is_open(unknown: object) -> bool:
    """Return whether something of an attribute is known after the apply."""
    if isinstance(unknown, dict | list):
        return any(map(_is_open, unknown.values() if isinstance(unknown, dict) else unknown))
    return unknown is True


def map_plan(
    document: TemplateDocument,
    subscription: str = "",
    *,
    before: bool = False,
    source: SourceOfPlan | None = None,
) -> TerraformPlan:
    """Map the resources of a plan (or a state) of `terraform show -json`, or those that are there `before` the apply.

    Ids are of `subscription` where it is given, else of the one that the plan's provider names. `source` leads to the files that the
    plan was made from.
    """
    root: dict[str, object] = document.value if isinstance(document.value, dict) else {}
    return PlanMapper(TerraformPlan(document, source=source), root, subscription, before=before).run()

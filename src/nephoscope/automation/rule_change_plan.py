"""Plans of changes to network security rules: checked by the model of the stored estate, with commands that do and undo them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from nephoscope.automation.action import ActionError
from nephoscope.estate import network
from nephoscope.estate.addresses import AddressSet
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.network import MACHINE_TYPE, SCALE_SET_TYPE, Network
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.estate.rule_changes import RuleEffect, compare_openings, replace_rules
from nephoscope.estate.rule_text import format_prefixes, format_ranges
from nephoscope.estate.security_rules import SecurityRuleError
from nephoscope.estate.tenant_stores import open_tenant_stores
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from nephoscope.estate.network_interfaces import Interface, IpConfiguration
    from nephoscope.estate.reachability import TrafficRegion

VERSION = "2024-05-01"
_PROTOCOLS = ("tcp", "udp")
_MOST_TEXT = 8
#: Ports by which an estate is managed.
_MANAGEMENT = (22, 3389, 5985, 5986)
Address = tuple["Interface", "IpConfiguration"]


class GroupChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rules to put into a network security group, as ARM `securityRules` entries; an existing name replaces its rule."""

    group: str
    rules: tuple[dict[str, object], ...]


class AddressEffect(msgspec.Struct, frozen=True):
    """Effect of a change on an address of a machine: traffic in words."""

    machine: str
    address: str
    direction: str
    removed: tuple[str, ...]
    added: tuple[str, ...]


class RuleChangePlan(msgspec.Struct, frozen=True):
    """A checked change: its template, its commands, and its effect by the model."""

    resource: str
    groups: tuple[str, ...]
    template: dict[str, object]
    apply: str
    undo: str
    effects: tuple[AddressEffect, ...]


def load_network(data: Path, group: str) -> Network:
    """Return the network model of the tenant that has a group; ActionError where no stored estate has it."""
    for store in open_tenant_stores(data):
        if store.version and store.list_snapshots():
            part = store.select_types(network.READS)
            if group.lower() in part.resources:
                return Network(part)
    raise ActionError(f"the stored estate has no network security group {group}", again=False)


def plan_changes(model: Network, changes: Sequence[GroupChange], management: AddressSet) -> RuleChangePlan:
    """Apply changes to the model and describe what they do; ActionError for what is no rule, for a taken priority, and for a
    change that would cut management addresses off."""
    added = {one.group.lower(): one.rules for one in changes}
    if len(added) != len(changes):
        raise ActionError("a security group occurs twice in the change: put its rules together", again=False)
    try:
        changed = replace_rules(model, added)
        for group in added:
            _require_free(changed, group)
        effects = tuple(_list_effects(model, changed, frozenset(added), management))
    except DataNotCollectedError as gap:
        raise ActionError(f"the change cannot be checked: {gap.what} was not collected", again=False) from gap
    except (SecurityRuleError, ValueError, KeyError, TypeError) as error:
        raise ActionError(f"invalid security rule: {error}", again=False) from error
    first = changes[0].group
    return RuleChangePlan(
        first,
        tuple(one.group for one in changes),
        {
            "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
            "contentVersion": "1.0.0.0",
            "resources": [_build_template_rule(one.group, rule) for one in changes for rule in one.rules],
        },
        "\n".join(_format_rule_command(one.group, rule) for one in changes for rule in one.rules),
        "\n".join(_format_undo_commands(model, one) for one in changes),
        effects,
    )


def _require_free(changed: Network, group: str) -> None:
    seen: dict[tuple[bool, int], str] = {}
    for rule in changed.get_rules(group):
        other = seen.setdefault((rule.inbound, rule.priority), rule.name)
        if other != rule.name:
            raise ValueError(f"{rule.name} and {other} have the priority {rule.priority}")


def _list_effects(
    before: Network, after: Network, groups: frozenset[str], management: AddressSet
) -> Iterator[AddressEffect]:
    for machine, address in _list_addresses_behind(before, groups):
        for inbound in (True, False):
            found = [
                compare_openings(
                    before, after, address, protocol, AddressSet.include_everything(), inbound=inbound
                )
                for protocol in _PROTOCOLS
            ]
            if inbound:
                _protect_management_addresses(found, management, machine)
            removed = tuple(text for one in found for text in _describe_effect(one.protocol, one.removed))
            added = tuple(text for one in found for text in _describe_effect(one.protocol, one.added))
            if removed or added:
                direction = "Inbound" if inbound else "Outbound"
                yield AddressEffect(machine, address[1].address, direction, removed, added)


def _list_addresses_behind(model: Network, groups: frozenset[str]) -> Iterator[tuple[str, Address]]:
    for type_ in (MACHINE_TYPE, SCALE_SET_TYPE):
        for machine in model.estate.list_of_type(type_):
            for interface in model.list_interfaces(machine):
                for configuration in interface.configurations:
                    if groups.intersection(model.list_security_groups(interface, configuration)):
                        yield str(machine.body.get("id") or machine.key), (interface, configuration)


def _protect_management_addresses(
    effects: Sequence[RuleEffect], management: AddressSet, machine: str
) -> None:
    """Raise ActionError where management addresses lose a port by which the machine is managed."""
    for effect in effects:
        for family, region in effect.removed:
            lost = AddressSet(region.remote) if family == 4 else AddressSet((), region.remote)
            ports = [port for low, high in region.ports for port in _MANAGEMENT if low <= port <= high]
            if ports and lost & management:
                name = machine.rsplit("/", 1)[-1]
                raise ActionError(f"management addresses would lose port {ports[0]} of {name}", again=False)


def _describe_effect(protocol: str, regions: Sequence[tuple[int, TrafficRegion]]) -> Iterator[str]:
    for family, region in regions:
        remote = AddressSet(region.remote) if family == 4 else AddressSet((), region.remote)
        texts = []
        for text in format_prefixes(remote, family):
            texts.append(text)
            if len(texts) > _MOST_TEXT:
                break
        more = f"{', '.join(texts[:_MOST_TEXT])} and more" if len(texts) > _MOST_TEXT else ", ".join(texts)
        yield f"{protocol.upper()} {', '.join(format_ranges(region.ports))} with {more}"


def _build_template_rule(group: str, rule: Mapping[str, object]) -> dict[str, object]:
    return {
        "type": "Microsoft.Network/networkSecurityGroups/securityRules",
        "apiVersion": VERSION,
        "name": f"{ResourceId.parse(group).name}/{rule['name']}",
        "properties": rule["properties"],
    }


#: Properties of a rule in ARM -> options of `az network nsg rule create`.
_OPTIONS = {
    "access": "--access", "direction": "--direction", "priority": "--priority", "protocol": "--protocol",
    "description": "--description",
    "sourceAddressPrefix": "--source-address-prefixes", "sourceAddressPrefixes": "--source-address-prefixes",
    "destinationAddressPrefix": "--destination-address-prefixes", "destinationAddressPrefixes": "--destination-address-prefixes",
    "sourcePortRange": "--source-port-ranges", "sourcePortRanges": "--source-port-ranges",
    "destinationPortRange": "--destination-port-ranges", "destinationPortRanges": "--destination-port-ranges",
    "sourceApplicationSecurityGroups": "--source-asgs", "destinationApplicationSecurityGroups": "--destination-asgs",
}  # fmt: skip


def _build_location_arguments(group: str) -> list[str]:
    id_ = ResourceId.parse(group)
    return ["--subscription", id_.subscription or "", "-g", id_.resource_group or "", "--nsg-name", id_.name]


def _format_rule_command(group: str, rule: Mapping[str, object]) -> str:
    """The command that puts a rule; the same name replaces what is there."""
    body = rule["properties"]
    words = [
        "az",
        "network",
        "nsg",
        "rule",
        "create",
        *_build_location_arguments(group),
        "-n",
        str(rule["name"]),
    ]
    for name, option in _OPTIONS.items():
        value = body.get(name) if isinstance(body, dict) else None
        if value not in (None, "", []):
            words += [option, *map(_to_text, value if isinstance(value, list | tuple) else [value])]
    return shlex.join(words)


def _to_text(value: object) -> str:
    return str(value["id"]) if isinstance(value, dict) else str(value)


def _format_undo_commands(model: Network, change: GroupChange) -> str:
    """The commands that delete new rules and then put replaced ones back."""
    listed = get_properties(model.estate.resources[change.group.lower()]).get("securityRules")
    own = {
        str(one.get("name")).lower(): one
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, dict)
    }
    names = [str(one["name"]) for one in change.rules]
    delete = ["az", "network", "nsg", "rule", "delete", *_build_location_arguments(change.group), "-n"]
    lines = [shlex.join([*delete, name]) for name in reversed(names) if name.lower() not in own]
    return "\n".join(
        [
            *lines,
            *(_format_rule_command(change.group, own[name.lower()]) for name in names if name.lower() in own),
        ]
    )

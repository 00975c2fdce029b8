"""Block the addresses of an event: a change is written for a person to see and approve, with what undoes it.

Nothing is changed in Azure by this program itself.

Source: https://learn.microsoft.com/azure/templates/microsoft.network/networksecuritygroups/securityrules, .../ipgroups,
https://wiki.nftables.org/wiki-nftables/index.php/Sets
"""

from __future__ import annotations

import shlex
from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from nephoscope.automation.action import ActionContext, ActionError, ActionKind, ActionOutcome
from nephoscope.automation.block_targets import BlockableAddresses, choose_addresses, list_estate_addresses
from nephoscope.automation.nsg_priority import find_taken_priorities, list_planned_rules
from nephoscope.automation.planned_settings import ApplyCommand, ApprovalHours, LimitedHours
from nephoscope.automation.program_execution import run_action_program
from nephoscope.estate.estate_store import StoreError
from nephoscope.state.automation.automation_runs import AutomationRun, RunStatus, RunStep
from nephoscope_policy.model.resource_id import ResourceId

_VERSION = "2024-05-01"
_TYPES = {"nsg": "microsoft.network/networksecuritygroups", "firewall": "microsoft.network/ipgroups"}

#: Source: https://learn.microsoft.com/azure/firewall/ip-groups (IPv4 addresses, ranges and networks)
_REFUSED = {"firewall": {6: "an IP group accepts IPv4 addresses only"}}


class BlockActionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the block action: the enforcement point of the block rule and its duration."""

    target: Annotated[Literal["nsg", "firewall", "nftables"], Meta(description="Type of the change.")]
    resource: Annotated[
        str,
        Meta(
            description=(
                "ID of the network security group (nsg), or of the IP group in a deny rule of the firewall."
            )
        ),
    ] = ""
    direction: Annotated[
        Literal["Inbound", "Outbound"], Meta(description="Direction of the traffic, for nsg and nftables.")
    ] = "Inbound"
    priority: Annotated[int, Meta(description="First priority to use (nsg).", ge=100, le=4096)] = 100
    hours: LimitedHours = 24.0
    wait: ApprovalHours = 24.0
    apply: ApplyCommand = ""


def plan(settings: BlockActionSettings, run: AutomationRun, around: ActionContext) -> ActionOutcome:
    """Return what would be blocked: nothing that the estate is run from, that is private, or that belongs to the estate."""
    allowed = around.operator.block
    if allowed is None:
        raise ActionError("operator.yaml must list the management addresses (block.management)", again=False)
    _check_settings(settings)
    guarded = [
        *((one, "the estate is run from it") for one in allowed.management),
        *((one, "operator.yaml excludes it") for one in allowed.never),
        *(
            (one, "it is known egress (watchlist KnownEgress)")
            for one in _filter_networks(around.watchlist("KnownEgress"))
        ),
        *_list_estate_addresses(around),
    ]
    found = choose_addresses(run.document, guarded, allowed.most, _REFUSED.get(settings.target, {}))
    if not found.addresses:
        why = (
            "; ".join(f"{address}: {reason}" for address, reason in found.spared)
            or "the event has no address"
        )
        return ActionOutcome(f"nothing to block: {why}")
    addresses = ", ".join(map(str, found.addresses))
    return ActionOutcome(
        f"would block {addresses}",
        _build_plan(settings, run, found, around),
        around.now + timedelta(hours=settings.wait),
    )


def _list_estate_addresses(around: ActionContext) -> list[tuple[str, str]]:
    """The addresses of the estate; without them nothing is planned."""
    try:
        return list_estate_addresses(around.data)
    except StoreError as error:
        raise ActionError(
            f"the estate cannot be read, so that its own addresses are unknown: {error}", again=True
        ) from error


def _check_settings(settings: BlockActionSettings) -> None:
    wanted = _TYPES.get(settings.target)
    if wanted is None:
        return
    try:
        kind = ResourceId.parse(settings.resource).type
    except ValueError as error:
        raise ActionError(f"resource: {error}", again=False) from error
    if kind != wanted:
        raise ActionError(
            f"resource has the type {kind}, but {settings.target} requires {wanted}", again=False
        )


def _filter_networks(items: list[str]) -> list[str]:
    """Return those that are addresses or networks; other items of the list guard nothing."""
    found = []
    for one in items:
        try:
            found.append(str(ip_network(one, strict=False)))
        except ValueError:
            continue
    return found


def _build_plan(
    settings: BlockActionSettings, run: AutomationRun, found: BlockableAddresses, around: ActionContext
) -> dict[str, object]:
    make = {"nsg": _plan_security_rule, "firewall": _plan_firewall_change, "nftables": _plan_nftables_change}[
        settings.target
    ]
    return {
        "target": settings.target,
        "resource": settings.resource,
        "addresses": [str(one) for one in found.addresses],
        "spared": [list(one) for one in found.spared],
        **make(settings, run, [str(one) for one in found.addresses], around),
    }


def _plan_security_rule(
    settings: BlockActionSettings, run: AutomationRun, addresses: list[str], around: ActionContext
) -> dict[str, object]:
    """A rule that denies, as an ARM template and as a command; IPv4 and IPv6 may stand in one rule."""
    group = ResourceId.parse(settings.resource)
    name = f"nephoscope-block-{run.id[:8]}"
    inbound = settings.direction == "Inbound"
    priority = _choose_priority(settings, run, name, around)
    properties: dict[str, object] = {
        "description": f"nephoscope response {run.id}",
        "access": "Deny", "direction": settings.direction, "priority": priority, "protocol": "*",
        "sourcePortRange": "*", "destinationPortRange": "*",
        "sourceAddressPrefixes" if inbound else "destinationAddressPrefixes": addresses,
        "destinationAddressPrefix" if inbound else "sourceAddressPrefix": "*",
    }  # fmt: skip
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [
            {
                "type": "Microsoft.Network/networkSecurityGroups/securityRules", "apiVersion": _VERSION,
                "name": f"{group.name}/{name}", "properties": properties,
            }
        ],
    }  # fmt: skip
    rule = ["az", "network", "nsg", "rule"]
    where = [
        "--subscription",
        group.subscription or "",
        "-g",
        group.resource_group or "",
        "--nsg-name",
        group.name,
        "-n",
        name,
    ]
    sides = (
        ["--source-address-prefixes", *addresses]
        if inbound
        else ["--destination-address-prefixes", *addresses]
    )
    options = [
        "--access",
        "Deny",
        "--direction",
        settings.direction,
        "--priority",
        str(priority),
        "--protocol",
        "*",
    ]
    return {
        "template": template,
        "apply": shlex.join([*rule, "create", *where, *options, *sides, "--destination-port-ranges", "*"]),
        "undo": shlex.join([*rule, "delete", *where]),
    }


def _choose_priority(
    settings: BlockActionSettings, run: AutomationRun, name: str, around: ActionContext
) -> int:
    """The first free priority from the wanted one on; once a plan was approved its own, which others may have taken meanwhile."""
    others = [one for one in around.standing("block") if one.id != run.id]
    if run.plan is not None:
        others = [one for one in others if _is_rule_applied(one)]
    try:
        known = find_taken_priorities(around.data, settings.resource, settings.direction, name, others)
    except StoreError as error:
        raise ActionError(
            f"the estate cannot be read, so that free priorities are unknown: {error}"
        ) from error
    if run.plan is not None:
        own = int(list_planned_rules(run.plan)[0]["priority"])
        if own in known:
            raise ActionError(f"the priority {own} was taken by {known[own]} after planning", again=False)
        return own
    free = next((number for number in range(settings.priority, 4097) if number not in known), None)
    if free is None:
        raise ActionError(f"the group has no free priority from {settings.priority} on", again=False)
    return free


def _is_rule_applied(run: AutomationRun) -> bool:
    """Return whether the group may have its rule: one that only waits leaves its priority to who is begun first."""
    waits = run.status is RunStatus.PENDING and not run.begun
    return run.step is RunStep.UNDO or (run.step is RunStep.APPLY and not waits)


def _plan_firewall_change(
    settings: BlockActionSettings,
    run: AutomationRun,  # noqa: ARG001 - the signature of all targets
    addresses: list[str],
    around: ActionContext,  # noqa: ARG001
) -> dict[str, object]:
    """Members of an IP group that a deny rule of the firewall's policy names."""
    group = ResourceId.parse(settings.resource)
    change = [
        "az",
        "network",
        "ip-group",
        "update",
        "--subscription",
        group.subscription or "",
        "-g",
        group.resource_group or "",
        "-n",
        group.name,
    ]
    members = [{"op": "add", "path": "/properties/ipAddresses/-", "value": one} for one in addresses]
    adds = [part for one in addresses for part in ("--add", "ipAddresses", one)]
    return {
        "resourcePatch": {"id": settings.resource, "apiVersion": _VERSION, "changes": members},
        "apply": shlex.join([*change, *adds]),
        "undo": _remove_members(change, addresses),
    }


def _remove_members(change: list[str], addresses: list[str]) -> str:
    """Take members out again, whatever else the group has by then."""
    show = shlex.join(
        [*(part if part != "update" else "show" for part in change), "--query", "ipAddresses", "-o", "tsv"]
    )
    gone = shlex.join(["grep", "-vxF", *(part for one in addresses for part in ("-e", one))])
    return f"{shlex.join(change)} --ip-addresses $({show} | {gone})"


def _plan_nftables_change(
    settings: BlockActionSettings,
    run: AutomationRun,
    addresses: list[str],
    around: ActionContext,  # noqa: ARG001
) -> dict[str, object]:
    """A table of its own with sets whose members go by themselves when their time is over."""
    name = f"nephoscope_{run.id[:8]}"
    side, hook = ("saddr", "input") if settings.direction == "Inbound" else ("daddr", "output")
    seconds = int(settings.hours * 3600)
    lines = [f"table inet {name} {{"]
    for family, kind in ((4, "ipv4_addr"), (6, "ipv6_addr")):
        members = [one for one in addresses if (":" in one) == (family == 6)]
        if members:
            held = ", ".join(f"{one} timeout {seconds}s" for one in members)
            lines += [
                f"  set blocked{family} {{",
                f"    type {kind}; flags timeout;",
                f"    elements = {{ {held} }}",
                "  }",
            ]
    lines += [f"  chain {hook} {{", f"    type filter hook {hook} priority filter - 10; policy accept;"]
    lines += [
        f"    {key} {side} @blocked{family} counter drop"
        for family, key in ((4, "ip"), (6, "ip6"))
        if any((":" in one) == (family == 6) for one in addresses)
    ]
    lines += ["  }", "}"]
    return {"ruleset": "\n".join(lines) + "\n", "apply": "nft -f -", "undo": f"nft delete table inet {name}"}


def approve(settings: BlockActionSettings, run: AutomationRun, around: ActionContext) -> ActionOutcome:
    """Guard once more, since what is guarded may have changed; then hand the change to its command, where one is named."""
    assert run.plan is not None
    again = plan(settings, run, around)
    if again.plan is None or again.plan["addresses"] != run.plan["addresses"]:
        raise ActionError(
            f"the addresses that can be blocked changed after planning: {again.detail}", again=False
        )
    until = around.now + timedelta(hours=settings.hours)
    said = f"approved by {run.by}"
    if settings.apply:
        said += f"; {run_action_program(settings.apply, run, around, 'apply')}"
    return ActionOutcome(said, None, until)


def undo(settings: BlockActionSettings, run: AutomationRun, around: ActionContext) -> ActionOutcome:
    """Hand what undoes it to the command, where one is named; else say what is to be run."""
    assert run.plan is not None
    if settings.apply:
        return ActionOutcome(run_action_program(settings.apply, run, around, "undo"))
    return ActionOutcome(f"run: {run.plan['undo']}")


KIND = ActionKind(
    "block",
    "Block addresses after an approval",
    BlockActionSettings,
    plan=plan,
    approve=approve,
    undo=undo,
    receiver=lambda one: one.apply,
    scopes=lambda one: (one.resource.lower() or "/",),
)

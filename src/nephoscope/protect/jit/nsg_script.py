"""Script of `az` that opens and closes ports by rules of a network security group, where nothing here may write to Azure."""

from __future__ import annotations

import shlex
from datetime import datetime
from hashlib import blake2b

from nephoscope.protect.jit.machine_access import AccessGrant, GuardedPort, MachineAccess
from nephoscope_policy.model.resource_id import ResourceId

_FIRST_ALLOW, _DENY = 100, 4_000
_MOST_ALLOW = 900


def render_nsg_script(access: MachineAccess, group: str, address: str, now: datetime) -> str:
    """Return the script for a machine's private address; raises ValueError for what is no security group, or too many grants.

    It denies guarded ports, allows what is granted now, and ends with the commands that close each grant, to run at its time.
    """
    parsed = ResourceId.parse(group)
    if parsed.type != "microsoft.network/networksecuritygroups":
        raise ValueError(f"{group} is not a network security group")
    grants = [one for one in access.grants if one.ends > now]
    if len(grants) > _MOST_ALLOW:
        raise ValueError(f"{len(grants):,} grants are open, and a group has room for {_MOST_ALLOW}")
    place = f"--subscription {parsed.subscription} --resource-group {shlex.quote(group.split('/')[4])}"
    base = f"{place} --nsg-name {shlex.quote(parsed.name)}"
    suffix = _suffix(access.machine)
    lines = ["#!/bin/sh", "set -eu", "# Refuse guarded ports."]
    for number, port in enumerate(access.guarded):
        name = f"SecurityCenter-JITRule_{suffix}_{port.number}"
        words = f"--priority {_DENY + number} --access Deny"
        lines.append(_create(base, f"{name} {words}", port, ("*",), address))
    lines.append("# Open what is granted.")
    for number, one in enumerate(grants):
        words = f"--priority {_FIRST_ALLOW + number} --access Allow"
        guarded = GuardedPort(one.number, one.protocol)
        lines.append(_create(base, f"{_name(suffix, one)} {words}", guarded, one.sources, address))
    lines.append("# Close each grant at its time.")
    lines += [
        f"# {one.ends:%Y-%m-%dT%H:%M:%SZ}: az network nsg rule delete {base} --name {_name(suffix, one)}"
        for one in grants
    ]
    return "\n".join(lines) + "\n"


def _name(suffix: str, one: AccessGrant) -> str:
    return f"SecurityCenter-JITRule-{suffix}-{one.number}-{one.request[:8]}"


def _suffix(machine: str) -> str:
    """Return letters and digits that stand for a machine in names of rules."""
    return blake2b(machine.encode(), digest_size=5).hexdigest()


def _create(base: str, rule: str, port: GuardedPort, sources: tuple[str, ...], address: str) -> str:
    word = {"TCP": "Tcp", "UDP": "Udp"}.get(port.protocol, "'*'")
    told = " ".join(shlex.quote(one) for one in sources)
    return (
        f"az network nsg rule create {base} --name {rule} --direction Inbound --protocol {word} "
        f"--source-address-prefixes {told} --source-port-ranges '*' "
        f"--destination-address-prefixes {shlex.quote(address)} --destination-port-ranges {port.number}"
    )

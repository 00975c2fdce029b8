"""Script of `az` that opens and closes ports by rules of a network security group, where nothing here may write to Azure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import blake2b
from ipaddress import ip_address

import msgspec

from nephoscope.protect.jit.machine_access import AccessGrant, GuardedPort, MachineAccess
from nephoscope_policy.model.resource_id import ResourceId

#: Where the search for free priorities begins: what is granted before what is refused, and both before rules of people.
_FIRST_ALLOW, _FIRST_DENY, _LAST = 100, 200, 4_096


class GroupRules(msgspec.Struct, frozen=True):
    """A network security group by its resource id, the priorities that others have there, and the machine's private address."""

    group: str
    taken: frozenset[int]
    address: str


def render_nsg_script(
    access: MachineAccess, rules: GroupRules, ended: Iterable[AccessGrant], now: datetime
) -> str:
    """Return the script for a machine; raises ValueError for what is no security group, no address, or where no priority is free.

    It removes the rules of grants that ended, opens what is granted now and refuses the other guarded ports; run twice it changes
    nothing more. It fails where a rule of a grant that ended is still there.
    """
    parsed = ResourceId.parse(rules.group)
    if parsed.type != "microsoft.network/networksecuritygroups":
        raise ValueError(f"{rules.group} is not a network security group")
    address = str(ip_address(rules.address))
    grants = [one for one in access.grants if one.ends > now]
    place = f"--subscription {shlex.quote(parsed.subscription)} --resource-group {shlex.quote(rules.group.split('/')[4])}"
    base = f"{place} --nsg-name {shlex.quote(parsed.name)}"
    suffix, free = build_rule_suffix(access.machine), _free_priorities(rules.taken, _FIRST_ALLOW)
    closing = [_format_name(suffix, one) for one in ended]
    lines = ["#!/bin/sh", "set -eu"]
    # one that is gone already must not keep the others open: what is left is asked for at the end
    lines += [f"az network nsg rule delete {base} --name {name} || true" for name in dict.fromkeys(closing)]
    for one in grants:
        words = f"{_format_name(suffix, one)} --priority {_find_next_priority(free)} --access Allow"
        lines.append(
            _format_create_command(base, words, GuardedPort(one.number, one.protocol), one.sources, address)
        )
    free = _free_priorities(rules.taken, max(_FIRST_DENY, _FIRST_ALLOW + len(grants) + len(rules.taken)))
    for port in access.guarded:
        words = f"SecurityCenter-JITRule_{suffix}_{port.number} --priority {_find_next_priority(free)} --access Deny"
        lines.append(_format_create_command(base, words, port, ("*",), address))
    lines += _list_closing_checks(base, closing)
    lines += [f"# run again at {one.ends:%Y-%m-%dT%H:%M:%SZ} to close port {one.number}" for one in grants]
    return "\n".join(lines) + "\n"


def _list_closing_checks(base: str, names: Sequence[str]) -> list[str]:
    """Return lines that end the script with an error while a rule of some names exists, or where Azure does not answer."""
    if not names:
        return []
    wanted = " || ".join(f"name=='{one}'" for one in dict.fromkeys(names))
    return [
        f'open=$(az network nsg rule list {base} --query "[?{wanted}].name" --output tsv)',
        'if [ -n "$open" ]; then echo "rules of grants that ended are still there: $open" >&2; exit 1; fi',
    ]


def _free_priorities(taken: frozenset[int], first: int) -> Iterator[int]:
    return (one for one in range(first, _LAST + 1) if one not in taken)


def _find_next_priority(priorities: Iterator[int]) -> int:
    found = next(priorities, None)
    if found is None:
        raise ValueError("the network security group has no free priority")
    return found


def _format_name(suffix: str, one: AccessGrant) -> str:
    return f"SecurityCenter-JITRule-{suffix}-{one.number}-{one.request[:8]}"


def build_rule_suffix(machine: str) -> str:
    """Return letters and digits that stand for a machine in names of rules."""
    return blake2b(machine.encode(), digest_size=5).hexdigest()


def _format_create_command(
    base: str, rule: str, port: GuardedPort, sources: tuple[str, ...], address: str
) -> str:
    word = {"TCP": "Tcp", "UDP": "Udp"}.get(port.protocol, "'*'")
    prefixes = " ".join(shlex.quote(one) for one in sources)
    return (
        f"az network nsg rule create {base} --name {rule} --direction Inbound --protocol {word} "
        f"--source-address-prefixes {prefixes} --source-port-ranges '*' "
        f"--destination-address-prefixes {shlex.quote(address)} --destination-port-ranges {port.number}"
    )

"""Just-in-time access through network security group rules: an Azure CLI script, and its run by a command that the operator allows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from nephoscope.automation.action import ActionContext, ActionError
from nephoscope.automation.nsg_priority import find_taken_priorities
from nephoscope.automation.operator_policy import load_operator_policy
from nephoscope.automation.program_execution import run_program
from nephoscope.estate.estate_store import StoreError
from nephoscope.protect.jit.machine_access import AccessGrant, MachineAccess
from nephoscope.protect.jit.nsg_script import GroupRules, build_rule_suffix, render_nsg_script
from nephoscope.service.access_requests import (
    TYPE,
    WRITE,
    AccessRequestError,
    find_machine_access,
    record_enforcement,
)
from nephoscope.state.hosts.access_requests import AccessStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.service.service_context import ServiceContext

#: How long after its end the rule of a grant is removed again, in case that it was not.
_REMEMBERED = timedelta(days=7)


class GroupScript(msgspec.Struct, frozen=True):
    """A script, and what it enforces."""

    text: str
    access: MachineAccess


def make_group_script(context: ServiceContext, machine: str, group: str, address: str) -> GroupScript:
    """Return the script of a machine for a group; raises DeniedError, AccessRequestError for what cannot be meant."""
    access = find_machine_access(context, machine)
    if not access.guarded:
        raise AccessRequestError(f"no just-in-time policy guards a port of {machine}")
    own = "the rule SecurityCenter-JITRule"
    suffix = build_rule_suffix(access.machine)
    try:
        known = find_taken_priorities(context.data, group, "Inbound", "", ())
        taken = frozenset(
            one for one, holder in known.items() if not (holder.startswith(own) and suffix in holder)
        )
        text = render_nsg_script(
            access,
            GroupRules(group, taken, address),
            _find_ended_grants(context, access.machine),
            context.now,
        )
    except (StoreError, ValueError) as error:
        raise AccessRequestError(str(error)) from error
    return GroupScript(text, access)


def run_group_script(context: ServiceContext, made: GroupScript, command: str) -> str:
    """Give a script to a command of operator.yaml, and keep that it is enforced; returns what the command said.

    Raises DeniedError; AccessRequestError where the command is not allowed or failed.
    """
    context.require(WRITE, made.access.machine)
    try:
        around = ActionContext(context.data, load_operator_policy(context.data), context.now, lambda _: "")
        completed = run_program(command, made.text.encode(), around)
    except (ActionError, ValueError) as error:
        raise AccessRequestError(str(error)) from error
    record_enforcement(context, made.access, "nsg")
    return completed


def _find_ended_grants(context: ServiceContext, machine: str) -> Iterator[AccessGrant]:
    """Yield the grants of a machine that are over, or were revoked, not long ago."""
    subscription = "/".join(machine.split("/")[:3])
    policies = [one.key for one in context.state.arm_documents.all([TYPE.lower()], subscription)]
    for request in context.state.access_requests.list_ending_requests(policies, context.now - _REMEMBERED):
        for port in request.ports:
            is_over = request.status is AccessStatus.REVOKED or port.ends <= context.now
            if port.machine == machine and is_over and context.now - port.ends < _REMEMBERED:
                yield AccessGrant(request.id, port.number, port.protocol, port.sources, port.ends)

"""Open ports of machines on request, for a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nephoscope.cli.session.operation_commands import add_operations
from nephoscope.cli.terminal.messages import exit_with_usage_error
from nephoscope.operations.protect import access_requests

if TYPE_CHECKING:
    from nephoscope.protect.jit.machine_access import MachineAccess
    from nephoscope.service.service_context import ServiceContext


@click.group("jit")
def command() -> None:
    """Just-in-time access: ports stay closed until a request opens them for a time."""


add_operations(command, access_requests.OPERATIONS)


@command.command("apply")
@click.argument("machine", metavar="MACHINE")
@click.option("--dry-run", is_flag=True, help="Print the ruleset and change nothing.")
@click.pass_obj
def apply(data: Path, /, machine: str, dry_run: bool) -> None:
    """Enforce policies and requests of MACHINE (a resource ID) on this host by nftables. Guarded ports refuse
    new connections except from approved addresses. The kernel closes each port at its time without any
    program running; established connections stay. Run it again after each change, and when the host starts.
    """
    from nephoscope.cli.session.service_context import open_context
    from nephoscope.protect.jit.apply_ruleset import RulesetError, apply_ruleset
    from nephoscope.protect.jit.nftables_ruleset import render_ruleset
    from nephoscope.service.access_requests import record_enforcement

    with open_context(data, keeps=not dry_run) as service:
        access = _find_access(service, machine)
        ruleset = render_ruleset(access, service.now)
        if dry_run:
            click.echo(ruleset, nl=False)
            return
        try:
            apply_ruleset(ruleset)
        except RulesetError as error:
            exit_with_usage_error(str(error))
        record_enforcement(service, access, "nftables")
    click.echo(f"{len(access.guarded):,} ports guarded, {len(access.grants):,} grants open")


@command.command("script")
@click.argument("machine", metavar="MACHINE")
@click.option("--group", required=True, metavar="ID", help="Resource ID of the network security group.")
@click.option("--address", required=True, metavar="IP", help="Private address of the machine.")
@click.option(
    "--run", "command_name", default="", metavar="NAME", help="Command of operator.yaml that runs the script."
)
@click.pass_obj
def script(data: Path, /, machine: str, group: str, address: str, command_name: str) -> None:
    """Print a script of az for MACHINE in a network security group: it opens granted ports, closes the other
    guarded ones and removes rules of grants that ended. With --run, a command of operator.yaml that may write
    to Azure receives it on standard input. Run it again at each end.
    """
    from nephoscope.cli.session.service_context import open_context
    from nephoscope.service.access_requests import AccessRequestError
    from nephoscope.service.just_in_time_scripts import make_group_script, run_group_script

    with open_context(data, keeps=bool(command_name)) as service:
        try:
            made = make_group_script(service, machine.rstrip("/"), group, address)
            click.echo(
                run_group_script(service, made, command_name) if command_name else made.text.rstrip("\n")
            )
        except AccessRequestError as error:
            exit_with_usage_error(str(error))


def _find_access(service: ServiceContext, machine: str) -> MachineAccess:
    from nephoscope.service.access_requests import find_machine_access

    access = find_machine_access(service, machine.rstrip("/"))
    if not access.guarded:
        exit_with_usage_error(f"no just-in-time policy guards a port of {machine}")
    return access

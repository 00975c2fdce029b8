"""Live response on machines with an agent."""

from __future__ import annotations

from pathlib import Path

import click

from nephoscope.cli.session.operation_commands import add_operations
from nephoscope.operations.protect import blocked_hashes, response_orders


@click.group("respond")
def command() -> None:
    """Live response: orders that agents fetch, carry out and answer, each signed, approved and audited."""


add_operations(command, response_orders.OPERATIONS, blocked_hashes.OPERATIONS)


@command.command("script")
@click.argument("machine", metavar="MACHINE")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--reason", required=True, metavar="TEXT", help="Justification.")
@click.option("--incident", type=int, default=0, metavar="NUMBER", help="Incident that the order belongs to.")
@click.pass_obj
def run_script(data: Path, /, machine: str, file: Path, reason: str, incident: int) -> None:
    """Run the shell script FILE on MACHINE with the rights of its agent, once another user has approved it."""
    from nephoscope.cli.session.service_context import open_context
    from nephoscope.cli.terminal.messages import exit_with_usage_error
    from nephoscope.service.response_orders import create_order
    from nephoscope.state.hosts.response_orders import ResponseKind, ResponseOrderError

    with open_context(data, keeps=True) as service:
        try:
            text = file.read_text(encoding="utf-8")
            made = create_order(
                service, machine, ResponseKind.SCRIPT, {"script": text}, reason, incident or None
            )
        except (ResponseOrderError, ValueError) as error:
            exit_with_usage_error(str(error))
    click.echo(f"{made.id}: {made.status.value}")


@command.command("content")
@click.argument("order", metavar="ORDER")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def save_content(data: Path, /, order: str, file: Path) -> None:
    """Write what was collected or printed for ORDER to FILE. Each access is audited; the file may be malicious."""
    from nephoscope.cli.session.service_context import open_context
    from nephoscope.cli.terminal.messages import exit_with_usage_error
    from nephoscope.service.response_orders import read_content
    from nephoscope.state.hosts.response_orders import ResponseOrderError

    with open_context(data, keeps=True) as service:
        try:
            content = read_content(service, order)
        except ResponseOrderError as error:
            exit_with_usage_error(str(error))
    file.touch(mode=0o600)
    file.write_bytes(content)
    click.echo(f"{file}: {len(content):,} bytes")

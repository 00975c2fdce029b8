"""Packet captures on machines: started and stopped through their agents, or by a script for Network Watcher."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from nephoscope.cli.session.operation_commands import add_operations, build_command
from nephoscope.operations.protect import azure_captures, packet_captures


@click.group("captures")
def command() -> None:
    """Packet captures on machines: ordered, signed, approved and audited as live response is."""


add_operations(command, packet_captures.OPERATIONS)
command.add_command(build_command(azure_captures.OPERATIONS), "azure")


@command.command("analyze")
@click.argument("capture", metavar="CAPTURE")
@click.option(
    "--save", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Keep the pcap file."
)
@click.option(
    "--most", default=20, show_default=True, metavar="N", help="Rows of each table; -o json has all."
)
@click.option(
    "--output", "-o", type=click.Choice(("table", "json")), default="table", show_default=True, help="Output format."
)  # fmt: skip
@click.pass_obj
def analyze_capture(data: Path, /, capture: str, save: Path | None, most: int, output: str) -> None:
    """Analyze the packets of CAPTURE. Each access is audited."""
    import io

    from nephoscope.cli.protections.capture import match_capture, write_summary
    from nephoscope.cli.session.service_context import open_context
    from nephoscope.cli.terminal.messages import exit_with_usage_error
    from nephoscope.protect.capture import analysis
    from nephoscope.service.response_orders import read_content
    from nephoscope.state.hosts.response_orders import ResponseOrderError

    with open_context(data, keeps=True) as service:
        try:
            content = read_content(service, capture)
        except ResponseOrderError as error:
            exit_with_usage_error(str(error))
        summary = analysis.analyze_capture(io.BytesIO(content))
        listed = match_capture(service, summary)
    if save is not None:
        save.touch(mode=0o600)
        save.write_bytes(content)
    write_summary(summary, listed, most, output, sys.stdout)


@command.command("script")
@click.argument("machine", metavar="RESOURCE_ID")
@click.option(
    "--storage", required=True, metavar="ID", help="Resource ID of the storage account that gets the file."
)
@click.option("--seconds", default=60, show_default=True, help="Stop after this many seconds.")
@click.option("--bytes", "size", default=100 << 20, show_default=True, help="Stop at this file size.")
def print_script(machine: str, storage: str, seconds: int, size: int) -> None:
    """Print the commands for `az` that capture the packets of an Azure machine by Network Watcher."""
    from nephoscope.cli.terminal.messages import exit_with_usage_error
    from nephoscope.service.packet_captures import render_network_watcher_script

    try:
        click.echo(render_network_watcher_script(machine, storage, seconds, size))
    except ValueError as error:
        exit_with_usage_error(str(error))

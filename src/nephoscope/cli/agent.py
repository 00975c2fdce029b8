"""Manage agents of hosts: enrolment codes, health, and the program that runs on machines"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from nephoscope.cli.session.operation_commands import add_operations
from nephoscope.operations.protect import agents


@click.group("agent")
def command() -> None:
    """Agents report from machines what Azure does not tell: packages, processes, logins, file changes."""


@command.command("build")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default=Path("nephoscope-agent.pyz"))
def build(file: Path) -> None:
    """Write the agent to FILE, which any Python 3.9 or newer runs on a machine without this product."""
    from nephoscope.protect.hosts.agent_package import build_agent_package

    package = build_agent_package()
    file.write_bytes(package.content)
    file.chmod(0o755)
    click.echo(f"{file}: version {package.version}, SHA-256 {package.sha256}")


@command.command("run", context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[ARGUMENT]...")
def run(arguments: tuple[str, ...]) -> None:
    """Run the agent on this machine with its own commands; `nephoscope agent run --help` lists them."""
    from nephoscope.protect.hosts.agent_package import find_source

    environment = {**os.environ, "PYTHONPATH": str(find_source().parent)}
    os.execve(sys.executable, [sys.executable, "-m", "nephoscope_agent", *arguments], environment)  # noqa: S606 - our own program


add_operations(command, agents.OPERATIONS)

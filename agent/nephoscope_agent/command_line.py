"""Command line of the agent."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from nephoscope_agent import __version__
from nephoscope_agent.agent_loop import run_agent
from nephoscope_agent.enrolment import enrol
from nephoscope_agent.installation import UNIT, InstallationError, install, uninstall, unit_text
from nephoscope_agent.machine import read_machine
from nephoscope_agent.program_runner import ProgramError
from nephoscope_agent.row import SensorUnavailableError
from nephoscope_agent.sensor_context import SensorContext
from nephoscope_agent.sensors import build_sensors, sensor_classes
from nephoscope_agent.server_connection import ServerConnection, ServerError
from nephoscope_agent.settings import FOLDER, Settings, SettingsError, load_key, load_settings
from nephoscope_agent.update import (
    UpdateError,
    fetch_update,
    find_running_program,
    install_update,
    program_digest,
)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; 2 where it cannot be done."""
    given = _build_parser().parse_args(arguments)
    try:
        code: int = given.command(given)
        return code
    except (SettingsError, ServerError, UpdateError, InstallationError, ProgramError, OSError) as error:
        print(f"nephoscope-agent: {error}", file=sys.stderr)  # noqa: T201 - a command line
        return 2


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "nephoscope-agent", description="Report what happens on this host to a nephoscope server."
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, help="state of the agent (default: %(default)s)"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("enrol", help="exchange an enrolment code for this machine's key")
    command.add_argument("server", help="such as https://nephoscope.example:8443")
    command.add_argument(
        "--code-file", type=Path, help="file with the enrolment code (default: standard input)"
    )
    command.add_argument("--ca-file", default="", help="certificates that sign the server's")
    command.add_argument("--computer", default="", help="name of this machine (default: its host name)")
    command.set_defaults(command=_enrol)
    command = commands.add_parser("run", help="collect and send until stopped")
    command.set_defaults(command=lambda given: run_agent(given.folder))
    command = commands.add_parser("status", help="show sensors, what they cannot see, and what waits")
    command.set_defaults(command=_print_status)
    command = commands.add_parser("install", help="install this zipapp as a service of systemd, and start it")
    command.set_defaults(command=_install)
    command = commands.add_parser("uninstall", help="stop the service and remove all that the agent wrote")
    command.set_defaults(command=_uninstall)
    command = commands.add_parser(
        "update", help="take the program that the server wants, if it has signed it"
    )
    command.set_defaults(command=_update)
    command = commands.add_parser("unit", help="print the unit of systemd")
    command.set_defaults(command=_print_unit)
    command = commands.add_parser("sensors", help="list the sensors")
    command.set_defaults(command=_print_sensors)
    command = commands.add_parser(
        "collect", help="print one round of rows of sensors that are polled, and send nothing"
    )
    command.add_argument("sensors", nargs="*", help="names of sensors (default: all)")
    command.add_argument("--root", default="/", help="folder that is read as the root of the file system")
    command.set_defaults(command=_collect)
    return parser


def _enrol(given: argparse.Namespace) -> int:
    code = (given.code_file.read_text(encoding="ascii") if given.code_file else sys.stdin.readline()).strip()
    settings = enrol(
        given.folder, code, Settings(server=given.server, ca_file=given.ca_file, computer=given.computer)
    )
    print(f"enrolled as {settings.resource}")  # noqa: T201 - a command line
    return 0


def _print_status(given: argparse.Namespace) -> int:
    status = json.loads((given.folder / "status.json").read_text(encoding="utf-8"))
    print(json.dumps(status, indent=1))  # noqa: T201 - a command line
    return 0


def _install(given: argparse.Namespace) -> int:
    install(given.folder)
    print(f"installed: {UNIT}")  # noqa: T201 - a command line
    return 0


def _uninstall(given: argparse.Namespace) -> int:
    left = uninstall(given.folder)
    for one in left:
        print(f"not removed: {one}", file=sys.stderr)  # noqa: T201 - a command line
    print("the server still knows this machine: `nephoscope agent remove` forgets it")  # noqa: T201 - a command line
    return 2 if left else 0


def _update(given: argparse.Namespace) -> int:
    program = find_running_program()
    if program is None:
        raise UpdateError("only a zipapp can be updated")
    settings = load_settings(given.folder)
    connection = ServerConnection(settings.server, load_key(given.folder), settings.ca_file)
    before = program_digest()
    install_update(fetch_update(connection, settings), program)
    print("up to date" if program_digest() == before else "updated: restart the agent")  # noqa: T201 - a command line
    return 0


def _print_unit(given: argparse.Namespace) -> int:
    print(unit_text(given.folder), end="")  # noqa: T201 - a command line
    return 0


def _print_sensors(given: argparse.Namespace) -> int:  # noqa: ARG001 - every command takes what was given
    found = [{"name": one.name, "interval": one.interval} for one in sensor_classes()]
    print(json.dumps(found, indent=1))  # noqa: T201 - a command line
    return 0


def _collect(given: argparse.Namespace) -> int:
    settings = Settings(root=given.root)
    for sensor in build_sensors(SensorContext(settings, read_machine(settings))):
        if given.sensors and sensor.name not in given.sensors:
            continue
        try:
            sensor.open()
            rows = sensor.collect(time.time())
        except SensorUnavailableError as error:
            print(f"{sensor.name}: not available: {error}", file=sys.stderr)  # noqa: T201 - a command line
            continue
        finally:
            sensor.close()
        for limit in sensor.limits:
            print(f"{sensor.name}: {limit}", file=sys.stderr)  # noqa: T201 - a command line
        for row in rows:
            print(json.dumps({"table": row.table, **row.values}))  # noqa: T201 - a command line
    return 0

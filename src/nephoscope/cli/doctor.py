"""Check the installation for errors and misconfiguration, with a remedy for each."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from nephoscope.cli.session.list_output import add_list_format_option, show_list
from nephoscope.cli.session.state_access import find_state_url
from nephoscope.cli.terminal.messages import exit_with_usage_error
from nephoscope.state import StateError

COLUMNS = ("check", "verdict", "text", "remedy")
NOT_WELL = 3


@click.command("doctor")
@add_list_format_option
@click.pass_obj
def command(data: Path, /, output: str) -> None:
    """Diagnose the data folder: state, lake, certificate, sources and last assessment; exits 3 if it finds a
    problem.
    """
    from nephoscope.serve.doctor import examine_installation
    from nephoscope.serve.doctor_check import CheckVerdict

    try:
        found = list(examine_installation(data, find_state_url()))
    except StateError as error:
        exit_with_usage_error(str(error))
    rows = [
        {"check": one.check, "verdict": one.verdict.value, "text": one.text, "remedy": one.remedy}
        for one in found
    ]
    show_list(rows, COLUMNS, output)
    if any(one.verdict is CheckVerdict.WRONG for one in found):
        sys.exit(NOT_WELL)

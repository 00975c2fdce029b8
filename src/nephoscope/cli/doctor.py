"""Check the installation for errors and misconfiguration, with a remedy for each."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from nephoscope.cli.session.list_output import list_options, show_list
from nephoscope.cli.session.state_access import state_url
from nephoscope.cli.terminal.messages import usage_error
from nephoscope.state import StateError

COLUMNS = ("check", "verdict", "text", "remedy")
NOT_WELL = 3


@click.command("doctor")
@list_options
@click.pass_obj
def command(data: Path, /, output: str) -> None:
    """Diagnose the data folder: state, lake, certificate, sources and last assessment; exits 3 if it finds a
    problem.
    """
    from nephoscope.serve.doctor import examine
    from nephoscope.serve.doctor_check import CheckVerdict

    try:
        found = list(examine(data, state_url()))
    except StateError as error:
        usage_error(str(error))
    rows = [
        {"check": one.check, "verdict": one.verdict.value, "text": one.text, "remedy": one.remedy}
        for one in found
    ]
    show_list(rows, COLUMNS, output)
    if any(one.verdict is CheckVerdict.WRONG for one in found):
        sys.exit(NOT_WELL)

"""Manage facts that scanners and agents report about resources."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nephoscope.cli.session.list_output import add_list_format_option, show_list
from nephoscope.cli.session.service_context import open_context
from nephoscope.cli.session.state_access import has_state, open_state
from nephoscope.cli.terminal.messages import exit_with_usage_error

if TYPE_CHECKING:
    from nephoscope.collect.facts.fact_report import FactReport

COLUMNS = ("resource", "type", "documents", "read_at", "author")


@click.group("facts")
def command() -> None:
    """Store facts that scanners and agents report about resources; the next evaluation uses them."""


@command.command("put")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.pass_obj
def put(data: Path, /, files: tuple[str, ...]) -> None:
    """Import the reports in each FILE (`-`: standard input). If one is invalid, none is imported. A report
    is a JSON object; a file holds one report or a list. `resource` is a resource ID, and `readAt` the time of
    the scan. `documents` are ARM documents of the resource or its children, and `scopes` maps IDs to the
    types that were read completely. The newest report of a type replaces older ones; importing a report
    twice changes nothing.
    """
    from nephoscope.collect.facts.fact_report import merge_claims
    from nephoscope.collect.facts.report_errors import FactError
    from nephoscope.service.external_facts import put_facts
    from nephoscope.state.estate.external_facts import Receipt

    now = datetime.now(UTC)
    found = []
    for file in files:
        try:
            found += merge_claims(_read_reports(file), now)
        except FactError as error:
            exit_with_usage_error(f"{file}: {error}")
    with open_context(data, keeps=True) as service:
        receipts = put_facts(service, found)
    documents = sum(len(one.documents) for one in found)
    words = ", ".join(f"{receipts[one]:,} {one.value}" for one in Receipt if receipts[one])
    click.echo(f"{documents:,} documents; claims: {words or 'none'}")


def _read_reports(file: str) -> tuple[FactReport, ...]:
    """The reports of a file; FactError where it holds none."""
    from nephoscope.collect.facts.fact_report import MOST_BYTES, parse_reports

    with click.open_file(file, "rb") as opened:
        return parse_reports(opened.read(MOST_BYTES + 1))


@command.command("list")
@click.argument("resource", default="", metavar="[ID]")
@add_list_format_option
@click.pass_obj
def list_(data: Path, /, resource: str, output: str) -> None:
    """List reported facts, one row for each type and resource; with ID, only facts at or below that
    resource.
    """
    rows = []
    if has_state(data):
        with open_state(data) as state:
            rows = [
                {
                    "resource": one.subject, "type": one.type, "documents": one.count, "read_at": one.read_at,
                    "author": one.author, "tenant": one.tenant,
                }
                for one in state.external_facts.list_summaries(resource.lower().rstrip("/"))
            ]  # fmt: skip
    show_list(rows, COLUMNS, output, "no reported facts")


@command.command("remove")
@click.argument("resource", metavar="ID")
@click.pass_obj
def remove(data: Path, /, resource: str) -> None:
    """Delete reported facts about the resource or document ID and its children. Data from Azure is
    preserved.
    """
    from nephoscope.collect.facts.report_errors import FactError
    from nephoscope.service.external_facts import remove_facts

    with open_context(data, keeps=True) as service:
        try:
            gone = remove_facts(service, resource)
        except FactError as error:
            exit_with_usage_error(str(error))
    if not gone.claims and not gone.documents:
        exit_with_usage_error(f"no reported facts at or below {resource}: see `nephoscope facts list`")
    click.echo(f"deleted: {len(gone.documents):,} documents, {len(gone.claims):,} claims")

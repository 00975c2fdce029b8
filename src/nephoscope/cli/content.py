"""Import, list, show and test policies, initiatives and alias tables."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nephoscope.cli.session.plain import counted, plain

if TYPE_CHECKING:
    from nephoscope.alerts.rule_test import Checked
    from nephoscope.policy.catalogue import Taken
    from nephoscope.posture.content_test import Outcome

#: Documents named without --verbose.
MAX_SHOWN = 10
NOT_TAKEN = 3

_PATH = click.Path(exists=True, path_type=Path)


@click.group("content")
def command() -> None:
    """Work with the content that estates are judged by."""


@command.command("import")
@click.argument("path", type=_PATH)
@click.option(
    "--name",
    default="",
    help="Name of the pack (default: the folder's name); one of the same name is replaced.",
)
@click.option("--verbose", "-v", is_flag=True, help="List every document that was not taken.")
@click.pass_obj
def import_(data: Path, /, path: Path, name: str, verbose: bool) -> None:
    """Import PATH: a checkout of the public policy repository, a folder of definitions, or an alias table.

    Exits 3 where a document was not taken; the others are. An alias table is the JSON of
    `az provider list --expand resourceTypes/aliases`, or a map from alias to path (.json, .json.gz).
    """
    from nephoscope.cli.session.checks import usage_error
    from nephoscope.content.loader import ContentError
    from nephoscope.policy.errors import PolicyError
    from nephoscope.posture.packs import Packs

    try:
        if path.is_file() and _is_alias_table(path):
            table, count = Packs(data).add_aliases(path)
            click.echo(f"{counted(count, 'alias', 'aliases')} imported as {table.name}")
            return
        pack, taken = Packs(data).add(path, name)
    except (ContentError, PolicyError, OSError) as error:
        usage_error(str(error))
    _report(pack.name, taken, verbose)


def _is_alias_table(path: Path) -> bool:
    """Whether a file is meant as an alias table: a definition has `properties` or a `policyRule` at its top."""
    from nephoscope.content.loader import Document
    from nephoscope.model.place import Place

    if path.suffix == ".gz":
        return True
    body = Document(path, Place(str(path))).json() if path.stat().st_size < 16 * 1024 * 1024 else []
    first = body[0] if isinstance(body, list) and body else body
    if not isinstance(first, dict):
        return True
    return "resourceTypes" in first or not ({"properties", "policyRule", "value"} & first.keys())


def _report(name: str, taken: Taken, verbose: bool) -> None:
    click.echo(
        f"{name}: {counted(taken.definitions, 'definition')} and {counted(taken.initiatives, 'initiative')} "
        f"taken from {counted(taken.files, 'file')}"
    )
    for reason, count in taken.reasons():
        click.echo(f"  {count:>6,}  not taken or in doubt: {reason}")
    shown = taken.problems if verbose else taken.problems[:MAX_SHOWN]
    for problem in shown:
        click.echo(f"  {problem.place}: {problem.reason}")
    if len(shown) < len(taken.problems):
        click.echo(f"  ... and {len(taken.problems) - len(shown):,} more: --verbose lists them")
    if taken.problems:
        sys.exit(NOT_TAKEN)


@command.command("list")
@click.option("--initiatives", is_flag=True, help="List initiatives instead of definitions.")
@click.option("--packs", is_flag=True, help="List imported packs and alias tables.")
@click.argument("text", default="")
@click.pass_obj
def list_(data: Path, /, text: str, initiatives: bool, packs: bool) -> None:
    """List definitions (or initiatives) whose title or name contains TEXT."""
    from nephoscope.posture.packs import Packs

    store = Packs(data)
    if packs:
        for item in store.imported():
            click.echo(f"{item.name}  {item.size:,}  {item.source}")
        return
    catalogue = store.catalogue()
    entries = catalogue.initiatives() if initiatives else catalogue.definitions()
    wanted = text.casefold()
    found = [one for one in entries if wanted in one.display_name.casefold() or wanted in one.name]
    for entry in sorted(found, key=lambda one: one.display_name.casefold()):
        click.echo(plain(f"{entry.name}  {entry.version}  {entry.display_name}"))
    if not found:
        kind = "initiative" if initiatives else "definition"
        click.echo(f"nephoscope: no {kind} has {text!r} in its name or title", err=True)


@command.command("show")
@click.argument("name")
@click.pass_obj
def show(data: Path, /, name: str) -> None:
    """Print the definition or initiative NAME (an id, a name, a title, or the file name of a shipped policy) as JSON."""
    import json

    from nephoscope.cli.session.checks import usage_error
    from nephoscope.policy.catalogue import NotHeldError
    from nephoscope.posture.naming import named
    from nephoscope.posture.packs import Packs

    catalogue = Packs(data).catalogue()
    try:
        entry = named(catalogue, name)
    except NotHeldError as error:
        usage_error(error.message)
    click.echo(json.dumps(entry.document(), indent=2, ensure_ascii=False))


@command.command("test")
@click.argument("folder", type=_PATH, required=False)
@click.option("--verbose", "-v", is_flag=True, help="List every test body, not only those that fail.")
def test(folder: Path | None, verbose: bool) -> None:
    """Run the test bodies beside policies and the rows beside detection rules in FOLDER (default: the shipped ones).

    Exits 1 when one fails.
    """
    from nephoscope.alerts import rule_test
    from nephoscope.alerts.rules import folder as shipped_rules
    from nephoscope.cli.session.checks import usage_error
    from nephoscope.content.loader import ContentError
    from nephoscope.posture import content_test

    try:
        policies = content_test.check(folder)
    except ContentError as error:
        usage_error(str(error))
    outcomes: list[Outcome | Checked] = [*policies, *rule_test.check(folder or shipped_rules())]
    if not outcomes:
        usage_error(
            f"{folder}: nothing to test: a policy is NAME.json with its bodies in NAME.test.json, a rule NAME.yaml with its rows in"
            " NAME.test.yaml"
        )
    failed = [outcome for outcome in outcomes if not outcome.passed]
    for outcome in outcomes if verbose else failed:
        click.echo(_line(outcome))
    click.echo(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


def _line(outcome: Outcome | Checked) -> str:
    subject = outcome.policy if hasattr(outcome, "policy") else outcome.rule
    what = f"{subject}: {outcome.note}" if outcome.note else subject
    return f"{'ok   ' if outcome.passed else 'FAIL '} {outcome.place}  {what}" + (
        f"  {outcome.problem}" if outcome.problem else ""
    )

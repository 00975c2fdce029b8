"""Import, list, show and test policies, initiatives, aliases, detection rules and hunting queries."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nephoscope.cli.session.filter_options import add_workspace_option
from nephoscope.cli.session.list_output import add_format_option, add_list_format_option, show_list
from nephoscope.cli.session.operation_commands import add_operations
from nephoscope.cli.session.service_context import open_context
from nephoscope.cli.terminal.messages import exit_with_usage_error
from nephoscope.cli.terminal.sanitize_output import escape_controls, format_count
from nephoscope.operations.content import packs

if TYPE_CHECKING:
    from nephoscope.alerts.rule_tests.rule_test import RuleTestResult
    from nephoscope.posture.policies.content_test import PolicyTestResult
    from nephoscope_policy.catalog import ImportSummary

#: Documents named without --verbose.
MAX_SHOWN = 10
NOT_TAKEN = 3

_PATH = click.Path(exists=True, path_type=Path)


@click.group("content")
def command() -> None:
    """Manage policies, initiatives, detection rules and hunting queries."""


@command.command("import")
@click.argument("path", type=_PATH)
@click.option(
    "--name",
    default="",
    help=("Name of the pack (default: the folder's name). An existing pack of that name is replaced."),
)
@click.option(
    "--verbose",
    "-v",
    is_flag=True,
    help="List every rule with its status, and every rejected document.",
)
@click.option(
    "--kind", type=click.Choice(["auto", "policies", "rules"]), default="auto", show_default=True,
    help="Type of content; `auto` imports rules if PATH holds any, else policies.",
)  # fmt: skip
@click.option("--enable", is_flag=True, help="Enable imported rules (default: disabled).")
@click.option(
    "--sigma-pipeline", type=click.Choice(["auto", "azure_monitor", "sentinel_asim", "microsoft_xdr"]), default="auto",
    show_default=True, help=("Tables that Sigma rules for devices query; `auto` selects the first table that has " "their fields."),
)  # fmt: skip
@add_workspace_option("Workspace of the rules.")
@add_list_format_option
@click.pass_obj
def import_(
    data: Path,
    /,
    path: Path,
    name: str,
    verbose: bool,
    kind: str,
    sigma_pipeline: str,
    enable: bool,
    workspace: str,
    output: str,
) -> None:
    """Import content from PATH: a checkout or folder of policies or of detection content, a single file, or
    an alias table. Detection content is Sentinel's (analytics rules, hunting queries and parsers in YAML,
    ARM templates and exports with alert rules, saved searches and watchlists) or Sigma rules. Imported
    rules are disabled by default; the list shows whether each rule can run in the workspace and which
    tables it needs. Exits 3 if a document was rejected; the others are imported. An alias table is the
    JSON of `az provider list --expand resourceTypes/aliases`, or a map from alias to path (.json,
    .json.gz).
    """
    from nephoscope.cli.session.content_library import import_rules, read_content

    reading = read_content(path, sigma_pipeline) if kind != "policies" else None
    if reading is not None and (kind == "rules" or not reading.empty):
        import_rules(
            data,
            path,
            name or path.resolve().stem,
            reading,
            verbose=verbose,
            enable=enable,
            workspace=workspace,
            output=output,
        )
        return
    _import_policies(data, path, name, verbose)


def _import_policies(data: Path, path: Path, name: str, verbose: bool) -> None:
    from nephoscope.service.policy_packs import import_alias_table, import_policies
    from nephoscope_policy.documents import ContentError
    from nephoscope_policy.errors import PolicyError

    try:
        with open_context(data) as service:
            if path.is_file() and _is_alias_table(path):
                table, count = import_alias_table(service, path)
                click.echo(f"{format_count(count, 'alias', 'aliases')} imported as {table.name}")
                return
            pack, taken = import_policies(service, path, name)
    except (ContentError, PolicyError, OSError) as error:
        exit_with_usage_error(str(error))
    _print_import_summary(pack.name, taken, verbose)


def _is_alias_table(path: Path) -> bool:
    """Return whether a file is meant as an alias table: a definition has `properties` or a `policyRule` at its top."""
    from nephoscope_policy.documents import ContentDocument
    from nephoscope_policy.model.source_location import Place

    if path.suffix == ".gz":
        return True
    body = ContentDocument(path, Place(str(path))).json() if path.stat().st_size < 16 * 1024 * 1024 else []
    first = body[0] if isinstance(body, list) and body else body
    if not isinstance(first, dict):
        return True
    return "resourceTypes" in first or not ({"properties", "policyRule", "value"} & first.keys())


def _print_import_summary(name: str, taken: ImportSummary, verbose: bool) -> None:
    click.echo(
        f"{name}: {format_count(taken.definitions, 'definition')} and {format_count(taken.initiatives, 'initiative')} "
        f"taken from {format_count(taken.files, 'file')}"
    )
    for reason, count in taken.reasons():
        click.echo(f"  {count:>6,}  rejected or incomplete: {reason}")
    shown = taken.problems if verbose else taken.problems[:MAX_SHOWN]
    for problem in shown:
        click.echo(f"  {problem.place}: {problem.reason}")
    if len(shown) < len(taken.problems):
        click.echo(f"  ... and {len(taken.problems) - len(shown):,} more: --verbose lists them")
    if taken.problems:
        sys.exit(NOT_TAKEN)


@command.command("list")
@click.option("--initiatives", is_flag=True, help="List initiatives instead of definitions.")
@click.option("--packs", "listed", is_flag=True, help="List imported packs and alias tables.")
@click.option("--rules", is_flag=True, help="List shipped and imported detection rules and hunting queries.")
@add_workspace_option("Workspace of the rules.")
@add_list_format_option
@click.argument("text", default="")
@click.pass_obj
def list_(
    data: Path, /, text: str, initiatives: bool, listed: bool, rules: bool, workspace: str, output: str
) -> None:
    """List definitions (or initiatives, or rules) whose title or name contains TEXT."""
    from nephoscope.cli.session.content_library import list_rules, show_packs
    from nephoscope.posture.policies.policy_packs import Packs

    if rules:
        list_rules(data, text, workspace, output)
        return
    store = Packs(data)
    if listed:
        show_packs(data, store.list_imported_content(), output)
        return
    catalog = store.catalog()
    entries = catalog.initiatives() if initiatives else catalog.definitions()
    wanted = text.casefold()
    found = [one for one in entries if wanted in one.display_name.casefold() or wanted in one.name]
    found.sort(key=lambda one: one.display_name.casefold())
    if output != "table":
        rows = [{"name": one.name, "version": one.version, "title": one.display_name} for one in found]
        show_list(rows, ("name", "version", "title"), output)
        return
    for entry in found:
        click.echo(escape_controls(f"{entry.name}  {entry.version}  {entry.display_name}"))
    if not found:
        kind = "initiative" if initiatives else "definition"
        click.echo(f"nephoscope: no {kind} matches {text!r}", err=True)


@command.command("show")
@click.argument("name")
@click.pass_obj
def show(data: Path, /, name: str) -> None:
    """Print the definition, initiative, rule or hunting query NAME as JSON. NAME is an ID, a name, a title,
    or the file name of a shipped policy.
    """
    import json

    from nephoscope.cli.session.content_library import find_rule_document
    from nephoscope.posture.policies.policy_names import find_entry
    from nephoscope.posture.policies.policy_packs import Packs
    from nephoscope_policy.catalog import NotHeldError

    if (rule := find_rule_document(data, name)) is not None:
        click.echo(json.dumps(rule, indent=2, ensure_ascii=False, default=str))
        return
    catalog = Packs(data).catalog()
    try:
        entry = find_entry(catalog, name)
    except NotHeldError as error:
        exit_with_usage_error(error.message)
    click.echo(json.dumps(entry.document(), indent=2, ensure_ascii=False))


@command.command("coverage")
@add_workspace_option()
@click.option("--all", "every", is_flag=True, help="Include disabled rules.")
@add_format_option(
    "table", "json", "markdown", "navigator",
    help="Output format; `navigator` writes a layer for the ATT&CK Navigator.",
)  # fmt: skip
@click.pass_obj
def coverage(data: Path, /, workspace: str, every: bool, output: str) -> None:
    """Show the ATT&CK tactics and techniques that enabled detections and hunting queries cover."""
    from nephoscope.cli.session.content_coverage import print_coverage

    print_coverage(data, workspace, output, every=every)


@command.command("test")
@click.argument("folder", type=_PATH, required=False)
@click.option("--verbose", "-v", is_flag=True, help="List every test body, not only failed ones.")
@click.pass_obj
def test(data: Path, /, folder: Path | None, verbose: bool) -> None:
    """Run the test bodies of policies and the test rows of detection rules and hunting queries in FOLDER.
    Without FOLDER, tests the shipped content and lists the current status of every imported rule. Exits 1
    if a test fails.
    """
    from nephoscope.alerts.library import hunting
    from nephoscope.alerts.rule_tests import rule_test
    from nephoscope.alerts.rules.rule_files import locate_rules_folder as shipped_rules
    from nephoscope.cli.session.content_coverage import test_imported_content
    from nephoscope.posture.policies import content_test
    from nephoscope_policy.documents import ContentError

    try:
        policies = content_test.check(folder)
    except ContentError as error:
        exit_with_usage_error(str(error))
    rules = [folder] if folder else [shipped_rules(), hunting.locate_hunting_folder()]
    outcomes: list[PolicyTestResult | RuleTestResult] = [
        *policies,
        *(one for each in rules for one in rule_test.check_folder(each)),
    ]
    if not outcomes:
        exit_with_usage_error(
            f"{folder}: no tests found: a policy is NAME.json with bodies in NAME.test.json, a rule "
            "NAME.yaml with rows in NAME.test.yaml"
        )
    failed = [outcome for outcome in outcomes if not outcome.has_passed]
    for outcome in outcomes if verbose else failed:
        click.echo(_format_line(outcome))
    click.echo(f"{len(outcomes) - len(failed)} passed, {len(failed)} failed")
    if folder is None:
        test_imported_content(data, verbose=verbose)
    sys.exit(1 if failed else 0)


def _format_line(outcome: PolicyTestResult | RuleTestResult) -> str:
    subject = outcome.policy if hasattr(outcome, "policy") else outcome.rule
    what = f"{subject}: {outcome.note}" if outcome.note else subject
    return f"{'ok   ' if outcome.has_passed else 'FAIL '} {outcome.place}  {what}" + (
        f"  {outcome.problem}" if outcome.problem else ""
    )


add_operations(command, packs.OPERATIONS)

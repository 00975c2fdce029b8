"""Review risky identities and administrators, and check for leaked credentials"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import click

from nephoscope.cli.session.filter_options import add_workspace_option
from nephoscope.cli.session.lake_access import flush_pending_rows, open_lake
from nephoscope.cli.session.operation_commands import add_operations
from nephoscope.cli.session.service_context import build_context
from nephoscope.cli.session.state_access import find_workspace, open_state
from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message
from nephoscope.operations.identity import (
    account_findings,
    administrators,
    conditional_access,
    emergency_accounts,
    identity_risks,
    place_sources,
    risk_policies,
    risky_sign_ins,
)
from nephoscope.operations.identity import leaked_credentials as leaked_operations

FINDINGS = 1
_ALGORITHM = click.option(
    "--algorithm", type=click.Choice(["sha1", "ntlm"]), default="sha1", show_default=True, help="Hash algorithm."
)  # fmt: skip


@click.group("identity")
def command() -> None:
    """Detect stolen identities: risky users, service principals and agents, and leaked credentials."""


@command.group("risk")
def risk() -> None:
    """List risky identities with the reasons, and confirm or dismiss their risk."""


@risk.command("run")
@add_workspace_option()
@click.pass_obj
def run(data: Path, /, workspace: str) -> None:
    """Make risk detections of new alerts and anomalies. `nephoscope detect` does this after its rules."""
    from nephoscope.identity.risk_run import RiskRun

    with open_lake(data) as (lake, state):
        flush_pending_rows(data, lake, state)
        name = find_workspace(state, workspace).name
        report = RiskRun(lake, state, name).run(datetime.now(UTC))
    if report is None:
        print_message("another process is running identity risk")
        return
    made = ", ".join(f"{count} {name}" for name, count in sorted(report.detections.items())) or "none"
    click.echo(f"new risk detections: {made}; {report.remediated} remediated, {report.expired} expired")


@command.group("admins")
def admins() -> None:
    """List administrators with their roles, second factor and last use, and where Azure is managed from."""


@command.group("users")
def users() -> None:
    """Review accounts and applications: unused, over-privileged, stale guests, secrets and consent grants."""


@command.group("policies")
def policies() -> None:
    """Review conditional access: whom each policy covers and excludes, and users without a control."""


@command.group("risk-policies")
def risk_policy_group() -> None:
    """List and create policies that secure risky users and risky sign-ins after an approval."""


@command.group("places")
def places() -> None:
    """List what tells where an address is, and look one up: country, network, Tor, VPN and hosting."""


@command.group("leaked")
def leaked_credentials() -> None:
    """Check passwords and exported hashes against lists of leaked hashes. Only 64 bits of each listed hash are
    stored. Checked passwords and hashes are never stored or logged.
    """


@leaked_credentials.command("import")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@_ALGORITHM
@click.pass_obj
def import_(data: Path, /, source: Path, algorithm: str) -> None:
    """Import SOURCE: a file of HASH:COUNT lines, or a folder of range files. Replaces the previous list."""
    from nephoscope.identity.leaked.hash_index import HashListError
    from nephoscope.service.leaked_credentials import import_hash_list

    with open_state(data) as state:
        try:
            info = import_hash_list(build_context(data, state), source, algorithm)
        except HashListError as error:
            exit_with_usage_error(str(error))
    click.echo(f"imported {info.entries:,} {algorithm} hashes from {info.origin}")


@leaked_credentials.command("import-pairs")
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--hashed", type=click.Choice(["sha1", "ntlm"]), help="Lines are USER:HASH of this algorithm.")
@click.pass_obj
def import_pairs(data: Path, /, source: Path, hashed: str | None) -> None:
    """Import SOURCE: a file of USER:PASSWORD lines. Stores keyed hashes only, and replaces the previous pairs."""
    from nephoscope.identity.leaked.hash_index import HashListError
    from nephoscope.service.leaked_credentials import import_leaked_pairs

    with open_state(data) as state:
        try:
            info = import_leaked_pairs(build_context(data, state), source, hashed or "")
        except HashListError as error:
            exit_with_usage_error(str(error))
    click.echo(f"imported {info.entries:,} keyed hashes from {info.origin}")


@leaked_credentials.command("rotate-key")
@click.pass_obj
def rotate_key(data: Path, /) -> None:
    """Hash the imported pairs with a new key. Earlier copies of the data folder do not match the new key."""
    from nephoscope.identity.leaked.hash_index import HashListError
    from nephoscope.service.leaked_credentials import rotate_leaked_pairs

    with open_state(data) as state:
        try:
            info = rotate_leaked_pairs(build_context(data, state))
        except HashListError as error:
            exit_with_usage_error(str(error))
    click.echo(f"{info.entries:,} keyed hashes, keys: {len(info.keys)}")


@leaked_credentials.command("check")
@click.option(
    "--hashes",
    type=click.File(),
    metavar="FILE",
    help="Exported hashes, USER:HASH a line (- reads standard input).",
)
@click.option("--user", default="", help="Check whether this user name was leaked with the password.")
@_ALGORITHM
@add_workspace_option()
@click.pass_obj
def check(data: Path, /, hashes: TextIO | None, user: str, algorithm: str, workspace: str) -> None:
    """Check the password on standard input, or exported hashes: users with a leaked password become risky.
    Exits 1 if something is leaked.
    """
    from nephoscope.identity.leaked.hash_index import HashListError
    from nephoscope.serve.core_dumps import disable_core_dumps
    from nephoscope.service import leaked_credentials as service

    disable_core_dumps()
    try:
        with open_lake(data) as (lake, state):
            context = build_context(data, state)
            if hashes is None and user:
                leaked = service.check_password_of_user(context, user, _read_password())
                click.echo(f"{'found' if leaked else 'not found'} in leaks with this user name")
                found = [user] if leaked else []
            elif hashes is None:
                count = service.count_password(context, _read_password())
                click.echo(f"seen {count:,} times in leaks" if count else "not found in leaks")
                found = ["password"] if count else []
            else:
                given = service.read_hashes(hashes.read(), algorithm)
                name = find_workspace(state, workspace).name
                found = service.check_hashes(context, lake, algorithm, given, name)
                click.echo("\n".join([*found, f"{len(found)} of {len(given)} passwords are leaked"]))
    except HashListError as error:
        exit_with_usage_error(str(error))
    if found:
        sys.exit(FINDINGS)


def _read_password() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True))
    return sys.stdin.readline().rstrip("\r\n")


add_operations(risk, identity_risks.OPERATIONS, risky_sign_ins.OPERATIONS)
add_operations(admins, administrators.OPERATIONS, emergency_accounts.OPERATIONS)
add_operations(users, account_findings.OPERATIONS)
add_operations(policies, conditional_access.OPERATIONS)
add_operations(places, place_sources.OPERATIONS)
add_operations(risk_policy_group, risk_policies.OPERATIONS)
add_operations(leaked_credentials, leaked_operations.OPERATIONS)

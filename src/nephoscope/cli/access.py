"""Manage principals, roles and tokens, and read the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nephoscope.cli.session.list_output import list_options, show_list
from nephoscope.cli.session.service_context import service_of
from nephoscope.cli.session.state_access import state_of
from nephoscope.cli.terminal.messages import tell, usage_error
from nephoscope.cli.terminal.sanitize_output import format_count

if TYPE_CHECKING:
    from nephoscope.access.authenticator import Guard
    from nephoscope.model.resource_binding import ResourceBinding
    from nephoscope.state import State
    from nephoscope.state.access.principals import Principal, SecretKind


@click.group("access")
def command() -> None:
    """Manage access: users sign in by link, programs by token or client secret; roles are Azure's."""


@command.command("list")
@list_options
@click.pass_obj
def list_(data: Path, /, output: str) -> None:
    """List users and programs with their roles."""
    with _door(data) as (state, _):
        rows = [
            {
                "name": one.name,
                "kind": one.kind.value,
                "id": one.id,
                "roles": [f"{role.role} at {role.scope}" for role in state.principals.roles(one.id)],
                "binding": one.binding.resource if one.binding is not None else "",
                "seen": one.seen,
                "disabled": one.disabled,
            }
            for one in state.principals.all()
        ]
    show_list(rows, ("name", "kind", "roles", "binding", "seen", "disabled"), output)


@command.command("add")
@click.argument("name")
@click.option("--program", is_flag=True, help="Create a program (service principal) instead of a user.")
@click.option(
    "--managed-identity",
    "managed",
    is_flag=True,
    help=("Create a managed identity for programs on this machine (`serve --managed-identity NAME`)."),
)
@click.option("--role", "role_name", default="Reader", show_default=True, help="Role to assign.")
@click.option(
    "--scope",
    default="/",
    show_default=True,
    help="Scope of the role: /, an Azure resource ID of a container, or /workspaces/NAME.",
)
@click.pass_obj
def add(data: Path, /, name: str, program: bool, managed: bool, role_name: str, scope: str) -> None:
    """Add a user or program with its first role assignment."""
    from nephoscope.access.managed_identity import READING
    from nephoscope.service.principals import add_principal
    from nephoscope.state.access.principals import PrincipalKind

    role, where = _role(role_name), _scope(scope)
    if managed and (program or role not in READING):
        usage_error(f"--managed-identity: --role must be {' or '.join(sorted(READING))}, without --program")
    with _door(data) as (state, _):
        kind = PrincipalKind.PROGRAM if program else PrincipalKind.PERSON
        kind = PrincipalKind.MANAGED_IDENTITY if managed else kind
        made = add_principal(service_of(data, state), kind, name, role=role, scope=where)
        _tell_missing(data, state, where)
    click.echo(f"{name} added as {role} at {where} (id {made.id})")


@command.command("grant")
@click.argument("name")
@click.option("--role", "role_name", required=True, help="Role to assign.")
@click.option("--scope", default="/", show_default=True, help="Scope of the role.")
@click.pass_obj
def grant(data: Path, /, name: str, role_name: str, scope: str) -> None:
    """Assign a role at a scope."""
    from nephoscope.service.principals import grant_role

    role, where = _role(role_name), _scope(scope)
    with _door(data) as (state, _):
        one = _principal(state, name)
        grant_role(service_of(data, state), one, role, where)
        _tell_missing(data, state, where)
    click.echo(f"{one.name} is now {role} at {where}")


@command.command("revoke")
@click.argument("name")
@click.option("--role", "role_name", required=True, help="Role to remove.")
@click.option("--scope", default="/", show_default=True, help="Scope of the role.")
@click.pass_obj
def revoke(data: Path, /, name: str, role_name: str, scope: str) -> None:
    """Remove a role assignment. The last active Owner at / cannot be removed: add another Owner first."""
    from nephoscope.service.principals import revoke_role

    role, where = _role(role_name), _scope(scope)
    with _door(data) as (state, _):
        one = _principal(state, name)
        held = [each for each in state.principals.roles(one.id) if (each.role, each.scope) == (role, where)]
        if not held:
            usage_error(f"{one.name} is not {role} at {where}")
        revoke_role(service_of(data, state), held[0])
    click.echo(f"{one.name} is no longer {role} at {where}")


@command.command("disable")
@click.argument("name")
@click.option("--again", is_flag=True, help="Re-enable the account; its secrets stay revoked.")
@click.pass_obj
def disable(data: Path, /, name: str, again: bool) -> None:
    """Disable an account: its sessions, tokens and secrets stop working immediately. The last Owner at /
    cannot be disabled.
    """
    from nephoscope.service.principals import disable_principal

    with _door(data) as (state, _):
        one = _principal(state, name)
        disable_principal(service_of(data, state), one, disabled=not again)
    click.echo(f"{one.name} {'re-enabled' if again else 'disabled'}")


@command.command("bind")
@click.argument("name")
@click.argument("resource")
@click.option("--computer", default="", help="Value of Computer.  [default: the name of the resource]")
@click.option("--device", default="", help="Value of DeviceId.  [default: 40 digits derived from the ARM ID]")
@click.option(
    "--also", multiple=True, help="Additional name, ID or address of the resource; may be repeated."
)
@click.pass_obj
def bind(data: Path, /, name: str, resource: str, computer: str, device: str, also: tuple[str, ...]) -> None:
    """Bind a program to the one RESOURCE (an ARM ID) that its logs describe. Missing resource columns are
    filled in; rows that name another resource go to _Quarantine.
    """
    from nephoscope.model.resource_binding import bind_resource

    try:
        binding = bind_resource(resource, computer, device, also)
    except ValueError as error:
        usage_error(str(error))
    _bind(data, name, binding)


@command.command("unbind")
@click.argument("name")
@click.pass_obj
def unbind(data: Path, /, name: str) -> None:
    """Remove the binding of a program, so that it can send rows about any machine."""
    _bind(data, name, None)


def _bind(data: Path, name: str, binding: ResourceBinding | None) -> None:
    from nephoscope.service.principals import bind_principal

    with _door(data) as (state, _):
        one = _principal(state, name)
        bind_principal(service_of(data, state), one, binding)
    click.echo(f"{one.name} is bound to {binding.resource if binding is not None else 'no resource'}")


@command.command("sign-out")
@click.argument("name")
@click.pass_obj
def sign_out(data: Path, /, name: str) -> None:
    """Revoke all browser sessions of a user. Tokens and secrets stay valid, and the user can sign in again."""
    from nephoscope.service.principals import end_sessions

    with _door(data) as (state, _):
        one = _principal(state, name)
        gone = end_sessions(service_of(data, state), one)
    click.echo(f"{one.name}: {format_count(gone, 'session')} ended")


@command.command("link")
@click.argument("name")
@click.pass_obj
def link(data: Path, /, name: str) -> None:
    """Create a single-use sign-in link, valid for 30 minutes."""
    from nephoscope.state.access.principals import SecretKind

    click.echo(f"/link/{_make_secret(data, name, SecretKind.LINK)}")


@command.command("token")
@click.argument("name")
@click.option(
    "--days", type=click.IntRange(1, 730), default=90, show_default=True, help="Token lifetime in days."
)
@click.option("--label", default="", help="Description of the token.")
@click.option(
    "--client-secret",
    is_flag=True,
    help=("Create a client secret for the token endpoint (client credentials) instead of an API token."),
)
@click.pass_obj
def token(data: Path, /, name: str, days: int, label: str, client_secret: bool) -> None:
    """Create a token. It is shown only once."""
    from nephoscope.state.access.principals import SecretKind

    kind = SecretKind.CLIENT_SECRET if client_secret else SecretKind.TOKEN
    click.echo(_make_secret(data, name, kind, label, days))


def _make_secret(data: Path, name: str, kind: SecretKind, label: str = "", days: int = 0) -> str:
    from nephoscope.service.principals import make_secret

    with _door(data) as (state, guard):
        context = service_of(data, state)
        return make_secret(context, guard, _principal(state, name), kind, label, timedelta(days=days))


@command.command("audit")
@click.option(
    "--most",
    type=click.IntRange(1, 100_000),
    default=50,
    show_default=True,
    help="Maximum number of entries.",
)
@list_options
@click.pass_obj
def audit(data: Path, /, most: int, output: str) -> None:
    """Show the audit log, newest first; exits 3 if the chain of entries is broken."""
    import sys

    with _door(data) as (state, _):
        rows = [
            {
                "number": one.number, "moment": one.moment, "author": one.author, "operation": one.operation, "target": one.target,
                "outcome": one.outcome, "address": one.address, "detail": one.detail,
            }
            for one in state.audit.entries(most=most)
        ]  # fmt: skip
        broken, anchored = state.audit.broken(), state.audit.anchored()
    show_list(rows, ("number", "moment", "author", "operation", "target", "outcome"), output)
    if not anchored:
        tell("the audit has no anchor (keys/audit.anchor): entries deleted from its end cannot be detected")
    if broken is not None:
        tell(f"the audit was changed: entry {broken} is missing, or does not match the entry before it")
        sys.exit(3)


@contextmanager
def _door(data: Path) -> Iterator[tuple[State, Guard]]:
    from nephoscope.access.authenticator import Guard
    from nephoscope.access.scopes import Hierarchy

    with state_of(data) as state:
        yield state, Guard(state, lambda: Hierarchy({}))


def _principal(state: State, name: str) -> Principal:
    """The one of a name or id; the command ends with code 2 where there is none, or two."""
    found = [one for one in state.principals.all() if name.lower() in (one.id, one.name.lower())]
    if len(found) != 1:
        usage_error(
            f"{'no' if not found else 'more than one'} user or program is named {name}: see "
            "nephoscope access list"
        )
    return found[0]


def _role(name: str) -> str:
    from nephoscope.access.roles import ROLES, role

    found = role(name)
    if found is None:
        usage_error(f"--role must be one of {', '.join(one.name for one in ROLES)} (got {name})")
    return found.name


def _scope(text: str) -> str:
    from nephoscope.access.scopes import RoleScopeError, parse_scope

    try:
        return parse_scope(text)
    except RoleScopeError as error:
        usage_error(f"--scope: {error}")


def _tell_missing(data: Path, state: State, scope: str) -> None:
    """Say where a role is given at a place that is not there, or not yet: it holds as soon as it is."""
    from nephoscope.access.scopes import find_unknown_scope
    from nephoscope.instance import hierarchy_of
    from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache

    hierarchy = hierarchy_of(PublishedSnapshotCache(data))
    if why := find_unknown_scope(scope, hierarchy, state.workspaces.names()):
        tell(f"{why}: the role has no effect until the scope exists (`nephoscope access revoke` removes it)")

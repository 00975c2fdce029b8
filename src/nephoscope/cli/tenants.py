"""Connect Azure tenants to the server, test them, and print the commands that grant access."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nephoscope.cli.session.list_output import list_options, show_list
from nephoscope.cli.session.secret_input import secret, secret_pair
from nephoscope.cli.session.service_context import acting, service_of
from nephoscope.cli.session.state_access import state_of
from nephoscope.cli.terminal.messages import usage_error
from nephoscope.state import StateError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nephoscope.collect.azure.connection_test import ConnectionTrial, SubscriptionTrial
    from nephoscope.collect.azure.tenant_connection import TenantSecrets
    from nephoscope.state.estate.tenants import Tenant, TenantConnection

COLUMNS = ("name", "tenant", "signIn", "enabled", "hours", "collected", "error")
TRIED = ("kind", "name", "id", "answers", "reason", "lacks")
RIGHTS = ("place", "name", "why")
SECRETS = ("secret", "certificate", "password")
FINDINGS, LACKING = 1, "no"

_secrets_option = click.option(
    "--secret", "secrets", multiple=True, metavar="NAME[=env:VARIABLE|=file:PATH]",
    help=("Source of a secret, a certificate (PEM with its private key) or its password; without " "it, you are prompted."),
)  # fmt: skip
_hours_option = click.option(
    "--every", "hours", type=click.FloatRange(1, 168), metavar="HOURS", help="Hours between collections (8)."
)


def _connection_options(command: Callable[..., object]) -> Callable[..., object]:
    """The options that say what is asked, and as whom."""
    options = (
        click.option("--tenant", metavar="GUID|DOMAIN", help="Tenant ID or domain."),
        click.option(
            "--sign-in", type=click.Choice(["secret", "certificate", "managed-identity"]),
            help="Credential type: an application with a client secret (default) or a certificate, "
            "or this machine's managed identity.",
        ),
        click.option("--client", metavar="GUID", help="Client ID of the application or of a user-assigned identity."),
        click.option("--subscription", "subscriptions", multiple=True, metavar="GUID", help="Collect only this subscription."),
        click.option(
            "--management-group", "management_groups", multiple=True, metavar="NAME", help="Collect only this management group."
        ),
        click.option("--cloud", metavar="NAME|FILE", help="public (the default), usgovernment, china, or a file."),
        click.option("--graph/--no-graph", default=None, help="Read accounts and groups from Microsoft Graph (default)."),
    )  # fmt: skip
    for one in reversed(options):
        command = one(command)
    return command


@click.group("tenants")
def command() -> None:
    """Manage the Azure tenants that `nephoscope serve` collects and assesses."""


@command.command("list")
@list_options
@click.pass_obj
def list_(data: Path, /, output: str) -> None:
    """List tenants with their last collection and errors."""
    with state_of(data) as state:
        rows = [_row(one) for one in state.tenants.all()]
    show_list(
        rows,
        COLUMNS,
        output,
        "no tenants: connect one with nephoscope tenants add NAME --tenant GUID --client GUID",
    )


@command.command("add")
@click.argument("name")
@_connection_options
@_secrets_option
@_hours_option
@click.pass_obj
def add(data: Path, /, name: str, secrets: tuple[str, ...], hours: float | None, **asked: object) -> None:
    """Connect the tenant NAME. An administrator of the tenant grants access with the script from `tenants
    grant`.
    """
    from nephoscope.service.tenants import connect_tenant
    from nephoscope.state.estate.tenants import Tenant, TenantConnection

    with _translate_errors(), acting(data) as service:
        connection = _change_connection(TenantConnection(), asked)
        given = _secrets(secrets or ((connection.sign_in,) if connection.sign_in in SECRETS else ()))
        connect_tenant(service, Tenant(name, connection, hours=hours or 8.0), given)
    click.echo(f"tenant {name} connected; test it with: nephoscope tenants test {name}")


@command.command("set")
@click.argument("name")
@_connection_options
@_secrets_option
@_hours_option
@click.option(
    "--enable/--disable",
    "enabled",
    default=None,
    help="Enable or disable collection; the last assessment is preserved.",
)
@click.pass_obj
def set_(
    data: Path,
    /,
    name: str,
    secrets: tuple[str, ...],
    hours: float | None,
    enabled: bool | None,
    **asked: object,
) -> None:
    """Change the tenant NAME; other settings are preserved. A list of subscriptions or groups replaces both
    lists.
    """
    from dataclasses import replace

    from nephoscope.service.tenants import change_tenant

    with _translate_errors(), state_of(data) as state:
        before = state.tenants.get(name)
        wanted = replace(
            before,
            connection=_change_connection(before.connection, asked),
            hours=before.hours if hours is None else hours,
            enabled=before.enabled if enabled is None else enabled,
        )
        change_tenant(service_of(data, state), wanted, _secrets(secrets) if secrets else None)
    click.echo(f"tenant {name} changed")


@command.command("test")
@click.argument("name")
@list_options
@click.pass_obj
def test(data: Path, /, name: str, output: str) -> None:
    """Sign in to the tenant NAME and list missing permissions by subscription. Resource groups that are
    readable although their subscription is not are listed below it. Exits 1 if a required permission is
    missing.
    """
    from nephoscope.posture.scans import tenants

    with _translate_errors(), state_of(data) as state:
        found = tenants.test(state, data, name)
    if found.error:
        raise click.ClickException(f"{name}: {found.error}")
    show_list(_list_trial_rows(found), TRIED, output)
    sys.exit(0 if found.works else FINDINGS)


@command.command("collect")
@click.argument("name")
@click.pass_obj
def collect(data: Path, /, name: str) -> None:
    """Schedule a collection of the tenant NAME as soon as possible."""
    from nephoscope.service.tenants import collect_tenant_soon

    with _translate_errors(), acting(data) as service:
        collect_tenant_soon(service, name)
    click.echo(f"tenant {name} is collected when the server looks again, within seconds where it runs")


@command.command("remove")
@click.argument("name")
@click.pass_obj
def remove(data: Path, /, name: str) -> None:
    """Delete the tenant NAME with its secret and snapshots; its assessments remain until the next
    evaluation.
    """
    from nephoscope.service.tenants import remove_tenant

    with _translate_errors(), acting(data) as service:
        remove_tenant(service, name)
    click.echo(f"tenant {name} disconnected")


@command.command("rights")
@click.option(
    "--graph/--no-graph", default=True, show_default=True, help="Include Microsoft Graph permissions."
)
@list_options
@click.pass_obj
def rights(data: Path, /, graph: bool, output: str) -> None:
    """List the permissions required to collect a tenant, and their purpose."""
    from nephoscope.posture.scans import tenants
    from nephoscope.state.estate.tenants import TenantConnection

    found = tenants.find_needed_rights(data, TenantConnection(graph=graph))
    show_list([{"place": one.place.value, "name": one.name, "why": one.why} for one in found], RIGHTS, output)


@command.command("grant")
@click.argument("name", required=False)
@_connection_options
@click.option("--bicep", "as_bicep", is_flag=True, help="Print Bicep instead of a script for bash and `az`.")
@click.option(
    "--exact", is_flag=True, help="Use a custom role with only the required actions instead of Reader."
)
@click.pass_obj
def grant(data: Path, /, name: str | None, as_bicep: bool, exact: bool, **asked: object) -> None:
    """Print the script with which an administrator grants read access, for the tenant NAME or for the given
    options.
    """
    from nephoscope.collect.azure.grant_scripts import CollectionGrant, az, bicep
    from nephoscope.posture.scans import tenants
    from nephoscope.state.estate.tenants import TenantConnection

    with _translate_errors():
        before = TenantConnection()
        if name is not None:
            with state_of(data) as state:
                before = state.tenants.get(name).connection
        connection = _change_connection(before, asked)
        made = CollectionGrant(connection, tenants.find_needed_rights(data, connection), exact)
        click.echo((bicep if as_bicep else az)(made), nl=False)


@contextmanager
def _translate_errors() -> Iterator[None]:
    """What cannot be is a usage error that says why."""
    from nephoscope.collect.azure.collection_settings import CollectError

    try:
        yield
    except (StateError, CollectError) as error:
        usage_error(str(error))


def _change_connection(before: TenantConnection, asked: dict[str, object]) -> TenantConnection:
    """A connection with what was given in the place of what it has; CollectError for what cannot be meant."""
    from msgspec.structs import replace

    from nephoscope.collect.azure.tenant_connection import normalize_connection

    given = {
        ("id" if name == "tenant" else name): value
        for name, value in asked.items()
        if value not in (None, ())
    }
    if given.keys() & {"subscriptions", "management_groups"}:
        given = {"subscriptions": (), "management_groups": (), **given}
    return normalize_connection(replace(before, **given))


def _secrets(given: tuple[str, ...]) -> TenantSecrets:
    from nephoscope.collect.azure.tenant_connection import TenantSecrets

    places = dict(map(secret_pair, given))
    if unknown := sorted(places.keys() - set(SECRETS)):
        raise click.UsageError(f"--secret must be one of {', '.join(SECRETS)} (got {unknown[0]})")
    return TenantSecrets(**{name: secret(name, place) for name, place in places.items()})


def _row(tenant: Tenant) -> dict[str, object]:
    asked = tenant.connection
    return {
        "name": tenant.name, "tenant": asked.id, "signIn": asked.sign_in, "client": asked.client, "enabled": tenant.enabled,
        "hours": tenant.hours, "collected": tenant.collected, "error": tenant.error, "subscriptions": list(asked.subscriptions),
        "managementGroups": list(asked.management_groups), "cloud": asked.cloud, "graph": asked.graph,
    }  # fmt: skip


def _list_trial_rows(found: ConnectionTrial) -> list[dict[str, object]]:
    scopes = [row for one in found.subscriptions for row in _tried_scopes(one)]
    permissions: list[dict[str, object]] = [
        {
            "kind": "permission", "name": one.name, "id": "", "answers": "yes" if one.granted else LACKING, "reason": one.reason,
            "lacks": [],
        }
        for one in found.permissions
    ]  # fmt: skip
    return scopes + permissions


def _tried_scopes(one: SubscriptionTrial) -> Iterator[dict[str, object]]:
    """The row of a subscription, and of each resource group that is read beside it."""
    yield {
        "kind": "subscription", "name": one.name, "id": one.id, "answers": "yes" if one.answers else LACKING, "reason": one.reason,
        "lacks": list(one.lacks),
    }  # fmt: skip
    for group in one.groups:
        yield {
            "kind": "resource group", "name": group.name, "id": group.id, "answers": "yes", "reason": "", "lacks": list(group.lacks),
        }  # fmt: skip

"""Configure sign-in through OpenID providers (Entra ID, Keycloak and others), and who may sign in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from nephoscope.cli.session.list_output import list_options, show_list
from nephoscope.cli.session.secret_input import secret
from nephoscope.cli.session.service_context import service_of
from nephoscope.cli.session.state_access import state_of
from nephoscope.cli.terminal.messages import tell, usage_error
from nephoscope.cli.terminal.sanitize_output import format_count

if TYPE_CHECKING:
    from nephoscope.state import State
    from nephoscope.state.access.sign_in_providers import SignInProvider

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("signin")
def command() -> None:
    """Manage OpenID sign-in providers and role mapping by claims, such as groups."""


@command.command("list")
@list_options
@click.pass_obj
def list_(data: Path, /, output: str) -> None:
    """List providers and their role mappings."""
    with state_of(data) as state:
        rows = [
            {
                "name": one.name, "title": one.title, "issuer": one.issuer, "client": one.client_id, "enabled": one.enabled,
                "allows": [
                    f"{rule.claim}={rule.value}" + (f" as {rule.role} at {rule.scope}" if rule.role else "")
                    for rule in one.rules
                ],
            }
            for one in state.sign_in_providers.all()
        ]  # fmt: skip
    show_list(
        rows,
        ("name", "issuer", "allows", "enabled"),
        output,
        "no providers: add one with nephoscope signin add NAME --issuer URL --client-id ID",
    )


class _SignInOptions(TypedDict):
    issuer: str
    client_id: str
    secret: str | None
    title: str | None
    scopes: tuple[str, ...]
    trust: Path | None


@command.command("add")
@click.argument("name")
@click.option(
    "--issuer",
    required=True,
    metavar="URL",
    help=("Issuer URL as in its tokens (https://login.microsoftonline.com/<tenant id>/v2.0 for Entra ID)."),
)
@click.option("--client-id", required=True, help="Client ID of this server at the provider.")
@click.option(
    "--secret", metavar="env:VARIABLE|file:PATH",
    help=("Source of the client secret, which is stored encrypted. Without it, the client is " "public."),
)  # fmt: skip
@click.option("--title", help="Label of the sign-in button (default: the provider's name).")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="WORD",
    help="Additional scope besides openid, profile and email.",
)
@click.option(
    "--trust",
    type=FILE,
    metavar="PEM",
    help="CA certificate of the provider, if the system does not trust it.",
)
@click.pass_obj
def add(data: Path, /, name: str, **options: Unpack[_SignInOptions]) -> None:
    """Add the sign-in provider NAME after reading its configuration; prints the redirect URI to register
    there.
    """
    from nephoscope.state.access.sign_in_providers import SignInProvider

    given, trust = options["secret"] or "", options["trust"]
    if given and not given.startswith(("env:", "file:")):
        raise click.UsageError("--secret must be env:VARIABLE or file:PATH, never the secret itself")
    provider = SignInProvider(
        name,
        options["title"] or name,
        options["issuer"],
        options["client_id"],
        "",
        tuple(dict.fromkeys(("openid", "profile", "email", *options["scopes"]))),
        trust=trust.read_text(encoding="utf-8") if trust else "",
    )
    with state_of(data) as state:
        if state.sign_in_providers.find(name) is not None:
            raise click.UsageError(
                f"provider {name!r} already exists: remove it first with nephoscope signin remove {name}"
            )
        kept = _keep(data, state, provider, secret("client secret", given) if given else "")
        click.echo(f"provider {name} added; register the redirect URI https://HOST/sign-in/{name}/callback")
        click.echo(f"no user can sign in with it yet: nephoscope signin allow {name} CLAIM VALUE")
        _test_provider(state, kept)


@command.command("allow")
@click.argument("name")
@click.argument("claim")
@click.argument("value")
@click.option("--role", default="", help="Role to assign while the claim is present; without it, none.")
@click.option("--scope", default="/", show_default=True, help="Scope of the role.")
@click.pass_obj
def allow(data: Path, /, name: str, claim: str, value: str, role: str, scope: str) -> None:
    """Allow users of the provider NAME that have VALUE in CLAIM (groups, roles, sub, oid, email and others)."""
    from nephoscope.state.access.sign_in_providers import ClaimRule

    with _change_provider(data, name) as (state, provider):
        wanted = replace(provider, rules=(*provider.rules, ClaimRule(claim, value, role, scope)))
        made = _keep(data, state, wanted)
    last = made.rules[-1]
    click.echo(
        f"{claim}={value} is allowed by {name}" + (f" as {last.role} at {last.scope}" if last.role else "")
    )


@command.command("disallow")
@click.argument("name")
@click.argument("claim")
@click.argument("value")
@click.pass_obj
def disallow(data: Path, /, name: str, claim: str, value: str) -> None:
    """Remove the role mapping of VALUE in CLAIM; users lose the roles at their next sign-in."""
    with _change_provider(data, name) as (state, provider):
        kept = tuple(one for one in provider.rules if (one.claim, one.value) != (claim, value))
        if kept == provider.rules:
            raise click.UsageError(f"{name} has no role mapping for {claim}={value}: nephoscope signin list")
        _keep(data, state, replace(provider, rules=kept))
    click.echo(f"{claim}={value} is allowed by {name} no more")


@command.command("set")
@click.argument("name")
@click.option(
    "--enable/--disable", "enabled", required=True, help="Enable or disable sign-in with this provider."
)
@click.pass_obj
def set_(data: Path, /, name: str, enabled: bool) -> None:
    """Enable or disable the provider NAME; existing sessions are preserved."""
    with _change_provider(data, name) as (state, provider):
        _keep(data, state, replace(provider, enabled=enabled))
    click.echo(f"provider {name} {'enabled' if enabled else 'disabled'}")


@command.command("test")
@click.argument("name")
@click.pass_obj
def test(data: Path, /, name: str) -> None:
    """Read the configuration and signing keys of the provider NAME again."""
    with _change_provider(data, name) as (state, provider):
        if not _test_provider(state, provider):
            usage_error(f"provider {name} cannot be used")


@command.command("remove")
@click.argument("name")
@click.pass_obj
def remove(data: Path, /, name: str) -> None:
    """Delete the provider NAME and its client secret. Its users are preserved and can sign in by link."""
    from nephoscope.service.sign_in_providers import remove_provider

    with _change_provider(data, name) as (state, _):
        remove_provider(service_of(data, state), name)
    click.echo(f"provider {name} removed")


@contextmanager
def _change_provider(data: Path, name: str) -> Iterator[tuple[State, SignInProvider]]:
    """The state and the provider of a name; a usage error where there is none."""
    with state_of(data) as state:
        found = state.sign_in_providers.find(name)
        if found is None:
            usage_error(f"provider {name!r} not found: see nephoscope signin list")
        yield state, found


def _keep(data: Path, state: State, provider: SignInProvider, client_secret: str = "") -> SignInProvider:
    from nephoscope.access.role_mapping import ProviderError
    from nephoscope.service.sign_in_providers import put_provider

    try:
        return put_provider(service_of(data, state), provider, client_secret)
    except ProviderError as error:
        raise click.UsageError(str(error)) from error


def _test_provider(state: State, provider: SignInProvider) -> bool:
    """Say whether the provider can be asked, and whether it is what it was said to be."""
    from nephoscope.access.openid import OpenId, OpenIdError

    openid = OpenId(provider.issuer, provider.trust)
    try:
        count = len(openid.keys().keys)
        if provider.credential:
            state.credentials.get(provider.credential)
    except OpenIdError as error:
        tell(f"it cannot be used yet: {error}")
        return False
    signs = ", ".join(openid.metadata().id_token_signing_alg_values_supported)
    click.echo(
        f"provider {provider.name} responds: {format_count(count, 'key')}, signature algorithms {signs}"
    )
    return True

"""Sign-in providers: kept, tried and removed, with their client secrets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nephoscope.access.provider_tests import delete_tests, request_test, run_test
from nephoscope.access.role_mapping import check_secret_reuse, validate_provider
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.audited_values import to_audited_value
from nephoscope.state import NotFoundError

if TYPE_CHECKING:
    from nephoscope.access.provider_tests import ProviderTrial
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.access.sign_in_providers import SignInProvider

READ = "Nephoscope/signInProviders/read"
WRITE, DELETE = "Nephoscope/signInProviders/write", "Nephoscope/signInProviders/delete"


def put_provider(
    context: ServiceContext, provider: SignInProvider, client_secret: str = ""
) -> SignInProvider:
    """Keep a provider in the place of the one of its name; without a client secret the one that is there stays.

    Raises DeniedError; ProviderError for what cannot be, and where a kept secret would go to who it was not given for.
    """
    context.require(WRITE)
    before = context.state.sign_in_providers.find(provider.name)
    kept = before.credential if before is not None else ""
    made = validate_provider(
        replace(provider, credential=f"sign-in.{provider.name}" if client_secret else kept)
    )
    check_secret_reuse(before, made, given=bool(client_secret))
    detail = {
        **_describe_provider(made), "newSecret": bool(client_secret),
        "before": _describe_provider(before) if before is not None else None,
    }  # fmt: skip
    with (
        context.transact(WRITE, ROOT_SCOPE, made.name, keeps_secret=True, **detail),
        context.state.transaction() as session,
    ):
        if client_secret:
            context.state.credentials.put(made.credential, client_secret)
        context.state.sign_in_providers.put(session, made)
        delete_tests(context.state, session, made.name)
    return made


def remove_provider(context: ServiceContext, name: str) -> None:
    """Forget a provider and its client secret; its people stay. Raises DeniedError; NotFoundError where there is none."""
    context.require(DELETE)
    found = _find_provider(context, name)
    with context.transact(DELETE, ROOT_SCOPE, name, before=_describe_provider(found)):
        with context.state.transaction() as session:
            context.state.sign_in_providers.remove(session, name)
            delete_tests(context.state, session, name)
        if found.credential:
            context.state.credentials.remove(found.credential)


def ask_provider_test(context: ServiceContext, name: str) -> None:
    """Have the server ask a provider what it is and for its keys. Raises DeniedError; NotFoundError where there is none."""
    context.require(WRITE)
    _find_provider(context, name)
    with context.change(WRITE, ROOT_SCOPE, name, act="test"):
        request_test(context.state, name, context.now)


def try_provider(context: ServiceContext, name: str) -> ProviderTrial:
    """Make the test that `ask_provider_test` has the server make, and audits, at once. Raises as that; CredentialError for a client
    secret that cannot be read."""
    ask_provider_test(context, name)
    found = _find_provider(context, name)
    if found.credential:
        context.state.credentials.get(found.credential)
    return run_test(context.state, found)


def _describe_provider(provider: SignInProvider) -> dict[str, object]:
    """Return what an audit entry says of a provider."""
    return {
        "issuer": provider.issuer, "client": provider.client_id, "enabled": provider.enabled, "rules": provider.rules,
        "scopes": provider.scopes, "trust": to_audited_value(provider.trust),
    }  # fmt: skip


def _find_provider(context: ServiceContext, name: str) -> SignInProvider:
    found = context.state.sign_in_providers.find(name)
    if found is None:
        raise NotFoundError(f"provider {name!r} not found")
    return found

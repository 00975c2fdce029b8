"""Tests of sign-in providers: asked for, made beside the request that asks since a provider may be slow, and their findings kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.state import State
    from nephoscope.state.access.sign_in_providers import SignInProvider

#: Checkpoints by the name of a provider: since when a test is wanted, and what the last one found.
ASKED, FOUND = "sign-in-tests", "sign-in-tested"


class ProviderTrial(msgspec.Struct, frozen=True):
    """Outcome of a test of a provider: whether it works as an OpenID provider, and its issuer or the error."""

    when: datetime
    works: bool
    message: str


def request_test(state: State, name: str, now: datetime) -> None:
    """Have a provider tested soon, by the server's worker."""
    state.checkpoints.put(ASKED, name, now.isoformat())


def find_requested_test(state: State, name: str) -> datetime | None:
    """Since when a test of a provider is wanted that did not end yet, None where none is."""
    asked = state.checkpoints.get(ASKED, name)
    return datetime.fromisoformat(asked) if asked else None


def read_last_test_result(state: State, name: str) -> ProviderTrial | None:
    """Return what the last test of a provider as it is now found, None where it was not tested."""
    found = state.checkpoints.get(FOUND, name)
    return msgspec.convert(found, ProviderTrial) if found else None


def delete_tests(state: State, session: Session, name: str) -> None:
    """Forget what was asked and found, within the transaction that changes or removes the provider."""
    for source in (ASKED, FOUND):
        state.checkpoints.drop(session, source, name)


def run_tests(state: State) -> list[str]:
    """Make the tests that are wanted, one after the other; the names of the providers."""
    wanted = list(state.checkpoints.all(ASKED))
    for name in wanted:
        if (provider := state.sign_in_providers.find(name)) is not None:
            run_test(state, provider)
        else:
            state.checkpoints.remove(ASKED, name)
    return wanted


def run_test(state: State, provider: SignInProvider) -> ProviderTrial:
    """Test a provider and keep what was found, unless it was changed or removed meanwhile."""
    found = test_provider(provider)
    with state.transaction() as session:
        if state.sign_in_providers.find(provider.name) == provider:
            state.checkpoints.keep(session, FOUND, {provider.name: msgspec.to_builtins(found)})
        state.checkpoints.drop(session, ASKED, provider.name)
    return found


def test_provider(provider: SignInProvider) -> ProviderTrial:
    """Ask a provider what it is and for its keys."""
    # imported here: what asks for a test or forgets one needs no HTTP
    from nephoscope.access.openid import OpenId, OpenIdError

    try:
        asked = OpenId(provider.issuer, provider.trust)
        count, signs = (
            len(asked.fetch_keys().keys),
            asked.fetch_metadata().id_token_signing_alg_values_supported,
        )
    except OpenIdError as error:
        return ProviderTrial(datetime.now(UTC), False, str(error))
    keys = "1 key" if count == 1 else f"{count} keys"
    return ProviderTrial(
        datetime.now(UTC), True, f"responds: {keys}, signature algorithms {', '.join(signs)}"
    )

"""Limit the addresses that webhooks post to: public ones, and those that operator.yaml allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from nephoscope.automation.action import ActionError
from nephoscope.connect import ssrf_guard
from nephoscope.connect.ssrf_guard import PrivateAddressError, RequestTarget, UnreachableAddressError


@contextmanager
def translate_connection_errors() -> Iterator[None]:
    """Raise ActionError for an address that cannot be reached in the block, with the remedy for a private address."""
    try:
        yield
    except PrivateAddressError as error:
        raise ActionError(f"{error}; allow it in operator.yaml (webhook.private)", again=False) from error
    except UnreachableAddressError as error:
        raise ActionError(str(error), again=error.again) from error


def resolve_target(url: str, allowed: Sequence[str], seconds: float) -> RequestTarget:
    """The target of a webhook's URL as of `reaching.target`; ActionError."""
    with translate_connection_errors():
        return ssrf_guard.resolve_target(url, allowed, seconds)


def explain_refusal(url: str, allowed: Sequence[str], seconds: float) -> str:
    """Return why a URL will never be asked, '' where it may be, or where its address is not to be known now: the run
    judges it again."""
    try:
        resolve_target(url, allowed, seconds)
    except ActionError as error:
        return "" if error.again else str(error)
    return ""

"""Approvals: who asked for a change does not decide on it, and a decision needs its right at each scope that the change touches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.state import StateError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from nephoscope.service.service_context import ServiceContext

#: Scopes that a refusal names.
_NAMED = 3


class OwnRequestError(StateError):
    """A decision on a change that the actor asked for; the message says who decides."""


def require_approver(
    context: ServiceContext, operation: str, scopes: Iterable[str], requesters: Collection[str]
) -> None:
    """Check that the actor may decide on a change at each scope that it touches, and is none of those who asked for it.

    Raises DeniedError, OwnRequestError.
    """
    places = tuple(dict.fromkeys(scopes))
    for place in places:
        context.require(operation, place)
    if context.actor.name in requesters:
        scope_names = ", ".join(places[:_NAMED]) + (
            f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
        )
        raise OwnRequestError(
            f"another user must decide: you cannot decide your own request (ask a user who may perform {operation} at {scope_names})"
        )

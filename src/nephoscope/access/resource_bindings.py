"""Bind programs to the one resource that their logs are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from nephoscope.model.resource_binding import ResourceBinding
    from nephoscope.state import State
    from nephoscope.state.principals import Principal

WRITE = "Nephoscope/principals/write"


def bind_principal(
    state: State, principal: Principal, binding: ResourceBinding | None, author: str, address: str = ""
) -> None:
    """Bind a program to a resource, or end its binding (None), and audit it in the same transaction.

    StateError for a person or the managed identity. Processes that take logs follow within two seconds.
    """
    with state.transaction() as session:
        before = state.principals.bind(session, principal.id, binding)
        detail = {"binding": msgspec.to_builtins(binding), "before": msgspec.to_builtins(before)}
        state.audit.add(session, author, WRITE, principal.name, address=address, detail=detail)

"""The audit of what a command changes: in the name of the user of the system whose command it is.

Every command that changes what people decide goes through here; tests/cli/test_audited_commands.py holds the table of all commands,
and fails for one that is not in it, or that changes something without an entry.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from nephoscope.cli.session.who import who
from nephoscope.state.actor import Actor

if TYPE_CHECKING:
    from nephoscope.state import State


def audited(
    state: State, operation: str, targets: str | Iterable[str], **detail: Any
) -> AbstractContextManager[None]:
    """Audit what is changed in the state within the block, as State.audited; what is None of the detail is left out."""
    return state.audited(Actor(who()), operation, targets, _given(detail))


def announced(state: State, operation: str, target: str, **detail: Any) -> AbstractContextManager[None]:
    """Audit what is changed in files within the block, as State.announced."""
    return state.announced(Actor(who()), operation, target, _given(detail))


def _given(detail: dict[str, Any]) -> dict[str, Any]:
    import msgspec

    told = {name: value for name, value in detail.items() if value is not None}
    found: dict[str, Any] = msgspec.to_builtins(told, str_keys=True, enc_hook=str)
    return found

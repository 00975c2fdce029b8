"""The entry of a change is in its transaction, wherever that is opened; of a change of files there is one before."""

from __future__ import annotations

from pathlib import Path

import pytest

from nephoscope.state import State, StateError
from nephoscope.state.audit.actor import Actor


def test_blocks_within_blocks_are_audited_by_one_transaction(tmp_path: Path) -> None:
    kim = Actor("kim", "192.0.2.1")
    with State.open(f"sqlite:///{tmp_path}/state.db") as state:
        with (
            state.audit_change(kim, "outer/write", ["a", "b"], {"days": 1}),
            state.audit_change(kim, "inner/write", "c"),
        ):
            with pytest.raises(StateError, match="undone"), state.transaction():
                raise StateError("undone")
            assert state.audit.entries() == []
            with state.transaction():
                pass
            assert [one.target for one in reversed(state.audit.entries())] == ["c", "a", "b"]
        assert [(one.author, one.address, one.detail) for one in state.audit.entries(most=1)] == [
            ("kim", "192.0.2.1", {"days": 1})
        ]
        with pytest.raises(ValueError, match="torn"), state.announce_change(kim, "files/write", "d"):
            raise ValueError("torn")
        assert [one.outcome for one in state.audit.entries(most=2)] == ["Failed", "Started"]
        assert state.audit.find_broken_entry() is None


def test_a_change_whose_entry_cannot_be_kept_is_not_made(tmp_path: Path) -> None:
    with State.open(f"sqlite:///{tmp_path}/state.db") as state:
        odd = {"cannot be written": object()}
        with pytest.raises(TypeError), state.audit_change(Actor("kim"), "o", "t", odd):
            state.workspaces.add("soc")
        assert state.workspaces.names() == ["default"]

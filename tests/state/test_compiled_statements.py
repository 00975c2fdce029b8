"""What a statement is compiled to serves all SQLite states of a process, and nothing else of one is in another."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.sql.compiler import SQLCompiler

from nephoscope.state import State


def test_a_second_state_compiles_nothing_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    process = SQLCompiler.__init__

    def noted(self: SQLCompiler, *given: object, **options: object) -> None:
        process(self, *given, **options)  # type: ignore[arg-type]
        compiled.append(str(self))

    def use(name: str) -> None:
        with State.open_folder(tmp_path / name) as state:
            state.workspaces.add(name, days=30)
            assert [one.name for one in state.workspaces.all()] == ["default", name]

    use("first")
    monkeypatch.setattr(SQLCompiler, "__init__", noted)
    use("second")
    # one that is written as text is not kept
    assert [one for one in compiled if "workspaces" in one] == []

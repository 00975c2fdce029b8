"""`nephoscope credentials`: list, rotate."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from nephoscope.state import State
from nephoscope.state.ingestion.sources import Source

Run = Callable[..., Result]


def test_credentials_are_listed_and_rotated(tmp_path: Path, nephoscope: Run) -> None:
    with State.open_folder(tmp_path) as state:
        for name in ("a", "b"):
            state.credentials.put(name, "hunter2")
        state.sources.add(Source("hub", "event_hub", {}, credential="a"))
    first = json.loads(nephoscope(tmp_path, "credentials", "list", "-o", "json").stdout)
    assert [(row["name"], row["opens"], row["usedBy"]) for row in first] == [
        ("a", True, ["hub"]),
        ("b", True, []),
    ]
    rotated = nephoscope(tmp_path, "credentials", "rotate")
    assert (rotated.exit_code, rotated.stdout) == (0, "2 credentials encrypted with a new key\n")
    second = json.loads(nephoscope(tmp_path, "credentials", "list", "-o", "json").stdout)
    assert {row["key"] for row in first}.isdisjoint(row["key"] for row in second)
    shown = nephoscope(tmp_path, "credentials", "list")
    assert ("hunter2" in shown.output, shown.stdout.count("yes")) == (False, 2)


def test_a_lost_key_is_told(tmp_path: Path, nephoscope: Run) -> None:
    with State.open_folder(tmp_path) as state:
        state.credentials.put("a", "hunter2")
    (tmp_path / "keys" / "credentials.key").unlink()
    assert not json.loads(nephoscope(tmp_path, "credentials", "list", "-o", "json").stdout)[0]["opens"]
    result = nephoscope(tmp_path, "credentials", "rotate")
    assert (result.exit_code, "put the key file back" in result.stderr) == (2, True)

"""The own rules of a data folder: they change with what the state keeps of it, wherever a process ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from nephoscope.alerts.library.content_packs import RulePacks, StoredPiece
from nephoscope.alerts.library.own_rules import API, OwnRules
from nephoscope.state import State
from nephoscope.state.ingestion.checkpoints import Checkpoints

NOW = datetime(2026, 11, 1, tzinfo=UTC)


class Killed(BaseException):
    """The process ends here."""


def rule(id_: str) -> StoredPiece:
    return StoredPiece("rule", id_, id_, "", "api", "", "", {"id": id_})


@pytest.fixture
def state(tmp_path) -> Iterator[State]:
    with State.open_folder(tmp_path) as opened:
        yield opened


@pytest.fixture
def own(state, tmp_path) -> OwnRules:
    return OwnRules(state, tmp_path)


def put(own: OwnRules, id_: str) -> None:
    def keep(session, _) -> None:
        own.state.audit.add(session, "ada", "write", id_)

    own.change(lambda pieces: [*pieces, rule(id_)], "default", NOW, keep)


def entered(own: OwnRules) -> list[str]:
    return sorted(one.target for one in own.state.audit.entries(most=100))


def ids(own: OwnRules) -> list[str]:
    return [one.id for one in own.pieces]


def files(own: OwnRules) -> list[str]:
    return sorted(one.name for one in (own.data / "content" / "detections").iterdir())


@pytest.mark.parametrize("before", [[], ["a"]], ids=["first", "next"])
@pytest.mark.parametrize(
    ("owner", "name", "kept"),
    [(RulePacks, "prepare", False), (Checkpoints, "keep", False), (OwnRules, "finish", True)],
    ids=["before it is written", "before it is told which is in force", "before it is put in force"],
)
def test_no_rule_is_in_force_without_its_entry(own, monkeypatch, owner, name, kept, before):
    for id_ in before:
        put(own, id_)

    def end(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, end)
        patch.setattr(OwnRules, "finish", end)
        with pytest.raises(Killed):
            put(own, "b")
    wanted = [*before, "b"] if kept else before
    assert ids(own) == before
    assert entered(own) == wanted
    own.finish()
    assert ids(own) == entered(own) == wanted
    put(own, "c")
    assert ids(own) == entered(own) == [*wanted, "c"]
    assert files(own) == [f"{API}.pack"]


def test_a_change_that_is_refused_changes_nothing(own):
    def keep(*_) -> None:
        raise ValueError("no")

    put(own, "a")
    with pytest.raises(ValueError, match="no"):
        own.change(lambda _: [], "default", NOW, keep)
    assert ids(own) == entered(own) == ["a"]
    assert files(own) == [f"{API}.pack"]

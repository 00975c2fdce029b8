"""Runs that were given up are counted, and told by the list of automations."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from tests.automation.dead_runs import KEY, NOON, REASON, spoil

from nephoscope.cli.main import cli
from nephoscope.state import State
from nephoscope.state.automation.automation_runs import RunStatus
from nephoscope.state.automation.run_status import RunFilter


def test_how_runs_stand(tmp_path):
    with State.open_folder(tmp_path) as state:
        assert set(state.run_standings.count_by_status().values()) == {0}
        assert state.run_standings.tally_by_rule() == {}
        spoil(state)
        counts = state.run_standings.count_by_status()
        assert {one: count for one, count in counts.items() if count} == {
            RunStatus.DEAD: 2, RunStatus.DONE: 1, RunStatus.PENDING: 1,
        }  # fmt: skip
        tallies = state.run_standings.tally_by_rule()
        mine = tallies[KEY]
        assert (mine.runs, mine.open, mine.dead, mine.reason, mine.example) == (3, 0, 2, REASON, "dead-2")
        assert (mine.last - NOON).total_seconds() == 120
        assert (tallies["page <us>"].open, tallies["page <us>"].failure) == (1, "")


def test_runs_are_listed_page_by_page(tmp_path):
    with State.open_folder(tmp_path) as state:
        spoil(state)
        found = state.run_standings
        dead = RunFilter(rules=[KEY], statuses=[RunStatus.DEAD])
        assert [one.id for one in found.page()] == ["wait-1", "done-1", "dead-2", "dead-1"]
        assert [one.id for one in found.page(start=1, most=2)] == ["done-1", "dead-2"]
        assert [one.id for one in found.page(dead)] == ["dead-2", "dead-1"]
        assert [one.id for one in found.page(dead, order="changed")] == ["dead-1", "dead-2"]
        assert [one.id for one in found.page(dead, order="no column")] == ["dead-2", "dead-1"]
        assert [one.id for one in found.page(RunFilter(text="DEAD-1"))] == ["dead-1"]
        assert found.page(RunFilter(within=())) == []
        assert found.count_by_column(RunFilter(), "status") == {"dead": 2, "done": 1, "pending": 1}
        assert found.count_by_column(dead, "rule") == {KEY: 2}
        with pytest.raises(ValueError, match="not counted by id"):
            found.count_by_column(dead, "id")


@pytest.mark.parametrize("sender", ["", "mail: {host: smtp.contoso.com, sender: soc@contoso.com}"])
def test_the_list_of_automations_says_what_was_given_up_and_what_is_missing(tmp_path, sender):
    (tmp_path / "responses").mkdir()
    (tmp_path / "responses" / "operator.yaml").write_text(sender)
    with State.open_folder(tmp_path) as state:
        spoil(state)
    done = CliRunner().invoke(cli, ["--data", str(tmp_path), "automations", "list", "--output", "json"])
    (row,) = json.loads(done.stdout)
    missing, _, dead = row["error"].rpartition("; ")
    assert (done.exit_code, dead) == (0 if sender else 3, f"2 runs are dead, the last one: {REASON}")
    assert missing.startswith("" if sender else "operator.yaml has no mail server")

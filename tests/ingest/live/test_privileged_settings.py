"""What of the settings of a source is the server's own: told of every kind, and what looks like it and is not."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from nephoscope.ingest.live.privileged_settings import is_always_owned, list_privileged_settings
from nephoscope.ingest.live.source_kinds import describe_kind, load_source_kinds, parse_settings
from nephoscope.ingest.live.source_setup import OF_THE_HOST

CASES = yaml.load(
    (Path(__file__).parents[2] / "cases/ingest/owned.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader
)
ROWS = [(kind, row) for kind, rows in CASES.items() for row in rows]
#: Settings that name files, that decide who the server is, or that lead to other machines.
TELLING = {
    "ca",
    "certificate",
    "key",
    "client_ca",
    "cloud",
    "credential",
    "account_url",
    "brokers",
    "private",
}


@pytest.mark.parametrize(("kind", "row"), ROWS, ids=[f"{kind}-{n}" for n, (kind, _) in enumerate(ROWS)])
def test_the_servers_own_is_told(kind, row) -> None:
    found = list_privileged_settings(
        load_source_kinds()[kind], parse_settings(load_source_kinds()[kind], row["settings"])
    )
    assert [one.partition(" (")[0] for one in found] == row.get("owned", [])


def test_every_kind_says_which_of_its_settings_are_the_servers_own() -> None:
    assert set(CASES) == load_source_kinds().keys() - OF_THE_HOST, "kinds of the host are so as a whole"
    for name in CASES:
        names = {one.name for one in describe_kind(load_source_kinds()[name])}
        assert load_source_kinds()[name].owned.keys() == names & TELLING
        told = {owner for row in CASES[name] for owner in row.get("owned", [])}
        assert told == load_source_kinds()[name].owned.keys()
    assert {name for name in CASES if is_always_owned(load_source_kinds()[name])} == {"graph", "activity_log"}

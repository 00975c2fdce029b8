"""The sample company's logs: the same seed gives the same bytes, and every record is taken by the format it was written for."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from nephoscope.cli.main import cli
from nephoscope.lake.lake import Lake
from nephoscope.sample.company import Company
from nephoscope.sample.generator import Generator, write
from nephoscope.sample.log_entry import SampleEntry
from nephoscope.sample.sample_address import SampleRequest
from nephoscope.sample.sample_loading import SampleLogLoader
from nephoscope.sample.staged_attacks import load_attacks, parse_time_span
from nephoscope.state import State

DAY = date(2026, 6, 3)
LATER = datetime(2026, 6, 11, tzinfo=UTC)
#: Every kind of log that the company writes has its table.
TABLES = {
    "AADManagedIdentitySignInLogs",
    "AADNonInteractiveUserSignInLogs",
    "AADServicePrincipalSignInLogs",
    "AGWAccessLogs",
    "AGWFirewallLogs",
    "AKSAudit",
    "AKSAuditAdmin",
    "AZFWApplicationRule",
    "AZFWDnsQuery",
    "AZFWNetworkRule",
    "AZKVAuditLogs",
    "AppServiceHTTPLogs",
    "AuditLogs",
    "AzureActivity",
    "AzureFlowLogs",
    "CommonSecurityLog",
    "SQLSecurityAuditEvents",
    "SecurityEvent",
    "SigninLogs",
    "StorageBlobLogs",
    "Syslog",
}


def digest(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def written(
    folder: Path, *, seed: int = 1, start: date = DAY, days: int = 1, users: int = 60
) -> dict[str, str]:
    for _ in Generator(start, days, seed, users).write(folder):
        pass
    return digest(folder)


@settings(max_examples=2)
@given(st.integers(0, 2**31), st.dates(date(2025, 6, 1), date(2027, 6, 1)))
def test_the_same_seed_gives_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, seed: int, start: date
) -> None:
    first = written(tmp_path_factory.mktemp("a"), seed=seed, start=start)
    assert first == written(tmp_path_factory.mktemp("b"), seed=seed, start=start)
    assert first != written(tmp_path_factory.mktemp("c"), seed=seed + 1, start=start)


def test_a_day_is_the_same_whichever_days_stand_around_it(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole", days=2)
    alone = written(tmp_path / "alone", start=DAY + timedelta(days=1))
    assert alone == {name: found for name, found in whole.items() if name in alone}


def test_days_hold_what_happened_on_them_in_its_order() -> None:
    generator = Generator(DAY, 2, users=60)
    for day in generator.each_day:
        times = [entry.time for entry in generator.entries(day)]
        assert times == sorted(times)
        assert {time.date() for time in times} == {day}


def some_of_each(generator: Generator) -> list[SampleEntry]:
    """Some sixty entries of each log of a day, from its beginning to its end."""
    streams: dict[str, list[SampleEntry]] = {}
    for entry in generator.entries(next(iter(generator.each_day))):
        streams.setdefault(entry.stream, []).append(entry)
    return [one for several in streams.values() for one in several[:: max(1, len(several) // 60)]]


@pytest.mark.parametrize(
    ("users", "whole"), [(50, False), pytest.param(50, True, marks=pytest.mark.full), pytest.param(80, True, marks=pytest.mark.full)]
)  # fmt: skip
def test_every_record_is_a_row_of_its_table(tmp_path: Path, users: int, whole: bool) -> None:
    # a Sunday, when the scanner sweeps and keys are rotated, and the night of the patches
    sunday, patches = (Generator(date(2026, 6, day), 1, users=users) for day in (7, 10))
    with (
        State.open_folder(tmp_path, f"sqlite:///{tmp_path / 'state.db'}") as state,
        Lake.open(tmp_path, state) as lake,
    ):
        loading = SampleLogLoader(lake, state, lake.workspace("default"))
        if whole:
            tallies = [loading.days(sunday), loading.days(patches)]
        else:
            tallies = [loading.load_entries(some_of_each(one), LATER) for one in (sunday, patches)]
            lake.flush(600)
    assert not any(one.bad or one.failed for one in tallies)
    assert {table for one in tallies for table in one.rows} >= TABLES


@pytest.mark.parametrize("name", sorted(load_attacks()))
def test_an_attacks_traces_are_rows_and_the_same_each_time(tmp_path: Path, name: str) -> None:
    company = Company(users=60)
    entries = list(load_attacks()[name].entries(company, DAY))
    assert write(entries, tmp_path / "a")
    write(load_attacks()[name].entries(Company(users=60), DAY), tmp_path / "b")
    assert digest(tmp_path / "a") == digest(tmp_path / "b")
    with (
        State.open_folder(tmp_path, f"sqlite:///{tmp_path / 'state.db'}") as state,
        Lake.open(tmp_path, state) as lake,
    ):
        tally = SampleLogLoader(lake, state, lake.workspace("default")).load_entries(entries, entries[0].time)
        assert not tally.bad
        assert sum(tally.rows.values()) == len(entries)


@pytest.mark.parametrize("name", sorted(load_attacks()))
def test_an_attack_finds_its_people_in_the_smallest_company_too(name: str) -> None:
    assert list(load_attacks()[name].entries(Company(users=50), DAY))


def test_the_company_is_as_large_as_asked() -> None:
    company = Company(users=500)
    assert len({one.upn for one in company.people}) == len(company.people) == 500
    assert company.person("adm-erp-1").upn == "adm-erp-1@brackwater.example"
    with pytest.raises(KeyError):
        company.person("nobody")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sample:weeks=3", "not one of attack="),
        ("sample:days", "not one of attack="),
        ("sample:days=0", "from 1 to"),
        ("sample:users=-1", "from 50 to"),
        ("sample:start=yesterday", "2026-11-01"),
        ("sample:attack=rain", "unknown attack 'rain': use one of"),
    ],
)
def test_what_cannot_be_asked_for(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SampleRequest.parse(text)


def test_what_can_be_asked_for() -> None:
    assert SampleRequest.parse("sample:", DAY) == SampleRequest(DAY - timedelta(days=30))
    assert SampleRequest.parse("sample:days=7,seed=2,users=60,attack=web-attack", DAY) == SampleRequest(
        DAY - timedelta(days=7), 7, 2, 60, "web-attack"
    )
    assert SampleRequest.parse("sample:days=2,start=2026-01-01").generator().days == 2


def test_durations() -> None:
    assert parse_time_span("1h2m3s") == timedelta(hours=1, minutes=2, seconds=3)
    with pytest.raises(ValueError, match="duration"):
        parse_time_span("soon")


@pytest.mark.full
def test_the_command_takes_them_in_once(tmp_path: Path) -> None:
    asked = ["--data", str(tmp_path), "ingest", "sample:days=1,users=50", "--output", "json"]
    runner = CliRunner()
    first = json.loads(runner.invoke(cli, asked, catch_exceptions=False).stdout)
    assert first["rows"]["SigninLogs"] > 50
    assert first["quarantined"] == first["failed"] == {}
    again = json.loads(runner.invoke(cli, asked, catch_exceptions=False).stdout)
    assert (again["rows"], again["files"]["read"]) == ({}, 0)
    wrong = runner.invoke(cli, ["--data", str(tmp_path), "ingest", "sample:moon=full"])
    assert (wrong.exit_code, "moon=full" in wrong.output) == (2, True)

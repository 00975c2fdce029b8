"""Behavior by command line: from a log file to a row that is explained."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nephoscope.cli.main import cli

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
USERS = [f"user{number}" for number in range(12)]


def record(
    user: str, moment: datetime, country: str = "DE", address: str = "198.51.100.1"
) -> dict[str, object]:
    return {
        "time": moment.isoformat(), "category": "SignInLogs", "operationName": "Sign-in activity", "resultType": "0",
        "location": country,
        "properties": {
            "id": f"{user}{moment.isoformat()}", "createdDateTime": moment.isoformat(), "userId": f"id-{user}",
            "userDisplayName": user,
            "userPrincipalName": f"{user}@contoso.com", "ipAddress": address, "status": {"errorCode": 0}, "appDisplayName": "Office",
            "autonomousSystemNumber": 3320 if country == "DE" else 2860, "location": {"countryOrRegion": country, "city": "Town"},
            "deviceDetail": {"browser": "Edge 120", "operatingSystem": "Windows", "displayName": f"pc-{user}"},
        },
    }  # fmt: skip


def run(data: Path, *arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["--data", str(data), *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("behavior")
    records = [record(user, NOON - timedelta(days=day)) for day in range(1, 15) for user in USERS]
    records.append(record("user3", NOON, "PT", "203.0.113.7"))
    (folder / "PT1H.json").write_text(json.dumps({"records": records}))
    run(folder / "data", "ingest", str(folder / "PT1H.json"))
    run(folder / "data", "behavior", "run")
    return folder / "data"


def test_what_stands_out_is_listed_and_explained(data: Path) -> None:
    (row,) = json.loads(run(data, "behavior", "list", "-o", "json").stdout)
    assert (row["who"], row["why"].partition(";")[0]) == (
        "user3@contoso.com",
        "first sign-in from PT in 14 days",
    )
    told = run(data, "behavior", "explain", row["id"]).stdout
    assert "Country" in told
    assert f"priority {row['priority']}" in told
    assert run(data, "behavior", "explain", row["id"][:8]).stdout == told, "the beginning is enough"
    assert "no row of BehaviorAnalytics" in run(data, "behavior", "explain", "0" * 36, code=2).output


def test_where_nothing_stands_out_it_is_said_that_it_may_be_too_early(data: Path) -> None:
    told = run(data, "behavior", "list", "--priority", "10").stderr
    assert "active on 5 days, the first of them at least 7 days earlier" in told


def test_a_profile_is_shown_by_name(data: Path) -> None:
    rows = json.loads(run(data, "behavior", "show", "user3@contoso.com", "-o", "json").stdout)
    assert {row["value"]: row["days"] for row in rows if row["dimension"] == "Country"} == {"DE": 14, "PT": 1}
    assert "no profile or activity for nobody" in run(data, "behavior", "show", "nobody", code=2).output


def test_detect_analyses_behavior_first(data: Path) -> None:
    run(data, "detect", "--rule", "Impossible travel", "--no-behavior")
    run(data, "detect", "--rule", "Impossible travel")
    assert "0 observations" not in run(data, "behavior", "run").stdout
    found = run(data, "query", "BehaviorAnalytics | project UserPrincipalName", "-o", "csv").stdout
    assert found.split() == ["UserPrincipalName", "user3@contoso.com"]


def test_settings_are_shown_changed_and_checked(data: Path, tmp_path: Path) -> None:
    assert "learning_days: 7" in run(data, "behavior", "settings").stdout
    assert "peers: 30" in run(data, "behavior", "settings", "--peers", "30").stdout


def test_a_damaged_address_database_is_told(data: Path) -> None:
    (data / "places").mkdir()
    broken = data / "places" / "no.mmdb"
    broken.write_text("no database")
    assert "not a readable address database" in run(data, "behavior", "run", code=3).output
    broken.unlink()


@pytest.mark.full
def test_damaged_profiles_are_told_with_what_to_do(data: Path, tmp_path: Path) -> None:
    folder = data / "behavior" / "default" / "base" / "_delta_log"
    first = min(folder.glob("*.json"))
    first.write_bytes(b"{broken")
    assert (
        "run `nephoscope behavior run --anew` to learn them again"
        in run(data, "behavior", "run", code=3).output
    )
    run(data, "behavior", "run", "--anew")
    assert "observations" in run(data, "behavior", "run").stdout
    aside = list((data / "behavior" / "default").glob("base.damaged-*"))
    assert [(one / "_delta_log" / first.name).read_bytes() for one in aside] == [b"{broken"]

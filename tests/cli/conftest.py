"""A data folder with a lake, for commands."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nephoscope.cli.main import cli
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.state import State

SUBSCRIPTIONS = ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002")


def signins(count: int, begin: dt.datetime) -> list[dict[str, object]]:
    """Rows of SigninLogs, one an hour backwards, subscriptions in turn."""
    return [
        {
            "TimeGenerated": begin - dt.timedelta(hours=number),
            "UserPrincipalName": f"u{number % 3}@contoso.com",
            "ResultType": "0" if number % 4 else "50126",
            "_ResourceId": f"/subscriptions/{SUBSCRIPTIONS[number % 2]}/resourceGroups/g",
        }
        for number in range(count)
    ]


@pytest.fixture(scope="session")
def filled_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose workspace default has 48 sign-ins and whose workspace soc has 6, to be copied."""
    data = tmp_path_factory.mktemp("filled") / "data"
    now = dt.datetime.now(dt.UTC)
    with State.open_folder(data) as state:
        state.workspaces.add("soc", days=30)
        with Lake.open(data, state) as lake:
            for name, count in (("default", 48), ("soc", 6)):
                rows = to_arrow_rows(
                    lake.tables["SigninLogs"], signins(count, now), workspace=lake.workspace(name), now=now
                )
                assert not rows.bad
                lake.writer().append(name, {"SigninLogs": rows.table}, producer=f"test-{name}", sequence=0)
    return data


@pytest.fixture
def filled(filled_once: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return Path(shutil.copytree(filled_once, tmp_path / "data"))


@pytest.fixture
def nephoscope() -> Callable[..., Result]:
    """Runs a command on a data folder; what is no end of the command is raised."""

    def run(data: Path, *arguments: object, given: str | None = None) -> Result:
        result = CliRunner().invoke(cli, ["--data", str(data), *map(str, arguments)], input=given)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run

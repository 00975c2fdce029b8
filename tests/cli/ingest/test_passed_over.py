"""The command ingest: what cannot be read or is no log is told with its place, and the rest goes on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.cli.ingest.logs import FIREWALL, counted, event, ingest, lines_of, record, run

from nephoscope.cli.main import cli
from nephoscope.ingest.logs.load_files import is_log
from nephoscope.lake.lake import Lake
from nephoscope.state import State


def test_what_cannot_be_read_is_quarantined_with_its_place_and_the_rest_goes_on(
    tmp_path: Path, data: Path
) -> None:
    plain = tmp_path / "a.json"
    plain.write_bytes(
        lines_of(2)
        + b'{"broken\n'
        + json.dumps(record(2) | {"time": "never"}).encode()
        + b"\n"
        + lines_of(1, 3)
        + b'{"a":1}\n'
    )
    code, found = ingest(data, plain)
    assert code == 3
    assert found["rows"] == {"AZFWNetworkRule": 3}
    assert sum(found["quarantined"].values()) == 3
    assert found["records"] == 6
    entries = counted(data, "_Quarantine | project Place, Reason, Source | order by Place asc")
    assert [entry["Place"] for entry in entries] == ["line 3", "line 4.time", "line 6"]
    assert all(entry["Source"] == str(plain) for entry in entries)


def test_a_folder_gives_its_logs_and_says_what_it_passed_over(tmp_path: Path, data: Path) -> None:
    folder = tmp_path / "logs" / "y=2026"
    folder.mkdir(parents=True)
    (folder / "PT1H.json").write_bytes(lines_of(3))
    (folder / "messages").write_bytes(lines_of(3, 3))
    (folder / "picture.png").write_bytes(b"\x89PNG")
    code, found = ingest(data, tmp_path / "logs")
    assert (code, found["rows"]["AZFWNetworkRule"], found["files"]["skipped"]) == (0, 6, 1)


def test_a_device_is_refused_by_name_and_the_rest_goes_on(tmp_path: Path, data: Path) -> None:
    (tmp_path / "a.json").write_bytes(lines_of(2))
    code, found = ingest(data, "/dev/null", tmp_path / "a.json")
    assert (code, found["rows"]) == (3, {"AZFWNetworkRule": 2})
    assert "standard input" in found["failed"]["/dev/null"]


def test_what_may_not_be_read_is_told_and_the_rest_goes_on(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = tmp_path / "logs"
    for name in ("closed", "open"):
        (logs / name).mkdir(parents=True)
        (logs / name / "a.json").write_bytes(lines_of(2))
    (logs / "shut.json").write_bytes(lines_of(2, 2))
    scandir, open_ = os.scandir, Path.open

    def denied(path: Any) -> None:
        # the folder of work is removed by its descriptor
        if not isinstance(path, int) and Path(path) in (logs / "closed", logs / "shut.json"):
            raise PermissionError(13, "Permission denied", str(path))

    def scans(path: Any) -> Any:
        denied(path)
        return scandir(path)

    def opens(path: Path, *arguments: Any, **named: Any) -> Any:
        denied(path)
        return open_(path, *arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", scans)
        patched.setattr(Path, "open", opens)
        code, found = ingest(data, logs)
    assert (code, found["rows"], found["files"]["failed"]) == (3, {"AZFWNetworkRule": 2}, 2)
    assert found["failed"] == {
        str(logs / "closed"): "cannot be listed: Permission denied",
        str(logs / "shut.json"): "cannot be read: Permission denied",
    }
    code, found = ingest(data, logs)
    assert (code, found["rows"], found["files"]["known"]) == (0, {"AZFWNetworkRule": 2}, 2), (
        "read when it may be"
    )


@pytest.mark.parametrize(
    ("name", "log"),
    [
        ("auth.log.1", True),
        ("auth.log-20261126", True),
        ("messages-20261126-1", True),
        ("kern.log.1.gz", True),
        ("fw.jsonl.1", True),
        ("syslog.12", True),
        ("logs.zip", True),
        ("library.so.1", False),
        ("picture.png-20261126", False),
        ("logs.zip.1", False),
        (".hidden.log.1", False),
    ],
)
def test_logs_that_were_turned_over_are_logs(name: str, log: bool) -> None:
    assert is_log(name) is log


def test_the_first_names_that_are_passed_over_are_told(tmp_path: Path, data: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.png").write_bytes(b"")
    told = ", ".join(str(folder / f"{number}.png") for number in range(3))
    assert f"skipped by name: {told} and 2 more" in run(data, folder).stdout


def test_links_out_of_a_folder_are_told_and_not_read(data: Path, tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "w"
    outside.mkdir()
    folder.mkdir()
    (outside / "secret.log").write_bytes(lines_of(7))
    (folder / "a.json").write_bytes(lines_of(1, first=100))
    (folder / "b.json").symlink_to("a.json")
    (folder / "pw.log").symlink_to(outside / "secret.log")
    (folder / "all").symlink_to(outside)
    code, found = ingest(data, folder)
    assert (code, found["rows"], found["quarantined"]) == (3, {"AZFWNetworkRule": 1}, {})
    assert set(found["failed"]) == {str(folder / "pw.log"), str(folder / "all")}
    assert all("a link out of the folder" in why for why in found["failed"].values())
    for pattern in ("*.log", "*/secret.log"):
        code, found = ingest(data, f"{folder}/{pattern}")
        assert (code, found["rows"]) == (3, {}), pattern
        assert all("a link out of the folder" in why for why in found["failed"].values())
    (tmp_path / "link").symlink_to(folder)
    assert ingest(data, tmp_path / "link")[1]["files"]["known"] == 2
    code, found = ingest(data, folder / "pw.log")
    assert (code, found["rows"], found["failed"]) == (0, {"AZFWNetworkRule": 7}, {})


def test_rows_that_a_workspace_does_not_show_are_told(tmp_path: Path, data: Path) -> None:
    mine, other = FIREWALL.split("/")[2], "99999999-2222-4333-8444-555555555555"
    arguments = ["--data", str(data), "workspaces", "add", "soc", "--subscription", mine]
    assert CliRunner().invoke(cli, arguments).exit_code == 0
    plain = tmp_path / "a.json"
    elsewhere = json.dumps(record(2) | {"resourceId": FIREWALL.replace(mine, other)}).encode() + b"\n"
    plain.write_bytes(lines_of(2) + elsewhere + b"".join(event(number) for number in range(3)))
    result = run(data, plain, "-w", "soc", "--destination", "dedicated", "--output", "json")
    found = json.loads(result.stdout)
    assert (found["rows without resource"], found["rows of other subscriptions"]) == (3, 1)
    told = run(data, plain, "-w", "soc", "--destination", "dedicated", "--again").stderr
    assert "3 row(s) name no resource" in told
    assert "1 row(s) belong to subscriptions that the workspace does not show" in told
    with State.open_folder(data) as state, Lake.open(data, state) as lake:
        tables = "union AZFWNetworkRule, AZKVAuditLogs | count"
        assert lake.query(tables, workspace="soc")[0].table.to_pylist() == [{"Count": 4}], "two, twice"
    found = json.loads(run(data, plain, "--output", "json").stdout)
    assert (found["rows without resource"], found["rows of other subscriptions"]) == (0, 0), "shows all"

"""What commands keep of machines and images, and how they list and explain its vulnerabilities."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import sqlite3
from pathlib import Path

import pytest
from tests.cli.test_image import BASE, advisory, data, layout, no_clamav, run

__all__ = ["data", "layout", "no_clamav"]  # fixtures
REGISTRY = "/subscriptions/00000000-0000-4000-8000-00000000000a/resourceGroups/a/providers/Microsoft.ContainerRegistry/registries/r"
VM = "/subscriptions/00000000-0000-4000-8000-00000000000a/resourceGroups/a/providers/Microsoft.Compute/virtualMachines/web1"


@pytest.fixture
def root(tmp_path: Path) -> str:
    for path, content in BASE.items():
        (tmp_path / "root" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "root" / path).write_bytes(content)
    return str(tmp_path / "root")


def listed(data: Path, *words: str) -> list[tuple[str, str, str]]:
    rows = json.loads(run(data, "vulnerabilities", "list", *words, "-o", "json").stdout)
    return [(row["id"], row["kind"], row["name"]) for row in rows]


def test_a_machine_and_an_image_are_kept_and_listed(data: Path, layout: str, root: str) -> None:
    kept = run(data, "image", layout, "--packages", "--keep", "--resource", REGISTRY, "--tag", "")
    assert "kept: layout@sha256:" in kept.stderr
    assert "2 opened, 0 closed" in kept.stderr
    kept = run(data, "inventory", root, "--keep", "--resource", VM)
    assert "kept: web1: 1 package; findings: 1 opened" in kept.stderr
    every = listed(data)
    assert {(one[0], one[1]) for one in every} == {
        ("CVE-2026-1", "image"), ("CVE-2026-1", "machine"), ("PYSEC-2026-2", "image"),
    }  # fmt: skip
    assert {one[2] for one in listed(data, "--resource", VM)} == {"web1"}
    assert len(listed(data, "--image", "layout")) == 2
    assert listed(data, "--exploited") == []
    assert len(listed(data, "--cve", "cve-2026-1")) == 2
    told = run(data, "vulnerabilities", "list", "--by", "vulnerability", "-o", "csv")
    rows = list(csv.DictReader(io.StringIO(told.stdout)))
    assert {(row["id"], row["machines"], row["images"]) for row in rows} == {
        ("CVE-2026-1", "1", "1"),
        ("PYSEC-2026-2", "0", "1"),
    }
    # a lock file of the image could not be read
    assert (told.exit_code, "1 file could not be read" in told.stderr) == (3, True)
    assert run(data, "vulnerabilities", "list", "--resource", VM).exit_code == 0
    explained = run(data, "vulnerabilities", "explain", "CVE-2026-1").stdout
    assert "2 packages of machines and images have it" in explained
    assert "machine web1: libfoo1 1.2-3; update to 1.2-4; since " in explained


def test_an_import_changes_what_is_kept(data: Path, root: str, tmp_path: Path) -> None:
    run(data, "inventory", root, "--keep", "--resource", VM)
    changed = advisory("DEBIAN-CVE-2026-7", "Debian:12", "foo", "9")
    (tmp_path / "osv/DEBIAN-CVE-2026-1.json").write_text(json.dumps(changed))
    told = run(data, "vulnerabilities", "import", str(tmp_path / "osv"))
    assert "matched again: 1 package; findings: 1 opened, 1 closed, 0 opened again" in told.stdout
    assert [one[0] for one in listed(data)] == ["CVE-2026-7"]
    closed = json.loads(run(data, "vulnerabilities", "list", "--closed", "-o", "json").stdout)
    assert {(row["id"], row["closedBy"]) for row in closed} == {
        ("CVE-2026-1", "advisory"),
        ("CVE-2026-7", ""),
    }


def test_what_is_left_out_for_want_of_a_severity_is_told(data: Path, root: str) -> None:
    run(data, "inventory", root, "--keep", "--resource", VM)
    told = run(data, "vulnerabilities", "list", "--severity", "low")
    assert "not shown: vulnerabilities whose severity is not known: 1" in told.stderr
    assert "not shown" not in run(data, "vulnerabilities", "list").stderr


def test_severities_fail(data: Path, root: str, tmp_path: Path) -> None:
    run(data, "inventory", root, "--keep", "--resource", VM)
    severe = {**advisory("DEBIAN-CVE-2026-1", "Debian:12", "foo", "1.2-4"), "database_specific": {"severity": "HIGH"}}  # fmt: skip
    (tmp_path / "osv/DEBIAN-CVE-2026-1.json").write_text(json.dumps(severe))
    run(data, "vulnerabilities", "import", str(tmp_path / "osv"))
    assert run(data, "vulnerabilities", "list", "--fail-on", "high").exit_code == 1
    assert run(data, "vulnerabilities", "list", "--fail-on", "critical").exit_code == 0
    assert (len(listed(data, "--severity", "high")), listed(data, "--severity", "critical")) == (1, [])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--resource", VM), "give --keep, too"),
        (("--keep", "--resource", "web1"), "not a resource id"),
        (("--keep",), "by its id in ARM or by its host name"),
    ],
)
def test_what_cannot_be_kept(data: Path, root: str, words: tuple[str, ...], says: str) -> None:
    told = run(data, "inventory", root, *words)
    assert (told.exit_code, says in told.stderr) == (2, True)


def test_nothing_is_kept_where_nobody_asks(data: Path, layout: str) -> None:
    run(data, "image", layout)
    assert listed(data) == []


def test_what_is_exempted_is_left_out_and_does_not_fail(data: Path, layout: str, root: str) -> None:
    run(data, "inventory", root, "--keep", "--resource", VM)
    made = run(data, "vulnerabilities", "exempt", "--cve", "CVE-2026-1", "--reason", "no way in")
    name = made.stdout.removeprefix("exempted: ").strip()
    assert listed(data) == []
    assert len(listed(data, "--exempted")) == 1
    told = run(data, "image", layout, "--packages", "-o", "csv")
    assert "exempted: 1 findings" in told.stderr
    rows = json.loads(run(data, "vulnerabilities", "exemptions", "-o", "json").stdout)
    assert [(row["name"], row["state"], row["reason"]) for row in rows] == [(name, "in force", "no way in")]
    assert run(data, "vulnerabilities", "unexempt", name).exit_code == 0
    assert len(listed(data)) == 1
    assert run(data, "vulnerabilities", "unexempt", name).exit_code == 2
    assert run(data, "vulnerabilities", "exempt", "--reason", "x").exit_code == 2


@pytest.mark.parametrize(
    "command", [("vulnerabilities", "list"), ("vulnerabilities", "explain", "CVE-2026-1")], ids="-".join
)
def test_advisories_that_cannot_be_read_are_told_with_what_to_do(
    data: Path, root: str, command: tuple[str, ...]
) -> None:
    run(data, "inventory", root, "--keep", "--resource", VM)
    with contextlib.closing(sqlite3.connect(data / "vulnerabilities" / "advisories.sqlite")) as file:
        file.execute("PRAGMA user_version = 1")
    told = run(data, *command)
    assert told.exit_code == 2
    assert "advisories.sqlite has version 1" in told.stderr
    assert "remove it and import the feeds again" in told.stderr


def test_what_a_part_of_a_feed_does_not_name_is_not_assessed(data: Path, root: str, tmp_path: Path) -> None:
    kept = ("inventory", root, "--keep", "--resource", VM)
    assert run(data, *kept).exit_code == 0
    assert run(data, "vulnerabilities", "list", "--resource", VM).exit_code == 0
    for words, code in ((("--partial",), 3), ((), 0)):
        run(data, "vulnerabilities", "import", str(tmp_path / "osv"), *words)
        feeds = json.loads(run(data, "vulnerabilities", "feeds", "-o", "json").stdout)
        assert [one["partial"] for one in feeds] == ["yes" if words else "no"]
        told = run(data, "vulnerabilities", "list", "--resource", VM)
        assert (told.exit_code, "was not assessed" in told.stderr) == (code, code == 3)
        assert [one[0] for one in listed(data, "--resource", VM)] == ["CVE-2026-1"]

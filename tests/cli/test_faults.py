"""Whatever is asked wrongly, or lies broken, ends with a sentence and the right exit code, never with a traceback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.running import forked_commands

from nephoscope.cli.main import cli

pytestmark = pytest.mark.system

ACCOUNT = {
    "id": "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a",
    "type": "Microsoft.Storage/storageAccounts",
    "location": "westeurope",
    "properties": {"supportsHttpsTrafficOnly": False},
}
POLICY = {
    "name": "p",
    "properties": {
        "policyRule": {"if": {"field": "type", "equals": ACCOUNT["type"]}, "then": {"effect": "audit"}}
    },
}
INITIATIVE = {
    "name": "set",
    "properties": {
        "displayName": "The set",
        "parameters": {"allowedThings": {"type": "Array", "defaultValue": []}},
        "policyDefinitions": [
            {"policyDefinitionId": "/providers/Microsoft.Authorization/policyDefinitions/p"}
        ],
    },
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a good snapshot, good content, and what is wrong in every way."""
    root = tmp_path_factory.mktemp("files")
    (root / "good.json").write_text(json.dumps([ACCOUNT]))
    (root / "content").mkdir()
    (root / "content" / "p.json").write_text(json.dumps(POLICY))
    (root / "content" / "set.json").write_text(json.dumps(INITIATIVE))
    (root / "mixed").mkdir()
    (root / "mixed" / "p.json").write_text(json.dumps(POLICY))
    (root / "mixed" / "q.json").write_text('{"name": ')
    (root / "empty").mkdir()
    (root / "broken.json").write_text('{"id": "/subscriptions/')
    (root / "binary.json").write_bytes(bytes(range(256)) * 9)
    (root / "zero.json").write_bytes(b"")
    (root / "zero.json.gz").write_bytes(b"")
    (root / "cut.json.gz").write_bytes(b"\x1f\x8b\x08\x00\x00")
    (root / "list.json").write_text("[]")
    return root


def run(files: Path, *arguments: str, data: Path | None = None) -> Result:
    told = [str(files / one[1:]) if one.startswith("@") else one for one in arguments]
    result = CliRunner().invoke(cli, ["--data", str(data or files / "data"), *told])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


WRONG = [
    # arguments, exit code, what is said
    (["scan", "@empty"], 2, "contains no resource"),
    (["scan", "@missing"], 2, "no such file"),
    (["scan", "@zero.json"], 2, "contains no resource"),
    (["scan", "@list.json"], 2, "contains no resource"),
    (["scan", ""], 2, "empty TARGET"),
    (["scan", "@broken.json"], 3, "Quarantined input"),
    (["scan", "@binary.json"], 3, "Quarantined input"),
    (["scan", "@cut.json.gz"], 3, "Quarantined input"),
    (["scan", "@good.json", "--policies", "@empty"], 2, "no policy definition or initiative"),
    (["scan", "@good.json", "--policies", "@broken.json"], 3, "not JSON"),
    (["scan", "@good.json", "--policies", "@binary.json"], 3, "not UTF-8"),
    (["scan", "@good.json", "--initiative", "nephoscop"], 2, "nephoscope"),
    (["scan", "@good.json", "--policies", "@content", "--initiative", "sett"], 2, "did you mean 'set'"),
    (["scan", "@good.json", "--policies", "@content", "--initiative", "The"], 2, "set (The set)"),
    (
        [
            "scan",
            "@good.json",
            "--policies",
            "@content",
            "--initiative",
            "set",
            "--parameter",
            "allowdThings=[]",
        ],
        2,
        "did you mean 'allowedThings'",
    ),
    (
        [
            "scan",
            "@good.json",
            "--policies",
            "@content",
            "--initiative",
            "set",
            "--parameter",
            "allowedThings=1",
        ],
        2,
        "of type array",
    ),
    (["scan", "@good.json", "--parameter", "typo=1"], 2, "has no parameter 'typo'"),
    (
        ["scan", "@good.json", "--policies", "@content", "--parameter", "typo=1"],
        2,
        "come from its assignment",
    ),
    (["scan", "@good.json", "--assigned", "--parameter", "typo=1"], 2, "add --initiative"),
    (["scan", "@good.json", "--decisions", "@empty"], 2, "no assignment, exemption or attestation"),
    (["scan", "@good.json", "--decisions", "@list.json"], 2, "no assignment, exemption or attestation"),
    (["scan", "@good.json", "--decisions", "@broken.json"], 3, "not JSON"),
    (["scan", "@good.json", "--scope", "nonsense"], 2, "lies at or under it"),
    (["scan", "@good.json", "--tag", "=x"], 2, "needs the name of a tag"),
    (["scan", "@good.json", "--at", "soon"], 2, "must be a date or time"),
    (["scan", "@good.json", "--since", "soon"], 2, "must be an existing snapshot or a date"),
    (["scan", "@good.json", "--since", "@empty"], 2, "no readable resource to compare with"),
    (["scan", "@good.json", "--since", "@broken.json"], 2, "no readable resource to compare with"),
    (["scan", "@good.json", "--since", "2020-01-01", "--no-history"], 2, "--no-history excludes"),
    (["scan", "@good.json", "--since", "2020-01-01"], 0, "no earlier evaluation"),
    (["scan", "@good.json", "--explain", "nope"], 2, "no assessed resource"),
    (["compliance", "@good.json", "--standard", "nope"], 2, "nephoscope"),
    (["recommendations", "@good.json", "--show", "nope"], 2, "recommendation 'nope' not found"),
    (
        ["recommendations", "@good.json", "--show", "storage-secure-transfer", "-o", "json"],
        2,
        "--show prints text",
    ),
    (["recommendations", "@good.json", "--preview", "p", "-o", "sarif"], 2, "table, json, csv"),
    (["content", "import", "@empty"], 2, "no policy definition or initiative found"),
    (["content", "import", "@mixed"], 3, "not JSON"),
    (["content", "import", "@broken.json"], 2, "not JSON"),
    (["content", "import", "@binary.json"], 2, "not UTF-8"),
    (["content", "import", "@zero.json.gz"], 2, "not JSON"),
    (["content", "import", "@cut.json.gz"], 2, "not an alias table"),
    (["content", "import", "@list.json"], 2, "no alias"),
    (["content", "show", "nope"], 2, "definition or initiative 'nope'"),
    (["content", "test", "@empty"], 2, "no tests found"),
    (["content", "test", "@broken.json"], 1, "not JSON"),
    (["content", "list", "nope"], 0, "no definition matches 'nope'"),
    (["collect", "--resume"], 2, "--resume requires --out"),
    (["collect", "--cloud", "nope"], 2, "neither public"),
]


@pytest.mark.parametrize(("arguments", "code", "said"), WRONG, ids=[" ".join(one[0]) for one in WRONG])
def test_what_is_wrong_is_said(
    files: Path, arguments: list[str], code: int, said: str, tmp_path: Path
) -> None:
    result = run(files, *arguments, data=tmp_path / "data")
    assert said in result.output
    assert result.exit_code == code


@pytest.fixture(scope="module")
def kept(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a history of two evaluations, a pack and an alias table."""
    data = tmp_path_factory.mktemp("kept")
    (files / "aliases.json").write_text('{"Contoso.Test/things/x": "properties.x"}')
    run(files, "content", "import", "@content", data=data)
    run(files, "content", "import", "@aliases.json", data=data)
    for when in ("2026-01-01", "2026-01-02"):
        assert run(files, "scan", "@good.json", "--at", when, data=data).exit_code == 0
    return data


TABLES = ("posture/findings", "posture/evaluations", "estate/resources")


@pytest.mark.sampled(6, each="what")
@pytest.mark.parametrize("how", ["garbage", "cut", "gone"])
@pytest.mark.parametrize("what", [f"{name}/{part}" for name in TABLES for part in ("log", "rows")])
def test_a_damaged_table_is_told(files: Path, kept: Path, tmp_path: Path, what: str, how: str) -> None:
    data = tmp_path / "data"
    shutil.copytree(kept, data)
    folder, part = what.rsplit("/", 1)
    pattern = "_delta_log/*0.json" if part == "log" else "**/*.parquet"
    for path in sorted((data / folder).glob(pattern)):
        _damage(path, how)
    result = run(files, "scan", "@good.json", "--at", "2026-01-03", data=data)
    assert result.exit_code == 2
    assert result.stderr.startswith("nephoscope: ")
    assert str(data) in result.stderr
    assert len(result.stderr.strip().splitlines()[-1]) < 900
    assert run(files, "scan", "@good.json", "--no-history", data=data).exit_code == 0


@pytest.mark.sampled(2)
@pytest.mark.parametrize("how", ["garbage", "cut"])
@pytest.mark.parametrize(
    "what", ["content/packs/content.pack", "content/aliases/*", "posture/last-scan.json"]
)
def test_a_damaged_file_is_told(files: Path, kept: Path, tmp_path: Path, what: str, how: str) -> None:
    data = tmp_path / "data"
    shutil.copytree(kept, data, ignore=shutil.ignore_patterns("cache"))
    for path in data.glob(what):
        _damage(path, how)
    result = run(files, "score", data=data)
    assert result.exit_code == 2
    assert "damaged" in result.stderr
    assert Path(what).parent.name in result.stderr


@pytest.mark.parametrize("how", ["garbage", "cut"])
def test_a_damaged_cache_is_made_anew(files: Path, kept: Path, tmp_path: Path, how: str) -> None:
    data = tmp_path / "data"
    shutil.copytree(kept, data)
    for path in (data / "content" / "cache").iterdir():
        _damage(path, how)
    assert run(files, "scan", "@good.json", "--no-history", data=data).exit_code == 0


def _damage(path: Path, how: str) -> None:
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(
            b"\x00\xffdamage" * 9 if how == "garbage" else path.read_bytes()[: path.stat().st_size // 2]
        )


@pytest.mark.parametrize("form", ["json", "table"])
def test_a_reader_that_goes_away_is_no_finding(files: Path, form: str) -> None:
    command = [sys.executable, "-m", "nephoscope.cli.main", "--data", str(files / "data")]
    reading, writing = os.pipe()
    os.close(reading)
    done = forked_commands.run(
        [*command, "scan", "sample:", "--no-history", "-o", form],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert done.returncode == 141
    assert "Traceback" not in done.stderr


@pytest.mark.full
def test_two_scans_at_once_are_both_kept(files: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nephoscope.cli.main", "--data", str(tmp_path / "data")]
    scan = [*command, "scan", str(files / "good.json"), "-o", "json"]
    several = [forked_commands.Popen(scan, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
    for process in several:
        _, told = process.communicate(timeout=120)
        assert process.returncode in (0, 2), told
        assert b"Traceback" not in told
    told = json.loads(run(files, "score", "-o", "json", data=tmp_path / "data").stdout)
    assert len(told["trend"]) >= 1


@pytest.mark.full
def test_a_scan_that_is_told_to_end_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    arguments = [sys.executable, "-m", "nephoscope.cli.main", "--data", str(tmp_path / "data")]
    process = forked_commands.Popen(
        [*arguments, "scan", "sample:", "--in-parts", "always", "--part-size", "50"],
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 60
    while not any(folder.glob("*/*")) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    assert any(folder.glob("*/*"))
    process.terminate()
    assert process.wait(60) == 143
    assert list(folder.iterdir()) == []


def test_a_subscription_is_known_by_its_name_too(files: Path, tmp_path: Path) -> None:
    bodies = [
        {
            "id": f"/subscriptions/{one}1111111-1111-1111-1111-111111111111",
            "type": "Microsoft.Resources/subscriptions",
            "displayName": f"Harbour {one}",
        }
        for one in "12"
    ]
    second = {**ACCOUNT, "id": ACCOUNT["id"].replace("/11111111", "/21111111")}
    (tmp_path / "two.json").write_text(json.dumps([ACCOUNT, second, *bodies]))
    content = ["--policies", str(files / "content"), "-o", "json", "--no-history"]
    for mode in ("never", "always"):
        asked = ["scan", str(tmp_path / "two.json"), *content, "--in-parts", mode, "--subscription"]
        for name in ("harbour 2", "*bour 2", "21111111-1111-1111-1111-111111111111"):
            shown = json.loads(run(files, *asked, name).stdout)["assessments"]
            assert {one["resource"].split("/")[2][0] for one in shown} == {"2"}

"""`nephoscope collect` as a process: signing in for real, dying half-way, going on, and what it prints."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner
from tests.running import forked_commands

from nephoscope.cli.main import cli

pytestmark = pytest.mark.system

_TIMEOUT = 120


@pytest.fixture
def environment(azure: Any) -> dict[str, str]:
    """A managed identity, as App Service offers one, at the loopback server."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AZURE_", "IDENTITY_", "MSI_"))
    }
    return {**kept, "IDENTITY_ENDPOINT": f"{azure.origin}/msi/token", "IDENTITY_HEADER": "secret-header"}


@pytest.fixture
def cloud(azure: Any, tmp_path: Path) -> Path:
    """The endpoints of the loopback server, as a file for --cloud."""
    path = tmp_path / "cloud.json"
    path.write_text(
        json.dumps(
            {
                "name": "loopback",
                "resourceManager": azure.origin,
                "authority": azure.origin,
                "graph": azure.origin,
            }
        )
    )
    return path


def command(cloud: Path, out: Path, *more: str) -> list[str]:
    data = str(out.parent / "data")
    return [
        *(sys.executable, "-m", "nephoscope.cli.main", "--data", data, "collect", "--cloud", str(cloud)),
        *("--credential", "managed-identity", "--out", str(out), *more),
    ]


def run(arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return forked_commands.run(
        arguments, env=environment, capture_output=True, text=True, timeout=_TIMEOUT, check=False
    )


@pytest.mark.parametrize(
    "answered", [30, *(pytest.param(count, marks=pytest.mark.full) for count in (1, 250))]
)
def test_a_killed_collection_goes_on_and_asks_nothing_twice(
    answered: int,
    azure: Any,
    replay: ModuleType,
    environment: dict[str, str],
    cloud: Path,
    tmp_path: Path,
    own_needs: Any,
) -> None:
    out = tmp_path / "out"
    azure.stop_after = answered
    process = forked_commands.Popen(
        command(cloud, out),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert azure.held.wait(_TIMEOUT)
    _settle(out, answered)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (out / "coverage.json").exists()
    before = len(azure.answered)
    azure.go_on()
    done = run(command(cloud, out, "--resume"), environment)
    assert done.returncode == 0, done.stderr
    assert azure.problems == []
    assert f"{before} answer{'' if before == 1 else 's'} from before the interruption" in done.stderr
    assert max(azure.answered.values()) == 1
    assert (
        replay.differences(azure, out, {"microsoft.keyvault/vaults", "microsoft.compute/virtualmachines"})
        == []
    )
    assert not (out / ".collect").exists()


def _settle(out: Path, answered: int) -> None:
    """Wait until what the server answered is in the checkpoint: the header and a line for each."""
    path = out / ".collect" / "answers.jsonl"
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if path.read_bytes().count(b"\n") >= answered + 1:
            return
        time.sleep(0.02)
    raise AssertionError(f"fewer than {answered} answers are kept")


def test_what_it_prints(azure: Any, environment: dict[str, str], cloud: Path, tmp_path: Path) -> None:
    subscription = next(
        key.split("/")[2] for key in sorted(azure.world.bodies) if key.startswith("/subscriptions/")
    )
    azure.refused_types = {"microsoft.security/securitycontacts"}
    done = run(command(cloud, tmp_path / "out", "--subscription", subscription), environment)
    assert done.returncode == 3
    assert done.stdout.strip() == str(tmp_path / "out")
    assert "Resource Graph: resourcecontainers" in done.stderr
    assert "requests for " in done.stderr
    assert "a resource" in done.stderr
    assert "microsoft.security/securitycontacts in /subscriptions/" in done.stderr
    assert "missing: microsoft.security/securitycontacts/read" in done.stderr
    for text in (
        done.stderr,
        done.stdout,
        *(path.read_text() for path in (tmp_path / "out").rglob("*.json*")),
    ):
        assert "token-" not in text
        assert "secret-header" not in text


def test_a_folder_is_never_written_over(
    azure: Any, environment: dict[str, str], cloud: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    done = run(command(cloud, tmp_path / "out"), environment)
    assert done.returncode == 2
    assert "is not empty" in done.stderr
    assert azure.log == []
    again = run(command(cloud, tmp_path / "out", "--resume"), environment)
    assert again.returncode == 2
    assert "no interrupted collection" in again.stderr


def test_signing_in_fails_in_plain_words(cloud: Path, environment: dict[str, str], tmp_path: Path) -> None:
    environment["IDENTITY_HEADER"] = "another"
    done = run(command(cloud, tmp_path / "out"), environment)
    assert done.returncode == 2
    assert done.stderr.startswith("nephoscope: could not sign in")
    assert "another" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--subscription", "mine"), "not a subscription id"),
        (("--resource-group", "a b"), "resource group"),
        (("--endpoint", "http://management.azure.com"), "must be https"),
        (("--endpoint", "https://user:pass@host"), "must be https://host"),
        (("--cloud", "mars"), "neither public, usgovernment, china nor a file"),
        (("--resume",), "--resume requires --out"),
        (("--credential", "service-principal"), "set AZURE_CLIENT_ID"),
    ],
)
def test_settings_that_cannot_be_meant(
    options: tuple[str, ...],
    said: str,
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in os.environ.keys() - environment.keys():
        monkeypatch.delenv(name)
    done = CliRunner().invoke(cli, ["--data", str(tmp_path), "collect", *options], env=environment)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "pass@" not in done.stderr


@pytest.mark.full
def test_scan_azure_collects_and_judges(
    azure: Any, environment: dict[str, str], cloud: Path, tmp_path: Path
) -> None:
    subscription = next(
        key.split("/")[2] for key in sorted(azure.world.bodies) if key.startswith("/subscriptions/")
    )
    environment |= {"NEPHOSCOPE_CLOUD": str(cloud), "NEPHOSCOPE_CREDENTIAL": "managed-identity"}
    arguments = [sys.executable, "-m", "nephoscope.cli.main", "--data", str(tmp_path / "data"), "scan"]
    done = run([*arguments, f"azure:{subscription}", "--output", "json"], environment)
    assert done.returncode == 0, done.stderr
    assert azure.problems == []
    report = json.loads(done.stdout)
    assert {
        one["resource"].split("/")[2] for one in report["assessments"] if "/subscriptions/" in one["resource"]
    } == {subscription}
    assert {one["state"] for one in report["assessments"]} >= {"Compliant", "NonCompliant"}
    asked = len(azure.log)
    score = run([*arguments[:-1], "score", "--output", "json"], environment)
    assert json.loads(score.stdout)["score"]["percentage"] == report["score"]["percentage"]
    assert len(azure.log) == asked, "what was collected is judged again, Azure is not asked again"
    wrong = run([*arguments, "azure:mine"], environment)
    assert wrong.returncode == 2
    assert "not a subscription id" in wrong.stderr

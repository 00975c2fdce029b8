"""What the commands that look inside tell beside packages: configuration, secrets, malware, licenses."""

from __future__ import annotations

import hashlib
import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.collect.images.image_builder import Files, make_layout

from nephoscope.cli.main import cli
from nephoscope.ingest.threat_intelligence.indicator import read_item
from nephoscope.ingest.threat_intelligence.indicator_store import keep_indicators
from nephoscope.service.examinations import fingerprint_key, load_known_malware
from nephoscope.state import State
from nephoscope_policy.model.state import Severity

# written in parts, so that no scanner of secrets takes it for one
TOKEN = "ghp_" + "".join(("16C7e42F292c69", "12E7710c838347", "Ae178B4a"))
MINER = (
    b"xmrig -o pool.example.com:3333 -u "
    + b"44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2"
)
DROPPER = b"#!/bin/sh\ntrue\n"
METADATA = b"Metadata-Version: 2.1\nName: copyleft\nVersion: 1.0\nLicense-Expression: GPL-3.0-only\n"
LAYERS: list[Files] = [
    {"root/gone.env": f"TOKEN={TOKEN}\n".encode(), "usr/bin/find": b"x", "opt/dropper": DROPPER},
    {
        "root/.wh.gone.env": b"",
        "opt/start.sh": MINER + b" -p x\n",
        "app/lib/copyleft-1.0.dist-info/METADATA": METADATA,
    },
]


@pytest.fixture(autouse=True)
def no_clamav(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nephoscope.collect.malware.clamav_discovery.find_clamav", lambda now: None)


@pytest.fixture
def layout(tmp_path: Path) -> str:
    history = [{"created": "2026-01-01T00:00:00Z", "created_by": f"RUN deploy --token {TOKEN}"}]
    make_layout(
        tmp_path / "layout",
        LAYERS,
        modes={"usr/bin/find": 0o4755},
        told={"history": history, "created": "2026-01-01T00:00:00Z"},
        User="root",
        Env=[f"GITHUB={TOKEN}"],
        Labels={"note": TOKEN},
    )
    return str(tmp_path / "layout")


def run(data: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["--data", str(data), *words], catch_exceptions=False)


def test_all_that_was_found_is_shown(tmp_path: Path, layout: str) -> None:
    shown = run(tmp_path / "data", "image", layout, "--deny-license", "GPL-*").stdout
    for told in (
        "configuration:",
        "image-root-user",
        "image-unusual-setuid-program",
        "secrets:",
        "github-",
        "by sha256:",
        "malware:",
        "miner_command_line",
        "licenses:",
        "copyleft",
        "malware scan by yara: ready",
        "configuration: ",
    ):
        assert told in shown, told
    assert TOKEN not in shown


def test_all_of_it_is_one_document(tmp_path: Path, layout: str) -> None:
    told = run(tmp_path / "data", "image", layout, "-o", "json", "--allow-license", "MIT")
    document = json.loads(told.stdout)
    assert document["examined"] == ["packages", "configuration", "secrets", "malware", "licenses"]
    (secret,) = document["secrets"]
    assert (secret["path"], len(secret["fingerprint"])) == ("root/gone.env", 32)
    assert secret["removed_by"].startswith("sha256:")
    assert [(one["rule"], one["path"]) for one in document["malware"]] == [
        ("miner_command_line", "opt/start.sh")
    ]
    assert [(one["status"], one["name"]) for one in document["licenses"]] == [("NotAllowed", "copyleft")]
    assert {one["rule"] for one in document["configuration"]} >= {
        "image-secret-in-environment",
        "image-secret-in-history",
        "image-secret-in-label",
        "image-age",
    }
    assert TOKEN not in told.output


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--look-for", "malware", "--fail-on", "critical"), 0),
        (("--look-for", "malware", "--fail-on", "high"), 1),
        (("--look-for", "secrets", "--fail-on", "high"), 1),
        (("--look-for", "configuration", "--fail-on", "high"), 1),
        (("--packages", "--fail-on", "low"), 0),
        (("--packages", "--deny-license", "GPL-*", "--fail-on", "high"), 1),
        (("--allow-license", "Nonesuch"), 2),
    ],
)
def test_the_exit_code_counts_all_findings(
    tmp_path: Path, layout: str, words: tuple[str, ...], code: int
) -> None:
    assert run(tmp_path / "data", "image", layout, *words).exit_code == code


def test_sarif_has_a_result_for_each_finding(tmp_path: Path, layout: str) -> None:
    told = run(tmp_path / "data", "image", layout, "-o", "sarif", "--deny-license", "GPL-3.0-only")
    results = json.loads(told.stdout)["runs"][0]["results"]
    rules = {one["ruleId"]: one for one in results}
    assert set(rules) >= {"image-root-user", "malware/miner_command_line", "license/Denied"}
    (secret,) = (one for rule, one in rules.items() if rule.startswith("secret/"))
    place = secret["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("root/gone.env", 1)
    assert "below the one that removes it" in secret["message"]["text"]
    assert TOKEN not in told.output


def test_a_secret_is_in_no_file_and_no_log(
    tmp_path: Path, layout: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    data = tmp_path / "data"
    with State.open_folder(data, None):
        pass
    for form in ("table", "json", "sarif", "csv", "cyclonedx", "spdx"):
        assert TOKEN not in run(data, "image", layout, "-o", form).output
    files = [path for path in data.rglob("*") if path.is_file()]
    assert len(files) > 3
    assert not [path for path in files if TOKEN.encode() in path.read_bytes()]
    assert TOKEN not in caplog.text


def test_own_rules_are_used_and_broken_ones_refused(tmp_path: Path, layout: str) -> None:
    folder = tmp_path / "data/malware/rules"
    folder.mkdir(parents=True)
    (folder / "own.yar").write_text(
        'rule dropper { meta: severity = "Critical" strings: $a = "true" condition: $a }'
    )
    told = run(tmp_path / "data", "image", layout, "-o", "json")
    assert "own.own.yar:dropper" in {one["rule"] for one in json.loads(told.stdout)["malware"]}
    assert run(tmp_path / "data", "image", layout, "--fail-on", "critical").exit_code == 1
    (folder / "own.yar").write_text("rule {")
    refused = run(tmp_path / "data", "image", layout)
    assert (refused.exit_code, "own.yar" in refused.stderr) == (2, True)


def test_a_disk_is_looked_at_where_it_is_asked(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "srv").mkdir(parents=True)
    (root / "srv/app.env").write_text(f"TOKEN={TOKEN}\n")
    told = run(tmp_path / "data", "inventory", str(root), "-o", "json")
    assert json.loads(told.stdout) == []
    told = run(tmp_path / "data", "inventory", str(root), "-o", "json", "--look-for", "secrets")
    assert [one["path"] for one in json.loads(told.stdout)["secrets"]] == ["srv/app.env"]


def test_fingerprints_are_of_the_data_folder(tmp_path: Path) -> None:
    assert fingerprint_key(tmp_path / "a") == fingerprint_key(tmp_path / "a")
    assert fingerprint_key(tmp_path / "a") != fingerprint_key(tmp_path / "b")


def test_threat_intelligence_names_bad_files(tmp_path: Path, layout: str) -> None:
    now = datetime.now(UTC)
    digest = hashlib.sha256(DROPPER).hexdigest()
    document = {
        "type": "indicator",
        "id": "indicator--1f5d2c1e-0000-4000-8000-000000000001",
        "name": "Dropper of a botnet",
        "pattern": f"[file:hashes.'SHA-256' = '{digest.upper()}']",
        "pattern_type": "stix",
    }
    with State.open_folder(tmp_path / "data", None) as state:
        keep_indicators(state, "default", "a feed", [read_item(document, now)], now)
        known = load_known_malware(state, now)
        assert {one: (found.title, found.severity, found.source) for one, found in known.items()} == {
            digest: ("Dropper of a botnet", Severity.HIGH, "a feed")
        }
    told = run(tmp_path / "data", "image", layout, "-o", "json")
    found = [one for one in json.loads(told.stdout)["malware"] if one["engine"] == "digest"]
    assert [(one["path"], one["title"], one["sha256"]) for one in found] == [
        ("opt/dropper", "Dropper of a botnet", digest)
    ]

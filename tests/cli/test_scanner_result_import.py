"""The command that imports results of other scanners: what it says, what it keeps, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.test_image import run

VM = "/subscriptions/00000000-0000-4000-8000-00000000000a/resourceGroups/a/providers/Microsoft.Compute/virtualMachines/web1"
TRIVY = {
    "SchemaVersion": 2, "ArtifactName": "/", "ArtifactType": "filesystem",
    "Results": [{"Target": "os", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": [
        {"VulnerabilityID": "CVE-2026-77", "PkgName": "lamp", "InstalledVersion": "1.0-1", "FixedVersion": "1.0-2",
         "Severity": "HIGH"},
        {"VulnerabilityID": "CVE-2026-78", "PkgName": "lamp", "InstalledVersion": "1.0-1", "Status": "not_affected"},
    ]}],
}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(TRIVY))
    return path


def test_results_are_kept_and_shown_with_their_scanner(tmp_path: Path, file: Path) -> None:
    data = tmp_path / "data"
    done = run(
        data, "vulnerabilities", "import-results", str(file), "--resource", VM, "--scanned-at", "2026-01-02"
    )
    assert (done.exit_code, done.stderr) == (0, "")
    assert "trivy: 1 machine; findings: 1 opened, 0 closed" in done.stdout
    listed = run(data, "vulnerabilities", "list", "-o", "json")
    (row,) = json.loads(listed.stdout)
    assert (row["id"], row["package"], row["fixed"], row["scanner"], row["resource"]) == (
        "CVE-2026-77", "lamp", "1.0-2", "trivy", VM.lower(),
    )  # fmt: skip
    assert (listed.exit_code, "results of trivy contain findings" in listed.stderr) == (3, True)


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ((), 3, "import it with --resource ID"),
        (("--resource", VM), 3, "import it with --scanned-at TIME"),
        (("--format", "grype"), 2, "not Grype"),
        (("--format", "nexus"), 2, "format 'nexus' not found"),
    ],
)
def test_what_is_refused(tmp_path: Path, file: Path, words: tuple[str, ...], code: int, told: str) -> None:
    done = run(tmp_path / "data", "vulnerabilities", "import-results", str(file), *words)
    assert (done.exit_code, told in done.stderr) == (code, True)


def test_a_file_that_is_cut_keeps_nothing(tmp_path: Path, file: Path) -> None:
    file.write_text(json.dumps(TRIVY)[:-9])
    done = run(tmp_path / "data", "vulnerabilities", "import-results", str(file), "--resource", VM)
    assert done.exit_code == 2
    assert "results.json: line 1, column " in done.stderr


def test_what_only_a_scanner_found_is_explained(tmp_path: Path, file: Path) -> None:
    data = tmp_path / "data"
    run(data, "vulnerabilities", "import-results", str(file), "--resource", VM, "--scanned-at", "2026-01-02")
    told = run(data, "vulnerabilities", "explain", "CVE-2026-77")
    assert told.exit_code == 0
    assert "No imported advisory covers CVE-2026-77." in told.stdout
    assert "Affected: 1 machine." in told.stdout
    assert "lamp 1.0-1; update to 1.0-2; since " in told.stdout
    assert run(data, "vulnerabilities", "explain", "CVE-2026-78").exit_code == 2

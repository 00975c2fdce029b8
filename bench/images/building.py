"""What recipes build images with: roots of Debian by mmdebstrap, and the folders in which package managers work."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from images.layouts import tar_of_changes, tar_of_folder
from images.measuring import ProgramError, run

_SOURCES = Path("/etc/apt/sources.list.d")
_SUITE = re.compile(r"^Suites:\s*([a-z]+)", re.MULTILINE)


@dataclass
class Workshop:
    """A folder in which images are built; what was built is kept."""

    folder: Path

    @cached_property
    def base(self) -> Path:
        """The tar of the smallest Debian."""
        return self.debian("minimal")

    def debian(self, name: str, *packages: str) -> Path:
        """Return the tar of a Debian with packages, installed by apt and dpkg."""
        tar = self.folder / f"{name}.tar"
        if not tar.exists():
            part = tar.with_suffix(".part.tar")
            sources = self._sources()
            found = _SUITE.search(sources.read_text())
            include = [f"--include={','.join(packages)}"] if packages else []
            command = [
                "mmdebstrap",
                "--variant=minbase",
                "--quiet",
                *include,
                found[1] if found else "stable",
            ]
            run([*command, part, sources])
            part.rename(tar)
        return tar

    def _sources(self) -> Path:
        """Write the sources of this machine that come over the network: folders of its own are not seen by what is built."""
        stanzas = [
            stanza
            for path in sorted(_SOURCES.glob("*.sources"))
            for stanza in re.split(r"\n\s*\n", path.read_text())
            if "http" in stanza
        ]
        if not stanzas:
            raise ProgramError(f"{_SOURCES} names no source of Debian packages (*.sources)")
        written = self.folder / "debian.sources"
        written.write_text("\n\n".join(stanza.strip() for stanza in stanzas) + "\n")
        return written

    def work(self, name: str) -> Path:
        """Return an empty folder to build in."""
        folder = self.folder / "work" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def layer(self, name: str, folder: Path, within: str) -> Path:
        """Return the tar of a folder, below a path."""
        return tar_of_folder(folder, self.folder / f"{name}.layer.tar", within)

    def changed(self, name: str, below: Path, commands: Sequence[Sequence[str]]) -> Path:
        """Return the tar of what commands change in a root; ROOT in them is its folder."""
        work = self.work(name)
        before, after = work / "before", work / "after"
        for root in (before, after):
            root.mkdir()
            with tarfile.open(below) as tar:
                tar.extractall(root, filter="fully_trusted")
        for command in commands:
            run([part.replace("ROOT", str(after)) for part in command])
        return tar_of_changes(before, after, self.folder / f"{name}.layer.tar")


def tool(folder: Path, package: str) -> Path:
    """Install a tool of npm into a folder and return its program."""
    program = folder / "tools" / "node_modules" / ".bin" / package.partition("@")[0]
    if not program.exists():
        (folder / "tools").mkdir(exist_ok=True)
        run(["npm", "install", "--silent", "--no-audit", "--no-fund", package], cwd=folder / "tools")
    return program


def virtual_environment(folder: Path, *packages: str) -> Path:
    """Make a virtual environment with packages of pip, and return its folder."""
    if not (folder / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    if packages:
        run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", *packages])
    return folder


def is_program(path: Path) -> bool:
    """Return whether a file is a program of Linux."""
    with path.open("rb") as stream:
        return stream.read(4) == b"\x7fELF"


def missing_programs(names: Sequence[str]) -> list[str]:
    """Return which programs are not there."""
    return [
        name
        for name in names
        if shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None
    ]

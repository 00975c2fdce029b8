"""Agent package: the agent as one zipapp, the same bytes whenever and wherever it is built from the same source."""

from __future__ import annotations

import hashlib
import io
import zipfile
from functools import cache
from pathlib import Path

import msgspec

import nephoscope

_NAME = "nephoscope_agent"
_SHEBANG = b"#!/usr/bin/env python3\n"
_MAIN = "from nephoscope_agent.command_line import main\n\nraise SystemExit(main())\n"
#: The first moment that an archive can name.
_WHEN = (1980, 1, 1, 0, 0, 0)


class AgentPackage(msgspec.Struct, frozen=True):
    """A zipapp with its version and the SHA-256 of its content."""

    version: str
    sha256: str
    content: bytes


@cache
def build_agent_package() -> AgentPackage:
    """Build the agent of this installation."""
    content = build_package(find_source())
    return AgentPackage(read_version(find_source()), hashlib.sha256(content).hexdigest(), content)


def find_source() -> Path:
    """Return the folder of the agent's source: in the package, or beside it in a working copy."""
    package = Path(nephoscope.__file__).parent
    packed = package / "agent" / _NAME
    return packed if packed.is_dir() else package.parents[1] / "agent" / _NAME


def build_package(source: Path) -> bytes:
    """Return a zipapp of the modules of a folder."""
    made = io.BytesIO()
    made.write(_SHEBANG)
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        _add_archive_member(archive, "__main__.py", _MAIN.encode())
        for path in sorted(source.rglob("*.py")):
            _add_archive_member(archive, f"{_NAME}/{path.relative_to(source).as_posix()}", path.read_bytes())
    return made.getvalue()


def read_version(source: Path) -> str:
    """Return the version that the source says."""
    scope = (source / "__init__.py").read_text(encoding="utf-8")
    return scope.partition('__version__ = "')[2].partition('"')[0]


def _add_archive_member(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _WHEN)
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    archive.writestr(entry, content, compresslevel=9)

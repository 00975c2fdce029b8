"""Modules that a Go program was built of: the build information that the linker writes into it.

Source: the Go package debug/buildinfo.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from nephoscope.collect.inventory.formats import executables
from nephoscope.collect.inventory.formats.executables import Executable, parse_executable
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package, Relationship

TITLE = "Go program"
MAGIC = executables.MAGIC
MAX_SIZE = 1_000_000_000

_MARK = b"\xff Go buildinf:"
_SECTIONS = (".go.buildinfo", "__go_buildinfo")
#: How much of a section without a name of its own is searched, as PE has none.
_SEARCHED = 1_000_000
_MAX_TEXT = 10_000_000
#: The version of a module that is built out of its own folder.
_UNTOLD = "(devel)"
_LINKER = re.compile(r"^build\t-ldflags=(.*)$", re.MULTILINE)
_SET = re.compile(
    r"""-X[ =]+\\?['"]?([\w./~-]+)\.(\w+)=\\?['"]?(v?\d+\.\d+(?:\.\d+)?(?:[-+.][\w.+-]*\w)?)(?=["'\\\s]|$)"""
)
_VERSION_VARIABLES = ("appversion", "buildversion", "releaseversion", "ver", "version")
_VERSION = re.compile(r"(?:go|devel go)(\d+(?:\.\d+)*(?:[a-z]+\d+)?)")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the standard library and the modules; nothing for a program that is not of Go. Raises UnreadableInventoryError."""
    program = parse_executable(file)
    try:
        found = _build_information(program)
    except (struct.error, IndexError, OverflowError) as error:
        raise file.make_error(f"the build information is damaged: {error}") from error
    if found is None:
        return
    version, modules = found
    if toolchain := _VERSION.search(version):
        yield _build_package(file, "stdlib", toolchain[1], "transitive")
    yield from _read_modules(file, modules)


def _build_information(program: Executable) -> tuple[str, str] | None:
    block = program.read_section(*_SECTIONS) or b""
    at = block.find(_MARK)
    if at < 0:
        block = program.read_section(".data", "__data", most=_SEARCHED) or b""
        at = block.find(_MARK)
    if at < 0 or len(block) < at + 32:
        return None
    block = block[at:]
    if block[15] & 2:
        version, rest = _read_prefixed_text(block, 32)
        modules, _ = _read_prefixed_text(block, rest)
    else:
        version, modules = _read_pointers(program, block)
    framed = len(modules) >= 33 and modules[-17:-16] == b"\n"
    return version.decode("utf-8", "replace"), (modules[16:-16] if framed else b"").decode("utf-8", "replace")


def _read_prefixed_text(block: bytes, at: int) -> tuple[bytes, int]:
    size = shift = 0
    while True:
        byte = block[at]
        at += 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
        if shift > 63:
            raise IndexError("a length is too long")
    return block[at : at + min(size, _MAX_TEXT)], at + size


def _read_pointers(program: Executable, block: bytes) -> tuple[bytes, bytes]:
    size = block[14]
    layout = (">" if block[15] & 1 else "<") + ("Q" if size == 8 else "I")

    def text(at: int) -> bytes:
        (header,) = struct.unpack_from(layout, block, at)
        head = program.read_address(header, 2 * size)
        (start,), (length,) = struct.unpack_from(layout, head), struct.unpack_from(layout, head, size)
        return program.read_address(start, min(length, _MAX_TEXT))

    return text(16), text(16 + size)


def _find_linker_version(module: str, text: str) -> str:
    """Return the version that the linker was told to write into a variable of a module; '' for none, or for several."""
    found = set()
    for flags in _LINKER.findall(text):
        for path, variable, version in _SET.findall(flags):
            is_own = path == "main" or path == module or path.startswith(f"{module}/")
            if is_own and variable.lower() in _VERSION_VARIABLES:
                found.add(f"v{version.removeprefix('v')}")
    return found.pop() if len(found) == 1 else ""


def _read_modules(file: InventoryFile, text: str) -> Iterator[Package]:
    last: tuple[str, str, Relationship] | None = None
    for line in text.split("\n"):
        kind, *rest = line.split("\t")
        if kind == "=>" and last and len(rest) > 1:
            last = (rest[0], "" if rest[1] == _UNTOLD else rest[1], last[2])
            continue
        if kind not in ("mod", "dep") or len(rest) < 2:
            continue
        if last:
            yield _build_package(file, *last)
        version = rest[1]
        if version == _UNTOLD:
            version = _find_linker_version(rest[0], text) if kind == "mod" else ""
        last = (rest[0], version, "root" if kind == "mod" else "")
    if last:
        yield _build_package(file, *last)


def _build_package(file: InventoryFile, name: str, version: str, relationship: Relationship) -> Package:
    return Package(type="golang", name=name, version=version, path=file.path, relationship=relationship)

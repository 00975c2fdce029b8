"""Java libraries in archives: jar, war and ear, each within each other, by the properties of Maven or the manifest.

A library shaded into another keeps its pom.properties; an archive without any is named by its manifest, else by its file name.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from nephoscope.collect.inventory.formats.archives import BoundedArchive
from nephoscope.collect.inventory.formats.xml_text import parse_xml_file
from nephoscope.collect.inventory.inventory_file import InventoryFile, UnreadableInventoryError
from nephoscope.model.package import Package

TITLE = "Java archive"
PATTERNS = tuple(f"**/*.{suffix}" for suffix in ("jar", "war", "ear", "par", "hpi", "jpi", "kar", "jmod"))
MAX_SIZE = 512_000_000
#: How deep archives within archives are opened, and how many of them.
MAX_DEPTH = 5
MAX_ARCHIVES = 2_000

_ARCHIVE = re.compile(r".*\.(?:jar|war|ear|par|hpi|jpi|kar)", re.IGNORECASE)
_FILE_NAME = re.compile(r"(.+?)-(\d[\w.+-]*)\.\w+")
_LICENSES = re.compile(r"Plugin-License-Name(?:-\d+)?|Bundle-License")


class _Library(NamedTuple):
    group: str
    artifact: str
    version: str
    licenses: tuple[str, ...] = ()


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the libraries; raises UnreadableInventoryError."""
    opened = [0]
    content = file.content
    if content.startswith(b"JM\x01\x00"):
        content = content[4:]
    seen: set[tuple[str, _Library]] = set()
    for path, library in _libraries(file, file.path, content, 0, opened):
        if (path, library) in seen:
            continue
        seen.add((path, library))
        name = f"{library.group}:{library.artifact}" if library.group else library.artifact
        yield Package(type="maven", name=name, version=library.version, path=path, licenses=library.licenses)


def _libraries(
    file: InventoryFile, path: str, content: bytes, depth: int, opened: list[int]
) -> Iterator[tuple[str, _Library]]:
    opened[0] += 1
    if depth > MAX_DEPTH or opened[0] > MAX_ARCHIVES:
        file.leave_out(
            1, f"{path}: archives deeper than {MAX_DEPTH}, or more than {MAX_ARCHIVES}, are not opened"
        )
        return
    found: list[_Library] = []
    manifest: dict[str, str] = {}
    with BoundedArchive(path, content) as archive:
        for name in archive.names():
            base = posixpath.basename(name)
            if base == "pom.properties":
                found += _maven(archive, name)
            elif name.upper() == "META-INF/MANIFEST.MF":
                manifest = _manifest(archive.read(name))
            elif _ARCHIVE.fullmatch(name):
                yield from _within(file, f"{path}/{name}", archive.read(name), depth + 1, opened)
    named = _FILE_NAME.fullmatch(posixpath.basename(path))
    is_itself = named and any(library[1:3] == (named[1], named[2]) for library in found)
    if not is_itself and (own := _named_by_manifest(manifest, bool(found))):
        found.append(own)
    if not found and named:
        found.append(_Library("", named[1], named[2]))
    for library in found:
        yield path, library


def _within(
    file: InventoryFile, path: str, content: bytes, depth: int, opened: list[int]
) -> Iterator[tuple[str, _Library]]:
    try:
        yield from _libraries(file, path, content, depth, opened)
    except UnreadableInventoryError as error:
        file.leave_out(1, str(error))


def _maven(archive: BoundedArchive, name: str) -> Iterator[_Library]:
    properties: dict[str, str] = {}
    for line in archive.read(name).decode("utf-8", "replace").splitlines():
        key, equals, value = line.partition("=")
        if equals and not key.startswith(("#", "!")):
            properties[key.strip()] = value.strip()
    group, artifact, version = (properties.get(key, "") for key in ("groupId", "artifactId", "version"))
    if artifact and version:
        yield _Library(group, artifact, version, _licenses(archive, posixpath.dirname(name) + "/pom.xml"))


def _licenses(archive: BoundedArchive, name: str) -> tuple[str, ...]:
    if name not in archive.names():
        return ()
    try:
        project = parse_xml_file(InventoryFile(f"{archive.path}/{name}", archive.read(name)))
    except UnreadableInventoryError:
        return ()  # only what the licences say is lost
    licenses = project.first("licenses")
    return (
        tuple(entry.text_of("name") for entry in licenses.children if entry.text_of("name"))
        if licenses
        else ()
    )


def _manifest(content: bytes) -> dict[str, str]:
    unfolded = content.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").replace("\n ", "")
    found: dict[str, str] = {}
    for line in unfolded.split("\n\n")[0].split("\n"):
        key, colon, value = line.partition(":")
        if colon:
            found.setdefault(key.strip(), value.strip())
    return found


def _named_by_manifest(manifest: dict[str, str], has_others: bool) -> _Library | None:
    symbolic = manifest.get("Bundle-SymbolicName", "").partition(";")[0].strip()
    groups = (
        manifest.get("Implementation-Vendor-Id"),
        manifest.get("Group-Id"),
        symbolic.rpartition(".")[0] or symbolic,
        None if has_others else manifest.get("Implementation-Vendor"),
        None if has_others else manifest.get("Specification-Vendor"),
    )
    names = ("Implementation-Title", "Specification-Title", "Short-Name", "Bundle-Name")
    versions = ("Implementation-Version", "Plugin-Version", "Specification-Version", "Bundle-Version")
    group = next((text for text in groups if text), "")
    artifact = next((manifest[key] for key in names if manifest.get(key)), "")
    version = next((manifest[key] for key in versions if manifest.get(key)), "")
    if not group or not artifact or not version or (has_others and " " in artifact):
        return None
    licenses = tuple(value for key, value in manifest.items() if _LICENSES.fullmatch(key))
    return _Library(group, artifact, version, licenses)

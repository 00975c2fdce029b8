"""Java libraries in archives: jar, war and ear, each within each other, by the properties of Maven or the manifest.

A library shaded into another keeps its pom.properties. An archive without its own is named by its file, `artifact-version.jar`, with
the group of its manifest; where the file's name does not tell, by the manifest alone.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from nephoscope.collect.inventory.formats.archives import BoundedArchive, UnpackingBudget
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
_FILE_NAME = re.compile(r"(.+)\.\w+")
_DIVIDER = re.compile(r"-(?=\d)")
_VERSIONS = ("Implementation-Version", "Plugin-Version", "Specification-Version", "Bundle-Version")
_GROUP = re.compile(r"[A-Za-z_][\w.-]*")
_LICENSES = re.compile(r"Plugin-License-Name(?:-\d+)?|Bundle-License")


class _Library(NamedTuple):
    group: str
    artifact: str
    version: str
    licenses: tuple[str, ...] = ()


class _Opening(msgspec.Struct):
    """The bounds of a file with archives in archives: how many were opened, and what they may still unpack to."""

    count: int = 0
    budget: UnpackingBudget = msgspec.field(default_factory=UnpackingBudget)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the libraries; raises UnreadableInventoryError."""
    opened = _Opening()
    content = file.content
    if content.startswith(b"JM\x01\x00"):
        content = content[4:]
    seen: set[tuple[str, _Library]] = set()
    for path, library in _read_libraries(file, file.path, content, 0, opened):
        if (path, library) in seen:
            continue
        seen.add((path, library))
        name = f"{library.group}:{library.artifact}" if library.group else library.artifact
        yield Package(type="maven", name=name, version=library.version, path=path, licenses=library.licenses)


def _read_libraries(
    file: InventoryFile, path: str, content: bytes, depth: int, opened: _Opening
) -> Iterator[tuple[str, _Library]]:
    opened.count += 1
    if depth > MAX_DEPTH or opened.count > MAX_ARCHIVES:
        file.record_left_out_entry(
            1, f"{path}: archives deeper than {MAX_DEPTH}, or more than {MAX_ARCHIVES}, are not opened"
        )
        return
    found: list[_Library] = []
    manifest: dict[str, str] = {}
    with BoundedArchive(path, content, opened.budget) as archive:
        for name in archive.names():
            base = posixpath.basename(name)
            if base == "pom.properties":
                found += _read_maven_library(archive, name)
            elif name.upper() == "META-INF/MANIFEST.MF":
                manifest = _read_manifest(archive.read(name))
            elif _ARCHIVE.fullmatch(name):
                yield from _read_nested_archives(file, archive, name, depth + 1, opened)
    own = _find_archive_library(posixpath.basename(path), manifest, found)
    if own:
        found.append(own)
    for library in found:
        yield path, library


def _read_nested_archives(
    file: InventoryFile, archive: BoundedArchive, name: str, depth: int, opened: _Opening
) -> Iterator[tuple[str, _Library]]:
    try:
        with archive.open_member(name) as content:
            yield from _read_libraries(file, f"{archive.path}/{name}", content, depth, opened)
    except UnreadableInventoryError as error:
        file.record_left_out_entry(1, str(error))


def _read_maven_library(archive: BoundedArchive, name: str) -> Iterator[_Library]:
    properties: dict[str, str] = {}
    for line in archive.read(name).decode("utf-8", "replace").splitlines():
        key, equals, value = line.partition("=")
        if equals and not key.startswith(("#", "!")):
            properties[key.strip()] = value.strip()
    group, artifact, version = (properties.get(key, "") for key in ("groupId", "artifactId", "version"))
    if artifact and version:
        yield _Library(
            group, artifact, version, _read_licenses(archive, posixpath.dirname(name) + "/pom.xml")
        )


def _read_licenses(archive: BoundedArchive, name: str) -> tuple[str, ...]:
    if name not in archive:
        return ()
    try:
        project = parse_xml_file(InventoryFile(f"{archive.path}/{name}", archive.read(name)))
    except UnreadableInventoryError:
        return ()  # only what the licenses say is lost
    licenses = project.find_first("licenses")
    return (
        tuple(entry.get_text("name") for entry in licenses.children if entry.get_text("name"))
        if licenses
        else ()
    )


def _read_manifest(content: bytes) -> dict[str, str]:
    unfolded = content.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").replace("\n ", "")
    found: dict[str, str] = {}
    for line in unfolded.split("\n\n")[0].split("\n"):
        key, colon, value = line.partition(":")
        if colon:
            found.setdefault(key.strip(), value.strip())
    return found


def _find_archive_library(name: str, manifest: dict[str, str], found: list[_Library]) -> _Library | None:
    """Return what an archive itself is, where none of those found in it is that: by its file's name, else its manifest."""
    versions = [manifest[key] for key in _VERSIONS if manifest.get(key)]
    named = _split_name(name, [*versions, *(library.version for library in found)])
    if named and any(library.artifact == named[0] for library in found):
        return None
    licenses = tuple(value for key, value in manifest.items() if _LICENSES.fullmatch(key))
    group = _choose_group(manifest)
    if named:
        return _Library(group, *named, licenses)
    titles = ("Implementation-Title", "Specification-Title", "Short-Name", "Bundle-Name")
    artifact = next((manifest[key] for key in titles if manifest.get(key)), "")
    if not group or not artifact or not versions or (found and " " in artifact):
        return None
    return _Library(group, artifact, versions[0], licenses)


def _split_name(name: str, versions: list[str]) -> tuple[str, str] | None:
    """Return artifact and version of a file's name: divided where a known version begins, else at the last one with a dot."""
    plain = _FILE_NAME.fullmatch(name)
    stem = plain[1] if plain else name
    divided = [(stem[: at.start()], stem[at.end() :]) for at in _DIVIDER.finditer(stem)][::-1]
    known = [pair for pair in divided if any(version.startswith(pair[1]) for version in versions)]
    dotted = [pair for pair in divided if "." in pair[1]]
    return next(iter([*known, *dotted, *divided]), None)


def _choose_group(manifest: dict[str, str]) -> str:
    symbolic = manifest.get("Bundle-SymbolicName", "").partition(";")[0].strip()
    owner = symbolic.rpartition(".")[0]
    groups = (
        manifest.get("Implementation-Vendor-Id"),
        manifest.get("Group-Id"),
        owner if "." in owner else symbolic,
        manifest.get("Implementation-Vendor"),
        manifest.get("Specification-Vendor"),
    )
    return next((text for text in groups if text and _GROUP.fullmatch(text)), "")

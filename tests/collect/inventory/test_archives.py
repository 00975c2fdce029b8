"""Archives that hold packages: Java libraries within each other, eggs, extensions, packed manifests and stores."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from nephoscope.collect.inventory.discovery import InventoryReading, load_inventory_readers, run_reader
from nephoscope.collect.inventory.formats import archives
from nephoscope.collect.inventory.inventory_file import InventoryFile, UnreadableInventoryError


def zipped(entries: dict[str, bytes | str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def properties(group: str, artifact: str, version: str) -> str:
    return f"#made\ngroupId={group}\nartifactId={artifact}\nversion={version}\n"


def read(reader: str, path: str, content: bytes) -> InventoryReading:
    return run_reader(load_inventory_readers()[reader], InventoryFile(path, content))


def names(reading: InventoryReading) -> list[str]:
    return [f"{one.name} {one.version}" for one in reading.packages]


def test_libraries_within_each_other() -> None:
    inner = zipped({"META-INF/maven/g/b/pom.properties": properties("g", "b", "2.0")})
    pom = "<project><licenses><license><name>MIT</name></license></licenses></project>"
    entries = {
        "META-INF/maven/g/a/pom.properties": properties("g", "a", "1.0"),
        "META-INF/maven/g/a/pom.xml": pom,
        "BOOT-INF/lib/b-2.0.jar": inner,
        "BOOT-INF/lib/bad.jar": b"no archive",
        "META-INF/MANIFEST.MF": "Implementation-Vendor-Id: wrong\nImplementation-Title: other\nImplementation-Version: 9\n",
    }
    reading = read("java_archive", "app/a-1.0.jar", zipped(entries))
    assert names(reading) == ["g:b 2.0", "g:a 1.0"]
    assert [one.path for one in reading.packages] == ["app/a-1.0.jar/BOOT-INF/lib/b-2.0.jar", "app/a-1.0.jar"]
    assert reading.packages[1].licenses == ("MIT",)
    assert len(reading.set_aside) == 1


@pytest.mark.parametrize(
    ("path", "manifest", "wanted"),
    [
        (
            "x.jar",
            "Implementation-Vendor-Id: g\r\nImplementation-Title: a\r\nImplementation-Version: 1\r\n",
            "g:a 1",
        ),
        (
            "x.jar",
            "Bundle-SymbolicName: org.some.part;x=y\nBundle-Name: part\nBundle-Version: 2.0.0\n",
            "org.some:part 2.0.0",
        ),
        ("x.hpi", "Group-Id: g\nShort-Name: plug\nPlugin-Version: 3\nPlugin-License-Name: MIT\n", "g:plug 3"),
        ("lib/guava-31.1-jre.jar", "Manifest-Version: 1.0\n", "guava 31.1-jre"),
        (
            "lib/xz-1.12.jar",
            "Bundle-SymbolicName: org.tukaani.xz\nBundle-Name: XZ of some\nBundle-Version: 1.12.0.9\n",
            "org.tukaani:xz 1.12",
        ),
        (
            "lib/some-2.0.jar",
            "Bundle-SymbolicName: org.some\nImplementation-Vendor: Some, Inc.\n",
            "org.some:some 2.0",
        ),
    ],
)
def test_a_library_without_properties_is_named_by_its_manifest_or_its_file(
    path: str, manifest: str, wanted: str
) -> None:
    assert names(read("java_archive", path, zipped({"META-INF/MANIFEST.MF": manifest}))) == [wanted]


def test_archives_that_are_too_deep_or_too_large_are_told() -> None:
    content = zipped({"META-INF/maven/g/a/pom.properties": properties("g", "a", "1.0")})
    for _ in range(8):
        content = zipped({"x.jar": content})
    reading = read("java_archive", "deep.jar", content)
    assert names(reading) == []
    assert "not opened" in reading.set_aside[0].reason
    with pytest.raises(UnreadableInventoryError, match="unpacks to more"):
        read("java_archive", "bomb.jar", zipped({"META-INF/MANIFEST.MF": b" " * (archives.MAX_DOCUMENT + 1)}))


def test_an_egg_and_an_extension() -> None:
    egg = zipped({"EGG-INFO/PKG-INFO": "Name: shiny\nVersion: 1.0\n"})
    assert names(read("python_metadata", "x/shiny-1.0.egg", egg)) == ["shiny 1.0"]
    extension = zipped(
        {
            "extension/package.json": json.dumps({"name": "own", "version": "1", "engines": {"vscode": "1"}}),
            "extension/node_modules/@a/b/package.json": json.dumps({"name": "@a/b", "version": "2.0.0"}),
            "extension/node_modules/c/lib/package.json": "{}",
            "extension/not_node_modules/d/package.json": json.dumps({"name": "d", "version": "1"}),
            "extension/node_modules/e/package.json": "broken",
        }
    )
    reading = read("vsix", "x.vsix", extension)
    assert names(reading) == ["@a/b 2.0.0"]
    assert len(reading.set_aside) == 1


def test_a_manifest_of_chisel() -> None:
    lines = '{"jsonwall":"1.0","schema":"1.0","count":2}\n{"kind":"package","name":"libc6","version":"2.39","arch":"amd64"}\n'
    packed = pa.Codec("zstd").compress(lines.encode(), asbytes=True)
    assert names(read("chisel", "var/lib/chisel/manifest.wall", packed)) == ["libc6 2.39"]
    for bad in (b"", packed[:20], b"plain"):
        with pytest.raises(UnreadableInventoryError):
            read("chisel", "var/lib/chisel/manifest.wall", bad)


def test_a_store_of_nix(tmp_path: Path) -> None:
    path = tmp_path / "db.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE ValidPaths (id INTEGER PRIMARY KEY, path TEXT)")
    key = "/nix/store/" + "a" * 32
    rows = [
        f"{key}-openssl-3.0.13",
        f"{key}-openssl-3.0.13-bin",
        f"{key}-hook.sh",
        f"{key}-python3.11-rich-13.7.0",
        f"{key}-x-1.drv",
    ]
    connection.executemany("INSERT INTO ValidPaths (path) VALUES (?)", [(row,) for row in rows])
    connection.commit()
    connection.close()
    content = path.read_bytes()
    assert names(read("nix_store", "nix/var/nix/db/db.sqlite", content)) == [
        "openssl 3.0.13",
        "python3.11-rich 13.7.0",
    ]
    with pytest.raises(UnreadableInventoryError):
        read("nix_store", "nix/var/nix/db/db.sqlite", content[:100])


@pytest.mark.parametrize("reader", ["java_archive", "vsix", "python_metadata"])
def test_a_damaged_archive_is_refused_or_read(reader: str) -> None:
    content = zipped(
        {
            "META-INF/MANIFEST.MF": "x: y\n",
            "a/node_modules/b/package.json": "{}",
            "EGG-INFO/PKG-INFO": "Name: a\n",
        }
    )
    for at in range(0, len(content), 3):
        changed = bytearray(content)
        changed[at] ^= 0xFF
        for other in (bytes(changed), content[:at]):
            try:
                read(reader, "x.jar", other)
            except UnreadableInventoryError:
                continue

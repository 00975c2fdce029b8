"""What is found in images and on disks beside packages, in every layer."""

from __future__ import annotations

import hashlib
import io
import logging
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from tests.collect.images.image_builder import Files, make_layout

from nephoscope.collect.images.layout import open_layout
from nephoscope.collect.malware import archive_members, malware_scanner
from nephoscope.collect.malware.known_digests import KnownDigest
from nephoscope.collect.malware.malware_match import ContentScan, EngineStatus, MalwareMatch
from nephoscope.collect.malware.malware_scanner import MalwareScanner
from nephoscope.collect.scanning.examination import Examination, ImageExamination, Unassessed
from nephoscope.collect.scanning.examination_builder import ExaminationContext, examine_image, examine_root
from nephoscope.collect.scanning.image_scan import ImageReading, scan_image
from nephoscope.collect.scanning.layer_cache import LayerFolder
from nephoscope.collect.scanning.root_scan import RootScan
from nephoscope.collect.scanning.scan_options import LookedFor
from nephoscope_policy.model.state import Severity

# written in parts, so that no scanner of secrets takes it for one
TOKEN = "ghp_" + "".join(("16C7e42F292c69", "12E7710c838347", "Ae178B4a"))
OTHER = "ghp_" + "".join(("96C7e42F292c69", "12E7710c838347", "Ae178B4a"))
ENV = f"TOKEN={TOKEN}\n".encode()
NOW = datetime(2026, 11, 30, tzinfo=UTC)
AROUND = ExaminationContext(NOW)
DPKG = b"Package: bash\nStatus: install ok installed\nVersion: 5.2\nArchitecture: amd64\n"


class Finding:
    """An engine that finds BAD, in a file or a member of an archive, and that fails where it meets SLOW."""

    def __init__(self, version: str = "1", *, unpacks: bool = False, late: bool = False) -> None:
        self.version, self.unpacks, self.late = version, unpacks, late
        self.seen: list[str] = []
        self.found: dict[str, ContentScan] = {}

    def status(self) -> EngineStatus:
        return EngineStatus("yara", "ready", self.version)

    def scan(self, path: str, content: bytes) -> ContentScan:
        self.seen.append(path)
        if b"SLOW" in content:
            return ContentScan(failed=("it took too long",))
        match = MalwareMatch("yara", "bad", "Bad", Severity.HIGH)
        scan = ContentScan((match,) if b"BAD" in content else ())
        if self.late and scan.matches:
            self.found[path] = scan
            return ContentScan()
        return scan

    def finish(self) -> dict[str, ContentScan]:
        found, self.found = self.found, {}
        return found


class Missing(Finding):
    """An engine that cannot look."""

    def status(self) -> EngineStatus:
        return EngineStatus("yara", "absent", reason="it is not installed")


def looking(engine: Finding | None = None, key: bytes = b"key") -> LookedFor:
    return LookedFor(True, True, MalwareScanner([engine or Finding()]), key)


def examine(
    tmp_path: Path, layers: list[Files], wanted: LookedFor | None = None, **made: object
) -> ImageExamination:
    make_layout(tmp_path / "image", layers, **made)  # type: ignore[arg-type]
    return examine_image(open_layout(tmp_path / "image"), ImageReading(wanted or looking()), AROUND)


def zipped(**files: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, held in files.items():
            archive.writestr(name, held)
    return content.getvalue()


def test_secrets_of_every_layer_are_found(tmp_path: Path) -> None:
    image = open_layout(make_layouts(tmp_path))
    lowest, middle, top = (layer.digest for layer in image.layers)
    found = examine_image(image, ImageReading(looking()), AROUND).secrets
    assert [(one.path, one.layer, one.removed_by) for one in found] == [
        ("srv/app.env", top, ""),
        ("srv/kept.env", lowest, ""),
        ("root/gone.env", lowest, middle),
        ("srv/app.env", lowest, top),
        ("srv/under/x.env", lowest, top),
    ]
    by_place = {(one.path, one.layer): one.fingerprint for one in found}
    assert by_place["srv/kept.env", lowest] == by_place["root/gone.env", lowest]
    assert by_place["srv/app.env", top] != by_place["srv/app.env", lowest]
    assert all(len(one.fingerprint) == 32 for one in found)


def make_layouts(tmp_path: Path) -> Path:
    make_layout(
        tmp_path / "image",
        [
            {"root/gone.env": ENV, "srv/app.env": ENV, "srv/kept.env": ENV, "srv/under/x.env": ENV},
            {"root/.wh.gone.env": b""},
            {"srv/app.env": f"TOKEN={OTHER}\n".encode(), "srv/under": "/elsewhere"},
        ],
    )
    return tmp_path / "image"


def test_a_secret_is_kept_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    image, wanted = open_layout(make_layouts(tmp_path)), looking()
    reading = ImageReading(wanted, LayerFolder(tmp_path / "cache", wanted.digest))
    found = examine_image(image, reading, AROUND)
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert len(kept) == 3
    held = [path.read_bytes() for path in kept] + [
        msgspec.json.encode(found),
        caplog.text.encode(),
        repr(found).encode(),
    ]
    assert not any(secret.encode() in one for one in held for secret in (TOKEN, OTHER))
    # neither by what everybody can compute of it
    assert hashlib.sha256(TOKEN.encode()).hexdigest()[:32].encode() not in msgspec.json.encode(found)
    assert "key" not in repr(wanted)


def test_fingerprints_need_the_same_key(tmp_path: Path) -> None:
    image = open_layout(make_layouts(tmp_path))
    marks = [
        {one.fingerprint for one in examine_image(image, ImageReading(looking(key=key)), AROUND).secrets}
        for key in (b"key", b"key", b"other", b"")
    ]
    assert marks[0] == marks[1]
    assert not marks[0] & marks[2]
    assert marks[3] == {""}


def test_what_is_kept_is_read_once_and_is_of_one_set_of_rules(tmp_path: Path) -> None:
    make_layout(tmp_path / "image", [{"opt/x": b"BAD"}, {"var/lib/dpkg/status": DPKG}])
    image = open_layout(tmp_path / "image")

    def read(engine: Finding) -> tuple[ImageExamination, list[str]]:
        told: list[str] = []
        wanted = looking(engine)
        reading = ImageReading(wanted, LayerFolder(tmp_path / "cache", wanted.digest), told.append)
        return examine_image(image, reading, AROUND), told

    first, told = read(Finding())
    again, told_again = read(Finding())
    assert (first, len(told), told_again) == (again, 2, [])
    assert len(read(Finding("2"))[1]) == 2
    # packages alone are another reading
    assert scan_image(image, LayerFolder(tmp_path / "cache")) == first.contents


def test_malware_is_found_with_its_layer_and_digest(tmp_path: Path) -> None:
    program = b"\x7fELF BAD"
    found = examine(
        tmp_path, [{"opt/x": program, "opt/y": b"fine"}, {"opt/.wh.x": b"", "srv/t": b"BAD text"}]
    )
    shown, hidden = found.malware
    assert (shown.path, shown.sha256, shown.removed_by) == ("srv/t", "", "")
    assert (hidden.path, hidden.sha256) == ("opt/x", hashlib.sha256(program).hexdigest())
    assert hidden.removed_by == shown.layer
    assert found.examined == ("packages", "configuration", "secrets", "malware")


def test_a_known_digest_is_found_without_reading_again(tmp_path: Path) -> None:
    program = b"#!/bin/sh\ntrue\n"
    make_layout(tmp_path / "image", [{"opt/run": program, "opt/text": b"text"}])
    image, wanted = open_layout(tmp_path / "image"), looking()
    cache = LayerFolder(tmp_path / "cache", wanted.digest)
    assert not examine_image(image, ImageReading(wanted, cache), AROUND).malware
    digests = {hashlib.sha256(one).hexdigest(): one for one in (program, b"text")}
    known = {digest: KnownDigest(digest, "Dropper", source="a feed") for digest in digests}
    told: list[str] = []
    around = replace(AROUND, known=known)
    found = examine_image(image, ImageReading(wanted, cache, told.append), around)
    assert [(one.engine, one.path, one.rule, one.title) for one in found.malware] == [
        ("digest", "opt/run", "a feed", "Dropper")
    ]
    assert not told


@pytest.mark.parametrize("unpacks", [True, False])
def test_members_of_archives_are_looked_at(tmp_path: Path, unpacks: bool) -> None:
    inner = zipped(**{"deep.txt": b"BAD"})
    found = examine(
        tmp_path,
        [{"opt/a.jar": zipped(**{"lib/inner.zip": inner, "ok": b""})}],
        looking(Finding(unpacks=unpacks)),
    )
    told = [(one.path, one.member) for one in found.malware]
    assert told == ([] if unpacks else [("opt/a.jar", "lib/inner.zip!deep.txt")])


def test_what_an_engine_tells_late_is_put_to_its_file(tmp_path: Path) -> None:
    found = examine(
        tmp_path, [{"opt/x": b"BAD", "opt/y": ENV + b"BAD"}, {"z": b""}], looking(Finding(late=True))
    )
    assert [one.path for one in found.malware] == ["opt/x", "opt/y"]
    assert [one.path for one in found.secrets] == ["opt/y"]


def test_what_was_not_looked_at_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(malware_scanner, "MAX_SCANNED", 100)
    monkeypatch.setattr("nephoscope.collect.scanning.file_inspection.MAX_SCANNED", 100)
    monkeypatch.setattr(archive_members, "MAX_BYTES", 50)
    found = examine(
        tmp_path,
        [{"a": b"SLOW", "b": b"x" * 101, "c.zip": zipped(x=b"y" * 51), "d.zip": b"PK\x03\x04 broken"}],
    )
    assert not found.malware
    told = {one.path: one.reason for one in found.unassessed if one.part == "malware"}
    assert set(told) == {"a", "b", "c.zip", "d.zip"}
    assert told["a"] == "it took too long"
    assert told["b"] == "only the first 100 of 101 bytes were examined"


def test_what_may_pass_is_tried_again(tmp_path: Path) -> None:
    make_layout(tmp_path / "image", [{"a": b"SLOW"}, {"b": b"fine", "c.zip": b"PK\x03\x04 broken"}])
    image, wanted = open_layout(tmp_path / "image"), looking()
    told: list[str] = []
    reading = ImageReading(wanted, LayerFolder(tmp_path / "cache", wanted.digest), told.append)
    first = examine_image(image, reading, AROUND)
    assert examine_image(image, reading, AROUND) == first
    slow, broken = (layer.digest for layer in image.layers)
    assert told == [slow, broken, slow]


def test_an_engine_that_cannot_look_is_never_clean(tmp_path: Path) -> None:
    found = examine(tmp_path, [{"opt/x": b"BAD"}], looking(Missing()))
    assert found.malware == ()
    assert found.engines == (EngineStatus("yara", "absent", reason="it is not installed"),)
    assert [one for one in found.unassessed if one.part != "packages"] == [
        Unassessed("malware", "yara: it is not installed")
    ]


def test_permissions_come_from_the_layers(tmp_path: Path) -> None:
    layers: list[Files] = [
        {"usr/bin/find": b"x", "usr/bin/su": b"x", "usr/bin/apt": b"x", "usr/local/bin": None},
        {"usr/bin/.wh.apt": b"", "usr/bin/su": b"y"},
    ]
    modes = {"usr/bin/find": 0o4755, "usr/local/bin": 0o777}
    found = examine(tmp_path, layers, modes=modes, User="app")
    told = {(one.rule, one.path) for one in found.configuration if one.path}
    assert told == {
        ("image-unusual-setuid-program", "usr/bin/find"),
        ("image-writable-path", "usr/local/bin"),
    }
    rules = {one.rule for one in found.configuration}
    assert "image-no-user" not in rules
    assert "image-no-healthcheck" in rules


def test_packages_alone_are_what_they_were(tmp_path: Path) -> None:
    found = examine(tmp_path, [{"var/lib/dpkg/status": DPKG, "srv/app.env": ENV, "x": b"BAD"}])
    assert found.contents == scan_image(open_layout(tmp_path / "image"))
    assert found.contents.files == 1


def test_a_disk_is_examined_too(tmp_path: Path) -> None:
    for path, held in {
        "srv/app.env": ENV,
        "tmp/x": b"BAD",
        "usr/bin/find": b"x",
        "var/lib/dpkg/status": DPKG,
        "tmp/package-lock.json": b"{}",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(held)
    (tmp_path / "usr/bin/find").chmod(0o4755)
    found: Examination = examine_root(RootScan(tmp_path, looked_for=looking(Finding(late=True))), AROUND)
    assert [one.name for one in found.contents.packages] == ["bash"]
    assert [one.path for one in found.secrets] == ["srv/app.env"]
    assert [one.path for one in found.malware] == ["tmp/x"]
    assert ("image-unusual-setuid-program", "usr/bin/find") in {
        (one.rule, one.path) for one in found.configuration
    }
    assert not [one for one in found.unassessed if one.part == "malware"]


def test_a_file_that_a_layer_holds_twice_is_recoverable(tmp_path: Path) -> None:
    import gzip
    import tarfile

    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for held in (ENV, b"nothing\n"):
            entry = tarfile.TarInfo("srv/app.env")
            entry.size = len(held)
            tar.addfile(entry, io.BytesIO(held))
    from nephoscope.collect.images.layer_stream import open_tar
    from nephoscope.collect.images.layers import find_hidden_files, read_layer
    from nephoscope.collect.images.tar_entries import TarStream
    from nephoscope.collect.scanning.file_inspection import ContentInspector
    from nephoscope.collect.scanning.layer_scan import READER

    stream = TarStream(open_tar(io.BytesIO(gzip.compress(content.getvalue())), "x"), "x")
    layer = read_layer(stream, "sha256:1", READER._replace(inspector=ContentInspector(looking())))
    assert [(one.path, one.removed_by) for one in find_hidden_files([layer])] == [("srv/app.env", "sha256:1")]

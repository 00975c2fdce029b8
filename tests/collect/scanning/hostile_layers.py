"""Layers and files made to harm their reader; `scale` 1 is the whole size, 0 one that costs little.

A case gives what a layer's blob holds, compressed as it may be, and the words that the scan is to tell: of the error that
it ends with, or of a file that was not read; '' where it is to be read as if nothing were wrong.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

MIB = 1 << 20


class Hostile(NamedTuple):
    """A blob, in pieces, and what is to be told."""

    pieces: Iterator[bytes]
    told: str


def entry(path: str, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """Return the header of an entry."""
    made = tarfile.TarInfo(path)
    made.size, made.type, made.linkname, made.mode = size, kind, link, 0o755
    return made.tobuf(format=tarfile.GNU_FORMAT)


def file(path: str, content: bytes) -> bytes:
    """Return an entry with its content."""
    return entry(path, len(content)) + content + bytes(-len(content) % 512)


def packed(content: bytes, level: int = 1) -> bytes:
    """Return one member of gzip."""
    return gzip.compress(content, level, mtime=0)


END = bytes(1024)
STATUS = "var/lib/dpkg/status"
GOOD = file(STATUS, b"Package: good\nStatus: install ok installed\nVersion: 1.0\n")


def layer(*parts: bytes) -> Iterator[bytes]:
    """Give a layer of parts in gzip."""
    yield packed(b"".join(parts) + END)


def _zeros(size: int) -> Iterator[bytes]:
    """Give zeros, packed: each member stands for 16 MiB."""
    member = packed(bytes(16 * MIB), 9)
    for _ in range(size // (16 * MIB)):
        yield member


def a_huge_file(scale: float) -> Hostile:
    """A file of ten gigabytes of zeros where the list of packages is."""
    size = max(int(640 * scale), 16) * 16 * MIB

    def pieces() -> Iterator[bytes]:
        yield packed(entry(STATUS, size))
        yield from _zeros(size)
        yield packed(END)

    return Hostile(pieces(), r"it has \d+ bytes, more than")


def a_huge_file_that_nobody_reads(scale: float) -> Hostile:
    """The same where no reader looks, with a good list behind it."""
    size = max(int(640 * scale), 16) * 16 * MIB

    def pieces() -> Iterator[bytes]:
        yield packed(entry("srv/big", size))
        yield from _zeros(size)
        yield packed(GOOD + END)

    return Hostile(pieces(), "")


def a_sparse_file(scale: float) -> Hostile:
    """A list of packages with holes, as old GNU tar writes them."""
    del scale
    header = bytearray(entry(STATUS, 512, tarfile.GNUTYPE_SPARSE))
    header[386:410] = b"00000000000\x0000000001000\x00"
    header[483:495] = b"\x80" + (10 << 30).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return Hostile(layer(bytes(header), bytes(512)), "stored with holes")


def many_entries(scale: float) -> Hostile:
    """Millions of entries."""
    members = max(int(4_883 * scale), 11)
    block = packed(b"".join(entry(f"d/{number}") for number in range(1024)), 9)

    def pieces() -> Iterator[bytes]:
        for _ in range(members):
            yield block
        yield packed(END)

    return Hostile(pieces(), "has more than 5000000 entries" if scale == 1 else "")


def many_whiteouts(scale: float) -> Hostile:
    """A layer that removes millions of files."""
    block = packed(b"".join(entry(f"d/.wh.{number}") for number in range(1024)), 9)
    members = max(int(4_800 * scale), 11)
    return Hostile((piece for piece in (*[block] * members, packed(GOOD + END))), "")


def many_files_that_lead_out(scale: float) -> Hostile:
    """Paths that lead out of the image."""
    block = packed(b"".join(entry(f"../../{number}") for number in range(1024)), 9)
    members = max(int(4_800 * scale), 11)
    return Hostile((piece for piece in (*[block] * members, packed(END))), "more than 10000 unreadable files")


def many_packages(scale: float) -> Hostile:
    """A list of packages without an end."""
    count = max(int(2_000_000 * scale), 20_000)
    paragraphs = b"".join(
        b"Package: a%d\nStatus: a b installed\nVersion: 1\n\n" % number for number in range(count)
    )
    told = "more than" if count > 250_000 else ""
    return Hostile(layer(file(STATUS, paragraphs)), told)


def many_empty_lists(scale: float) -> Hostile:
    """Files by the hundred thousand that readers claim."""
    count = max(int(400_000 * scale), 1_000)

    def pieces() -> Iterator[bytes]:
        for start in range(0, count, 1_000):
            names = (f"d{number}/requirements.txt" for number in range(start, start + 1_000))
            yield packed(b"".join(file(name, b"a==1\n") for name in names), 9)
        yield packed(END)

    return Hostile(pieces(), "more than 250000 packages" if count > 250_000 else "")


def links(scale: float) -> Hostile:
    """Links to themselves, in a circle, out of the image and to nothing."""
    del scale
    parts = [
        entry("a", 0, tarfile.SYMTYPE, "a"),
        entry("b", 0, tarfile.SYMTYPE, "c"),
        entry("c", 0, tarfile.SYMTYPE, "b"),
        entry(STATUS + ".d/x", 0, tarfile.LNKTYPE, STATUS + ".d/x"),
        entry("opt/requirements.txt", 0, tarfile.LNKTYPE, "../../../../etc/passwd"),
        entry("srv/requirements.txt", 0, tarfile.SYMTYPE, "/etc/passwd"),
        entry("etc/os-release", 0, tarfile.SYMTYPE, "../../../../etc/os-release"),
        GOOD,
    ]
    return Hostile(layer(*parts), "")


def many_links_to_one_file(scale: float) -> Hostile:
    """Further names of one file, each of which would be read again."""
    block = b"".join(f"pkg{number}==1.0\n".encode() for number in range(2_000))
    count = max(int(100_000 * scale), 200)
    names = b"".join(
        entry(f"l{number}/requirements.txt", 0, tarfile.LNKTYPE, "requirements.txt")
        for number in range(count)
    )
    return Hostile(
        layer(file("requirements.txt", block), names),
        "more than 250000 packages|more than 10000 unreadable files",
    )


def the_same_path_again(scale: float) -> Hostile:
    """A path many times: the last one is what is there."""
    count = max(int(100_000 * scale), 1_000)
    wrong = file(STATUS, b"Package: wrong\nStatus: a b installed\nVersion: 1\n")
    return Hostile(layer(wrong * count, GOOD), "")


def _pax(*records: bytes) -> bytes:
    body = b""
    for record in records:
        size = len(record) + 3
        while len(str(size)) + 2 + len(record) != size:
            size = len(str(size)) + 2 + len(record)
        body += b"%d %s\n" % (size, record)
    return entry("PaxHeader", len(body), tarfile.XHDTYPE) + body + bytes(-len(body) % 512)


def extended_headers_without_an_end(scale: float) -> Hostile:
    """Extended headers that no entry ever follows, each with other records."""
    count = max(int(5_000 * scale), 50)

    def pieces() -> Iterator[bytes]:
        for number in range(count):
            yield packed(_pax(*(b"k%d.%d=1" % (number, one) for one in range(1_000))))

    return Hostile(pieces(), "more than 32 headers for one entry")


def a_size_of_many_digits(scale: float) -> Hostile:
    """A size that Python refuses to make a number of."""
    del scale
    return Hostile(layer(_pax(b"size=" + b"9" * 5_000), GOOD), "with the invalid size")


def a_size_in_other_digits(scale: float) -> Hostile:
    """A size in digits that are no number for Python."""
    del scale
    return Hostile(layer(_pax("size=²".encode()), GOOD), "with the invalid size")


def a_long_name(scale: float) -> Hostile:
    """A name that is longer than any path, and one that claims to be a gigabyte."""
    del scale
    name = b"a/" * 3_000 + b"requirements.txt\0"
    parts = [
        entry("././@LongLink", len(name), tarfile.GNUTYPE_LONGNAME), name + bytes(-len(name) % 512), file("short", b"a==1"),
        entry("././@LongLink", 1 << 30, tarfile.GNUTYPE_LONGNAME),
    ]  # fmt: skip
    return Hostile(layer(*parts), "has a header of 1073741824 bytes")


def a_path_that_is_too_long(scale: float) -> Hostile:
    """A path of more characters than Linux knows."""
    del scale
    return Hostile(
        layer(_pax(b"path=" + b"a/" * 300_000 + b"requirements.txt"), file("short", b"a==1")),
        "more than 4096 characters",
    )


def device_nodes(scale: float) -> Hostile:
    """Devices and a pipe where files are expected."""
    del scale
    kinds = (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
    nodes = [
        entry(name, 0, kind)
        for name, kind in zip(
            ("etc/os-release", "usr/lib/os-release", "app/package.json"), kinds, strict=True
        )
    ]
    return Hostile(layer(*nodes, GOOD), "")


def zeros(scale: float) -> Hostile:
    """A layer of nothing but zeros, which ends where it begins."""
    return Hostile(_zeros(max(int(640 * scale), 1) * 16 * MIB), "")


def a_wide_window(scale: float) -> Hostile:
    """A frame of Zstandard that asks for a window of two gigabytes."""
    del scale
    block = struct.pack("<I", (1 << 1 | 1) | (100_000 << 3))[:3]
    return Hostile(iter([b"\x28\xb5\x2f\xfd" + b"\x00" + b"\xa8" + block + b"\0"]), "cannot be decompressed")


def a_cut_layer(scale: float) -> Hostile:
    """A layer whose gzip ends in the middle."""
    del scale
    whole = packed(GOOD * 100 + END)
    return Hostile(iter([whole[: len(whole) // 2]]), "ends in the middle|cannot be decompressed")


def _jar(entries: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return made.getvalue()


def jars_within_jars(scale: float) -> Hostile:
    """Archives within each other, deeper than anybody nests them, with zeros at their end."""
    content = _jar({"zeros.jar": bytes(max(int(200 * scale), 8) * MIB)})
    for _ in range(10):
        content = _jar({"inner.jar": content, "other.jar": content})
    return Hostile(layer(file("app/bomb.jar", content)), "archives deeper than 5")


def properties_that_unpack_to_much(scale: float) -> Hostile:
    """Properties of Maven that are gigabytes of zeros."""
    many = {
        f"META-INF/maven/g/a{number}/pom.properties": bytes(max(int(512 * scale), 8) * MIB)
        for number in range(2)
    }
    return Hostile(layer(file("app/bomb.jar", _jar(many))), "unpacks to more than")


def a_jar_of_many_entries(scale: float) -> Hostile:
    """An archive whose directory alone fills the memory."""
    record = b"PK\x01\x02" + bytes(24) + struct.pack("<HHH", 1, 0, 0) + bytes(12) + b"a"
    count = max(int(4_000_000 * scale), 110_000)
    end = b"PK\x05\x06" + bytes(4) + struct.pack("<HHIIH", 0xFFFF, 0xFFFF, count * len(record), 0, 0)
    content = record * count + end

    def pieces() -> Iterator[bytes]:
        yield packed(file("app/bomb.jar", b"PK\x03\x04" + content) + END)

    return Hostile(pieces(), "more than 100000 entries")


def documents_that_grow(scale: float) -> Hostile:
    """JSON, YAML, TOML and text whose values take far more room than their letters."""
    size = max(int(15 * scale), 1) * MIB
    aliases = b"a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + b"".join(
        b"a%d: &a%d [%s]\n" % (level, level, b",".join([b"*a%d" % (level - 1)] * 10))
        for level in range(1, 12)
    )
    parts = [
        file("a/package.json", b'{"name":"x","version":"1","a":[' + b"[]," * (size // 3) + b"0]}"),
        file("b/package.json", b"[" * size),
        file("c/pnpm-lock.yaml", aliases + b"lockfileVersion: '9.0'\n"),
        file("d/pnpm-lock.yaml", b"- a\n" * (size // 4)),
        file("e/pnpm-lock.yaml", b"a: &a\n  b: *a\n"),
        file("f/poetry.lock", b"a = " + b"[" * min(size, 100_000)),
        file("g/setup.py", b"(" * 400_000),
        file("h/requirements.txt", b"\n" * size * 2),
        file("i/yarn.lock", b"\xff" * 1_000),
        file("j/pom.xml", b"<a>" * (size // 3)),
        file("k/requirements.txt", b"!!! no\n" * 20_000),
    ]
    return Hostile(layer(*parts, GOOD), "JSON|YAML|text of more than")


def programs_with_wild_tables(scale: float) -> Hostile:
    """Programs whose tables point everywhere."""
    del scale
    head = bytearray(b"\x7fELF\x02\x01\x01" + bytes(57))
    struct.pack_into("<Q", head, 0x28, 64)
    struct.pack_into("<HHH", head, 0x3A, 0, 0xFFFF, 1)
    sections = struct.pack("<IIQQQQ", 0, 8, 1, 1, 1, 1 << 62) * 10
    elf = bytes(head) + sections + bytes(70_000)
    pe = bytearray(b"MZ" + bytes(70_000))
    struct.pack_into("<I", pe, 0x3C, 0x80)
    pe[0x80:0x84] = b"PE\0\0"
    struct.pack_into("<HIIIH", pe, 0x86, 0xFFFF, 0, 0xFFFFFFF0, 0xFFFFFFF0, 0)
    return Hostile(
        layer(file("bin/a", elf), file("bin/b", bytes(pe)), GOOD), "the executable is truncated or damaged"
    )


def databases_of_rpm_that_lie(scale: float) -> Hostile:
    """Databases whose slots and pages name the same package again and again."""
    blob = b"BlbS" + struct.pack("<III", 1, 0, max(int(32 * scale), 1) * MIB)
    slots = struct.pack("<4sIII", b"Slot", 1, 4096 // 16, 1) * 250
    ndb = b"RpmP" + struct.pack("<III", 0, 0, 1) + bytes(16) + slots
    ndb = ndb.ljust(4096, b"\0") + blob + bytes(max(int(32 * scale), 1) * MIB)
    return Hostile(layer(file("usr/lib/sysimage/rpm/Packages.db", ndb)), "RPM database")


CASES: tuple[Callable[[float], Hostile], ...] = (
    a_huge_file, a_huge_file_that_nobody_reads, a_sparse_file, many_entries, many_whiteouts, many_files_that_lead_out, many_packages,
    many_empty_lists, links, many_links_to_one_file, the_same_path_again, extended_headers_without_an_end, a_size_of_many_digits,
    a_size_in_other_digits, a_long_name, a_path_that_is_too_long, device_nodes, zeros, a_wide_window, a_cut_layer, jars_within_jars,
    properties_that_unpack_to_much, a_jar_of_many_entries, documents_that_grow, programs_with_wild_tables, databases_of_rpm_that_lie,
)  # fmt: skip


def write_layout(folder: Path, pieces: Iterator[bytes]) -> None:
    """Write an image of one layer whose blob comes in pieces."""
    blobs = folder / "blobs/sha256"
    blobs.mkdir(parents=True)
    whole, size = hashlib.sha256(), 0
    with (blobs / "layer").open("wb") as written:
        for piece in pieces:
            whole.update(piece)
            size += len(piece)
            written.write(piece)
    (blobs / "layer").rename(blobs / whole.hexdigest())

    def keep(document: object) -> dict[str, object]:
        content = json.dumps(document).encode()
        name = hashlib.sha256(content).hexdigest()
        (blobs / name).write_bytes(content)
        return {
            "digest": f"sha256:{name}",
            "size": len(content),
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
        }

    config = {
        **keep({"os": "linux", "architecture": "amd64"}),
        "mediaType": "application/vnd.oci.image.config.v1+json",
    }
    layer = {
        "digest": f"sha256:{whole.hexdigest()}",
        "size": size,
        "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
    }
    manifest = keep({"schemaVersion": 2, "config": config, "layers": [layer]})
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

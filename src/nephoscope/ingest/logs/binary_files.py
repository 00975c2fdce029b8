"""Binary files that contain logs: detect the type by magic bytes and extract the records.

Read as text they would be thousands of broken lines. Source: https://en.wikipedia.org/wiki/List_of_file_signatures
"""

from __future__ import annotations

_AGAIN = "unpack it and ingest what it holds"
_KINDS = (
    (0, b"\x1f\x8b", f"gzip within another packing or under a name without .gz: {_AGAIN}"),
    (0, b"\x28\xb5\x2f\xfd", f"zstd within another packing or under a name without .zst: {_AGAIN}"),
    (0, b"PK\x03\x04", f"a zip archive within another packing or under a name without .zip: {_AGAIN}"),
    (0, b"BZh", f"bzip2 within another packing or under a name without .bz2: {_AGAIN}"),
    (0, b"\xfd7zXZ\0", f"xz within another packing or under a name without .xz: {_AGAIN}"),
    (0, b"7z\xbc\xaf\x27\x1c", f"a 7z archive, which is not opened: {_AGAIN}"),
    (0, b"Rar!\x1a\x07", f"a rar archive, which is not opened: {_AGAIN}"),
    (257, b"ustar", f"a tar archive within another packing or under a name without .tar: {_AGAIN}, as in `tar -xf FILE -C FOLDER`"),
    (0, b"ElfFile\0", "a Windows event log (.evtx): export it as XML, as in `wevtutil qe FILE /lf:true /e:Events`"),
    (0, b"\xd4\xc3\xb2\xa1", "a packet capture, not a log"),
    (0, b"\xa1\xb2\xc3\xd4", "a packet capture, not a log"),
    (0, b"\x0a\x0d\x0d\x0a", "a packet capture, not a log"),
    (0, b"SQLite format 3\0", "a SQLite database, not a log"),
    (0, b"Obj\x01", "an Avro file, whose messages have formats of their own: leave --format out"),
)  # fmt: skip
_FEW = 16


def explain_unsupported_content(head: bytes) -> str:
    """Explain why a content that begins so is not read, '' where nothing speaks against it."""
    for at, magic, what in _KINDS:
        if head.startswith(magic, at):
            return f"the file is {what}"
    first = head[:_FEW]
    halves = first[::2], first[1::2]
    if len(first) == _FEW and any(not any(one) and all(other) for one, other in (halves, halves[::-1])):
        return "the file is UTF-16 without a byte order mark: recode it, as in `iconv -f UTF-16LE -t UTF-8`"
    return ""

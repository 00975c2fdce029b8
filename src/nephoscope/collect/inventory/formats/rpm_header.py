"""Headers of RPM: the tags of a package as the database keeps them. Source: rpm's documentation of its file format."""

from __future__ import annotations

import struct
from typing import NamedTuple

NAME, VERSION, RELEASE, EPOCH, VENDOR, LICENSE, ARCHITECTURE, SOURCE = (
    1000,
    1001,
    1002,
    1003,
    1011,
    1014,
    1022,
    1044,
)
REQUIRED, MODULARITY = 1049, 5096
_WANTED = {NAME, VERSION, RELEASE, EPOCH, VENDOR, LICENSE, ARCHITECTURE, SOURCE, REQUIRED, MODULARITY}
_INT32, _STRING, _STRINGS, _TRANSLATED = 4, 6, 8, 9
MAX_ENTRIES = 100_000
MAX_STRINGS = 50_000


class RpmHeader(NamedTuple):
    """A package of RPM; `epoch` is None where it has none."""

    name: str
    version: str
    release: str
    epoch: int | None
    architecture: str
    source: str
    license: str
    vendor: str
    modularity: str
    required: tuple[str, ...]


def parse_rpm_header(blob: bytes) -> RpmHeader:
    """Return the package of a header; raises ValueError for one that is damaged."""
    try:
        count, size = struct.unpack_from(">II", blob)
        if count > MAX_ENTRIES or 8 + count * 16 + size > len(blob):
            raise ValueError("the header of a package is truncated")
        data = blob[8 + count * 16 : 8 + count * 16 + size]
        tags: dict[int, list[str] | list[int]] = {}
        for index in range(count):
            tag, kind, offset, number = struct.unpack_from(">IIII", blob, 8 + index * 16)
            if tag in _WANTED and tag not in tags:
                tags[tag] = _read_values(data, kind, offset, number)
    except (struct.error, IndexError, OverflowError) as error:
        raise ValueError(f"the header of a package is damaged: {error}") from error
    header = _build_header(tags)
    if not header.name or not header.version:
        raise ValueError("the header of a package has no name or no version")
    return header


def _read_values(data: bytes, kind: int, offset: int, number: int) -> list[str] | list[int]:
    if kind == _INT32:
        return list(struct.unpack_from(f">{min(number, MAX_STRINGS)}I", data, offset))
    if kind not in (_STRING, _STRINGS, _TRANSLATED):
        return []
    texts: list[str] = []
    for _ in range(min(number if kind != _STRING else 1, MAX_STRINGS)):
        end = data.index(b"\0", offset)
        texts.append(data[offset:end].decode("utf-8", "replace"))
        offset = end + 1
    return texts


def _build_header(tags: dict[int, list[str] | list[int]]) -> RpmHeader:
    def get_text(tag: int) -> str:
        found = tags.get(tag) or [""]
        return str(found[0])

    epoch = tags.get(EPOCH)
    source = get_text(SOURCE)
    return RpmHeader(
        name=get_text(NAME),
        version=get_text(VERSION),
        release=get_text(RELEASE),
        epoch=int(epoch[0]) if epoch else None,
        architecture=get_text(ARCHITECTURE),
        source="" if source == "(none)" else source,
        license=get_text(LICENSE),
        vendor=get_text(VENDOR),
        modularity=get_text(MODULARITY),
        required=tuple(map(str, tags.get(REQUIRED, ()))),
    )

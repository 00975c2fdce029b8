"""Import of a hash list: range files or one file of `HASH:COUNT` lines, sorted or not, in bounded memory.

Source: https://haveibeenpwned.com/API/v3#PwnedPasswords (range files `SUFFIX:COUNT`; lines with the count 0 are padding)
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from nephoscope.identity.leaked.hash_index import (
    COUNTS,
    PREFIXES,
    HashListError,
    HashListInfo,
    index_folder,
    replace_index,
)
from nephoscope.identity.leaked.password_hashes import LENGTHS

if TYPE_CHECKING:
    from collections.abc import Sequence

BATCH, MEMORY, UNSORTED = 1_000_000, "1GB", "unsorted.txt"
_RANGE = re.compile(r"[0-9A-Fa-f]{5}")
_LINES = """
SELECT ('0x' || substr({hash}, 1, 16))::UBIGINT AS prefix, least(coalesce(count, 1), 4294967295)::UINTEGER AS count
FROM read_csv($files, delim=':', header=false, quote='', escape='', comment='', auto_detect=false, null_padding=true, filename=true,
  columns={{'hash': 'VARCHAR', 'count': 'UBIGINT'}})
WHERE coalesce(count, 1) > 0
"""
_PREFIXES = """
SELECT ('0x' || hash)::UBIGINT AS prefix, 1::UINTEGER AS count
FROM read_csv($files, header=false, auto_detect=false, columns={'hash': 'VARCHAR'})
"""
_ORDERED = "SELECT prefix, max(count) AS count FROM ({}) GROUP BY prefix ORDER BY prefix"


class UnsortedError(Exception):
    """The lines of a list are in no order."""


def import_hashes(data: Path, source: Path, algorithm: str, now: datetime) -> HashListInfo:
    """Make the index of an algorithm from a list, in the place of the one before it; HashListError where it cannot be read."""
    index_folder(data, algorithm)
    text, files = _build_query(source, LENGTHS[algorithm])
    making = create_folder(data, algorithm)
    try:
        try:
            entries = _write_index_files(making, text, files)
        except UnsortedError:
            entries = _write_index_files(making, _ORDERED.format(text), files)
    except duckdb.Error as error:
        shutil.rmtree(making)
        raise HashListError(f"{source}: {str(error).splitlines()[0]}") from error
    info = HashListInfo(algorithm, making.name, entries, source.name, now)
    replace_index(data, info)
    return info


def create_folder(data: Path, algorithm: str) -> Path:
    """Make a folder for the files of a new index."""
    making = index_folder(data, algorithm) / secrets.token_hex(8)
    making.mkdir(mode=0o700, parents=True)
    return making


def write_prefixes(making: Path, prefixes: Iterable[bytes]) -> int:
    """Write both files of an index from prefixes in any order, and return its entries."""
    unsorted = making / UNSORTED
    with create_file(unsorted) as file:
        for one in prefixes:
            file.write(one.hex().encode() + b"\n")
    entries = (
        _write_index_files(making, _ORDERED.format(_PREFIXES), [str(unsorted)])
        if unsorted.stat().st_size
        else 0
    )
    if not entries:
        for name in (PREFIXES, COUNTS):
            create_file(making / name).close()
    unsorted.unlink()
    return entries


def _build_query(source: Path, length: int) -> tuple[str, list[str]]:
    """Return the query of a list and its files: of a folder those that are named by five hexadecimal digits."""
    if not source.is_dir():
        if not source.is_file():
            raise HashListError(f"{source}: no such file or folder")
        return _LINES.format(
            hash=f"if(length(hash) = {2 * length}, hash, error('not a hash of this algorithm'))"
        ), [str(source)]
    files = sorted(str(one) for one in source.iterdir() if _RANGE.fullmatch(one.stem) and one.stat().st_size)
    if not files:
        raise HashListError(f"{source}: no range files (named by the first five digits of a hash)")
    suffix = f"if(length(hash) = {2 * length - 5}, hash, error('not the rest of a hash of this algorithm'))"
    return _LINES.format(hash=f"upper(left(parse_filename(filename, true), 5)) || {suffix}"), files


def _write_index_files(making: Path, text: str, files: Sequence[str]) -> int:
    """Write both files of an index and return its entries; UnsortedError where the query gives them in no order."""
    entries, last = 0, -1
    with create_file(making / PREFIXES) as prefixes, create_file(making / COUNTS) as counts:
        for batch in _read_batches(making, text, files):
            found, seen = batch.column(0), batch.column(1)
            if not _are_hashes_rising(found, last):
                raise UnsortedError
            last = found[-1].as_py()
            entries += batch.num_rows
            prefixes.write(_get_bytes_view(found, 8))
            counts.write(_get_bytes_view(seen, 4))
        for file in (prefixes, counts):
            file.flush()
            os.fsync(file.fileno())
    return entries


def _read_batches(making: Path, text: str, files: Sequence[str]) -> Iterator[pa.RecordBatch]:
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        connection.execute(
            f"SET temp_directory = '{making.as_posix().replace(chr(39), chr(39) * 2)}/sorting'"
        )
        reader = connection.sql(text, params={"files": list(files)}).to_arrow_reader(BATCH)
        yield from (batch for batch in reader if batch.num_rows)


def _are_hashes_rising(found: pa.Array, last: int) -> bool:
    if found[0].as_py() < last:
        return False
    return len(found) < 2 or bool(pc.all(pc.less_equal(found[:-1], found[1:])).as_py())


def _get_bytes_view(found: pa.Array, size: int) -> memoryview:
    start = found.offset * size
    return memoryview(found.buffers()[1])[start : start + len(found) * size]


def create_file(path: Path) -> BinaryIO:
    """Open a new file for writing, its owner's alone."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")

"""Look-ups and import of leaked password hashes, beside a Python set and DuckDB over the same entries.

Usage: python bench/leaked_credentials.py [--entries N] [--import-lines N] [--lookups N] [--folder DIR]

An index of N entries, evenly spread as hashes are, is written as an import writes it; hashes that are listed and not listed are looked
up one by one, in a process of their own: look-ups a second of CPU time, and the memory beyond the mapped file. The peers get a
hundredth of the entries: a set of 64-bit numbers, and a DuckDB table with an index; their memory is given an entry, times N by
calculation. An import of lines in the order of the hashes is timed. Exit 1 where an answer is wrong, or where a look-up is slower than
100,000 a second.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from nephoscope.identity.leaked.hash_import import import_hashes
from nephoscope.identity.leaked.hash_index import (
    COUNTS,
    PREFIXES,
    HashIndex,
    HashListInfo,
    index_folder,
    replace_index,
)

NOW = datetime.now(UTC)
LEAST = 100_000
PART = 100


def spread(number: int, entries: int) -> int:
    """The prefix of an entry: one in each of as many equal parts of all prefixes as there are entries."""
    step = (1 << 64) // entries
    return number * step + (number * 2654435761) % step


def write_index(data: Path, entries: int) -> None:
    """Write an index of entries in their order."""
    folder = index_folder(data, "sha1") / "made"
    folder.mkdir(parents=True)
    step = (1 << 64) // entries
    text = f"""SELECT (range::HUGEINT * {step} + (range::HUGEINT * 2654435761) % {step})::UBIGINT AS prefix,
        (1 + range % 1000)::UINTEGER AS count FROM range({entries})"""
    with (
        (folder / PREFIXES).open("wb") as prefixes,
        (folder / COUNTS).open("wb") as counts,
        duckdb.connect() as connection,
    ):
        for batch in connection.sql(text).to_arrow_reader(1_000_000):
            for file, column, size in ((prefixes, 0, 8), (counts, 1, 4)):
                found = batch.column(column)
                file.write(
                    memoryview(found.buffers()[1])[found.offset * size : (found.offset + len(found)) * size]
                )
    replace_index(data, HashListInfo("sha1", "made", entries, "made", NOW))


def anonymous_mib() -> float:
    """Memory of this process that is no mapped file, in MiB."""
    with Path("/proc/self/status").open(encoding="ascii") as file:
        values = dict(line.split(":", 1) for line in file)
    return int(values["RssAnon"].split()[0]) / 1024


def look_up(data: Path, entries: int, lookups: int) -> int:
    """Look up in an index; print look-ups a second of CPU, memory, and resident memory with the mapped pages."""
    rng = random.Random(1)
    numbers = [rng.randrange(entries) for _ in range(lookups)]
    listed = [spread(one, entries).to_bytes(8, "big") + bytes(12) for one in numbers]
    others = [rng.randbytes(20) for _ in range(lookups)]
    before = anonymous_mib()
    with HashIndex.open(data, "sha1") as index:  # type: ignore[union-attr]
        begun = time.process_time()
        right = index.count_all(listed) == [1 + one % 1000 for one in numbers]
        seconds = time.process_time() - begun
        begun = time.process_time()
        wrong = sum(map(bool, index.count_all(others)))
        missing = time.process_time() - begun
        memory = anonymous_mib() - before
    with Path("/proc/self/status").open(encoding="ascii") as file:
        resident = next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024
    print(
        f"{entries:,} entries: {lookups / seconds:,.0f} look-ups/s of listed hashes, {lookups / missing:,.0f} of others (CPU); "
        f"{memory:.0f} MiB of memory beyond the file, {resident:.0f} MiB resident at most with its pages; {wrong} false"
    )
    return 0 if right and not wrong and lookups / max(seconds, missing) >= LEAST else 1


def peers(entries: int, lookups: int) -> None:
    """Print the look-ups and the memory of a set and of DuckDB, over a hundredth of the entries."""
    part = max(1, entries // PART)
    rng = random.Random(1)
    wanted = [spread(rng.randrange(part), part) for _ in range(lookups)]
    before = anonymous_mib()
    known = {spread(one, part): 1 for one in range(part)}
    memory = anonymous_mib() - before
    begun = time.process_time()
    assert all(one in known for one in wanted)
    seconds = time.process_time() - begun
    whole = f"{memory * PART:,.0f} MiB for {entries:,} by calculation"
    print(f"set of {part:,}: {lookups / seconds:,.0f} look-ups/s, {memory:.0f} MiB = {whole}")
    with duckdb.connect() as connection:
        step = (1 << 64) // part
        made = f"(range::HUGEINT * {step} + (range::HUGEINT * 2654435761) % {step})::UBIGINT"
        connection.execute(f"CREATE TABLE hashes AS SELECT {made} AS prefix, 1 AS count FROM range({part})")
        connection.execute("CREATE INDEX by_prefix ON hashes (prefix)")
        several = wanted[:2000]
        begun = time.process_time()
        assert all(
            connection.execute("SELECT count FROM hashes WHERE prefix = ?", [one]).fetchone()
            for one in several
        )
        print(
            f"DuckDB with an index over {part:,}: {len(several) / (time.process_time() - begun):,.0f} look-ups/s"
        )


def time_import(folder: Path, lines: int) -> None:
    """Print how fast lines in the order of the hashes are imported."""
    source = folder / "list.txt"
    digests = sorted(
        hashlib.sha1(str(one).encode(), usedforsecurity=False).hexdigest().upper() for one in range(lines)
    )
    source.write_text("".join(f"{one}:{at % 50 + 1}\n" for at, one in enumerate(digests)), encoding="ascii")
    begun, cpu = time.monotonic(), time.process_time()
    import_hashes(folder / "imported", source, "sha1", NOW)
    seconds = time.process_time() - cpu
    print(
        f"import of {lines:,} lines: {lines / seconds:,.0f} lines/s of CPU, {time.monotonic() - begun:.1f} s"
    )


def main() -> int:
    """Measure all; the look-ups in a process of their own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entries", type=int, default=100_000_000)
    parser.add_argument("--import-lines", type=int, default=2_000_000)
    parser.add_argument("--lookups", type=int, default=300_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--only", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.only:
        return look_up(asked.folder, asked.entries, asked.lookups)
    with tempfile.TemporaryDirectory(prefix="leaked-", dir=asked.folder) as name:
        folder = Path(name)
        print(f"load {os.getloadavg()[0]:.1f}")
        write_index(folder, asked.entries)
        command = [
            sys.executable,
            __file__,
            "--only",
            "--folder",
            name,
            "--entries",
            str(asked.entries),
            "--lookups",
            str(asked.lookups),
        ]
        done = subprocess.run(command, check=False)
        print(
            f"1,000,000,000 entries by calculation: {12e9 / 2**30:.1f} GiB of files, one page of each a look-up"
        )
        peers(asked.entries, asked.lookups)
        time_import(folder, asked.import_lines)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())

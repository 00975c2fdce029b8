"""The doctor: what is misconfigured, broken or forgotten in a data folder, each with what to do."""

from __future__ import annotations

import importlib.util
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from nephoscope.instance import FAILED
from nephoscope.lake.errors import LakeError
from nephoscope.lake.lake import Lake
from nephoscope.lake.state import State
from nephoscope.lake.state.principals import PrincipalKind
from nephoscope.posture.history import History
from nephoscope.posture.published.shelf import Shelf
from nephoscope.posture.scan import last_request

LOW_DISK = 2 << 30
OLD_ASSESSMENT = timedelta(hours=24)
SOON = timedelta(days=30)
#: Extra -> the module that tells whether it is installed, and what it is for.
EXTRAS = {
    "agents": ("ua_parser", "parse_user_agent() in KQL"),
    "geo": ("h3", "KQL's geo_ functions"),
    "kafka": ("confluent_kafka", "event hubs"),
    "numba": ("numba", "flow logs at speed"),
    "postgresql": ("psycopg", "the state in PostgreSQL"),
    "sigma": ("sigma", "Sigma rules"),
    "spark": ("pyspark", "KQL on Spark"),
}


class Verdict(StrEnum):
    """How a check ends: `info` needs nobody."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, and what to do about it ('' = nothing)."""

    check: str
    verdict: Verdict
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is looked at; `lake` is None where it cannot be opened."""

    data: Path
    state: State
    lake: Lake | None
    now: datetime


def examine(data: Path, url: str | None, now: datetime | None = None) -> Iterator[Finding]:
    """Everything that the checks find; StateError where the state cannot be opened."""
    with State.of(data, url) as state:
        lake, trouble = _opened(data, state)
        if trouble:
            yield Finding("lake", Verdict.WRONG, trouble, "restore a backup, or move the table's folder away")
        try:
            yield from looked_at(Patient(data, state, lake, now or datetime.now(UTC)))
        finally:
            if lake is not None:
                lake.close()


def looked_at(patient: Patient) -> Iterator[Finding]:
    """What the checks find of what is open."""
    for check in CHECKS:
        yield from check(patient)


def _opened(data: Path, state: State) -> tuple[Lake | None, str]:
    try:
        lake = Lake.open(data, state)
        lake.versions()
    except LakeError as error:
        return None, str(error)
    return lake, ""


def files(patient: Patient) -> Iterator[Finding]:
    """Whether others can read what is nobody's but the owner's."""
    for name in ("", "keys", "tls", "state.db"):
        path = patient.data / name
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield Finding("files", Verdict.WARNING, f"{path} can be read by others", f"chmod go-rwx {path}")


def disk(patient: Patient) -> Iterator[Finding]:
    """Whether there is room."""
    free = shutil.disk_usage(patient.data).free
    told = f"{free / (1 << 30):,.1f} GiB are free"
    if free < LOW_DISK:
        yield Finding("disk", Verdict.WRONG, told, "make room: ingestion answers 503 while the disk is full")
    else:
        yield Finding("disk", Verdict.OK, told)


def certificate(patient: Patient) -> Iterator[Finding]:
    """How long the own certificate lasts."""
    from cryptography import x509

    for path in sorted((patient.data / "tls").glob("*.crt")):
        left = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc - patient.now
        told = f"{path.name} lasts {max(left.days, 0)} days"
        if left <= timedelta():
            yield Finding(
                "certificate",
                Verdict.WRONG,
                f"{path.name} is over",
                "start the server again: it makes another",
            )
        else:
            yield Finding("certificate", Verdict.INFO if left < SOON else Verdict.OK, told)


def people(patient: Patient) -> Iterator[Finding]:
    """Whether somebody can come in, and who can do everything."""
    principals = patient.state.principals.all()
    owners = {
        role.principal
        for role in patient.state.principals.roles()
        if role.role == "Owner" and role.scope == "/"
    }
    known = [one for one in principals if one.id in owners and not one.disabled]
    if not known:
        yield Finding(
            "people",
            Verdict.INFO,
            "nobody is Owner of everything yet",
            "nephoscope serve prints a link",
        )
    programs = [one.name for one in known if one.kind is not PrincipalKind.PERSON]
    if programs:
        text = f"programs that may do everything: {', '.join(programs)}"
        yield Finding(
            "people", Verdict.WARNING, text, "give them a smaller role: nephoscope access grant, revoke"
        )


def audit(patient: Patient) -> Iterator[Finding]:
    """Whether the audit is whole."""
    broken = patient.state.audit.broken()
    if broken is not None:
        yield Finding(
            "audit",
            Verdict.WRONG,
            f"entry {broken} does not fit behind the one before it",
            "find out who changed it",
        )
    else:
        yield Finding("audit", Verdict.OK, "the chain of entries is whole")


def estate(patient: Patient) -> Iterator[Finding]:
    """Whether the estate is assessed, and how long ago."""
    request = last_request(patient.data)
    if request is None:
        yield Finding(
            "estate",
            Verdict.INFO,
            "nothing was scanned yet",
            "nephoscope scan azure: (or a snapshot, or sample:)",
        )
        return
    last = next(reversed(History(patient.data).evaluations(request.series)), None)
    if last is None or patient.now - last.when > OLD_ASSESSMENT:
        when = f"{last.when:%Y-%m-%d %H:%M} UTC" if last else "never"
        yield Finding(
            "estate", Verdict.WARNING, f"the last assessment is of {when}", "nephoscope serve keeps it fresh"
        )
    if Shelf(patient.data).newest() is None:
        yield Finding(
            "estate",
            Verdict.WARNING,
            "the pages have no assessment to show",
            "scan in one piece: --in-parts never",
        )
    failed = patient.state.checkpoints.get(*FAILED)
    if failed:
        yield Finding(
            "estate",
            Verdict.WRONG,
            f"the last assessment failed: {failed}",
            "mend the cause; the next try is soon",
        )


def sources(patient: Patient) -> Iterator[Finding]:
    """Whether sources of logs fail."""
    for one in patient.state.source_health.all():
        if one.error and not one.table:
            yield Finding(
                "sources",
                Verdict.WRONG,
                f"{one.source}: {one.error}",
                f"nephoscope sources test {one.source}",
            )


def lake(patient: Patient) -> Iterator[Finding]:
    """Whether rows wait that nobody takes into tables."""
    waiting = sum(path.stat().st_size for path in (patient.data / "spool").glob("*/*") if path.is_file())
    if waiting > 1 << 30:
        text = f"{waiting / (1 << 30):,.1f} GiB wait in the spool"
        yield Finding(
            "lake", Verdict.WARNING, text, "nephoscope serve (or any command of the lake) takes them in"
        )
    if patient.lake is not None:
        yield Finding("lake", Verdict.OK, f"{len(patient.lake.versions())} tables can be read")


def extras(patient: Patient) -> Iterator[Finding]:  # noqa: ARG001 - a check's signature
    """Which extras are not installed."""
    for name, (module, use) in EXTRAS.items():
        if importlib.util.find_spec(module) is None:
            yield Finding(
                "extras", Verdict.INFO, f"{use}: not installed", f"pip install 'nephoscope[{name}]'"
            )


CHECKS: tuple[Callable[[Patient], Iterator[Finding]], ...] = (
    files, disk, certificate, people, audit, estate, sources, lake, extras,
)  # fmt: skip

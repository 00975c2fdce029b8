"""The doctor: what is misconfigured, broken or forgotten in a data folder, each with what to do."""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nephoscope import server_status
from nephoscope.access.tokens import FILE as TOKENS
from nephoscope.access.tokens import load_signing_key
from nephoscope.automation.config_errors import list_file_faults
from nephoscope.instance import BACKED_UP, FAILED
from nephoscope.lake.backup.backup_contents import list_secret_folders
from nephoscope.lake.errors import LakeError
from nephoscope.lake.lake import Lake
from nephoscope.model.extras import get_install_command
from nephoscope.posture.history.history import History
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.scans.scan import read_last_scan_request
from nephoscope.serve.audit_check import check_audit
from nephoscope.serve.certificate_checks import check_certificates
from nephoscope.serve.doctor_check import SOON, CheckContext, CheckVerdict, DoctorFinding
from nephoscope.serve.file_ownership import check_owners
from nephoscope.serve.instance_lock import is_folder_served, read_lock_holder
from nephoscope.serve.readiness import explain_missing_space
from nephoscope.serve.server import make_listener as listening_at
from nephoscope.serve.server_settings import HOST, PORT
from nephoscope.state import State, StateError
from nephoscope.state.access.key_file import KeyFile
from nephoscope.state.access.principals import PrincipalKind, SecretKind
from nephoscope.state.automation.automation_runs import RuleLanguage
from nephoscope.state.workspaces.workspace import DEFAULT

LOW_DISK = 2 << 30
MEMORY = Path("/proc/meminfo")
OLD_ASSESSMENT = timedelta(hours=24)
OLD_BACKUP = timedelta(days=7)
#: What clocks may be apart.
SKEW = timedelta(seconds=30)
#: Starts of a process that tell of more than a restart.
OFTEN = 3
#: Extra -> the module that tells whether it is installed, and what it is for.
EXTRAS = {
    "agents": ("ua_parser", "parse_user_agent() in KQL"),
    "geo": ("h3", "KQL's geo_ functions"),
    "kafka": ("confluent_kafka", "event hubs"),
    "malware": ("yara_x", "rules for malware and miners in images"),
    "numba": ("numba", "fast flow log parsing"),
    "pdf": ("reportlab", "PDF evidence"),
    "postgresql": ("psycopg", "the state in PostgreSQL"),
    "prompt": ("prompt_toolkit", "the prompt of `nephoscope query`"),
    "sbom": ("cyclonedx", "validation of bills of materials, and licenses"),
    "sigma": ("sigma", "Sigma rules"),
    "spark": ("pyspark", "KQL on Spark"),
}


def examine_installation(data: Path, url: str | None, now: datetime | None = None) -> Iterator[DoctorFinding]:
    """Everything that the checks find; StateError where the state cannot be opened."""
    with State.open_folder(data, url) as state:
        lake, trouble = _open_lake(data, state)
        if trouble:
            yield DoctorFinding(
                "lake",
                CheckVerdict.WRONG,
                trouble,
                "restore a backup into a new folder with `nephoscope restore`",
            )
        try:
            yield from run_doctor_checks(CheckContext(data, state, lake, now or datetime.now(UTC)))
        finally:
            if lake is not None:
                lake.close()


def run_doctor_checks(patient: CheckContext) -> Iterator[DoctorFinding]:
    """Yield what the checks find of what is open."""
    for check in CHECKS:
        yield from check(patient)


def _open_lake(data: Path, state: State) -> tuple[Lake | None, str]:
    try:
        lake = Lake.open(data, state)
        lake.list_versions()
    except LakeError as error:
        return None, str(error)
    return lake, ""


def check_files(patient: CheckContext) -> Iterator[DoctorFinding]:
    """Return whether others can read what is nobody's but the owner's."""
    folders = [patient.data / name for name in ("", "keys", "tls", "state.db")]
    inside = [*patient.data.glob("keys/*"), *patient.data.glob("tls/*.key")]
    for path in [*folders, *sorted(inside)]:
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield DoctorFinding(
                "files", CheckVerdict.WARNING, f"{path} can be read by others", f"chmod go-rwx {path}"
            )


def check_disk(patient: CheckContext) -> Iterator[DoctorFinding]:
    """Return whether there is room, and whether anything can be written."""
    if why := explain_missing_space(patient.data, 0):
        yield DoctorFinding(
            "disk",
            CheckVerdict.WRONG,
            f"{patient.data}: {why}",
            "fix this first: the state cannot be written",
        )
    free = shutil.disk_usage(patient.data).free
    problem = f"{free / (1 << 30):,.1f} GiB are free"
    if free < LOW_DISK:
        yield DoctorFinding(
            "disk",
            CheckVerdict.WRONG,
            problem,
            "free some space: ingestion returns 503 while the disk is full",
        )
    else:
        yield DoctorFinding("disk", CheckVerdict.OK, problem)


def check_memory(patient: CheckContext) -> Iterator[DoctorFinding]:  # noqa: ARG001 - a check's signature
    """Return whether it can be seen how much memory there is, without which delta-rs ends whatever process writes a table."""
    if MEMORY.parent.is_dir() and not os.access(MEMORY, os.R_OK):
        problem = f"{MEMORY} cannot be read, so that the lake cannot be written"
        yield DoctorFinding(
            "memory", CheckVerdict.WRONG, problem, "let it be seen: in a unit of systemd no ProcSubset=pid"
        )


def check_port(patient: CheckContext) -> Iterator[DoctorFinding]:
    """Return whether the port is free that a server of this folder listened at last, or would listen at, where none runs."""
    found = server_status.read(patient.data)
    if is_folder_served(patient.data) or (found is not None and found.ends):
        return
    host, port = (found.host, found.port) if found is not None and found.port else (HOST, PORT)
    try:
        listening_at(host, port).close()
    except OSError as error:
        problem = f"cannot listen on port {port} of {host}: {(error.strerror or str(error)).lower()}"
        yield DoctorFinding(
            "port",
            CheckVerdict.WARNING,
            problem,
            "stop the process that listens there, or use another port: `nephoscope serve --port PORT`",
        )


def check_keys(patient: CheckContext) -> Iterator[DoctorFinding]:
    """Return whether the keys can be read by which tokens are signed and credentials are kept."""
    folder = patient.data / "keys"
    looks: tuple[Callable[[], object], ...] = (
        lambda: load_signing_key(folder) if (folder / TOKENS).exists() else None,
        KeyFile(folder).keys,
    )
    for look in looks:
        try:
            look()
        except StateError as error:
            problem, _, remedy = str(error).partition("; ")
            yield DoctorFinding(
                "keys", CheckVerdict.WRONG, problem, remedy or "restore a backup into an empty folder"
            )


def check_server(patient: CheckContext) -> Iterator[DoctorFinding]:
    """Return whether a server runs, and whether all its processes do."""
    found = server_status.read(patient.data)
    if not is_folder_served(patient.data):
        yield DoctorFinding("server", CheckVerdict.INFO, "no server runs on this folder", "nephoscope serve")
        return
    if found is None:
        yield DoctorFinding(
            "server",
            CheckVerdict.INFO,
            f"a server is starting: {read_lock_holder(patient.data) or 'its lock is held'}",
            "check again",
        )
        return
    for name, one in found.processes.items():
        ended = f", last ended with {one.ended}" if one.ended else ""
        if not one.starts:
            yield DoctorFinding("server", CheckVerdict.INFO, f"{name} starts after the web process")
        elif not server_status.is_process_running(one.pid):
            problem = f"{name} is not running{ended}"
            yield DoctorFinding(
                "server",
                CheckVerdict.WRONG,
                problem,
                "see its log for the reason; the supervisor restarts it",
            )
        elif one.starts > OFTEN:
            problem = f"{name} was started {one.starts} times{ended}"
            yield DoctorFinding("server", CheckVerdict.WARNING, problem, "see its log for the reason")
        else:
            yield DoctorFinding("server", CheckVerdict.OK, f"{name} runs")


def check_clock(patient: CheckContext) -> Iterator[DoctorFinding]:
    """Return whether the clock agrees with that of the database, and with what was written before."""
    with patient.state.database.read() as session:
        theirs = patient.state.database.now(session)
    apart = abs(theirs - datetime.now(UTC))
    if apart > SKEW:
        problem = f"the clocks of this host and of the database are {apart.total_seconds():.0f} s apart"
        yield DoctorFinding("clock", CheckVerdict.WRONG, problem, "synchronize both with NTP")
    newest = max((one.moment for one in patient.state.audit.entries(most=1)), default=None)
    if newest is not None and newest - patient.now > SKEW:
        problem = f"the newest audit entry, {newest:%Y-%m-%d %H:%M} UTC, is in the future"
        yield DoctorFinding("clock", CheckVerdict.WRONG, problem, "synchronize the clock with NTP")


def check_backup(patient: CheckContext) -> Iterator[DoctorFinding]:
    """Return whether there is a backup, and how old it is."""
    kept = patient.state.checkpoints.get(*BACKED_UP)
    last = datetime.fromisoformat(kept["at"]) if isinstance(kept, dict) else None
    if last is None:
        yield DoctorFinding("backup", CheckVerdict.INFO, "no backup yet", "nephoscope backup FILE")
    elif patient.now - last > OLD_BACKUP:
        summary = f"the last backup was made on {last:%Y-%m-%d %H:%M} UTC"
        yield DoctorFinding("backup", CheckVerdict.WARNING, summary, "nephoscope backup FILE")
    if isinstance(kept, dict) and not kept.get("keys") and (apart := list_secret_folders(patient.data)):
        summary = f"the last backup does not include {' and '.join(f'{one}/' for one in apart)}"
        yield DoctorFinding(
            "backup",
            CheckVerdict.INFO,
            summary,
            "store a copy elsewhere, or run nephoscope backup FILE --with-keys",
        )


def check_secrets(patient: CheckContext) -> Iterator[DoctorFinding]:
    """Return whether tokens and secrets of programs end soon."""
    names = {one.id: one.name for one in patient.state.principals.all()}
    for one in patient.state.principals.secrets((SecretKind.TOKEN, SecretKind.CLIENT_SECRET)):
        if one.expires is not None and patient.now < one.expires < patient.now + SOON:
            summary = (
                f"{one.label or one.kind.value} of {names.get(one.principal, one.principal)} expires on "
                f"{one.expires:%Y-%m-%d}"
            )
            yield DoctorFinding(
                "secrets", CheckVerdict.INFO, summary, "create another with `nephoscope access token`"
            )


def check_people(patient: CheckContext) -> Iterator[DoctorFinding]:
    """Return whether somebody can come in, and who can do everything."""
    principals = patient.state.principals.all()
    owners = {
        role.principal
        for role in patient.state.principals.roles()
        if role.role == "Owner" and role.scope == "/"
    }
    known = [one for one in principals if one.id in owners and not one.disabled]
    if not known:
        yield DoctorFinding(
            "people",
            CheckVerdict.INFO,
            "no Owner of all scopes yet",
            "`nephoscope serve` prints a sign-in link",
        )
    programs = [one.name for one in known if one.kind is not PrincipalKind.PERSON]
    if programs:
        text = f"programs with the role Owner: {', '.join(programs)}"
        yield DoctorFinding(
            "people",
            CheckVerdict.WARNING,
            text,
            "assign a less privileged role: `nephoscope access grant`, `revoke`",
        )


def check_estate(patient: CheckContext) -> Iterator[DoctorFinding]:
    """Return whether the estate is assessed, and how long ago."""
    request = read_last_scan_request(patient.data)
    if request is None:
        yield DoctorFinding(
            "estate",
            CheckVerdict.INFO,
            "no scan yet",
            "run `nephoscope scan azure:` (or with a snapshot, or sample:)",
        )
        return
    last = next(reversed(History(patient.data).list_evaluations(request.series)), None)
    if last is None or patient.now - last.when > OLD_ASSESSMENT:
        when = f"{last.when:%Y-%m-%d %H:%M} UTC" if last else "never"
        yield DoctorFinding(
            "estate",
            CheckVerdict.WARNING,
            f"the last assessment was on {when}",
            "`nephoscope serve` updates it regularly",
        )
    if PublishedSnapshotCache(patient.data).load_newest() is None:
        yield DoctorFinding(
            "estate",
            CheckVerdict.WARNING,
            "no assessment is published for the pages",
            "scan without parts: --in-parts never",
        )
    failed = patient.state.checkpoints.get(*FAILED)
    if failed:
        yield DoctorFinding(
            "estate",
            CheckVerdict.WRONG,
            f"the last assessment failed: {failed}",
            "fix the cause; the assessment is retried soon",
        )


def check_sources(patient: CheckContext) -> Iterator[DoctorFinding]:
    """Return whether sources of logs fail."""
    for one in patient.state.source_health.all():
        if one.error and not one.table:
            yield DoctorFinding(
                "sources",
                CheckVerdict.WRONG,
                f"{one.source}: {one.error}",
                f"nephoscope sources test {one.source}",
            )


def check_responses(patient: CheckContext) -> Iterator[DoctorFinding]:
    """Return whether what the operator allows, and the rules of response, can be used."""
    for fault in list_file_faults(patient.data):
        yield DoctorFinding(
            "responses", CheckVerdict.WRONG, fault, "fix the file: it is reloaded automatically"
        )


def check_runs(patient: CheckContext) -> Iterator[DoctorFinding]:
    """Return whether anything that automations and rules of response were to do was given up."""
    for rule, tally in sorted(patient.state.run_standings.tally_by_rule().items()):
        if tally.dead:
            kind = "automation" if tally.language == RuleLanguage.AUTOMATION.value else "rule"
            where = "" if tally.workspace == DEFAULT else f" -w {tally.workspace}"
            yield DoctorFinding(
                "runs",
                CheckVerdict.WARNING,
                f"{kind} {rule.rpartition('/')[2]}: {tally.failure}",
                (
                    f"fix the cause, then run `nephoscope response retry ID{where}` (`nephoscope response "
                    f"list --status dead{where}`)"
                ),
            )


def check_lake(patient: CheckContext) -> Iterator[DoctorFinding]:
    """Return whether rows wait that nobody takes into tables."""
    waiting = sum(path.stat().st_size for path in (patient.data / "spool").glob("*/*") if path.is_file())
    if waiting > 1 << 30:
        text = f"{waiting / (1 << 30):,.1f} GiB wait in the spool"
        yield DoctorFinding(
            "lake",
            CheckVerdict.WARNING,
            text,
            "`nephoscope serve` (or any command that uses the lake) ingests them",
        )
    if patient.lake is not None:
        yield DoctorFinding(
            "lake", CheckVerdict.OK, f"{len(patient.lake.list_versions())} tables are readable"
        )


def check_extras(patient: CheckContext) -> Iterator[DoctorFinding]:  # noqa: ARG001 - a check's signature
    """Yield which extras are not installed."""
    for name, (module, use) in EXTRAS.items():
        if importlib.util.find_spec(module) is None:
            yield DoctorFinding(
                "extras", CheckVerdict.INFO, f"{use}: not installed", get_install_command(name)
            )


CHECKS: tuple[Callable[[CheckContext], Iterator[DoctorFinding]], ...] = (
    check_files, check_owners, check_disk, check_memory, check_clock, check_server, check_port, check_certificates, check_keys,
    check_people, check_secrets, check_audit, check_backup, check_estate, check_sources, check_responses,
    check_runs, check_lake, check_extras,
)  # fmt: skip

"""Document database: a file copy of a published snapshot for lists, shared by all server processes.

It is made by the first that needs it, from the published table, and left out of backups (its name begins with a dot). `documents` is
sorted by type and key and has all but the bodies, with hashes of what single ones are found by; `mentions` has the addresses and CVEs
that stand in them; `bodies` has those by their `number`, packed, in the order in which they were published, so that what is listed
together mostly lies together.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path

import duckdb

from nephoscope.lake.errors import LakeError
from nephoscope.posture.reports.resource_graph_tables import EVALUATION, LISTED
from nephoscope_policy.model.state import ComplianceState, Severity

#: What a reader holds of the copy at most, and what is used while one is made; a larger sort goes to the disk.
READING, MAKING = "512MB", "512MB"
#: The order in which a list of findings shows states.
SHOWN = (
    ComplianceState.NON_COMPLIANT,
    ComplianceState.ERROR,
    ComplianceState.UNKNOWN,
    ComplianceState.EXEMPT,
    ComplianceState.COMPLIANT,
    ComplianceState.NOT_APPLICABLE,
)
_ROWS_OF_A_GROUP = 16_384
Config = dict[str, str | bool | int | float | list[str]]
_FROM = """FROM read_parquet($files, hive_partitioning = true, filename = true, file_row_number = true)
    WHERE _table <> $left_out"""
_AT = "(list_position($files, filename) - 1) * 4294967296 + file_row_number AS number"
#: How a document stands, by its type: what changes with every evaluation (dates) is left out. Automations are told where it changes.
_STANDS = """CASE WHEN type = 'microsoft.security/assessments' THEN concat_ws('|', _state, _severity, _cause)
    WHEN type = 'microsoft.security/assessments/subassessments' THEN json_extract(_body, '$.properties.status')::VARCHAR
    WHEN type LIKE 'microsoft.security/securescores%' THEN json_extract(_body, '$.properties.score')::VARCHAR
    WHEN type = 'microsoft.security/attackpaths' THEN json_extract(_body, '$.properties.riskLevel')::VARCHAR
    WHEN type LIKE 'microsoft.security/%' THEN json_extract(_body, '$.properties.state')::VARCHAR END"""
_DOCUMENTS = f"""CREATE TABLE copy.documents AS SELECT
    _table AS part, _key AS key, tenantId AS tenant, type, subscriptionId AS subscription, _group AS grp,
    _open AS open, id, name, location, _subject AS subject, _recommendation AS recommendation, _state AS state, _severity AS severity,
    list_position($severities, _severity) AS severity_rank, list_position($states, _state) AS state_rank,
    _cause AS cause, _title AS title,
    CASE WHEN _state <> '' THEN coalesce(json_extract_string(_body, '$.properties.status.description'), '') ELSE '' END AS why,
    CASE WHEN _state <> '' THEN coalesce(json_extract_string(_body, '$.properties.additionalData.secureScoreControl'), '')
        ELSE '' END AS control,
    {_STANDS} AS stands, hash(_key) AS key_hash, hash(_group) AS grp_hash,
    {_AT} {_FROM} ORDER BY type, _key, tenantId"""
#: Texts that are an address as a whole, and CVEs anywhere, in what people call resources and in findings inside assessments.
_NAMED = {
    "v4": r'"((?:\d{1,3}\.){3}\d{1,3})(?:/32)?"',
    "v6": r'"([0-9a-fA-F]{0,4}(?::[0-9a-fA-F.]{0,15}){2,7})(?:/128)?"',
    "cve": r"((?i)cve-\d{4}-\d{4,19})",
}
_MENTIONS = f"""CREATE TABLE copy.mentions AS SELECT DISTINCT lower(unnest(list_concat(regexp_extract_all(_body, $v4, 1),
    regexp_extract_all(_body, $v6, 1), regexp_extract_all(_body, $cve, 1)))) AS name, {_AT} {_FROM}
    AND (list_contains($listed, _table) OR type = 'microsoft.security/assessments/subassessments') ORDER BY name, number"""
_BODIES = f"CREATE TABLE copy.bodies AS SELECT {_AT}, _body AS body {_FROM}"


def open_copy(files: Sequence[Path], folder: Path) -> duckdb.DuckDBPyConnection:
    """The copy of an edition's files in a folder, made where it is not there yet; LakeError where that is not possible."""
    path = folder / f".documents-{_compute_hash(files, folder)}.duckdb"
    try:
        if not path.exists():
            with _acquire_lock(folder):
                if not path.exists():
                    _build_database(path, files)
        config: Config = {
            "memory_limit": READING, "threads": 2, "enable_external_access": False, "lock_configuration": True,
        }  # fmt: skip
        return duckdb.connect(str(path), read_only=True, config=config)
    except (duckdb.Error, OSError) as error:
        raise LakeError(
            f"{path}: the documents cannot be copied or read ({error}); check that the disk has free space"
        ) from error


def _compute_hash(files: Sequence[Path], folder: Path) -> str:
    """Names a copy by what it is made of and how: a file of the table never changes under its name."""
    names = sorted(str(one.relative_to(folder)) for one in files)
    inputs = "\0".join([duckdb.__version__, _DOCUMENTS, _MENTIONS, *_NAMED.values(), _BODIES, *names])
    return hashlib.sha256(inputs.encode()).hexdigest()[:32]


@contextmanager
def _acquire_lock(folder: Path) -> Iterator[None]:
    with (folder / ".documents.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build_database(path: Path, files: Sequence[Path]) -> None:
    """Make the copy beside its place, and drop those of other editions: whoever has one of them open keeps it."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    paths = [str(one) for one in files]
    given = {"files": paths, "left_out": EVALUATION}
    ranks = {"severities": [one.value for one in Severity], "states": [one.value for one in SHOWN]}
    config: Config = {
        "memory_limit": MAKING,
        "temp_directory": str(path.with_suffix(".tmp")),
        "threads": 2,
    }
    with duckdb.connect(":memory:", config=config) as making:
        making.execute(
            f"ATTACH '{_quote_text(part)}' AS copy (ROW_GROUP_SIZE {_ROWS_OF_A_GROUP}, STORAGE_VERSION 'v1.4.0')"
        )
        making.execute(_DOCUMENTS, {**given, **ranks})
        making.execute(_MENTIONS, {**given, **_NAMED, "listed": sorted(LISTED)})
        _normalize_ipv6(making)
        making.execute("CHECKPOINT copy")
        making.execute("SET force_compression = 'zstd'")
        making.execute(_BODIES, given)
        making.execute("DETACH copy")
    part.chmod(0o600)
    part.replace(path)
    for other in path.parent.glob(".documents-*.duckdb"):
        if other != path:
            other.unlink(missing_ok=True)


def _normalize_ipv6(making: duckdb.DuckDBPyConnection) -> None:
    """Addresses of IPv6 as RFC 5952 writes them; what only looks like one (a time) is left out."""
    names = making.execute("SELECT DISTINCT name FROM copy.mentions WHERE contains(name, ':')").fetchall()
    known: dict[str, str] = {}
    for (name,) in names:
        with suppress(ValueError):
            known[name] = ip_address(name).compressed
    making.execute(
        "DELETE FROM copy.mentions WHERE contains(name, ':') AND name NOT IN (SELECT unnest($known::VARCHAR[]))",
        {"known": list(known)},
    )
    making.execute(
        "UPDATE copy.mentions SET name = known.now FROM (SELECT unnest($before::VARCHAR[]) AS before, "
        "unnest($now::VARCHAR[]) AS now) AS known WHERE name = known.before",
        {"before": list(known), "now": list(known.values())},
    )


def _quote_text(path: Path) -> str:
    return str(path).replace("'", "''")

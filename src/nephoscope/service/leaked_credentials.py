"""Leaked credentials: import lists of hashes, and check passwords and exported hashes against them.

A password or hash that is checked is in no log and no audit entry: the audit says how many were checked and how many are leaked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from nephoscope.identity.alert_risk import compute_detection_id
from nephoscope.identity.leaked.hash_import import import_hashes
from nephoscope.identity.leaked.hash_index import PAIRS, HashIndex, HashListError, HashListInfo, read_info
from nephoscope.identity.leaked.leaked_pairs import LeakedPairs, import_pairs, rotate_pairs
from nephoscope.identity.leaked.password_hashes import ALGORITHMS, LENGTHS
from nephoscope.identity.risk_ledger import RiskLedger
from nephoscope.identity.risk_reader import quote_kql_text
from nephoscope.identity.risk_rows import query_lake
from nephoscope.lake.writing.outbox import deliver_pending_rows
from nephoscope.model.identity_risk import ACTIVE, IdentityKind, RiskDetection, RiskLevel, RiskState
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.identity_risk import open_risk_reader
from nephoscope.state.workspaces.workspace import DEFAULT

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.lake.lake import Lake
    from nephoscope.service.service_context import ServiceContext

IMPORT = "Nephoscope/leakedCredentials/import/action"
CHECK = "Nephoscope/leakedCredentials/check/action"
READ = "Nephoscope/leakedCredentials/read"
LEAKED = "leakedCredentials"
_BY_PAIR = "the name and the password of the account are in a leak together"
_BY_PASSWORD = "the password of the account is in a list of leaked passwords"  # noqa: S105 - a reason


def import_hash_list(context: ServiceContext, source: Path, algorithm: str) -> HashListInfo:
    """Import a list of leaked hashes in the place of the one before it; HashListError where it cannot be read."""
    with context.change_files(IMPORT, ROOT_SCOPE, f"leaked {algorithm} hashes", source=source.name):
        return import_hashes(context.data, source, algorithm, context.now)


def import_leaked_pairs(context: ServiceContext, source: Path, hashed: str = "") -> HashListInfo:
    """Import leaked user names with passwords (or their hashes) in the place of those before; HashListError names a wrong line."""
    with context.change_files(IMPORT, ROOT_SCOPE, "leaked user names and passwords", source=source.name):
        return import_pairs(context.data, source, context.now, hashed)


def rotate_leaked_pairs(context: ServiceContext) -> HashListInfo:
    """Hash the leaked pairs with one key more; HashListError where none were imported."""
    with context.change_files(IMPORT, ROOT_SCOPE, "key of leaked user names and passwords"):
        return rotate_pairs(context.data)


def list_hash_lists(context: ServiceContext) -> list[HashListInfo]:
    """Return the lists that were imported."""
    context.require(READ, ROOT_SCOPE)
    return [info for one in (*ALGORITHMS, PAIRS) if (info := read_info(context.data, one)) is not None]


class LeakedAccount(msgspec.Struct, frozen=True):
    """An account that checks found in a list: by its name with its password (`pair`), or by its password alone."""

    identity: str
    name: str
    display_name: str
    evidence: str
    state: RiskState
    checks: int
    first: datetime
    last: datetime


def list_leaked_accounts(
    context: ServiceContext, lake: Lake, workspace: str = DEFAULT
) -> list[LeakedAccount]:
    """Return the accounts that have a risk detection of leaked credentials, those at risk first; DeniedError as for risks."""
    by_account: defaultdict[str, list[RiskDetection]] = defaultdict(list)
    for one in open_risk_reader(context, lake, workspace).read_detections(IdentityKind.USER).values():
        if one.event_type == LEAKED:
            by_account[one.identity.lower()].append(one)
    found = [_read_account(several) for several in by_account.values()]
    return sorted(found, key=lambda one: (one.state not in ACTIVE, -one.last.timestamp(), one.identity))


def _read_account(detections: Sequence[RiskDetection]) -> LeakedAccount:
    newest = max(detections, key=lambda one: one.happened)
    reasons = {reason for one in detections for reason in one.reasons}
    evidence = (
        "namePassword" if _BY_PAIR in reasons else "password" if _BY_PASSWORD in reasons else "otherSource"
    )
    times = [one.happened for one in detections]
    return LeakedAccount(
        newest.identity,
        newest.name,
        newest.display_name,
        evidence,
        newest.state,
        len(detections),
        min(times),
        max(times),
    )


def count_password(context: ServiceContext, password: str) -> int:
    """Return how often a password is in leaks, by every list that there is; HashListError where there is none."""
    several = {
        name: make(password) for name, make in ALGORITHMS.items() if read_info(context.data, name) is not None
    }
    context.require(CHECK, ROOT_SCOPE)
    if not several:
        raise HashListError("no list of leaked hashes was imported: `nephoscope identity leaked import`")
    return max(count_hash(context, name, digest) for name, digest in several.items())


def count_hash(context: ServiceContext, algorithm: str, digest: bytes) -> int:
    """Return how often the hash of a password is in leaks; HashListError without a list, or for one of another length."""
    if len(digest) != LENGTHS[algorithm]:
        raise HashListError(f"a {algorithm} hash has {2 * LENGTHS[algorithm]} hexadecimal digits")
    (found,) = _count_hashes(context, algorithm, {"": digest}).values()
    with context.state.transaction() as session:
        context.enter(session, CHECK, "leaked credentials", checked=1, leaked=int(found > 0))
    return found


def check_pair(context: ServiceContext, user: str, algorithm: str, digest: bytes) -> bool:
    """Return whether a user name is in a leak together with the password of a hash; HashListError without leaked pairs."""
    context.require(CHECK, ROOT_SCOPE)
    if len(digest) != LENGTHS[algorithm]:
        raise HashListError(f"a {algorithm} hash has {2 * LENGTHS[algorithm]} hexadecimal digits")
    with _open_pairs(context) as pairs:
        found = pairs.is_leaked(user, algorithm, digest)
    with context.state.transaction() as session:
        context.enter(session, CHECK, "leaked credentials", checked=1, leaked=int(found))
    return found


def check_change(context: ServiceContext, user: str, algorithm: str, digest: bytes) -> tuple[bool, int]:
    """Return whether a user name is in a leak with the hash of a password, and how often that is in leaks at all.

    Without a user name, or where no pairs were imported, the list alone answers; HashListError where there is neither.
    """
    if not user or read_info(context.data, PAIRS) is None:
        return False, count_hash(context, algorithm, digest)
    pair = check_pair(context, user, algorithm, digest)
    return pair, count_hash(context, algorithm, digest) if read_info(context.data, algorithm) else 0


def check_password_of_user(context: ServiceContext, user: str, password: str) -> bool:
    """Return whether a user name is in a leak together with a password; HashListError without leaked pairs."""
    return any(check_pair(context, user, name, make(password)) for name, make in ALGORITHMS.items())


def check_hashes(
    context: ServiceContext, lake: Lake, algorithm: str, hashes: Mapping[str, bytes], workspace: str = DEFAULT
) -> list[str]:
    """Return the users whose exported password hash is leaked, and raise the risk of each; HashListError without a list."""
    known = _find_accounts(lake, sorted(hashes), workspace)
    pairs = _find_pairs(context, algorithm, hashes, known)
    listed: Mapping[str, int] = {}
    if read_info(context.data, algorithm) is not None or read_info(context.data, PAIRS) is None:
        listed = _count_hashes(context, algorithm, hashes)
    leaked = sorted(name for name in hashes if name in pairs or listed.get(name))
    now = context.now
    accounts = [
        (*known.get(name.lower(), (name.lower(), name if "@" in name else "", "")), name in pairs)
        for name in leaked
    ]
    detections = [
        RiskDetection(
            id=compute_detection_id(LEAKED, id_, now.date().isoformat()), kind=IdentityKind.USER, identity=id_,
            event_type=LEAKED, level=RiskLevel.HIGH, happened=now, detected=now, updated=now, activity="user",
            name=name, display_name=display, reasons=[_BY_PAIR if pair else _BY_PASSWORD], techniques=["T1589.001"],
        )
        for id_, name, display, pair in accounts
    ]  # fmt: skip
    with context.state.transaction() as session:
        RiskLedger(context.state, workspace, now).add_detections(session, detections)
        context.enter(session, CHECK, "leaked credentials", checked=len(hashes), leaked=len(leaked))
    deliver_pending_rows(lake, context.state)
    return leaked


def read_hashes(lines: str, algorithm: str) -> dict[str, bytes]:
    """Return the hashes of `user:hash` lines by user; HashListError with the line that is none."""
    found = {}
    for number, line in enumerate(lines.splitlines(), 1):
        name, colon, text = line.strip().rpartition(":")
        if not line.strip():
            continue
        try:
            digest = bytes.fromhex(text)
        except ValueError:
            digest = b""
        if not colon or not name or len(digest) != LENGTHS[algorithm]:
            raise HashListError(
                f"line {number}: use USER:HASH with {2 * LENGTHS[algorithm]} hexadecimal digits"
            )
        found[name] = digest
    return found


def _count_hashes(context: ServiceContext, algorithm: str, hashes: Mapping[str, bytes]) -> dict[str, int]:
    """Return the counts of hashes by name; HashListError where no list of the algorithm was imported."""
    context.require(CHECK, ROOT_SCOPE)
    index = HashIndex.open(context.data, algorithm)
    if index is None:
        raise HashListError(
            f"no list of leaked {algorithm} hashes was imported: `nephoscope identity leaked import`"
        )
    with index:
        return {name: index.count(digest) for name, digest in hashes.items()}


def _open_pairs(context: ServiceContext) -> LeakedPairs:
    found = LeakedPairs.open(context.data)
    if found is None:
        raise HashListError("no leaked user names and passwords: `nephoscope identity leaked import-pairs`")
    return found


def _find_pairs(
    context: ServiceContext,
    algorithm: str,
    hashes: Mapping[str, bytes],
    known: Mapping[str, tuple[str, str, str]],
) -> set[str]:
    """Return the users that are in a leak with their password: by the exported name, or by the principal name of the account."""
    context.require(CHECK, ROOT_SCOPE)
    pairs = LeakedPairs.open(context.data)
    if pairs is None:
        return set()
    with pairs:
        return {
            name
            for name, digest in hashes.items()
            if pairs.is_leaked(name, algorithm, digest)
            or (name.lower() in known and pairs.is_leaked(known[name.lower()][1], algorithm, digest))
        }


def _find_accounts(lake: Lake, names: Sequence[str], workspace: str) -> dict[str, tuple[str, str, str]]:
    """Return the object id, principal name and display name of accounts by their names in lower case.

    A name is the principal or account name, with or without a domain before it.
    """
    found = {}
    several = sorted({one.lower().rpartition("\\")[2] for one in names})
    for start in range(0, len(several), 500):
        some = ", ".join(map(quote_kql_text, several[start : start + 500]))
        text = (
            f"IdentityInfo | where tolower(AccountUPN) in ({some}) or tolower(AccountName) in ({some})"
            " | summarize arg_max(TimeGenerated, *) by AccountObjectId"
        )
        for row in query_lake(lake, text, workspace):
            account = str(row["AccountObjectId"]), str(row["AccountUPN"]), str(row["AccountDisplayName"])
            found[str(row["AccountUPN"]).lower()] = found[str(row["AccountName"]).lower()] = account
    bare = {one.lower(): found.get(one.lower().rpartition("\\")[2]) for one in names}
    return {name: account for name, account in bare.items() if account is not None}

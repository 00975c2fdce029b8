"""Leaked credentials: import lists of hashes, and check passwords and exported hashes against them.

A password or hash that is checked is in no log and no audit entry: the audit says how many were checked and how many are leaked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nephoscope.identity.alert_risk import detection_id
from nephoscope.identity.leaked.hash_import import import_hashes
from nephoscope.identity.leaked.hash_index import HashIndex, HashListError, HashListInfo, read_info
from nephoscope.identity.leaked.password_hashes import ALGORITHMS, LENGTHS
from nephoscope.identity.risk_ledger import RiskLedger
from nephoscope.identity.risk_reader import quote
from nephoscope.identity.risk_rows import query_lake
from nephoscope.lake.writing.outbox import deliver_pending
from nephoscope.model.identity_risk import IdentityKind, RiskDetection, RiskLevel
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.state.workspaces.workspace import DEFAULT

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.lake.lake import Lake
    from nephoscope.service.service_context import ServiceContext

IMPORT = "Nephoscope/leakedCredentials/import/action"
CHECK = "Nephoscope/leakedCredentials/check/action"
READ = "Nephoscope/leakedCredentials/read"
LEAKED = "leakedCredentials"


def import_hash_list(context: ServiceContext, source: Path, algorithm: str) -> HashListInfo:
    """Import a list of leaked hashes in the place of the one before it; HashListError where it cannot be read."""
    with context.change_files(IMPORT, ROOT_SCOPE, f"leaked {algorithm} hashes", source=source.name):
        return import_hashes(context.data, source, algorithm, context.now)


def list_hash_lists(context: ServiceContext) -> list[HashListInfo]:
    """Return the lists that were imported."""
    context.require(READ, ROOT_SCOPE)
    return [info for one in ALGORITHMS if (info := read_info(context.data, one)) is not None]


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
    (found,) = _count(context, algorithm, {"": digest}).values()
    with context.state.transaction() as session:
        context.enter(session, CHECK, "leaked credentials", checked=1, leaked=int(found > 0))
    return found


def check_hashes(
    context: ServiceContext, lake: Lake, algorithm: str, hashes: Mapping[str, bytes], workspace: str = DEFAULT
) -> list[str]:
    """Return the users whose exported password hash is leaked, and raise the risk of each; HashListError without a list."""
    leaked = sorted(name for name, count in _count(context, algorithm, hashes).items() if count)
    known = _find_accounts(lake, leaked, workspace)
    now = context.now
    accounts = [known.get(name.lower(), (name.lower(), name if "@" in name else "", "")) for name in leaked]
    detections = [
        RiskDetection(
            id=detection_id(LEAKED, id_, now.date().isoformat()), kind=IdentityKind.USER, identity=id_,
            event_type=LEAKED, level=RiskLevel.HIGH, happened=now, detected=now, updated=now, activity="user",
            name=name, display_name=display, reasons=["the password of the account is in a list of leaked passwords"],
            techniques=["T1589.001"],
        )
        for id_, name, display in accounts
    ]  # fmt: skip
    with context.state.transaction() as session:
        RiskLedger(context.state, workspace, now).add_detections(session, detections)
        context.enter(session, CHECK, "leaked credentials", checked=len(hashes), leaked=len(leaked))
    deliver_pending(lake, context.state)
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


def _count(context: ServiceContext, algorithm: str, hashes: Mapping[str, bytes]) -> dict[str, int]:
    """Return the counts of hashes by name; HashListError where no list of the algorithm was imported."""
    context.require(CHECK, ROOT_SCOPE)
    index = HashIndex.open(context.data, algorithm)
    if index is None:
        raise HashListError(
            f"no list of leaked {algorithm} hashes was imported: `nephoscope identity leaked import`"
        )
    with index:
        return {name: index.count(digest) for name, digest in hashes.items()}


def _find_accounts(lake: Lake, names: Sequence[str], workspace: str) -> dict[str, tuple[str, str, str]]:
    """Return the object id, principal name and display name of accounts by lower-cased principal or account name."""
    found = {}
    for start in range(0, len(names), 500):
        some = ", ".join(quote(one.lower()) for one in names[start : start + 500])
        text = (
            f"IdentityInfo | where tolower(AccountUPN) in ({some}) or tolower(AccountName) in ({some})"
            " | summarize arg_max(TimeGenerated, *) by AccountObjectId"
        )
        for row in query_lake(lake, text, workspace):
            account = str(row["AccountObjectId"]), str(row["AccountUPN"]), str(row["AccountDisplayName"])
            found[str(row["AccountUPN"]).lower()] = found[str(row["AccountName"]).lower()] = account
    return found

"""The calls of the services of the data folder: workspaces, tables, sources, behavior, content, assessments and backups."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.service.calls import CONTRIBUTORS, OWNERS, READERS, Call

import nephoscope.content
from nephoscope.identity.leaked.hash_import import import_hashes
from nephoscope.identity.leaked.password_hashes import hash_sha1
from nephoscope.identity.risk_ledger import RiskLedger
from nephoscope.model.identity_risk import IdentityKind, RiskDetection, RiskLevel
from nephoscope.posture.scans.scan import ScanRequest
from nephoscope.service import (
    assessments,
    backups,
    behavior,
    identity_risk,
    leaked_credentials,
    policy_packs,
    sources,
    workspaces,
)
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope.state.database.audit_enforcement import as_product
from nephoscope.state.ingestion.sources import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nephoscope.lake.lake import Lake

POLICY = Path(nephoscope.content.__file__).parent / "policies" / "Monitoring" / "alert-role-assignment.json"
CHECKERS = CONTRIBUTORS | {"Credential Checker"}
POLICY_AUTHORS = frozenset({"Security Admin", "Owner"})


def _tell(*_: Any) -> None:
    """Hear how far a backup is."""


def _remove_workspace(context: ServiceContext, lake: Lake) -> None:
    with as_product("arrangement of a test"):
        if "empty" not in {one.name for one in context.state.workspaces.all()}:
            context.state.workspaces.add("empty")
    workspaces.remove_workspace(context, "empty", lake)


def _try_source(context: ServiceContext, lake: Lake) -> sources.SourceTrial:
    with as_product("arrangement of a test"):
        if "drop" not in {one.name for one in context.state.sources.all()}:
            context.state.sources.add(Source("drop", "folder", {"path": str(context.data)}))
    return sources.try_source(context, lake, "drop")


def _import_table(context: ServiceContext, lake: Lake) -> list[str]:
    table = replace(lake.tables["Heartbeat"], name="Own_CL", categories=())
    return workspaces.import_table(context, lake, table, "own.json")


def _take_backup(context: ServiceContext, lake: Lake, *, keys: bool = False) -> Any:
    file = context.data.parent / "backup.tar"
    return backups.write_backup(context, lake, file, keys=keys, tell=_tell)


def _restore_backup(context: ServiceContext, lake: Lake) -> Any:
    file = context.data.parent / "backup.tar"
    if all(map(context.actor.is_permitted, (backups.RESTORE, backups.SECRETS))) and not file.exists():
        _take_backup(ServiceContext(LocalUser.current(), context.state, context.data), lake)
    made = context.data.parent / "restored"
    return backups.restore_backup(context.actor, file, made, None, admit=_tell, tell=_tell)


def _at_risk(context: ServiceContext) -> None:
    """Have a user at risk, with a sign-in that was detected."""
    one = RiskDetection(
        id="d", kind=IdentityKind.USER, identity="u", event_type="newCountry", level=RiskLevel.LOW, request="r",
        happened=context.now, detected=context.now, updated=context.now,
    )  # fmt: skip
    with context.state.transaction(product="arrangement of a test") as session:
        RiskLedger(context.state, "default", context.now).add_detections(session, [one])


def _decide_risk(context: ServiceContext, lake: Lake) -> None:
    _at_risk(context)
    identity_risk.decide_risk(context, lake, IdentityKind.USER, "dismiss", ["u"])


def _decide_sign_in(context: ServiceContext, lake: Lake) -> None:
    _at_risk(context)
    identity_risk.decide_sign_ins(context, lake, "confirmSafe", ["r"])


def _import_hashes(context: ServiceContext, _lake: Lake) -> None:
    source = context.data.parent / "hashes.txt"
    source.write_text(f"{hash_sha1('x').hex()}:1\n", "utf-8")
    leaked_credentials.import_hash_list(context, source, "sha1")


def _listed(context: ServiceContext) -> None:
    """Have a list of leaked hashes."""
    if leaked_credentials.read_info(context.data, "sha1") is None:
        local = ServiceContext(LocalUser.current(), context.state, context.data)
        with as_product("arrangement of a test"):
            source = context.data.parent / "hashes.txt"
            source.write_text(f"{hash_sha1('x').hex()}:1\n", "utf-8")
            import_hashes(local.data, source, "sha1", local.now)


def _count_hash(context: ServiceContext, _lake: Lake) -> None:
    _listed(context)
    assert leaked_credentials.count_hash(context, "sha1", hash_sha1("x")) == 1


def _count_password(context: ServiceContext, _lake: Lake) -> None:
    _listed(context)
    assert leaked_credentials.count_password(context, "x") == 1


def _check_hashes(context: ServiceContext, lake: Lake) -> None:
    _listed(context)
    assert leaked_credentials.check_hashes(context, lake, "sha1", {"kim": hash_sha1("x")}) == ["kim"]


DATA_CALLS: Mapping[str, Call] = {
    "remove workspace": Call(_remove_workspace, CONTRIBUTORS, workspace=False),
    "import table": Call(_import_table, CONTRIBUTORS, workspace=False),
    "remove expired rows": Call(
        lambda c, lake: workspaces.remove_expired_rows(c, lake, []), CONTRIBUTORS, workspace=False
    ),
    "try source": Call(_try_source, OWNERS, workspace=False),
    "change behavior settings": Call(
        lambda c, _: behavior.change_behavior_settings(c, "default", {"peers": 7}), CONTRIBUTORS
    ),
    "relearn profiles": Call(lambda c, lake: behavior.relearn_profiles(c, lake, "default"), CONTRIBUTORS),
    "import policies": Call(
        lambda c, _: policy_packs.import_policies(c, POLICY, "own"), POLICY_AUTHORS, workspace=False
    ),
    "read risks": Call(lambda c, lake: identity_risk.open_risk_reader(c, lake), READERS, workspace=False),
    "import hash list": Call(_import_hashes, CONTRIBUTORS, workspace=False),
    "list hash lists": Call(
        lambda c, _: leaked_credentials.list_hash_lists(c), CONTRIBUTORS | {"Reader"}, workspace=False
    ),
    "count hash": Call(_count_hash, CHECKERS, workspace=False),
    "count password": Call(_count_password, CHECKERS, workspace=False),
    "check hashes": Call(_check_hashes, CHECKERS, workspace=False),
    "decide risk": Call(_decide_risk, CONTRIBUTORS, workspace=False),
    "decide sign-in": Call(_decide_sign_in, CONTRIBUTORS, workspace=False),
    "announce request": Call(
        lambda c, _: assessments.announce_request(c, ScanRequest(("snapshot.json",))),
        CONTRIBUTORS,
        workspace=False,
    ),
    "take backup": Call(_take_backup, CONTRIBUTORS, workspace=False),
    "take backup with keys": Call(lambda c, lake: _take_backup(c, lake, keys=True), OWNERS, workspace=False),
    "restore backup": Call(_restore_backup, OWNERS, workspace=False),
}

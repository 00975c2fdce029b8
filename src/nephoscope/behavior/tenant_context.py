"""Tenant context of a run: accounts, current and former names, and peers, cached until the estate changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.behavior.accounts import (
    Account,
    AccountDirectory,
    load_directory,
    map_service_names,
    merge_directories,
)
from nephoscope.behavior.identities import AccountSighting
from nephoscope.behavior.peers import find_peers
from nephoscope.behavior.profiles import FOLDER
from nephoscope.estate.principals import SERVICE_TYPE
from nephoscope.estate.tenant_stores import build_version_mark, load_newest
from nephoscope.lake.queries.time_span import RowSpan
from nephoscope.model.atomic_file import replace_content
from nephoscope_kql.types import UNIX_EPOCH_TICKS

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake

FILE = "directory.json"
REFRESHED = dt.timedelta(days=1)
SIGHT = dt.timedelta(days=14)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SIGN_INS = """
SigninLogs
| where ResultType == '0' and isnotempty(UserId)
| summarize arg_max(TimeGenerated, UserPrincipalName, UserDisplayName, UserType) by UserId = tolower(UserId)
"""
_RISKS = (
    "AADRiskyUsers | summarize arg_max(TimeGenerated, RiskLevel, RiskState, RiskDetail) by Id = tolower(Id)"
)


@dataclass(slots=True)
class TenantKnowledge:
    """Directory knowledge of a tenant; `digest` names the estate snapshot it comes from, `aliases` past names too."""

    digest: str = ""
    at: dt.datetime = _EPOCH
    accounts: dict[str, Account] = field(default_factory=dict)
    whole: bool = False
    aliases: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    peers: dict[str, list[str]] = field(default_factory=dict)

    @property
    def directory(self) -> AccountDirectory:
        """The accounts."""
        return AccountDirectory(self.accounts, self.whole)

    def is_due(self, digest: str, now: dt.datetime) -> bool:
        """Return whether the estate or the day is another."""
        return digest != self.digest or now - self.at >= REFRESHED


def read_estate_digest(data: Path) -> str:
    """The newest snapshot of the estate, '' where there is none."""
    return build_version_mark(data)


def load_knowledge(data: Path, workspace: str) -> TenantKnowledge:
    """Return what was kept last; nothing where nothing was, or where it cannot be read: it is gathered again then."""
    try:
        return msgspec.json.decode((data / FOLDER / workspace / FILE).read_bytes(), type=TenantKnowledge)
    except (OSError, msgspec.DecodeError):
        return TenantKnowledge()


def store_knowledge(data: Path, workspace: str, known: TenantKnowledge) -> None:
    """Keep it, whole or not at all."""
    path = data / FOLDER / workspace / FILE
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_content(path, msgspec.json.encode(known))


def gather_knowledge(
    lake: Lake, workspace: str, digest: str, before: TenantKnowledge, now: dt.datetime, most_peers: int
) -> tuple[TenantKnowledge, dict[str, AccountSighting]]:
    """The accounts of the estate, and of the sign-ins where the directory was not read whole; and what logs say of them."""
    directory, names = AccountDirectory(), {}
    if digest:
        estates = load_newest(lake.data)
        directory = merge_directories([load_directory(estate) for estate in estates])
        names = map_service_names(one for estate in estates for one in estate.list_of_type(SERVICE_TYPE))
    seen = {row["UserId"]: row for row in _fetch_rows(lake, workspace, _SIGN_INS, now)}
    accounts = dict(directory.accounts)
    if not directory.whole:
        accounts.update(
            {id_: _read_account_from_sign_in(row) for id_, row in seen.items() if id_ not in accounts}
        )
    found = AccountDirectory(accounts, directory.whole)
    aliases = {
        **before.aliases,
        **{row["UserPrincipalName"].lower(): id_ for id_, row in seen.items()},
        **found.aliases(),
    }
    terms = {id_: account.terms for id_, account in accounts.items() if account.terms and not account.service}
    peers = find_peers(terms, most_peers)
    return TenantKnowledge(digest, now, accounts, directory.whole, aliases, names, peers), _read_sightings(
        lake, workspace, seen, now
    )


def _read_account_from_sign_in(row: Mapping[str, Any]) -> Account:
    body = {
        "userPrincipalName": row["UserPrincipalName"],
        "displayName": row["UserDisplayName"],
        "userType": row["UserType"],
    }
    return Account(row["UserId"], body)


def _read_sightings(
    lake: Lake, workspace: str, seen: Mapping[str, Mapping[str, Any]], now: dt.datetime
) -> dict[str, AccountSighting]:
    found = {id_: AccountSighting(_to_time(row["TimeGenerated"])) for id_, row in seen.items()}
    for row in _fetch_rows(lake, workspace, _RISKS, now):
        last = found.get(row["Id"], AccountSighting()).last
        found[row["Id"]] = AccountSighting(last, row["RiskLevel"], row["RiskState"], row["RiskDetail"])
    return found


def _fetch_rows(lake: Lake, workspace: str, text: str, now: dt.datetime) -> list[dict[str, Any]]:
    span = RowSpan(now - SIGHT, now + dt.timedelta(days=1))
    found: list[dict[str, Any]] = lake.rows(text, workspace=workspace, now=now, span=span).to_pylist()
    return found


def _to_time(ticks: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(microseconds=(ticks - UNIX_EPOCH_TICKS) // 10)

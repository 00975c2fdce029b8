"""IdentityInfo and UserPeerAnalytics: a row when an account changed, and every account again each 14 days, as Sentinel does."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nephoscope.behavior.accounts import Account, AccountDirectory, find_manager_id

IDENTITIES, PEERS = "IdentityInfo", "UserPeerAnalytics"
AGAIN = dt.timedelta(days=14)
_SEEN = ("LastSeenDate",)
"""Columns whose change alone makes no row."""
_FROM_GRAPH = {
    "AccountDisplayName": "displayName", "GivenName": "givenName", "Surname": "surname", "JobTitle": "jobTitle",
    "Department": "department",
    "City": "city", "Country": "country", "State": "state", "StreetAddress": "streetAddress", "CompanyName": "companyName",
    "EmployeeId": "employeeId", "MailAddress": "mail", "Phone": "businessPhones", "AccountSID": "onPremisesSecurityIdentifier",
    "OnPremisesDistinguishedName": "onPremisesDistinguishedName", "SAMAccountName": "onPremisesSamAccountName", "UserType": "userType",
    "UserState": "externalUserState", "AccountCreationTime": "createdDateTime", "AccountCloudSID": "securityIdentifier",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class IdentityRecord:
    """Latest identity row of an account: its digest, its time, and whether the account was deleted."""

    digest: str
    at: dt.datetime
    gone: bool
    row: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class AccountSighting:
    """Traces of an account in logs: when it was last seen, and its risk ('' = none)."""

    last: dt.datetime | None = None
    level: str = ""
    state: str = ""
    detail: str = ""


def build_identity_rows(
    directory: AccountDirectory,
    sightings: Mapping[str, AccountSighting],
    known: Mapping[str, IdentityRecord],
    now: dt.datetime,
) -> Iterator[dict[str, object]]:
    """The rows that are due: of accounts that are new or changed, that were told of 14 days ago, and that are gone."""
    for id_, account in sorted(directory.accounts.items()):
        row = _build_row(account, directory, sightings.get(id_, AccountSighting()))
        digest = hash_row(row)
        last = known.get(id_)
        if last is None or last.digest != digest or now - last.at >= AGAIN:
            yield {**row, "TimeGenerated": now.isoformat(), "Digest": digest}
    if not directory.whole:
        return
    for id_, last in sorted(known.items()):
        if id_ not in directory.accounts and not last.gone:
            gone = {
                **last.row,
                "IsAccountEnabled": False,
                "DeletedDateTime": now.isoformat(),
                "AccountObjectId": id_,
            }
            yield {**gone, "TimeGenerated": now.isoformat(), "Digest": "deleted"}


def hash_row(row: Mapping[str, object]) -> str:
    """Return what tells the content of a row from another."""
    said = {name: value for name, value in row.items() if name not in _SEEN and value not in (None, "", [])}
    return hashlib.blake2b(json.dumps(said, sort_keys=True, default=str).encode(), digest_size=16).hexdigest()


def _build_row(account: Account, directory: AccountDirectory, sighting: AccountSighting) -> dict[str, object]:
    body = account.body
    boss = directory.accounts.get(find_manager_id(body))
    said = {column: _to_text(body.get(name)) for column, name in _FROM_GRAPH.items()}
    return {
        **said,
        "AccountObjectId": account.id,
        "AccountUPN": account.name,
        "AccountName": account.name.partition("@")[0],
        "AccountDomain": account.name.partition("@")[2],
        "Manager": boss.name if boss else find_manager_id(body),
        "AssignedRoles": list(account.roles),
        "GroupMembership": list(account.groups),
        "IsAccountEnabled": body.get("accountEnabled"),
        "IsMFARegistered": account.registered,
        "IsServiceAccount": account.service,
        "Tags": json.dumps(_list_tags(account)),
        "BlastRadius": account.blast,
        "RiskLevel": sighting.level,
        "RiskState": sighting.state,
        "RiskLevelDetails": sighting.detail,
        "LastSeenDate": sighting.last.isoformat() if sighting.last else None,
        "ChangeSource": "AzureActiveDirectory",
        "SourceSystem": "nephoscope",
        "AccountCreationTime": body.get("createdDateTime"),
    }


def _list_tags(account: Account) -> list[str]:
    found = []
    if account.blast == "High":
        found.append("Privileged")
    if account.service:
        found.append("ServiceAccount")
    if str(account.body.get("userType") or "").lower() == "guest":
        found.append("Guest")
    return found


def _to_text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    return "" if value is None else str(value)


def build_peer_rows(
    directory: AccountDirectory, peers: Mapping[str, list[str]], now: dt.datetime, tenant: str
) -> Iterator[dict[str, object]]:
    """A row a user and peer, with the peer's rank from 1."""
    for user, several in sorted(peers.items()):
        for rank, peer in enumerate(several, 1):
            yield {
                "TimeGenerated": now.isoformat(),
                "AADTenantId": tenant,
                "UserId": user,
                "UserPrincipalName": directory.accounts[user].name,
                "UserName": directory.accounts[user].name.partition("@")[0],
                "PeerUserId": peer,
                "PeerUserPrincipalName": directory.accounts[peer].name,
                "PeerUserName": directory.accounts[peer].name.partition("@")[0],
                "Rank": rank,
                "SourceSystem": "nephoscope",
            }

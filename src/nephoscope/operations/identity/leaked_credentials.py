"""Leaked credentials: the imported lists, the accounts that a check found in them, and the check of a hash.

No password, hash or key is in an answer. An identity provider checks a hash when a user chooses a password.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from nephoscope.identity.leaked.hash_index import PAIRS, HashListError, HashListInfo
from nephoscope.operations.declaration.operation import (
    ApiRoute,
    CommandLine,
    OperationCall,
    OperationGroup,
    translate_errors,
)
from nephoscope.operations.declaration.operation_page import PageColumn, SectionList
from nephoscope.operations.declaration.request_field import describe
from nephoscope.operations.declaration.schemas import InWorkspace, Shape
from nephoscope.service import leaked_credentials as service
from nephoscope.service.identity_risk import READ as READ_RISKS
from nephoscope.service.leaked_credentials import CHECK, READ, LeakedAccount, check_change

OPERATIONS = OperationGroup("leakedCredentials", "Leaked credentials", "A hash")
_CONTENTS = {"sha1": "SHA-1 hashes", "ntlm": "NTLM hashes", PAIRS: "User names with passwords"}
Line = dict[str, object]


class HashListShape(Shape, frozen=True, kw_only=True):
    """An imported list: what its entries are made of, how many, its source and its age; `keys` is the number of keys of pairs."""

    algorithm: str
    entries: int
    origin: str
    imported: datetime
    keys: int


class HashListPage(Shape, frozen=True, kw_only=True):
    """The imported lists."""

    value: tuple[HashListShape, ...]


class LeakedAccountShape(Shape, frozen=True, kw_only=True):
    """An account whose password a check found in a list: by which evidence, when last, how often, and its risk."""

    identity: str
    name: str
    display_name: str
    evidence: str
    state: str
    checks: int
    first: datetime
    last: datetime


class LeakedAccountList(Shape, frozen=True, kw_only=True):
    """Leaked accounts, those at risk first."""

    value: tuple[LeakedAccountShape, ...]


class HashCheck(Shape, frozen=True, kw_only=True):
    """The hash of a password, and the user who chose it; the password itself is never sent."""

    hash: Annotated[
        str, describe("Hash in hexadecimal digits.", pattern=r"^[0-9A-Fa-f]{32}([0-9A-Fa-f]{8})?$(?!\n)")
    ]
    algorithm: Annotated[Literal["sha1", "ntlm"], describe("Hash algorithm.")] = "sha1"
    user: Annotated[str, describe("User name or principal name.", max_length=320)] = ""


class HashCount(Shape, frozen=True, kw_only=True):
    """Number of leaks that had a hash, 0 = it is not listed; `pair`: whether one had it together with the user name."""

    count: int
    pair: bool = False


def _list_rows(found: HashListPage) -> list[Line]:
    return [
        {
            "algorithm": one.algorithm, "contents": _CONTENTS[one.algorithm], "entries": one.entries, "origin": one.origin,
            "imported": one.imported, "keys": one.keys or "",
        }
        for one in found.value
    ]  # fmt: skip


def _build_account_rows(found: LeakedAccountList) -> list[Line]:
    return [
        {
            "name": one.display_name or one.name or one.identity, "evidence": one.evidence, "state": one.state, "last": one.last,
            "checks": one.checks, "first": one.first, "principalName": one.name, "identity": one.identity,
            "id": f"user:{one.identity}",
        }
        for one in found.value
    ]  # fmt: skip


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/leakedCredentials"),
    CommandLine(
        "list", columns=("algorithm", "entries", "origin", "imported"), rows=_list_rows,
        nothing="no hash lists: `nephoscope identity leaked import` reads one",
    ),
    page=SectionList(
        "Leaked credentials", "Identity", "list",
        "Lists of leaked passwords that accounts are checked against. No password or hash can be read from them.",
        key="algorithm", name="contents", guide="identity.md", order=46, tab="Accounts",
        nothing="No lists of leaked credentials. `nephoscope identity leaked import FILE` imports one on the server.",
        columns=(
            PageColumn("contents", "Contents"), PageColumn("entries", "Entries"), PageColumn("origin", "Source", optional=True),
            PageColumn("imported", "Imported"),
        ),
    ),
)  # fmt: skip
def list_hash_lists(call: OperationCall) -> HashListPage:
    """List the imported lists of leaked credentials: contents, number of entries, source and age."""
    return HashListPage(value=tuple(map(_list_shape, service.list_hash_lists(call.service))))


@OPERATIONS.operation(
    READ_RISKS, ApiRoute("GET", "/leakedCredentials/accounts"),
    CommandLine(
        "accounts", columns=("name", "evidence", "state", "last", "checks", "identity"), rows=_build_account_rows,
        nothing="no accounts with a leaked password: `nephoscope identity leaked check --hashes FILE` checks them",
    ),
    needs_lake=True,
    page=SectionList(
        "Leaked accounts", "Identity", "account",
        "Accounts whose password a check found in a list of leaked credentials.",
        key="id", name="name", guide="identity.md", facets=("evidence", "state"), order=47, tab="Accounts",
        opens=("/identity/risks/item/{}", "Open the risky identity"),
        nothing="No leaked accounts. `nephoscope identity leaked check --hashes FILE` checks exported hashes.",
        columns=(
            PageColumn("name", "Account"), PageColumn("evidence", "Evidence", optional=True), PageColumn("state", "Risk state"),
            PageColumn("last", "Last found"), PageColumn("checks", "Times found", optional=True),
        ),
    ),
)  # fmt: skip
def list_accounts(call: OperationCall, query: InWorkspace) -> LeakedAccountList:
    """List accounts whose password a check found in a list of leaked credentials, those at risk first."""
    found = service.list_leaked_accounts(call.service, call.lake, call.workspace(query.workspace))
    return LeakedAccountList(value=tuple(map(_build_account_shape, found)))


def _list_shape(one: HashListInfo) -> HashListShape:
    return HashListShape(
        algorithm=one.algorithm, entries=one.entries, origin=one.origin, imported=one.imported, keys=len(one.keys)
    )  # fmt: skip


def _build_account_shape(one: LeakedAccount) -> LeakedAccountShape:
    return LeakedAccountShape(
        identity=one.identity, name=one.name, display_name=one.display_name, evidence=one.evidence, state=one.state.value,
        checks=one.checks, first=one.first, last=one.last,
    )  # fmt: skip


@OPERATIONS.operation(CHECK, ApiRoute("POST", "/leakedCredentials/check"))
def check_password_hash(call: OperationCall, body: HashCheck) -> HashCount:
    """Return how often the hash of a password was seen in leaks, and whether together with the user name."""
    digest = bytes.fromhex(body.hash)
    with translate_errors("hash", HashListError):
        pair, count = check_change(call.service, body.user, body.algorithm, digest)
        return HashCount(count=count, pair=pair)

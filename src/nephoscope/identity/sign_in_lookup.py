"""Sign-ins that a risk detection is about: found by the identity, the address and the time, or by their own id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nephoscope.identity.risk_reader import quote_kql_text
from nephoscope.identity.risk_rows import query_lake
from nephoscope.lake.queries.time_span import RowSpan
from nephoscope.model.identity_risk import IdentityKind

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake

MOST = 200_000
_OF_USERS = """
{table}
| where tolower(UserPrincipalName) in ({{names}}) or tolower(UserId) in ({{names}})
| project TimeGenerated, Id, Item = _ItemId, Identity = UserId, Name = UserPrincipalName, Display = UserDisplayName, AppId,
    Address = IPAddress, CorrelationId, Location = todynamic(LocationDetails), Succeeded = ResultType == '0', UserAgent,
    Tenant = AADTenantId, Agent = '',
    Reused = tostring(AuthenticationDetails) has 'Previously satisfied' or Type == 'AADNonInteractiveUserSignInLogs'
"""
_USERS = "union ({}), ({})\n| take {{most}}".format(
    *(_OF_USERS.format(table=table) for table in ("SigninLogs", "AADNonInteractiveUserSignInLogs"))
)
_PRINCIPALS = """
AADServicePrincipalSignInLogs
| where tolower(ServicePrincipalName) in ({names}) or tolower(ServicePrincipalId) in ({names}) or tolower(AppId) in ({names})
| project TimeGenerated, Id, Item = _ItemId, Identity = ServicePrincipalId, Name = '', Display = ServicePrincipalName, AppId,
    Address = IPAddress, CorrelationId, Location = todynamic(LocationDetails), Succeeded = ResultType == '0', UserAgent,
    Tenant = '', Agent = tostring(todynamic(Agent).agentType), Reused = false
| take {most}
"""
_QUERIES = {IdentityKind.USER: _USERS, IdentityKind.SERVICE_PRINCIPAL: _PRINCIPALS}
_NAMES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class LoggedSignIn:
    """A sign-in: `item` is the id of its row, `agent` the type of an agent ('' = none), `reused` whether a token was enough."""

    time: datetime
    id: str
    item: str
    identity: str
    name: str
    display: str
    app_id: str
    address: str
    correlation: str
    location: dict[str, object]
    succeeded: bool
    user_agent: str
    tenant: str
    agent: str
    reused: bool


@dataclass(slots=True)
class SignInLookup:
    """The sign-ins of some identities within a span."""

    _by_name: dict[str, list[LoggedSignIn]]
    _by_id: dict[str, LoggedSignIn]

    @classmethod
    def read(
        cls,
        lake: Lake,
        workspace: str,
        kind: IdentityKind,
        names: Collection[str],
        span: tuple[datetime, datetime],
    ) -> SignInLookup:
        """Read the sign-ins of identities of a kind, by name or id."""
        found = cls(defaultdict(list), {})
        several = sorted({one.lower() for one in names if one})
        rows = RowSpan(span[0], span[1] + timedelta(seconds=1))
        for start in range(0, len(several), _NAMES_AT_ONCE):
            some = ", ".join(map(quote_kql_text, several[start : start + _NAMES_AT_ONCE]))
            text = _QUERIES[kind].format(names=some, most=MOST)
            found.add(_read_logged_sign_in(row) for row in query_lake(lake, text, workspace, span=rows))
        return found

    def add(self, several: Iterable[LoggedSignIn]) -> None:
        """Add sign-ins."""
        for one in several:
            for key in {one.name.lower(), one.identity.lower(), one.display.lower(), one.app_id.lower()} - {
                ""
            }:
                self._by_name[key].append(one)
            self._by_id[one.id.lower()] = self._by_id[one.item.lower()] = one

    def find(
        self, name: str, addresses: Collection[str], start: datetime, end: datetime
    ) -> LoggedSignIn | None:
        """Return the sign-in of an identity that an alert is about: from its addresses where it names any, successful, the last."""
        within = [one for one in self._by_name.get(name.lower(), ()) if start <= one.time <= end]
        fits = [one for one in within if not addresses or one.address in addresses]
        return max(fits, key=lambda one: (one.succeeded, one.time), default=None)

    def get(self, id_: str) -> LoggedSignIn | None:
        """Return a sign-in by its id, or that of its row."""
        return self._by_id.get(id_.lower())

    def identify(self, name: str) -> LoggedSignIn | None:
        """Return any sign-in of an identity: it says who that is."""
        return next(iter(self._by_name.get(name.lower(), ())), None)


def _read_logged_sign_in(row: dict[str, object]) -> LoggedSignIn:
    location = row["Location"]
    texts = {name: str(value or "") for name, value in row.items()}
    return LoggedSignIn(
        datetime.fromisoformat(texts["TimeGenerated"]), texts["Id"], texts["Item"], texts["Identity"], texts["Name"],
        texts["Display"], texts["AppId"], texts["Address"], texts["CorrelationId"],
        location if isinstance(location, dict) else {}, bool(row["Succeeded"]), texts["UserAgent"], texts["Tenant"], texts["Agent"],
        bool(row["Reused"]),
    )  # fmt: skip

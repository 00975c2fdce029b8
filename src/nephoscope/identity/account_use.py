"""The use of accounts in logs: last sign-ins of users, service principals and credentials, and the operations of administrators."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nephoscope.identity.account_findings import AccountUse, count_days
from nephoscope.identity.management_locations import DAYS, LakeNames
from nephoscope.identity.risk_rows import query_lake
from nephoscope.identity.role_proposals import UsedOperation
from nephoscope.lake.queries.time_span import RowSpan

if TYPE_CHECKING:
    from nephoscope.identity.administrators import Administrator
    from nephoscope.lake.lake import Lake

_LAST = "{table} | where ResultType == '0' | summarize Last = max(TimeGenerated) by Name = tolower({column}) | where isnotempty(Name)"
_FIRST = "{table} | summarize First = min(TimeGenerated)"
_OPERATIONS = """
AzureActivity
| where tolower(Caller) in ({names}) and ActivityStatusValue !in~ ('Failure', 'Failed')
| extend Place = tolower(extract(@'(?i)^/subscriptions/[^/]+(/resourcegroups/[^/]+)?', 0, _ResourceId))
| distinct Name = tolower(Caller), Operation = tolower(OperationNameValue), Place
"""


def read_account_use(
    lake: Lake, workspace: str, administrators: Sequence[Administrator], now: datetime
) -> AccountUse:
    """Return the use of accounts within the last days."""
    span = RowSpan(now - timedelta(days=DAYS), now + timedelta(days=1))

    def read_last_use(*places: tuple[str, str]) -> dict[str, datetime]:
        found: dict[str, datetime] = {}
        for table, column in places:
            for row in query_lake(lake, _LAST.format(table=table, column=column), workspace, span=span):
                name, moment = str(row["Name"]), datetime.fromisoformat(str(row["Last"]))
                found[name] = max(moment, found.get(name, moment))
        return found

    def count_table_days(table: str) -> int:
        rows = query_lake(lake, _FIRST.format(table=table), workspace, span=span)
        first = rows[0]["First"] if rows else None
        return count_days(datetime.fromisoformat(str(first)) if first else None, now)

    services = "AADServicePrincipalSignInLogs"
    return AccountUse(
        read_last_use(("SigninLogs", "UserId"), ("AADNonInteractiveUserSignInLogs", "UserId")),
        read_last_use((services, "ServicePrincipalId"), (services, "AppId")),
        read_last_use((services, "ServicePrincipalCredentialKeyId")),
        _read_operations(lake, workspace, administrators, span),
        count_table_days("SigninLogs"),
        count_table_days(services),
        count_table_days("AzureActivity"),
    )


def _read_operations(
    lake: Lake, workspace: str, administrators: Sequence[Administrator], span: RowSpan
) -> Mapping[str, Sequence[UsedOperation]]:
    names = LakeNames.of(administrators)
    found: defaultdict[str, list[UsedOperation]] = defaultdict(list)
    for some in names.split_into_literals():
        for row in query_lake(lake, _OPERATIONS.replace("{names}", some), workspace, span=span):
            owner = names.owner[str(row["Name"])]
            found[owner].append(UsedOperation(str(row["Operation"]), str(row["Place"] or "")))
    return found

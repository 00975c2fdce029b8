"""Tables as a lake holds them: Parquet files, one a day, with the traps that make a fast answer wrong.

Every value is a hash of the row's number, so that a size always gives the same rows. Among them are empty and null texts, letters
beyond ASCII, terms inside longer words ('powershell' beside 'powershell_ise' and 'xpowershell'), names that differ by case, and bags
with and without the key that is asked for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import duckdb

from nephoscope_kql.catalog import TableSchema
from nephoscope_kql.engines.parquet import read_files_schema
from nephoscope_kql.types import KqlType

DAYS = 14
NOW = dt.datetime(2026, 3, 15, tzinfo=dt.UTC)
WIDTH = 261
"""How many columns AzureDiagnostics has."""
ROWS_IN_A_GROUP = 122_880


@dataclass(frozen=True, slots=True)
class Table:
    """A table's files and its KQL schema."""

    schema: TableSchema
    files: tuple[Path, ...]


def pick(salt: int, values: list[str | None]) -> str:
    """SQL for one of the texts, by the row's number."""
    items = ", ".join("NULL" if value is None else "'" + value.replace("'", "''") + "'" for value in values)
    return f"list_extract([{items}], 1 + CAST({draw(salt, len(values))} AS INTEGER))"


def draw(salt: int, below: int) -> str:
    """SQL for a whole number below a limit, by the row's number."""
    return f"(hash(i * 31 + {salt}) % {below})"


ADDRESS = f"'10.' || {draw(11, 4)} || '.' || {draw(12, 200)} || '.' || {draw(13, 250)}"
CITY = pick(21, ["Berlin", "München", "Zürich", "Oslo", "São Paulo", "Malmö", "Łódź", "東京", ""])
SIGNINS: Mapping[str, str] = MappingProxyType(
    {
        "UserPrincipalName": f"CASE WHEN {draw(1, 500)} = 0 THEN NULL ELSE 'user' || {draw(2, 60_000)} || "
        f"{pick(3, ['@contoso.com', '@Contoso.com', '@fabrikam.com', '@größe.example'])} END",
        "IPAddress": f"CASE WHEN {draw(4, 900)} = 0 THEN '' ELSE {ADDRESS} END",
        "AppDisplayName": pick(
            5,
            ["Azure Portal", "Office 365", "Microsoft Azure CLI", "azure portal", "Größe", "", None, "Teams"],
        ),
        "ResultType": pick(6, ["0", "0", "0", "0", "0", "50126", "50053", "50074", "53003", "500121", ""]),
        "Location": pick(7, ["DE", "CH", "NO", "BR", "SE", "PL", "JP", "US", "", "GB"]),
        "ConditionalAccessStatus": pick(8, ["success", "failure", "notApplied", ""]),
        "UserAgent": f"{pick(9, ['Mozilla/5.0 (Windows NT 10.0)', 'python-requests/2.', 'axios/1.', ''])} || {draw(10, 40)}",
        "LocationDetails": f'CASE WHEN {draw(14, 20)} = 0 THEN NULL ELSE \'{{"city":"\' || {CITY} || '
        '\'","countryOrRegion":"XX","geoCoordinates":{"latitude":\' || ' + draw(15, 90) + " || '.5}}' END",
        "ConditionalAccessPolicies": f'CASE WHEN {draw(16, 4)} > 0 THEN NULL ELSE \'[{{"displayName":"\' || '
        f'{pick(17, ["Require MFA", "Block legacy", "Länder"])} || \'","result":"\' || '
        f'{pick(18, ["success", "failure", "notApplied"])} || \'"}},{{"displayName":"Base","result":"\' || '
        f"{pick(19, ['success', 'failure'])} || '\"}}]' END",
        "CorrelationId": "CAST(hash(i) AS VARCHAR)",
    }
)
TOOLS = [
    "powershell.exe -enc ",
    "C:\\Windows\\PowerShell.exe -File ",
    "powershell_ise.exe ",
    "xpowershell ",
    "cmd.exe /c whoami ",
    "rundll32 ÄÖ.dll,Start ",
    "notepad.exe ",
    "svchost.exe -k netsvcs ",
    "",
]
EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "Computer": f"'srv' || {draw(31, 4_000)} || {pick(32, ['.contoso.local', '.CONTOSO.local', ''])}",
        "Account": f"CASE WHEN {draw(33, 700)} = 0 THEN NULL ELSE 'CONTOSO\\\\' || 'acc' || {draw(34, 20_000)} END",
        "EventID": "CAST(list_extract([4624, 4624, 4624, 4625, 4688, 4688, 4672, 4720, 1102], "
        f"1 + CAST({draw(35, 9)} AS INTEGER)) AS INTEGER)",
        "LogonType": f"CAST(CASE WHEN {draw(36, 3)} = 0 THEN NULL ELSE {draw(37, 11)} END AS INTEGER)",
        "IpAddress": ADDRESS,
        "CommandLine": f"{pick(38, TOOLS)} || CASE WHEN {draw(39, 50)} = 0 THEN 'invoke-webrequest http://10.0.0.1/a' "
        f"ELSE 'arg' || {draw(40, 100_000)} END",
        "Message": f"'user=' || {draw(41, 5_000)} || ' action=' || {pick(42, ['allow', 'deny', 'Deny'])} "
        f"|| ' bytes=' || {draw(43, 90_000)}",
    }
)
DIAGNOSTICS: Mapping[str, str] = MappingProxyType(
    {
        "ResourceProvider": pick(
            51, ["MICROSOFT.KEYVAULT", "MICROSOFT.NETWORK", "MICROSOFT.SQL", "microsoft.keyvault"]
        ),
        "Category": pick(
            52,
            [
                "AuditEvent",
                "AzureFirewallNetworkRule",
                "AzureFirewallApplicationRule",
                "SQLSecurityAuditEvents",
                "",
            ],
        ),
        "OperationName": pick(
            53,
            [
                "SecretGet",
                "SecretList",
                "VaultGet",
                "KeyDelete",
                "SecretDelete",
                "AzureFirewallNetworkRuleLog",
            ],
        ),
        "Resource": f"'VAULT' || {draw(54, 900)}",
        "ResultType": pick(55, ["Success", "Success", "Failure", ""]),
        "CallerIPAddress": ADDRESS,
        "identity_claim_upn_s": f"CASE WHEN {draw(56, 3)} = 0 THEN NULL ELSE 'user' || {draw(57, 9_000)} || '@contoso.com' END",
        "httpStatusCode_d": f"CAST({draw(58, 5)} * 100 AS DOUBLE)",
        "msg_s": f"'TCP request from 10.0.' || {draw(59, 250)} || '.4:' || {draw(60, 60_000)} || ' to 52.1.2.' || {draw(61, 250)} || "
        f"':443. Action: ' || {pick(62, ['Allow', 'Deny'])}",
    }
)
DYNAMIC = frozenset({"LocationDetails", "ConditionalAccessPolicies"})
COLUMNS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {"SigninLogs": SIGNINS, "SecurityEvent": EVENTS, "AzureDiagnostics": DIAGNOSTICS}
)


def made(folder: Path, rows: int) -> dict[str, Table]:
    """The tables with this many rows each, written where they are not there yet."""
    return {name: _table(name, folder / str(rows) / name, rows) for name in COLUMNS}


def _table(name: str, folder: Path, rows: int) -> Table:
    folder.mkdir(parents=True, exist_ok=True)
    files = tuple(folder / f"{day:02}.parquet" for day in range(DAYS))
    for day, file in enumerate(files):
        if not file.exists():
            _write(name, file, day, rows // DAYS)
    return Table(_typed(read_files_schema(name, files)), files)


def _write(name: str, file: Path, day: int, rows: int) -> None:
    began = int((NOW - dt.timedelta(days=DAYS - day)).timestamp()) * 1_000_000
    step = 86_400_000_000 // rows
    items = [f'make_timestamptz({began} + (i - {day * rows}) * {step}) AS "TimeGenerated"']
    items += [f'{sql} AS "{column}"' for column, sql in COLUMNS[name].items()]
    if name == "AzureDiagnostics":
        items += [_spare(place) for place in range(WIDTH - len(items))]
    part = file.with_suffix(".part")
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = '4GB'")
        connection.execute(
            f"COPY (SELECT {', '.join(items)} FROM range({day * rows}, {(day + 1) * rows}) AS numbers(i)) "
            f"TO '{part}' (FORMAT parquet, ROW_GROUP_SIZE {ROWS_IN_A_GROUP})"
        )
    part.rename(file)


def _spare(place: int) -> str:
    """One of the many columns that few rows fill."""
    if place % 3:
        return f'CAST(NULL AS {"VARCHAR" if place % 2 else "DOUBLE"}) AS "spare{place}_{"s" if place % 2 else "d"}"'
    return f"CASE WHEN {draw(100 + place, 200)} = 0 THEN 'v' || {draw(400 + place, 50)} END AS \"spare{place}_s\""


def _typed(schema: TableSchema) -> TableSchema:
    """With the bags that the lake knows to be canonical JSON."""
    columns = tuple((name, KqlType.DYNAMIC if name in DYNAMIC else kind) for name, kind in schema.columns)
    return replace(schema, columns=columns)

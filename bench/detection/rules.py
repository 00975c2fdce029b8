"""A thousand rules: of our own making over five minutes, or those of the shared corpus, copied until there are so many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from detection.rows import ADDRESSES, COMMANDS, USERS
from nephoscope.alerts.rules.rule import AnalyticRule, RuleKind
from nephoscope.alerts.rules.rule_files import find_rules
from nephoscope_kql.compile import CompiledQuery, compile_query
from nephoscope_kql.errors import KqlError
from nephoscope_policy.model.source_location import Place

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope_kql.types import KqlType

#: Table -> its columns with a user or host, an address, a text.
TABLES = {
    "SigninLogs": ("UserPrincipalName", "IPAddress", "AppDisplayName"),
    "AADNonInteractiveUserSignInLogs": ("UserPrincipalName", "IPAddress", "AppDisplayName"),
    "AzureActivity": ("Caller", "CallerIpAddress", "OperationNameValue"),
    "SecurityEvent": ("Account", "IpAddress", "CommandLine"),
    "Syslog": ("HostName", "HostIP", "SyslogMessage"),
    "CommonSecurityLog": ("SourceUserName", "SourceIP", "Message"),
    "OfficeActivity": ("UserId", "ClientIP", "Operation"),
    "StorageBlobLogs": ("AccountName", "CallerIpAddress", "OperationName"),
    "AZFWNetworkRule": ("Action", "SourceIp", "Rule"),
    "W3CIISLog": ("csUserName", "cIP", "csUriStem"),
    "DnsEvents": ("Computer", "ClientIP", "Name"),
    "DeviceProcessEvents": ("AccountName", "InitiatingProcessFileName", "ProcessCommandLine"),
}
#: Ways to look at a table: {t} is its name, {u} {i} {x} its columns, {n} a number, {ip} {user} {text} what is looked for.
_LOOKS = (
    "{t} | where {u} =~ '{user}' and {x} has '{text}'",
    "{t} | where {x} contains '{text}' | summarize Count = count(), Addresses = make_set({i}, 50) by {u} | where Count > {n}",
    "{t} | where {i} startswith '{ip}' | summarize dcount({u}) by {i} | where dcount_{u} > {n}",
    "{t} | summarize Count = count() by {u}, bin(TimeGenerated, 1m) | where Count > 4000 + {n}",
    "{t} | where {u} endswith '{n}@contoso.com' | join kind=inner (SigninLogs | where ResultType != '0') "
    "on $left.{u} == $right.UserPrincipalName | summarize Count = count() by {u} | where Count > {n}",
    "{t} | where {i} == '{ip}' | join kind=leftanti (SigninLogs | project UserPrincipalName) "
    "on $left.{u} == $right.UserPrincipalName",
    "{t} | extend Part = extract(@'([a-z]+){n}', 1, {x}) | where isnotempty(Part) | summarize by {u}, Part",
    "{t} | summarize arg_max(TimeGenerated, {i}, {x}) by {u} | where {x} has_any ('{text}', 'mimikatz{n}')",
    "let few = {t} | summarize Count = count() by {i} | where Count < 2 | project {i}; "
    "{t} | where {i} in (few) and {u} != '{user}' | where {x} startswith '{text}'",
    "{t} | where TimeGenerated > ago(5m) | summarize Total = count(), Bad = countif({x} has '{text}') by {u} "
    "| extend Share = todouble(Bad) / Total | where Share > 0.9 and Total > {n}",
)  # fmt: skip


def own(count: int) -> list[AnalyticRule]:
    """Rules over five minutes, no two alike."""
    names = list(TABLES)
    rules = []
    for number in range(count):
        name, look = names[number % len(names)], _LOOKS[number // len(names) % len(_LOOKS)]
        user, address, text = TABLES[name]
        query = look.format(
            t=name, u=user, i=address, x=text, n=number % 97, user=USERS[number % len(USERS)], ip=ADDRESSES[number * 7 % 5000],
            text=COMMANDS[-1 - number % 7].split()[0].split(".")[0],
        )  # fmt: skip
        document = {
            "id": f"own-{number:04}", "name": f"Own {number}: {name}", "kind": "Scheduled", "severity": "Low", "queryFrequency": "5m",
            "queryPeriod": "5m", "query": query, "triggerThreshold": 0, "triggerOperator": "gt",
        }  # fmt: skip
        rules.append(AnalyticRule.parse(document, Place("own")))
    return rules


def corpus(folder: Path, lake: Lake, count: int) -> tuple[list[AnalyticRule], int, int]:
    """The rules of the corpus that compile, copied until there are so many; how many different ones, how many do not compile."""
    several = [one for one in find_rules(folder).rules if one.kind is not RuleKind.HUNTING]
    usable = [one for one in several if compiled(one, lake) is not None]
    different = len(usable)
    if count < different:  # some of all kinds
        usable = [usable[number * different // count] for number in range(count)]
    rules = []
    for number in range(count):
        rule, copy = usable[number % len(usable)], number // len(usable)
        query = f"{rule.query.rstrip().rstrip(';')}\n| extend CopyOf = {copy}" if copy else rule.query
        rules.append(replace(rule, id=f"{rule.id}-{copy}", name=f"{rule.name} ({copy})", query=query))
    return rules, min(different, count), len(several) - different


def compiled(rule: AnalyticRule, lake: Lake) -> CompiledQuery | None:
    """The rule's query; None where it does not compile over the lake's tables, or only with the rows of others before it."""
    with lake.catalog() as catalog:
        try:
            return compile_query(rule.query, catalog)
        except KqlError:
            return None


def columns_of(rules: Sequence[AnalyticRule], lake: Lake, most: int) -> dict[str, Mapping[str, KqlType]]:
    """The tables that most rules read (at most so many), each with the columns that are read of it."""
    counts: Counter[str] = Counter()
    columns: dict[str, set[str]] = {}
    for rule in rules:
        query = compiled(rule, lake)
        for relation, names in (query.reads if query else {}).items():
            table = relation.partition("/")[2]
            counts[table] += 1
            columns.setdefault(table, set()).update(names)
    chosen = [table for table, _ in counts.most_common() if table in lake.tables][:most]
    return {
        table: {
            name: lake.tables[table].types[name]
            for name in sorted(columns[table])
            if name in lake.tables[table].types and name[0] != "_"
        }
        for table in chosen
    }

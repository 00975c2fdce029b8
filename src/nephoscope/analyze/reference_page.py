"""The reference page of the analyzers, from their own words: docs/reference/analyzers.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.discovery import load_analyzers
from nephoscope.analyze.transport.log_ages import ANY, load_log_kinds
from nephoscope.analyze.unsupported_assessments import NEEDED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.analyze.assessment_key import Key
    from nephoscope.analyze.discovery import Analyzer

_INTRODUCTION = """# Analyzers

*Generated from the code by `make docs`; do not edit.*

An analyzer answers what the policy language cannot ask: who reaches a machine, who may do what. It reads the estate and writes
assessments of the type `Microsoft.Security/assessments` under the keys of Defender for Cloud, over the estate, before policies run; a
policy that reads such a key then ends as on Azure, unmodified.

A verdict is Healthy, Unhealthy or NotApplicable, else **Unknown**: `not-collected` names the resource, type or fact that was
not read, `stale` a [report that is too old](azure-facts.md) or [logs that no longer arrive](#how-long-logs-hold),
`unreadable-rule` a security rule that makes no sense, `security-admin-rules` a network manager whose rules are not
modelled, `classic` a machine of the retired kind, `no-analyzer` what would be needed to answer, `analyzer-failed` a fault of the
analyzer. A resource that was listed without its properties is Unknown. Where a key ends Unknown and the snapshot holds Azure's own
assessment under it, that one stands unless it is too old; where an analyzer can say, its verdict replaces Azure's.

What counts as the Internet at large, as a way in, as an owner: decisions [50](../decisions/0050-the-internet-at-large.md),
[51](../decisions/0051-ways-in.md), [52](../decisions/0052-who-counts-as-owner.md), [53](../decisions/0053-opaque-service-tags.md),
[54](../decisions/0054-azures-own-assessments.md), [55](../decisions/0055-keys-that-nobody-answers.md),
[56](../decisions/0056-private-machines.md).
"""


def render_page() -> str:
    """The page as Markdown."""
    lines = [_INTRODUCTION]
    for analyzer in load_analyzers():
        lines += _format_section(analyzer)
    lines += _format_log_ages()
    return "\n".join(lines).rstrip() + "\n"


_LOG_AGES = """## How long logs hold

A verdict that rests on logs ends **Unknown**, cause `stale`, when the last row is older than the bound at the time of the evaluation:
nobody knows what happened since. Requests, audited work and negotiations count as arriving while their table gets rows of any
resource in a workspace that has rows of the resource, since a resource may be quiet. Flow logs and the logs of an API gateway count by
themselves ([why](../decisions/0526-logs-that-no-longer-arrive.md)).
"""


def _format_log_ages() -> Iterator[str]:
    yield _LOG_AGES
    yield "| logs | tables | days | why | source |"
    yield "|---|---|---|---|---|"
    for kind in load_log_kinds():
        tables = ", ".join("any other" if one == ANY else f"`{one}`" for one in kind.tables)
        yield f"| {kind.title} | {tables} | {kind.days} | {kind.why} | [Microsoft]({kind.source}) |"


def _format_section(analyzer: Analyzer) -> Iterator[str]:
    yield f"## {analyzer.name.replace('_', ' ')}"
    yield ""
    yield analyzer.doc.strip()
    yield ""
    needs = any(key in NEEDED for key in analyzer.keys)
    yield "| key | healthy means | asked of | built-in policies |" + (" needs |" if needs else "")
    yield "|---|---|---|---|" + ("---|" if needs else "")
    for key in analyzer.keys.values():
        yield _format_row(key) + (f" {NEEDED[key.id]} |" if needs else "")
    yield ""
    tables = [f"the table `{table}`" for table in analyzer.tables]
    yield "Reads " + ", ".join([*(f"`{type_}`" for type_ in dict.fromkeys(analyzer.types)), *tables]) + "."
    yield ""


def _format_row(key: Key) -> str:
    policies = [f"`{policy}`" for policy in key.policies] + [
        f"`{policy}` (retired)" for policy in key.retired
    ]
    types = ", ".join(f"`{type_}`" for type_ in key.types)
    return f"| `{key.id}` | {key.title} | {types} | {', '.join(policies) or 'none'} |"

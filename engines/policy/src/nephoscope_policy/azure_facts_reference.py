"""The reference page of facts about Azure that content holds: docs/reference/azure-facts.md."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope_policy.azure_facts import always_present, report_kinds

_INTRODUCTION = """# What Azure reports, and what it always has

*Generated from `content/azure/report_ages.json` and `content/azure/always_present.json` by `make docs`; do not edit.*

## How long a report holds

A verdict that rests on a report ends **Unknown**, cause `stale`, when the report is older than its bound at the time of the
evaluation; the description gives the day and the age. The first time that a body bears counts. A report that bears no time is as
old as the snapshot, by `readAt` of its manifest ([snapshots](../guides/snapshots.md#what-a-snapshot-has-read)); one without either
is not stale. A condition that does not read the report, on the name of a guest assignment for example, is decided whatever the age
([why](../decisions/0378-reports-expire.md)).
"""
_CHILDREN = """
## Children that always exist

Azure has these of every resource of the type. One that is not in the snapshot was not read: the verdict is Unknown, cause
`not-collected`, also where a manifest claims its type ([why](../decisions/0379-children-that-always-exist.md)).
"""


def page() -> str:
    """The page as Markdown."""
    return "\n".join([_INTRODUCTION, *_reports(), _CHILDREN, *_children()]).rstrip() + "\n"


def _reports() -> Iterator[str]:
    yield "| report | in bodies of | what is the report | its time | days | why | source |"
    yield "|---|---|---|---|---|---|---|"
    for kind in report_kinds():
        times = _format_names(kind.times) or "none"
        yield (
            f"| {kind.title} | {_format_names(kind.types)} | {_format_names(kind.report)} | {times} | {kind.days} "
            f"| {kind.why} | [Microsoft]({kind.source}) |"
        )


def _children() -> Iterator[str]:
    yield "| of | child | names | why | source |"
    yield "|---|---|---|---|---|"
    for group in always_present():
        for type_, names in group.children.items():
            yield (
                f"| {_format_names(group.parents)} | `{type_}` | {_format_names(names) or 'all'} "
                f"| {group.why} | [Microsoft]({group.source}) |"
            )


def _format_names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)

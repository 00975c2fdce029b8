"""The reference page of facts about Azure that content holds: docs/reference/azure-facts.md."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope_policy.azure_facts import load_always_present, load_always_stated, load_report_kinds

_INTRODUCTION = """# What Azure reports, and what it always has

*Generated from `report_ages.json`, `always_present.json` and `always_stated.json` of `content/azure` by `make docs`; do not edit.*

## How long a report holds

A verdict that rests on a report ends **Unknown**, cause `stale`, when the report is older than its bound at the time of the
evaluation; the description gives the day and the age. The first time that a body bears counts. A report that bears no time is as
old as the snapshot, by `readAt` of its manifest ([snapshots](../guides/snapshots.md#what-a-snapshot-has-read)); the age of one
without either is unknown, and it decides nothing. Where a type is a report as a whole, a manifest says for as long that there is
none ([why](../decisions/0506-undated-and-absent-reports.md)). A condition that does not read the report, on the name of a guest
assignment for example, is decided whatever the age ([why](../decisions/0378-reports-expire.md)).
"""
_CHILDREN = """
## Children that always exist

Azure has these of every resource of the type. One that is not in the snapshot was not read: the verdict is Unknown, cause
`not-collected`, also where a manifest claims its type ([why](../decisions/0379-children-that-always-exist.md)).
"""
_FIELDS = """
## Fields that every record has

Azure has these in every record of the type. A record with `properties` and without one of them was exported without it, as by a
query that projects columns: a verdict that reads the field is Unknown, cause `not-collected`.
"""


def render_page() -> str:
    """The page as Markdown."""
    parts = [_INTRODUCTION, *_list_reports(), _CHILDREN, *_list_children(), _FIELDS, *_list_fields()]
    return "\n".join(parts).rstrip() + "\n"


def _list_reports() -> Iterator[str]:
    yield "| report | in bodies of | what is the report | its time | days | why | source |"
    yield "|---|---|---|---|---|---|---|"
    for kind in load_report_kinds():
        times = _format_names(kind.times) or "none"
        yield (
            f"| {kind.title} | {_format_names(kind.types)} | {_format_names(kind.report)} | {times} | {kind.days} "
            f"| {kind.why} | [Microsoft]({kind.source}) |"
        )


def _list_children() -> Iterator[str]:
    yield "| of | child | names | why | source |"
    yield "|---|---|---|---|---|"
    for group in load_always_present():
        for type_, names in group.children.items():
            yield (
                f"| {_format_names(group.parents)} | `{type_}` | {_format_names(names) or 'all'} "
                f"| {group.why} | [Microsoft]({group.source}) |"
            )


_EMPTY = " A body with empty properties is taken as described by hand: without any."


def _list_fields() -> Iterator[str]:
    yield "| of | fields | why | source |"
    yield "|---|---|---|---|"
    for group in load_always_stated():
        yield (
            f"| {_format_names(group.types)} | {_format_names(group.paths)} | {group.why}{_EMPTY if group.unless_empty else ''} "
            f"| [Microsoft]({group.source}) |"
        )


def _format_names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)

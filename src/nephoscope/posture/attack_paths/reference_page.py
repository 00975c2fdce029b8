"""The reference page of the types of attack paths, from their files: docs/reference/attack-paths.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.posture.attack_paths.entity import TITLES, ConnectionKind, InsightKind
from nephoscope.posture.attack_paths.path_type import load_path_types

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.posture.attack_paths.path_type import PathStep, PathType

_INTRODUCTION = """# Attack paths

*Generated from the code by `make docs`; do not edit.*

Types of paths that are looked for: a file each in `content/attack_paths`. [The guide](../guides/attack-paths.md) says how they are
found and rated.

"""
_INSIGHTS = {
    InsightKind.WEAKNESS: "it fails a recommendation of high severity that helps an attacker to get in",
    InsightKind.SENSITIVE_DATA: "a tag of it, or of a database in it, says that its data is sensitive",
    InsightKind.ANONYMOUS_ACCESS: "it serves data to anonymous callers",
    InsightKind.PASSWORD_ACCESS: "it takes passwords or keys",
    InsightKind.GUEST: "it is a guest",
    InsightKind.NO_SECOND_FACTOR: "it has no second factor",
    InsightKind.STALE: "it was not used for 90 days",
}


def render_page() -> str:
    """The page as Markdown."""
    lines = [_INTRODUCTION]
    for type_ in load_path_types():
        lines += _format_section(type_)
    return "\n".join(lines).rstrip() + "\n"


def _format_section(type_: PathType) -> Iterator[str]:
    yield f"## {type_.name}"
    yield ""
    yield f"**{type_.title}.** {type_.description} {type_.impact}"
    yield ""
    yield f"{', '.join(type_.risk_categories)} · {', '.join((*type_.tactics, *type_.techniques))}"
    yield ""
    yield from (f"{number}. {_format_step(step)}" for number, step in enumerate(type_.steps, 1))
    yield ""
    yield " ".join(type_.remediation)
    yield ""


def _format_step(step: PathStep) -> str:
    types = ", ".join(f"`{one}`" for one in sorted(step.entity))
    by = " or ".join(TITLES[kind].lower() for kind in ConnectionKind if kind in step.by)
    known = [_INSIGHTS[one] for one in step.insights]
    if step.any_insight:
        known.append(" or ".join(_INSIGHTS[one] for one in step.any_insight))
    entity_text = f"*{by}* {types}" if by else types
    return f"{entity_text}{' where ' + ' and '.join(known) if known else ''}{' (may be left out)' if step.optional else ''}"

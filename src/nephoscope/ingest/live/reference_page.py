"""The reference page of live sources, from their settings."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.ingest.live.live_source import SourceKind
from nephoscope.ingest.live.source_kinds import describe_kind, load_source_kinds


def render_page() -> str:
    """The page in Markdown: every kind with its settings and secrets."""
    lines = [
        "# Live sources", "",
        "Generated from the program by `make docs`. How to set a source up: [Live sources of logs](../guides/sources.md).", "",
    ]  # fmt: skip
    for kind in load_source_kinds().values():
        lines += _format_kind(kind)
    return "\n".join(lines).rstrip() + "\n"


def _format_kind(kind: SourceKind) -> Iterator[str]:
    yield from (f"## {kind.name}", "", f"{kind.title}.", "")
    yield from ("| setting | type | default | meaning |", "|---|---|---|---|")
    for one in describe_kind(kind):
        default = (
            "must be given"
            if one.default is None
            else f"`{one.default}`"
            if one.default not in ("", "None")
            else ""
        )
        yield f"| `{one.name}` | {_escape_cell(one.type)} | {default} | {_escape_cell(one.help)} |"
    yield ""
    if kind.owned:
        settings_text = ", ".join(f"`{name}` ({one.when})" for name, one in kind.owned.items())
        yield from (f"An Owner's alone, where it is so: {settings_text}.", "")
    if kind.secrets:
        yield from ("| secret | meaning |", "|---|---|")
        yield from (f"| `{name}` | {_escape_cell(help_)} |" for name, help_ in kind.secrets.items())
        yield ""


def _escape_cell(text: str) -> str:
    return text.replace("|", "\\|")

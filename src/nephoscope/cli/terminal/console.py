"""The console that tables are printed on: names in an estate cannot make the terminal obey them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console
from rich.segment import Segment

from nephoscope.cli.terminal.sanitize_output import CONTROL, escape_controls

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import ConsoleOptions, RenderableType
    from rich.text import Text


class PlainConsole(Console):
    """A console that shows control characters of what it is given (names and tags of an estate) instead of obeying them."""

    def on_broken_pipe(self) -> None:
        """Leave it to the command line what a reader that went away means."""
        raise BrokenPipeError

    def render_str(self, text: str, **options: Any) -> Text:
        """A text to print, control characters spelled out before it is measured: what is cut at a width is cut in sight."""
        return super().render_str(escape_controls(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of a renderable, control characters in their texts spelled out."""
        for segment in super().render(renderable, options):
            if segment.control or CONTROL.search(segment.text) is None:
                yield segment
            else:
                yield Segment(escape_controls(segment.text), segment.style)


def create_console(out: TextIO) -> Console:
    """A console on the stream: its own width on a terminal, 120 columns elsewhere."""
    return PlainConsole(file=out, width=None if out.isatty() else 120, highlight=False, emoji=False)

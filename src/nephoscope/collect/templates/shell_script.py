"""Scripts of a POSIX shell or Bash."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from nephoscope.collect.templates.shell.command import ShellCommand
    from nephoscope.collect.templates.source_text import SourceText

TITLE = "Shell script"
PRECEDENCE = 60
MAX_SIZE = 500_000
_NAME = re.compile(r"\.(?:sh|bash|ksh)$")
_SHEBANG = re.compile(r"#!\s*\S*(?:/|\s)(?:env\s+)?(?:-S\s+)?(?:ba|da|a|k)?sh\b")


class ShellScript(msgspec.Struct):
    """A script and the commands that it may run."""

    source: SourceText
    commands: list[ShellCommand]


def recognizes(name: str, head: str) -> bool:
    """Claim scripts by their ending or their first line."""
    return bool(_NAME.search(name)) or bool(_SHEBANG.match(head))


def read(source: SourceText) -> ShellScript:
    """Parse a script."""
    from nephoscope.collect.templates.shell.nested_commands import unfold_commands
    from nephoscope.collect.templates.shell.parser import parse_script

    return ShellScript(source, list(unfold_commands(parse_script(source.text))))

"""Commands inside of commands: `sh -c '...'`, `sudo ...`, `env A=b ...`, here-documents of a shell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from nephoscope.collect.templates.shell.command import ShellCommand
from nephoscope.collect.templates.shell.parser import MAX_DEPTH, parse_script

SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "busybox"})
#: A program that runs its operands, and its flags that take a value.
_WRAPPERS: dict[str, frozenset[str]] = {
    "sudo": frozenset({"u", "g", "C", "h", "p", "r", "t", "user", "group"}),
    "doas": frozenset({"u", "C"}),
    "env": frozenset({"u", "C", "S", "unset", "chdir"}),
    "exec": frozenset({"a"}),
    "command": frozenset(),
    "nohup": frozenset(),
    "nice": frozenset({"n", "adjustment"}),
    "time": frozenset({"f", "o"}),
    "eatmydata": frozenset(),
}


def unfold_commands(commands: Iterable[ShellCommand]) -> Iterator[ShellCommand]:
    """Give each command as the program that it runs at last, and those of scripts that it hands to a shell."""
    yield from map(_unwrap_command, expand_nested_commands(commands))


def expand_nested_commands(commands: Iterable[ShellCommand], depth: int = 0) -> Iterator[ShellCommand]:
    """Give each command as it is written, and those of scripts that it hands to a shell."""
    for command in commands:
        yield command
        plain = _unwrap_command(command)
        if plain.program in SHELLS and depth < MAX_DEPTH:
            for script, offset in find_nested_scripts(plain):
                yield from expand_nested_commands(parse_script(script, offset), depth + 1)


def _unwrap_command(command: ShellCommand) -> ShellCommand:
    while command.program in _WRAPPERS:
        words = command.words[1:]
        valued = _WRAPPERS[command.program]
        while words and (words[0].text.startswith("-") or "=" in words[0].text):
            takes = "=" not in words[0].text and words[0].text.lstrip("-") in valued
            words = words[2 if takes else 1 :]
        if not words:
            return command
        command = replace(command, words=words)
    return command


def find_nested_scripts(command: ShellCommand) -> Iterator[tuple[str, int]]:
    """Give the scripts that a shell is handed, each with its offset."""
    for index, word in enumerate(command.words[1:], 1):
        short = word.text.startswith("-") and not word.text.startswith("--") and word.text.endswith("c")
        if short and index + 1 < len(command.words):
            script = command.words[index + 1]
            yield script.text, script.span.start + script.quoted
            return
    for redirect in command.redirects:
        if redirect.operator in ("<<", "<<-"):
            yield redirect.body, redirect.start
        elif redirect.operator == "<<<":
            yield redirect.target.text, redirect.target.span.start

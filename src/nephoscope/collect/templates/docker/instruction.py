"""An instruction of a Dockerfile with its flags, words and commands."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property

from nephoscope.collect.templates.shell.command import ShellCommand, ShellWord
from nephoscope.collect.templates.shell.nested_commands import unfold_commands
from nephoscope.collect.templates.shell.parser import parse_script
from nephoscope.collect.templates.source_text import TextSpan

#: A word of an instruction: quoted parts, escaped characters, or others.
_WORD = re.compile(r"(?:\"(?:\\.|[^\"\\])*\"?|'[^']*'?|\\\n|\\.|[^\s\"'\\]|\\$)+", re.DOTALL)
_PART = re.compile(r"\"((?:\\.|[^\"\\])*)\"?|'([^']*)'?|\\\n|\\(.)|([^\s\"'\\]+|\\$)", re.DOTALL)
_FLAG = re.compile(r"(?:\s|\\\n)*(--([a-z][a-z0-9-]*)(?:=((?:\"[^\"]*\"|\S)*))?)(?=\s|\\\n|$)")
_BARE = re.compile(r"\s*<<-?[ \t]*(['\"]?)([A-Za-z_][\w.-]*)\1[ \t\r]*\n")


@dataclass
class Instruction:
    """An instruction: `keyword` in capitals, `text` after it and after its flags, at `offset` of the file.

    `stage` counts the FROM instructions before it and itself, from 0; -1 before the first. `body` is the part of the text that holds
    here-documents, `trigger` says that it stands behind ONBUILD. `shell` is the shell that runs it.
    """

    keyword: str
    text: str
    offset: int
    span: TextSpan
    keyword_span: TextSpan
    flags: list[tuple[str, str]] = field(default_factory=list)
    stage: int = -1
    body: str = ""
    trigger: bool = False
    shell: tuple[str, ...] = ("/bin/sh", "-c")

    @cached_property
    def words(self) -> list[ShellWord]:
        """The words of the text with quotes removed; of a JSON array its strings, all at the place of the array."""
        if self.exec_form is not None:
            whole = TextSpan(self.offset, self.offset + len(self.text))
            return [ShellWord(text, whole, True) for text in self.exec_form]
        return split_words(self.text, self.offset)

    @cached_property
    def exec_form(self) -> list[str] | None:
        """The strings of a JSON array; None of a shell form."""
        text = self.text.replace("\\\n", "").strip()
        if not text.startswith("["):
            return None
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, list) and all(isinstance(one, str) for one in value) else None

    @cached_property
    def is_posix(self) -> bool:
        """Tell whether a POSIX shell runs the shell form."""
        name = re.split(r"[/\\]", self.shell[0])[-1].lower() if self.shell else ""
        return name.removesuffix(".exe") not in ("pwsh", "powershell", "cmd")

    @cached_property
    def script(self) -> tuple[str, int]:
        """The script of a RUN in shell form and its offset: the here-document itself where the instruction is nothing else."""
        whole = self.text + self.body
        if self.body and (match := _BARE.match(whole)):
            lines = whole[match.end() :].splitlines(keepends=True)
            inside = "".join(line for line in lines if line.strip() != match[2])
            return inside, self.offset + match.end()
        return whole, self.offset

    @cached_property
    def commands(self) -> list[ShellCommand]:
        """The commands that a RUN, CMD, ENTRYPOINT or HEALTHCHECK may run; none where no POSIX shell reads it."""
        if self.exec_form is not None:
            start = TextSpan(self.offset, self.offset + len(self.text))
            words = [ShellWord(text, start, True) for text in self.exec_form]
            return list(unfold_commands([ShellCommand(words=words)])) if words else []
        if not self.is_posix:
            return []
        script, offset = self.script
        return list(unfold_commands(parse_script(script, offset)))

    def get_flag(self, name: str) -> str | None:
        """Return the first value of a flag; '' where it has none, None where it is not given."""
        return next((value for key, value in self.flags if key == name), None)


def split_words(text: str, offset: int) -> list[ShellWord]:
    """Return the words of an instruction as Docker splits them, quotes and escapes removed."""
    found = []
    for match in _WORD.finditer(text):
        raw = match.group()
        if not (plain := _unquote_argument(raw)) and raw.replace("\\\n", "") == "":
            continue
        found.append(
            ShellWord(plain, TextSpan(offset + match.start(), offset + match.end()), raw[:1] in "\"'")
        )
    return found


def _unquote_argument(raw: str) -> str:
    parts = []
    for part in _PART.finditer(raw):
        double, single, escaped, plain = part.groups()
        if double is not None:
            parts.append(re.sub(r"\\([\"\\$])", r"\1", double).replace("\\\n", ""))
        elif escaped is not None:
            parts.append(escaped if escaped in "\"'$ \\" else "\\" + escaped)
        else:
            parts.append(single or plain or "")
    return "".join(parts)


def split_flags(text: str) -> tuple[list[tuple[str, str]], int]:
    """Return the flags that lead a text, and the offset after them."""
    flags, at = [], 0
    while match := _FLAG.match(text, at):
        flags.append((match[2], (match[3] or "").strip('"')))
        at = match.end()
    return flags, at

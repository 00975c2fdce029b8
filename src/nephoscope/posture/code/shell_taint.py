"""Taint of shell scripts: where a shell or an interpreter evaluates what is in a variable that anybody writes.

The text reaches it as an argument of `eval` or `sh -c`, by a pipe, a here-document, or a file that is written and run. A text
in quotes that a program is handed is no script: `echo "$TITLE"` prints it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from nephoscope.collect.templates.shell.command import Redirect, ShellCommand, ShellWord
from nephoscope.collect.templates.shell.nested_commands import SHELLS
from nephoscope.collect.templates.source_text import SourceText, TextSpan

#: The label of a variable that people outside of the project write, by its name; nothing for another.
Labels = Callable[[str], str | None]
#: Interpreters other than shells, and the flags whose value is code.
_INTERPRETERS: dict[str, tuple[str, ...]] = {
    "python": ("-c",), "python3": ("-c",), "node": ("-e", "-p", "--eval"), "perl": ("-e", "-E"), "ruby": ("-e",), "php": ("-r",),
    "pwsh": ("-c", "-Command"), "powershell": ("-c", "-Command"),
}  # fmt: skip
_PRINTING = frozenset({"echo", "printf"})
_ASSIGNING = frozenset({"export", "declare", "local", "readonly", "typeset"})
_SOURCING = frozenset({"source", "."})
#: `$name` and `${name...}`, without the length `${#name}`, the quoted `${name@Q}` and what keeps named characters, `${name//[^a-z]/}`.
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?!\w|@Q\}|//?\[[!^]))")
#: Programs after which no text of the writer is left, or only harmless characters.
_CLEANING = re.compile(
    r"\bprintf\s+(?:-v\s+\w+\s+)?(?:--\s+)?['\"]?[^|;'\"]*%q|\b(?:\w+sum|wc|cksum)\b|\btr\s+(?:-cd|-dc|-[cC]\s+-d|-d\s+-[cC])\b"
    r"|\bbase64\b(?!\s+(?:-d|-D|--decode))|\bsed\b[^|;]*s(.)\[\^[^|;]*\1g|\bgrep\s+-\w*[cq]|@sh\b|\bjq\b[^|;]*--arg"
)
#: The file from which GitHub reads variables of later steps, and the logging command that sets one in Azure Pipelines.
_ENVIRONMENT_FILES = frozenset({"$GITHUB_ENV", "${GITHUB_ENV}"})
_SET_VARIABLE = re.compile(r"##vso\[task\.setvariable variable=([\w.]+)", re.IGNORECASE)
_POWERSHELL = re.compile(
    r"(?:\b(?:Invoke-Expression|iex)\b[^\n;|]*?\$\{?env:(\w+))|(?:\$\{?env:(\w+)[^\n;]*\|\s*(?:Invoke-Expression|iex)\b)",
    re.IGNORECASE,
)


def find_powershell_evaluated(
    source: SourceText, span: TextSpan, labels: Labels
) -> Iterator[tuple[TextSpan, str]]:
    """Give where `Invoke-Expression` evaluates a variable of the environment that anybody writes, with the variable's label."""
    for match in _POWERSHELL.finditer(source.get_text(span)):
        if found := labels(match[1] or match[2]):
            yield TextSpan(span.start + match.start(), span.start + match.end()), found


@dataclass(slots=True)
class ShellTaint:
    """Follows values through the scripts of a job: files and `environment` (what later steps are given) last from step to step."""

    source: SourceText
    labels: Labels
    variables: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    _pipes: dict[tuple[int, int], str] = field(default_factory=dict)

    def find_evaluated_values(self, commands: Iterable[ShellCommand]) -> Iterator[tuple[ShellCommand, str]]:
        """Give each command that evaluates a variable that anybody writes, with its label; none inside of another that is given."""
        end = -1
        for command in commands:
            incoming = self._find_input(command)
            if command.span.start >= end and (found := self._find_script(command, incoming)):
                yield command, found
                end = command.span.end
            self._follow_command(command, incoming)

    def begin_step(self, labels: Labels) -> None:
        """Begin a step in a shell of its own, which knows other variables from its environment."""
        self.labels = labels
        self.variables = {}

    def _find_input(self, command: ShellCommand) -> str:
        """The label of what the command reads: by its redirections, or by the pipe."""
        for redirect in command.redirects:
            if redirect.operator in ("<<", "<<-", "<<<"):
                return self._find_here_document_label(redirect)
            if redirect.operator == "<":
                return self.files.get(
                    _normalize_file_name(redirect.target.text), ""
                ) or self._find_variable_label([redirect.target])
        return self._pipes.get(command.pipeline, "") if command.stage else ""

    def _find_here_document_label(self, redirect: Redirect) -> str:
        if redirect.operator == "<<<":
            return self._find_variable_label([redirect.target])
        return "" if redirect.target.quoted else self._find_named_label(redirect.body)

    def _find_script(self, command: ShellCommand, incoming: str) -> str:
        """The label of what the command evaluates."""
        program, words = command.program, command.words
        if not words or program in _PRINTING:
            return ""
        if program == "eval":
            return self._find_variable_label(words[1:])
        if program == "ssh":
            return self._find_variable_label(command.list_operand_words("bcDEeFIiJLlmOopQRSWw")[1:])
        if program in _SOURCING:
            return self._find_sourced_label(words[1:2], incoming)
        if program == "su" and command.has_flag("c"):
            return self._find_variable_label(words[1:])
        return (
            self._find_in_options(command)
            or self._find_in_standard_input(command, incoming)
            or self._find_substituted_label(command, incoming)
            or self.files.get(_normalize_file_name(command.name), "")
            or ("" if words[0].quoted else self._find_whole(words[0]))
        )

    def _find_sourced_label(self, words: list[ShellWord], incoming: str) -> str:
        for word in words:
            if word.text == "/dev/stdin":
                return incoming
            if word.text.startswith("<("):
                return self._find_variable_label(words)
            return self.files.get(_normalize_file_name(word.text), "")
        return ""

    def _find_in_options(self, command: ShellCommand) -> str:
        """The label in code that a shell or interpreter among the words gets as an argument: `docker exec a sh -c "..."`."""
        words = command.words
        for index, word in enumerate(words[:-2]):
            program = word.text.rsplit("/", 1)[-1]
            flag = words[index + 1].text
            if program in SHELLS and re.fullmatch(r"-[a-z]*c", flag):
                return self._find_variable_label([words[index + 2]])
            if flag in _INTERPRETERS.get(program, ()):
                return self._find_variable_label([words[index + 2]])
        return ""

    def _find_in_standard_input(self, command: ShellCommand, incoming: str) -> str:
        """The label of a program that a shell or interpreter reads from its input, or from a file that was written."""
        if command.program not in SHELLS and command.program not in _INTERPRETERS:
            return ""
        if any(
            text.startswith("-") and text.endswith(("c", "e", "p", "r", "Command"))
            for text in command.arguments[:-1]
        ):
            return ""
        operands = command.list_operand_words("oO")
        first = operands[0].text if operands else "-"
        if first in ("-", "/dev/stdin") or (command.has_flag("s") and command.program in SHELLS):
            return incoming
        if first.startswith("<("):
            return self._find_variable_label(operands[:1])
        return self.files.get(_normalize_file_name(first), "")

    def _find_substituted_label(self, command: ShellCommand, incoming: str) -> str:
        """The label of what `xargs` pastes into a script."""
        if command.program != "xargs" or not incoming:
            return ""
        texts = command.arguments
        marks = command.list_flag_values("I") + [
            text[2:] for text in texts if text.startswith("-I") and len(text) > 2
        ]
        scripts = [after for text, after in itertools.pairwise(texts) if re.fullmatch(r"-[a-z]*c", text)]
        pasted = any(mark in script for mark in marks for script in scripts)
        ends = texts[-1:] and re.fullmatch(r"-[a-z]*c", texts[-1]) and texts[-2:-1] and texts[-2] in SHELLS
        return incoming if pasted or ends else ""

    def _follow_command(self, command: ShellCommand, incoming: str) -> None:
        """Keep which variables, pipes and files hold the value after the command."""
        for name, value in command.assignments.items():
            self._assign_label(name, value, self._find_named_label(value))
        for word in command.words[1:] if command.program in _ASSIGNING else ():
            self._assign_label(word.text.partition("=")[0], word.text, self._find_variable_label([word]))
        for name in command.operands if command.program == "read" else ():
            self._assign_label(name, "", incoming)
        label = self._find_output(command, incoming)
        self._pipes[command.pipeline] = label
        if label and command.program in _PRINTING:
            for match in _SET_VARIABLE.finditer(" ".join(command.arguments)):
                self.environment[match[1].replace(".", "_").upper()] = label
        for operator, name in _list_written_files(command):
            self._write_label(command, operator, name, label)

    def _write_label(self, command: ShellCommand, operator: str, name: str, label: str) -> None:
        """Keep what a file holds, or the variables of later steps that a file of the environment sets."""
        if label and name in _ENVIRONMENT_FILES:
            for text in command.arguments:
                if match := re.match(r"(\w+)=", text):
                    self.environment[match[1].upper()] = label
        elif label:
            self.files[name] = label
        elif operator == ">":
            self.files.pop(name, None)

    def _assign_label(self, name: str, value: str, label: str) -> None:
        """Keep the label; a value without one may be a default of a branch, so it only counts where it cleans the variable itself."""
        if label or re.search(rf"\$\{{?{re.escape(name)}\b", value):
            self.variables[name] = label

    def _find_output(self, command: ShellCommand, incoming: str) -> str:
        """The label of what the command prints."""
        if not command.words or _CLEANING.search(self.source.get_text(command.span)):
            return ""
        if command.program in _PRINTING:
            return self._find_variable_label(command.words[1:])
        read = next(
            (
                self.files[name]
                for text in command.operands
                if (name := _normalize_file_name(text)) in self.files
            ),
            "",
        )
        return incoming or (
            read if command.program in ("cat", "head", "tail", "sed", "grep", "awk", "tr", "cut") else ""
        )

    def _find_variable_label(self, words: Iterable[ShellWord]) -> str:
        """The label of the first variable that the shell puts into the words; none in single quotes or after a backslash."""
        for word in words:
            raw = self.source.get_text(word.span)
            if (
                "$" in word.text
                and (found := self._find_named_label(_strip_literals(raw)))
                and self._find_named_label(word.text)
            ):
                return found
        return ""

    def _find_whole(self, word: ShellWord) -> str:
        """The label of a variable that is the whole word: the program that is run."""
        return self._find_named_label(word.text) if _VARIABLE.match(word.text) else ""

    def _find_named_label(self, text: str) -> str:
        if "$" not in text or _CLEANING.search(text):
            return ""
        for match in _VARIABLE.finditer(text):
            name = match[1] or match[2]
            label = self.variables.get(name, self.environment.get(name.upper()) or self.labels(name))
            if label:
                return label
        return ""


def _list_written_files(command: ShellCommand) -> Iterator[tuple[str, str]]:
    """Give the files that a command writes, with the operator."""
    for redirect in command.redirects:
        if redirect.operator in (">", ">>", ">|", "&>", "&>>"):
            yield ">>" if ">>" in redirect.operator else ">", _normalize_file_name(redirect.target.text)
    if command.program == "tee":
        operator = ">>" if command.has_flag("a", "append") else ">"
        yield from ((operator, _normalize_file_name(text)) for text in command.operands)


def _normalize_file_name(path: str) -> str:
    return path.removeprefix("./")


def _strip_literals(raw: str) -> str:
    """Leave out what stands in single quotes outside of double quotes, and characters after a backslash."""
    kept: list[str] = []
    at, quote = 0, ""
    while at < len(raw):
        character = raw[at]
        if character == "\\" and quote != "'":
            at += 1
        elif character == quote:
            quote = ""
        elif character in "'\"" and not quote:
            quote = character
        elif quote != "'":
            kept.append(character)
        at += 1
    return "".join(kept)

"""A forgiving parser of shell scripts: it reads any text, and gives every simple command that the text may run.

Compound commands are seen through: the commands of loops, conditions, functions, subshells and of command substitutions are given like
all others. Source: POSIX.1-2024, Shell Command Language, and the Bash manual for `<<<`, `&>`, `|&`, `<(`.
"""

from __future__ import annotations

import re

from nephoscope.collect.templates.shell.command import Redirect, ShellCommand, ShellWord
from nephoscope.collect.templates.source_text import TextSpan

#: Substitutions and `sh -c` are followed so deep; the readers bound the length of scripts.
MAX_DEPTH = 12
_OPERATOR = re.compile(r"&&|\|\||\|&|;;&|;;|;&|&(?!>)|\||;|\(|\)|\n")
_REDIRECT = re.compile(r"(?:\d*|\{\w+\})(?:<<<|<<-|<<|<>|<&|>>|>&|>\||&>>|&>|>|<)")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(?:\[[^\]]*\])?\+?=(.*)", re.DOTALL)
_BLANK = re.compile(r"(?:[ \t\r]|\\\r?\n)+")
_PLAIN = re.compile(r"[^\s'\"\\$`|&;()<>{}]+")
_CASE_LABEL = re.compile(r"[^\s()|&;<>'\"]*(?:[ \t]*\|[ \t]*[^\s()|&;<>'\"]*)*\)")
_OPENING = frozenset({"if", "then", "else", "elif", "while", "until", "do", "!", "{", "time", "coproc"})
_CLOSING = frozenset({"fi", "done", "esac", "}"})


def parse_script(text: str, offset: int = 0) -> list[ShellCommand]:
    """Return the commands of a script in their order; spans begin at `offset`. Never raises."""
    parser = _ShellParser(text, offset, 0, [0], offset)
    return parser.run()


class _ShellParser:
    def __init__(self, text: str, offset: int, depth: int, pipelines: list[int], base: int) -> None:
        self.text, self.offset, self.depth = text, offset, depth
        self.at = 0
        self.found: list[ShellCommand] = []
        self.command = ShellCommand()
        self.pipelines, self.base = pipelines, base
        self.waiting: list[Redirect] = []
        self.in_case = 0
        self.label = False
        self._begin_command("")

    def run(self) -> list[ShellCommand]:
        """Read to the end."""
        while self.at < len(self.text):
            self._parse_next_word()
        self._end_command()
        return self.found

    def _parse_next_word(self) -> None:
        text, at = self.text, self.at
        if blank := _BLANK.match(text, at):
            self.at = blank.end()
        elif text[at] == "#" and (at == 0 or text[at - 1] in " \t\n;&|()"):
            end = text.find("\n", at)
            self.at = len(text) if end < 0 else end
        elif self._skip_case_label() or self._parse_redirect():
            return
        elif operator := _OPERATOR.match(text, at):
            self.at = operator.end()
            self._apply_operator(operator.group())
        else:
            self._add_word(self._parse_word())

    def _skip_case_label(self) -> bool:
        """Skip the pattern of a case item."""
        if not (self.label and not self.command.words and self.text[self.at] != "\n"):
            return False
        match = _CASE_LABEL.match(self.text, self.at)
        self.label = False
        if match and not self.text.startswith("esac", self.at):
            self.at = match.end()
            return True
        return False

    def _parse_redirect(self) -> bool:
        match = _REDIRECT.match(self.text, self.at)
        if match is None:
            return False
        operator = match.group().lstrip("0123456789")
        if operator in ("<", ">") and self.text.startswith("(", match.end()):
            start = self.at
            self.at = match.end() + 1
            self._parse_nested_until(")")
            self._add_word(ShellWord(self.text[start : self.at], self._build_span(start), True))
            return True
        self.at = match.end()
        while blank := _BLANK.match(self.text, self.at):
            self.at = blank.end()
        redirect = Redirect(operator, self._parse_word())
        self.command.redirects.append(redirect)
        if operator in ("<<", "<<-"):
            self.waiting.append(redirect)
        return True

    def _apply_operator(self, operator: str) -> None:
        if operator == "\n":
            self._read_here_documents()
        if operator in (";;", ";&", ";;&"):
            self.label = self.in_case > 0
        pipe = operator in ("|", "|&")
        stage = self.command.stage + 1 if pipe else 0
        pipeline = self.command.pipeline
        blank = not self.command.words and not self.command.assignments
        before = self.command.separator
        self._end_command()
        self._begin_command(
            before if blank and operator in ("\n", "(") else ";" if operator == "\n" else operator
        )
        if pipe:
            self.command.pipeline, self.command.stage = pipeline, stage

    def _read_here_documents(self) -> None:
        """Read the here-documents that were announced on the line."""
        for redirect in self.waiting:
            redirect.start, lines = self.offset + self.at, []
            while self.at < len(self.text):
                end = self.text.find("\n", self.at)
                end = len(self.text) if end < 0 else end
                line = self.text[self.at : end]
                self.at = min(end + 1, len(self.text))
                if (line.lstrip("\t") if redirect.operator == "<<-" else line).rstrip(
                    "\r"
                ) == redirect.target.text:
                    break
                lines.append(line)
            redirect.body = "\n".join(lines)
        self.waiting = []

    def _add_word(self, word: ShellWord) -> None:
        command = self.command
        if not command.words and not word.quoted:
            if word.text in _OPENING or word.text in _CLOSING:
                self.in_case -= word.text == "esac" and self.in_case > 0
                return
            if assignment := _ASSIGNMENT.fullmatch(word.text):
                command.assignments[assignment[1]] = assignment[2]
                return
        elif not command.words and (assignment := _ASSIGNMENT.fullmatch(word.text)):
            command.assignments[assignment[1]] = assignment[2]
            return
        command.words.append(word)
        if command.words[0].text == "case" and word.text == "in" and len(command.words) > 2:
            self.in_case += 1
            self._end_command()
            self._begin_command(";")
            self.label = True

    def _begin_command(self, separator: str) -> None:
        self.pipelines[0] += 1
        self.command = ShellCommand(pipeline=(self.base, self.pipelines[0]), separator=separator)

    def _end_command(self) -> None:
        if self.command.words or self.command.assignments:
            self.found.append(self.command)

    def _build_span(self, start: int) -> TextSpan:
        return TextSpan(self.offset + start, self.offset + self.at)

    def _parse_word(self) -> ShellWord:
        start, parts, quoted = self.at, [], False
        while self.at < len(self.text):
            character = self.text[self.at]
            if plain := _PLAIN.match(self.text, self.at):
                self.at = plain.end()
                parts.append(plain.group())
            elif character == "'":
                parts.append(self._parse_single_quoted())
                quoted = True
            elif character == '"':
                parts.append(self._parse_double_quoted())
                quoted = True
            elif character == "\\":
                parts.append(self._read_escape())
            elif character in "$`":
                parts.append(self._read_expansion())
            elif character in "{}":
                self.at += 1
                parts.append(character)
            else:
                break
        if self.at == start:
            self.at += 1
            return ShellWord("", self._build_span(start))
        return ShellWord("".join(parts), self._build_span(start), quoted)

    def _parse_single_quoted(self) -> str:
        end = self.text.find("'", self.at + 1)
        end = len(self.text) if end < 0 else end
        found = self.text[self.at + 1 : end]
        self.at = min(end + 1, len(self.text))
        return found

    def _parse_double_quoted(self) -> str:
        self.at += 1
        parts = []
        while self.at < len(self.text) and self.text[self.at] != '"':
            character = self.text[self.at]
            if character == "\\" and self.text[self.at + 1 : self.at + 2] in ("$", "`", '"', "\\", "\n"):
                parts.append(self._read_escape())
            elif character in "$`":
                parts.append(self._read_expansion())
            else:
                parts.append(character)
                self.at += 1
        self.at = min(self.at + 1, len(self.text))
        return "".join(parts)

    def _read_escape(self) -> str:
        found = self.text[self.at + 1 : self.at + 2]
        self.at = min(self.at + 2, len(self.text))
        return "" if found in ("\n", "") else found

    def _read_expansion(self) -> str:
        """Read `$name`, `${...}`, `$(...)`, `` `...` `` or `${{ ... }}` and give it as written."""
        start, text = self.at, self.text
        closing = "}}" if text.startswith("${{", start) else "))" if text.startswith("$((", start) else ""
        if closing and (end := text.find(closing, start)) > 0:
            self.at = end + 2
        elif text.startswith("$(", start):
            self.at += 2
            self._parse_nested_until(")")
        elif text.startswith("${", start):
            end = text.find("}", start)
            self.at = len(text) if end < 0 else end + 1
        elif text[start] == "`":
            self.at += 1
            self._parse_nested_until("`")
        elif text.startswith("$'", start):
            self.at += 1
            self._parse_single_quoted()
        else:
            match = re.compile(r"\$(?:\w+|[@*#?$!-])?").match(text, start)
            self.at = match.end() if match else start + 1
        return text[start : self.at]

    def _parse_nested_until(self, closing: str) -> None:
        """Parse a substitution from here to its closing character, and add its commands."""
        start = self.at
        end = _find_closing_character(self.text, start, closing)
        if self.depth < MAX_DEPTH:
            inner = _ShellParser(
                self.text[start:end], self.offset + start, self.depth + 1, self.pipelines, self.base
            )
            self.found += inner.run()
        self.at = min(end + 1, len(self.text))


def _find_closing_character(text: str, at: int, closing: str) -> int:
    """Return the offset of the closing character that is in no quotes and closes this level."""
    level, quote = 0, ""
    while at < len(text):
        character = text[at]
        if character == "\\" and quote != "'":
            at += 1
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == closing and level == 0:
            return at
        elif character == "(":
            level += 1
        elif character == ")":
            level -= 1
        at += 1
    return len(text)

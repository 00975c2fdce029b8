"""Commands of a shell script: words, assignments, pipes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from nephoscope.collect.templates.source_text import TextSpan


@dataclass(frozen=True, slots=True)
class ShellWord:
    """A word: its text with quotes removed and expansions left as written (`$HOME`), and where it is."""

    text: str
    span: TextSpan
    quoted: bool = False


@dataclass(slots=True)
class Redirect:
    """A redirection: its operator, its target and the body of a here-document with its offset."""

    operator: str
    target: ShellWord
    body: str = ""
    start: int = 0


@dataclass(slots=True)
class ShellCommand:
    """A simple command; commands joined by `|` share a `pipeline` and are numbered by `stage`.

    `separator` is what stands before it: '' at the beginning of a script, `;`, `&&`, `||`, `|`, `&` or a line end as `;`.
    """

    words: list[ShellWord] = field(default_factory=list)
    assignments: dict[str, str] = field(default_factory=dict)
    redirects: list[Redirect] = field(default_factory=list)
    pipeline: tuple[int, int] = (0, 0)
    stage: int = 0
    separator: str = ""

    @property
    def span(self) -> TextSpan:
        """From the first word to the last."""
        if not self.words:
            return TextSpan(0, 0)
        return TextSpan(self.words[0].span.start, self.words[-1].span.end)

    @property
    def name(self) -> str:
        """The program as it is written, '' of a bare assignment."""
        return self.words[0].text if self.words else ""

    @property
    def program(self) -> str:
        """The program without its folder."""
        return self.name.rsplit("/", 1)[-1]

    @property
    def arguments(self) -> list[str]:
        """The texts of the words after the program."""
        return [word.text for word in self.words[1:]]

    @property
    def operands(self) -> list[str]:
        """The arguments that are no flags."""
        return [text for text in self.arguments if not text.startswith("-")]

    def flags(self) -> Iterator[str]:
        """Give the names of the flags: `--quiet=2` as quiet, `-yq` as y and q and as yq."""
        for text in self.arguments:
            if text.startswith("--") and len(text) > 2:
                yield text[2:].split("=", 1)[0]
            elif text.startswith("-") and len(text) > 1:
                yield from text[1:].split("=", 1)[0]
                yield text[1:].split("=", 1)[0]

    def has_flag(self, *names: str) -> bool:
        """Tell whether one of these flags is given, in its long or short form."""
        return not set(names).isdisjoint(self.flags())

    def list_flag_values(self, *names: str) -> list[str]:
        """Return the values of flags: after `=`, or the next argument."""
        found, arguments = [], self.arguments
        for index, text in enumerate(arguments):
            name, equals, value = text.lstrip("-").partition("=")
            if not text.startswith("-") or name not in names:
                continue
            if equals:
                found.append(value)
            elif index + 1 < len(arguments):
                found.append(arguments[index + 1])
        return found

    def list_operand_words(self, valued: Iterable[str] = ()) -> list[ShellWord]:
        """Return the words that are no flags, without the values of the flags named in `valued`."""
        found, skip, names = [], False, set(valued)
        for word in self.words[1:]:
            if skip:
                skip = False
            elif word.text.startswith("-") and len(word.text) > 1:
                skip = "=" not in word.text and word.text.lstrip("-") in names
            else:
                found.append(word)
        return found

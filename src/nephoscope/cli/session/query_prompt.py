"""Query prompt: completion, history, multi-line input and dot commands."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click
from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, ThreadedCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.filters import completion_is_selected
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.styles import Style

from nephoscope_kql.completion import STATEMENTS, complete
from nephoscope_kql.parser import OPERATORS
from nephoscope_kql.parser.lexer import split_words

if TYPE_CHECKING:
    from nephoscope_kql.catalog import Catalog
    from nephoscope_kql.parser.lexer import Token

HISTORY = "query-history"
HELP = """\
A query runs on Enter; it goes on in the next line behind a pipe, in open brackets, behind a let statement, and with Alt+Enter.
Enter in an empty line runs it in any case. Tab completes, Ctrl-C drops the line or ends the query that runs, Up finds earlier ones.
.tables [TEXT]    tables (with rows, or whose name holds TEXT)      .schema TABLE    its columns
.output FORMAT    how results are shown from now on                 .rows N          how many rows are shown
.help             this                                              .exit            the end, as Ctrl-D"""
_OPEN, _CLOSE = "([{", ")]}"
_GOES_ON = ("|", ",", "=", "==")
_STYLE = Style.from_dict(
    {
        "operator": "ansiblue bold",
        "text": "ansigreen",
        "number": "ansicyan",
        "comment": "ansibrightblack italic",
    }
)
_CLASSES = {
    "text": "class:text",
    "long": "class:number",
    "real": "class:number",
    "timespan": "class:number",
    "typed": "class:number",
}


class ReplSession(Protocol):
    """Session that the prompt runs its commands in."""

    def catalog(self) -> Catalog:
        """Return what names there are now."""
        ...

    def run(self, text: str) -> None:
        """Run a query and show what it gives, or what is wrong with it."""
        ...

    def command(self, word: str, rest: str) -> None:
        """Do what a line `.word rest` asks for."""
        ...


def run_prompt(talk: ReplSession, data: Path, **session: object) -> None:
    """Read queries until the end of input; Ctrl-C drops the line or ends the query that runs. `session` is for tests."""
    prompt = _open_session(talk, data, **session)
    while True:
        try:
            text = prompt.prompt().strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if text in (".exit", ".quit"):
            return
        if not text:
            continue
        try:
            _run_command_line(talk, text)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)


def _run_command_line(talk: ReplSession, text: str) -> None:
    if text == ".help":
        click.echo(HELP)
    elif text.startswith("."):
        word, _, rest = text[1:].partition(" ")
        talk.command(word, rest.strip())
    else:
        talk.run(text)


def _open_session(talk: ReplSession, data: Path, **session: Any) -> PromptSession[str]:
    return PromptSession(
        "kql> ",
        multiline=True,
        prompt_continuation=lambda width, _line, _wrapped: "...> "[-width:],
        key_bindings=_bind_keys(),
        completer=ThreadedCompleter(KqlCompleter(talk.catalog)),
        complete_while_typing=True,
        auto_suggest=AutoSuggestFromHistory(),
        lexer=KqlLexer(),
        style=_STYLE,
        history=_open_history(data),
        **session,
    )


def _open_history(data: Path) -> FileHistory:
    """The queries of earlier times, which may hold what others are not to see."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = data / HISTORY
    os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    return FileHistory(str(file))


def _bind_keys() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter", filter=~completion_is_selected)
    def _run(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if is_incomplete(buffer.text):
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @keys.add("enter", filter=completion_is_selected)
    def _take(event: KeyPressEvent) -> None:
        event.current_buffer.complete_state = None

    @keys.add("escape", "enter")
    def _insert_line_break(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return keys


def is_incomplete(text: str) -> bool:
    """Return whether a query is not at its end: open brackets, a pipe, a comma or an operator as its last word, or only a
    let statement.

    An empty last line ends it nevertheless.
    """
    if text.lstrip().startswith("."):
        return False
    tokens = split_words(text).tokens[:-1]
    depth = sum(
        (one.text in _OPEN) - (one.text in _CLOSE) for one in tokens if one.kind == "mark" and one.text
    )
    if not tokens or text.rstrip(" ").endswith("\n"):
        # a line that was left empty ends what cannot be ended otherwise: it runs, and the error says what is missing
        return False
    last = tokens[-1]
    return depth > 0 or (
        last.kind == "mark" and (last.text in _GOES_ON or (last.text == ";" and _declares(tokens)))
    )


def _declares(tokens: Sequence[Token]) -> bool:
    """Return whether the last statement gives no rows: a query has to follow it."""
    start = next((place for place in range(len(tokens) - 2, -1, -1) if tokens[place].text == ";"), -1) + 1
    return tokens[start].text in STATEMENTS


class KqlCompleter(Completer):
    """Completer of names at the cursor, each with its kind."""

    def __init__(self, catalog: Callable[[], Catalog]) -> None:
        self._catalog = catalog

    def get_completions(self, document: Document, _event: CompleteEvent) -> Iterator[Completion]:
        """The completions at the cursor; none behind a space that nothing was typed after, unless they were asked for."""
        if document.text.lstrip().startswith("."):
            return
        typed = len(_extract_word(document.text_before_cursor))
        if not typed and not _event.completion_requested:
            return
        for one in complete(document.text, document.cursor_position, self._catalog()):
            detail = one.detail if one.kind in ("column", "function", "aggregate") else ""
            yield Completion(one.text, -typed, display_meta=f"{one.kind} {detail}".strip())


def _extract_word(before: str) -> str:
    """The word that ends at the cursor: as kql.complete takes it."""
    tokens = split_words(before).tokens[:-1]
    if not tokens or tokens[-1].end != len(before) or tokens[-1].kind != "name":
        return ""
    start = tokens[-1].start
    if len(tokens) > 3 and (tokens[-2].text, tokens[-4].text) == ("-", "|") and tokens[-2].end == start:
        start = tokens[-3].start
    return before[start:]


class KqlLexer(Lexer):
    """Operators, texts, numbers and comments in colours."""

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """The coloured parts of a line by its number."""
        lines = list(_split_lines(_style_tokens(document.text)))
        return lambda number: lines[number] if number < len(lines) else []


def _style_tokens(text: str) -> Iterator[tuple[str, str]]:
    """The text in pieces, each with its style."""
    found = split_words(text)
    at, previous = 0, ""
    for token in sorted([*found.tokens[:-1], *found.comments], key=lambda one: one.start):
        yield "", text[at : token.start]
        operator = previous == "|" and token.text in OPERATORS
        comment = token in found.comments
        style = "class:comment" if comment else "class:operator" if operator else _CLASSES.get(token.kind, "")
        yield style, text[token.start : token.end]
        at, previous = token.end, token.text
    yield "", text[at:]


def _split_lines(parts: Iterable[tuple[str, str]]) -> Iterator[StyleAndTextTuples]:
    line: StyleAndTextTuples = []
    for style, text in parts:
        first, *rest = text.split("\n")
        line.append((style, first))
        for other in rest:
            yield line
            line = [(style, other)]
    yield line

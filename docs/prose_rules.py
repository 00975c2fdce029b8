"""Rules of prose: phrases that are not written, openings of docstrings and help, length of sentences, form of titles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from prose_texts import Text

PHRASES = Path(__file__).parent / "prose-phrases.txt"
#: Kinds that [all] stands for.
PROSE = ("help", "errors", "pages", "docs", "titles", "descriptions")
#: Most words of a sentence, by kind.
LONGEST = {"help": 30, "errors": 30, "pages": 30, "docs": 32, "descriptions": 32}
OPENING = re.compile(
    r"(?:What|Whether|They|The same|Where|Who|Whose|How|When|Why|Which|It|There|For|As|Of|That|Those|These|This)\b"
)
#: A command's help is an imperative; an option's names the thing.
COMMAND_OPENING = re.compile(
    r"(?:What|Whether|They|The same|Where|Who|How|Only those|With those|Those|Say|Let|It)\b"
)
SENTENCE_TITLE = re.compile(r"(?:An? .* |.*\b)(?:is|are|was|were|has|have) \w+(?:ed|n)?\b|What |Who |Where ")


def findings(text: Text) -> Iterator[str]:
    """Yield what is wrong with a text, as a sentence that says what to write."""
    if text.kind == "docstrings":
        if found := OPENING.match(text.text):
            yield f"opens with {found[0]!r}: open with a verb or a term"
        return
    if _any_phrase(text.kind).search(text.text):
        for pattern, advice in phrases(text.kind):
            for found in pattern.finditer(text.text):
                yield f"{found[0]!r}: write {advice}"
    yield from _form(text)
    yield from _long_sentences(text)


@cache
def phrases(kind: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Read the phrases that are not written in texts of a kind, each with what to write."""
    return tuple(
        (re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE), advice)
        for kinds, pattern, advice in _lines()
        if kind in kinds
    )


@cache
def _any_phrase(kind: str) -> re.Pattern[str]:
    return re.compile("|".join(pattern.pattern for pattern, _ in phrases(kind)), re.IGNORECASE)


@cache
def _lines() -> tuple[tuple[tuple[str, ...], str, str], ...]:
    kinds: tuple[str, ...] = ()
    read = []
    for line in PHRASES.read_text(encoding="utf-8").split("\n"):
        if line.startswith("["):
            kinds = tuple(line.strip("[]").split())
            kinds = PROSE if kinds == ("all",) else kinds
        elif line and not line.startswith("#"):
            pattern, _, advice = line.partition(" => ")
            read.append((kinds, pattern, advice))
    return tuple(read)


def _form(text: Text) -> Iterator[str]:
    if text.kind == "help" and (found := COMMAND_OPENING.match(text.text)):
        yield f"opens with {found[0]!r}: a command opens with a verb, an option with the thing"
    if text.kind == "titles" and "/policies/" not in text.file and SENTENCE_TITLE.match(text.text):
        yield "a sentence: a rule's title is a noun phrase"


def _long_sentences(text: Text) -> Iterator[str]:
    longest = LONGEST.get(text.kind)
    if longest is None or text.text.startswith("|"):
        return
    for sentence in re.split(r"(?<=[.!?;:])\s+", text.text):
        if (count := len(sentence.split())) > longest:
            yield f"a sentence of {count} words (at most {longest}): {' '.join(sentence.split()[:6])} ..."

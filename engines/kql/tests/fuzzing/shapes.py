"""Queries of the shapes that detections have, and how they are mutated: words cut, doubled, swapped, replaced, letters spoiled."""

from __future__ import annotations

from pathlib import Path
from random import Random

import yaml

from nephoscope_kql.parser.lexer import split_words

SHAPES: tuple[str, ...] = tuple(
    yaml.load(
        (Path(__file__).parents[1] / "cases/fuzz_shapes.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader
    )
)
COLUMNS = frozenset("aAnirtsgfd")
NOISE = (
    "|", "(", ")", "[", "]", "{", "}", ",", ";", "'", '"', "@", "..", ".", "=", "==", "*", "-", "by", "on", "let", "with", "to", "\n",
    "//", "1", "1d", "null", "T", "\0", "ä", "😀", "\\", "`", "$left", "0x", "1e", "~", "!", "#", "```",
)  # fmt: skip


def mutated(dice: Random) -> str:
    """A query of one of the shapes with one to four changes, or two of them spliced."""
    text = dice.choice(SHAPES)
    if dice.random() < 0.1:
        other = dice.choice(SHAPES)
        text = text[: dice.randrange(len(text))] + other[dice.randrange(len(other)) :]
    pieces = _pieces(text)
    for _ in range(dice.choice((1, 1, 1, 2, 2, 3))):
        _change(pieces, dice)
    text = "".join(pieces)
    if dice.random() < 0.1 and text:
        at = dice.randrange(len(text))
        text = (
            text[:at] + chr(dice.choice((0, 9, 34, 39, 64, 92, 123, 228, 0x2028, 0x1F600))) + text[at + 1 :]
        )
    return text


def _pieces(text: str) -> list[str]:
    """The words of a text with the space before each."""
    found, last = [], 0
    for token in split_words(text).tokens:
        if token.end > last:
            found.append(text[last : token.end])
            last = token.end
    return [*found, text[last:]]


def _change(pieces: list[str], dice: Random) -> None:
    at, other = dice.randrange(len(pieces)), dice.randrange(len(pieces))
    kind = dice.choice((0, 1, 2, 3, 4, 5, *(6,) * 16))
    if kind == 0:
        pieces[at] = ""
    elif kind == 1:
        pieces.insert(at, pieces[other])
    elif kind == 2:
        pieces[at], pieces[other] = pieces[other], pieces[at]
    elif kind == 3:
        pieces[at] = " " + dice.choice(NOISE)
    elif kind == 4:
        pieces[at] = dice.choice(_pieces(dice.choice(SHAPES)))
    elif kind == 6:
        other_text = _pieces(dice.choice(SHAPES))
        wanted = _class(pieces, at)
        alike = [one for place, one in enumerate(other_text) if _class(other_text, place) == wanted]
        pieces[at] = dice.choice(alike or pieces)
    else:
        low, high = sorted((at, other))
        pieces[low:high] = [*pieces[low:high], *pieces[low:high]] if high - low < 12 else []
        pieces.append("")


def _class(pieces: list[str], at: int) -> str:
    """What a word is: a column, the name of a function or of an operator, another word, a number, a text, a mark."""
    word = pieces[at].strip()
    if word in COLUMNS:
        return "column"
    if word[:1].isalpha() or word[:1] == "_":
        if at + 1 < len(pieces) and pieces[at + 1] == "(":
            return "call"
        return "operator" if at and pieces[at - 1].strip() == "|" else word
    return "number" if word[:1].isdigit() else "text" if word[:1] in ("'", '"', "@") else word

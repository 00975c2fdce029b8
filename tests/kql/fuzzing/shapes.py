"""Queries of the shapes that detections have, and how they are mutated: words cut, doubled, swapped, replaced, letters spoiled."""

from __future__ import annotations

from pathlib import Path
from random import Random

import yaml

from nephoscope.kql.lexer import words

SHAPES: tuple[str, ...] = tuple(
    yaml.safe_load((Path(__file__).parents[2] / "cases/kql/fuzz_shapes.yaml").read_text(encoding="utf-8"))
)
NOISE = (
    "|", "(", ")", "[", "]", "{", "}", ",", ";", "'", '"', "@", "..", ".", "=", "==", "*", "-", "by", "on", "let", "with", "to", "\n",
    "//", "1", "1d", "null", "T", "\0", "ä", "😀", "\\", "`", "$left", "0x", "1e", "~", "!", "#", "```",
)  # fmt: skip


def mutated(dice: Random) -> str:
    """A query of one of the shapes with one to four changes, or two of them spliced."""
    text = dice.choice(SHAPES)
    if dice.random() < 0.15:
        other = dice.choice(SHAPES)
        text = text[: dice.randrange(len(text))] + other[dice.randrange(len(other)) :]
    pieces = _pieces(text)
    for _ in range(dice.randint(1, 4)):
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
    for token in words(text).tokens:
        if token.end > last:
            found.append(text[last : token.end])
            last = token.end
    return [*found, text[last:]]


def _change(pieces: list[str], dice: Random) -> None:
    at, other = dice.randrange(len(pieces)), dice.randrange(len(pieces))
    kind = dice.randrange(6)
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
    else:
        low, high = sorted((at, other))
        pieces[low:high] = [*pieces[low:high], *pieces[low:high]] if high - low < 12 else []
        pieces.append("")

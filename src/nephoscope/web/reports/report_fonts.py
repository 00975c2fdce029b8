"""Fonts of documents: embedded ones of wide coverage, and for what they lack the CJK fonts that every PDF reader has."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import groupby
from xml.sax.saxutils import escape

from nephoscope.web.static_files import FOLDER

PLAIN, BOLD = "nephoscope-sans", "nephoscope-sans-bold"
_FILES = {PLAIN: "dejavu-sans.ttf", BOLD: "dejavu-sans-bold.ttf"}
#: Characters up to which a font is for them, in ascending order: Korean syllables come after the ideographs, kana before them.
_CJK = (
    (0x2FFF, ""),
    (0x30FF, "HeiseiKakuGo-W5"),
    (0xABFF, "STSong-Light"),
    (0xD7FF, "HYGothic-Medium"),
    (0x3FFFF, "STSong-Light"),
)


class MissingFontError(Exception):
    """A font that the build brings is not there."""


@cache
def register_fonts() -> frozenset[int]:
    """Make the fonts known to reportlab; return the characters that the embedded ones have. Raises MissingFontError."""
    from reportlab.lib.fonts import addMapping
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfbase.ttfonts import TTFont

    paths = {name: FOLDER / "vendor" / file for name, file in _FILES.items()}
    if missing := [path.name for path in paths.values() if not path.is_file()]:
        raise MissingFontError(
            f"fonts of documents are missing ({', '.join(missing)}): install the package again"
        )
    fonts = {name: TTFont(name, str(path)) for name, path in paths.items()}
    for font in fonts.values():
        pdfmetrics.registerFont(font)
    for _, name in _CJK:
        if name:
            pdfmetrics.registerFont(UnicodeCIDFont(name))
    for bold, name in ((0, PLAIN), (1, BOLD)):
        for italic in (0, 1):
            addMapping(PLAIN, bold, italic, name)
    return frozenset(fonts[PLAIN].face.charToGlyph)


def is_text_embedded(text: str) -> bool:
    """Return whether the embedded fonts have every character of a text."""
    return register_fonts().issuperset(map(ord, text))


def mark_up(text: str) -> str:
    """Return a text as markup of a paragraph, with the font of each run that the embedded ones lack."""
    return "".join(
        f'<font name="{name}">{escape(run)}</font>' if name else escape(run)
        for name, run in _split_runs(text)
    )


def measure_text(text: str, size: float) -> float:
    """Return how wide a text is."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    return float(sum(stringWidth(run, name or PLAIN, size) for name, run in _split_runs(text)))


def _split_runs(text: str) -> Iterator[tuple[str, str]]:
    """Split a text into runs of one font; '' is the embedded one."""
    known = register_fonts()
    for name, run in groupby(text, lambda one: "" if ord(one) in known else _find_font(ord(one))):
        yield name, "".join(run)


def _find_font(character: int) -> str:
    return next((name for most, name in _CJK if character <= most), "")

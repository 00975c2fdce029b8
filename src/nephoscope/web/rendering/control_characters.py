"""Control characters: show invisible and reordering characters by their code points.

What joins letters and emoji (U+200C, U+200D) is left: names are written with it.

Source: https://www.unicode.org/reports/tr9/ (explicit directional formatting) and https://www.unicode.org/reports/tr36/ (spoofing)
"""

from __future__ import annotations

import re
from functools import partial

_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
)
#: A label is one line.
_LABEL = re.compile(f"{_CONTROL.pattern}|[\t\n\r]")
#: A tag; no text of a template's values has an angle bracket: it is escaped.
_TAG = re.compile(r"<(/?)([a-zA-Z][\w-]*)[^>]*>")
#: What browsers give back as it is, and what holds text alone.
_KEPT, _TEXT_ALONE = frozenset({"textarea", "script", "style"}), frozenset({"title", "option"})


def show_control_characters(html: str) -> str:
    """A page whose texts show such characters as `U+202E`; what attributes and text areas hold is left as it is."""
    if _CONTROL.search(html) is None:
        return html
    made, at, inside = list[str](), 0, ""
    for tag in _TAG.finditer(html):
        made += (_mark_text(html[at : tag.start()], inside), tag[0])
        name = tag[2].lower()
        if name in _KEPT or name in _TEXT_ALONE:
            inside = "" if tag[1] else name
        at = tag.end()
    return "".join([*made, _mark_text(html[at:], inside)])


def escape_controls(text: str) -> str:
    """A text that a script draws, with such characters, and line ends, as `[U+202E]`."""
    return _LABEL.sub(partial(_mark_character, plain=True), text)


def _mark_text(text: str, inside: str) -> str:
    return text if inside in _KEPT else _CONTROL.sub(partial(_mark_character, plain=bool(inside)), text)


def _mark_character(found: re.Match[str], *, plain: bool) -> str:
    number = f"U+{ord(found[0]):04X}"
    return f"[{number}]" if plain else f'<span class="text-control">{number}</span>'

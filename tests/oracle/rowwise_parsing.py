"""The witness's parsing: what the parse operators find, replacements and matches of regular expressions, encodings."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from rowwise_functions import gives, typed
from rowwise_regex import compiled

if TYPE_CHECKING:
    from nephoscope_kql.plan.expressions import BoundCall


@typed("_parsed")
def parsed(cells: list[Any], call: BoundCall, now: int) -> Any:
    """The texts of the pattern's groups, '' each where it does not match."""
    text, pattern, count = cells
    found = compiled(pattern).search(text)
    return [(found.group(at + 1) or "") if found else "" for at in range(count)]


@typed("_part")
def part(cells: list[Any], call: BoundCall, now: int) -> str:
    parts, place = cells
    return str(parts[place]) if parts else ""


@typed("_parts_if")
def parts_if(cells: list[Any], call: BoundCall, now: int) -> Any:
    return cells[0] if cells[1] is True else None


@gives("_matched")
def matched(text: str, pattern: str) -> bool:
    return compiled(pattern).search(text) is not None


@gives("_kept", strict=False)
def kept(parts: Any) -> bool:
    return parts is not None


def replaced(text: str, pattern: str, rewrite: str) -> str:
    """Every match replaced; a backslash and a digit is a group, two are one, others stay."""

    def written(match: re.Match[str]) -> str:
        def one(escape: re.Match[str]) -> str:
            letter = escape.group(1)
            if letter.isdigit():
                return (match.group(int(letter)) or "") if int(letter) <= match.re.groups else ""
            return "\\" if letter == "\\" else "\\" + letter

        return re.sub(r"\\(.?)", one, rewrite, flags=re.DOTALL)

    return compiled(pattern).sub(written, text)


@gives("replace_regex")
def replace_regex(text: str, pattern: str, rewrite: str) -> str:
    return replaced(text, pattern, rewrite)


@gives("replace")
def replace(pattern: str, rewrite: str, text: str) -> str:
    return replaced(text, pattern, rewrite)


@gives("extract_all", "extractall")
def extract_all(pattern: str, *rest: Any) -> Any:
    """Every match: a text for one group, an array for several; null where there is none."""
    groups = rest[0] if len(rest) > 1 else range(1, compiled(pattern).groups + 1)
    matches = [
        [found.group(group) or "" for group in groups] for found in compiled(pattern).finditer(rest[-1])
    ]
    return ([one[0] for one in matches] if len(list(groups)) == 1 else matches) or None


@gives("tohex")
def tohex(value: int, length: int = 0) -> str:
    return f"{value % 2**64:0{max(length, 0)}x}"


@gives("base64_decode_tostring", "base64_decodestring")
def base64_decode_tostring(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""

"""TOML files and the lines of their tables and keys."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile

_PLACE = re.compile(r" \(at line (\d+), column \d+\)$| \(at end of document\)$")
_HEADER = re.compile(r"\s*\[\[?([^\]]+)\]")
_KEY = re.compile(r"\s*(?:\"([^\"]*)\"|'([^']*)'|([A-Za-z0-9_.-]+))\s*=")
_OPENING = re.compile(r'"""|' + "'''")


def parse_toml(file: InventoryFile) -> dict[str, object]:
    """Return the tables of a TOML file; raises UnreadableInventoryError with the line."""
    import tomllib  # every reader is loaded for its patterns, and few files are read

    try:
        return tomllib.loads(file.text)
    except tomllib.TOMLDecodeError as error:
        found = _PLACE.search(str(error))
        line = int(found[1]) if found and found[1] else file.text.count("\n") + 1
        raise file.make_error(f"this is not TOML: {_PLACE.sub('', str(error))[:200]}", line) from error
    except (RecursionError, ValueError) as error:
        raise file.make_error(f"this TOML cannot be read: {str(error)[:200] or 'it is too deep'}") from error


def iterate_key_lines(text: str) -> Iterator[tuple[str, str, int]]:
    """Give the table, the key and the line of each `key = value` that stands in no text of several lines."""
    table, closing = "", ""
    for number, line in enumerate(text.split("\n"), 1):
        if closing:
            rest = line.partition(closing)
            closing = "" if rest[1] else closing
            continue
        if header := _HEADER.match(line):
            table = header[1].strip()
        elif key := _KEY.match(line):
            yield table, key[1] or key[2] or key[3], number
        quotes = _OPENING.findall(line.split("#", 1)[0])
        closing = quotes[0] if len(quotes) % 2 else ""


def find_key_lines(text: str, table: str, key: str) -> list[int]:
    """Return the lines of a key in each table of a name, in order."""
    return [line for at, name, line in iterate_key_lines(text) if at == table and name == key]

"""JSON files, strict ones and those with comments and trailing commas, and the lines of their keys."""

from __future__ import annotations

import json
import re

from nephoscope.collect.inventory.inventory_file import InventoryFile

#: The most values: in memory an empty list takes twenty times the room of its text.
MAX_VALUES = 2_000_000
_COMMENT = re.compile(r'"(?:[^"\\\n]|\\.)*+"?|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_TRAILING = re.compile(r'"(?:[^"\\\n]|\\.)*+"?|,(?=\s*[}\]])')
_STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"(\s*:)?')


def parse_json(file: InventoryFile) -> object:
    """Return the value of a JSON file; raises UnreadableInventoryError with the line."""
    return _parse_json_text(file, file.text)


def parse_relaxed_json(file: InventoryFile) -> object:
    """Return the value of JSON with comments and trailing commas; raises UnreadableInventoryError with the line."""
    plain = _COMMENT.sub(
        lambda found: found[0] if found[0][0] == '"' else "\n" * found[0].count("\n"), file.text
    )
    return _parse_json_text(file, _TRAILING.sub(lambda found: found[0] if found[0][0] == '"' else "", plain))


def _parse_json_text(file: InventoryFile, text: str) -> object:
    if sum(map(text.count, "[{,")) > MAX_VALUES:
        raise file.make_error(f"this JSON has more than {MAX_VALUES} values")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise file.make_error(f"this is not JSON: {error.msg}", error.lineno) from error
    except (ValueError, RecursionError) as error:
        raise file.make_error(
            f"this JSON cannot be read: {str(error)[:200] or 'it is nested too deep'}"
        ) from error


def find_key_line(text: str, key: str) -> int:
    """Return the first line of a key of a JSON text, 0 where it is nowhere."""
    found = re.search(rf'(?<!\\)"{re.escape(_escape_key(key))}"\s*:', text)
    return text.count("\n", 0, found.start()) + 1 if found else 0


class KeyLines:
    """The lines of a JSON text's keys or strings, in the order of the text.

    `after` finds the next place of a key and goes on from there: keys are to be asked for in the order in which they stand.
    """

    def __init__(self, text: str, *, of_strings: bool = False) -> None:
        self._places: dict[str, list[int]] = {}
        self._offset = 0
        line, last = 1, 0
        for found in _STRING.finditer(text):
            if bool(found[2]) == of_strings:
                continue
            line += text.count("\n", last, found.start())
            last = found.start()
            self._places.setdefault(found[1], []).append(line)

    def find_first(self, key: str) -> int:
        """Return the first line of a key, 0 where it is nowhere."""
        return next(iter(self._places.get(_escape_key(key), ())), 0)

    def find_next(self, key: str) -> int:
        """Return the first line of a key from where the last one was found, else its first one."""
        places = self._places.get(_escape_key(key), [])
        found = next((line for line in places if line >= self._offset), 0)
        if not found:
            return self.find_first(key)
        self._offset = found
        return found


def _escape_key(key: str) -> str:
    return json.dumps(key, ensure_ascii=False)[1:-1]

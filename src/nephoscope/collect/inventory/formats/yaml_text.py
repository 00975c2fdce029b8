"""YAML files as plain tables, lists and texts (no scalar is guessed to be a number or a date), and the lines of their keys."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile

#: The most values, each counted as often as aliases name it: in memory one takes some five hundred bytes.
MAX_VALUES = 400_000
_DEEPEST = 1_000
_END = object()
_SHARED = re.compile(r"(?:^|[\s\[,{])&\S")
_KEY = re.compile(
    r"^( *)(?:- +)?(?:'((?:[^'\n]|'')*)'|\"([^\"\n]*)\"|(?:\? +)?([^\s'\"#?][^\n]*?))(?<! ) *:(?:[ \t]|$)",
    re.MULTILINE,
)


def parse_yaml_tables(file: InventoryFile) -> object:
    """Return the first document of a YAML file, '' for an empty one; raises UnreadableInventoryError with the line."""
    if sum(map(file.text.count, "\n,:[{")) > MAX_VALUES or file.text.count("*") > MAX_VALUES // 4:
        raise file.make_error(f"this YAML has more than {MAX_VALUES} values")
    import yaml

    try:
        found = next(iter(yaml.load_all(file.text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))), "")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = f"this is no YAML: {error.problem or error.context}"
        raise file.make_error(reason, mark.line + 1 if mark else 1) from error
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        raise file.make_error(f"this YAML cannot be read: {str(error)[:200]}") from error
    if _SHARED.search(file.text) and _is_larger(found, MAX_VALUES):
        raise file.make_error("this YAML has aliases that refer to themselves or make it too large")
    return found


def _is_larger(value: object, most: int) -> bool:
    """Return whether a value has more values in it than so many, each counted as often as it is reached."""
    pending: list[Iterator[object]] = [iter((value,))]
    counted = 0
    while pending and counted <= most and len(pending) <= _DEEPEST:
        inner = next(pending[-1], _END)
        if inner is _END:
            pending.pop()
            continue
        counted += 1
        if isinstance(inner, dict):
            pending.append(iter(inner.values()))
        elif isinstance(inner, list):
            pending.append(iter(inner))
    return bool(pending)


def map_key_lines(text: str, indent: int) -> dict[str, int]:
    """Return the first line of each key that stands `indent` spaces in."""
    found: dict[str, int] = {}
    line, last = 1, 0
    for key in _KEY.finditer(text):
        if len(key[1]) != indent:
            continue
        line += text.count("\n", last, key.start())
        last = key.start()
        name = key[2].replace("''", "'") if key[2] is not None else key[3] if key[3] is not None else key[4]
        found.setdefault(name, line)
    return found


def list_item_lines(text: str, key: str, count: int) -> list[int]:
    """Return the lines of the items of the list below a key of the outermost table, as many as were read.

    Items that do not begin lines of their own, as in a list in brackets, have the line of the last one that does, or of the key.
    """
    begun = re.search(rf"^{re.escape(key)}:[^\n]*\n", text, re.MULTILINE)
    if begun is None:
        return [1] * count
    first = text.count("\n", 0, begun.end()) + 1
    found, dash = [first - 1], ""
    for number, line in enumerate(text[begun.end() :].splitlines(), first):
        item = re.match(r" *-(?:\s|$)", line)
        if item is not None and (not dash or item[0].rstrip() == dash):
            dash = item[0].rstrip()
            found.append(number)
        elif line[:1].strip() and item is None and line[0] != "#":
            break
    found = found[1:] or found
    return [*found[:count], *[found[-1]] * (count - len(found))]

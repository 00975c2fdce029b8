"""How an answer is compared with a recorded one: keys and JSON types, all the way down.

A list agrees where each recorded element has an element of its own with the same keys and types. A link to a next page that is null
and one that is not there are the same. `more` allows keys beside the recorded ones: what a server adds to a document that was put.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LINKS = ("nextLink", "@odata.nextLink")


def difference(wanted: Any, found: Any, *, more: bool = False, path: str = "$") -> str:
    """The first place where keys or types differ, '' where they agree."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return _of_objects(wanted, found, more=more, path=path)
    if isinstance(wanted, list) and isinstance(found, list):
        return _of_lists(wanted, found, more=more, path=path)
    if kind(wanted) == kind(found):
        return ""
    return f"{path}: {kind(found)} for {kind(wanted)}"


def kind(value: Any) -> str:
    """The JSON type of a value."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "bool", False: "bool"}[value]
    names = {str: "text", int: "number", float: "number", list: "list", dict: "object"}
    return names[type(value)]


def _of_objects(wanted: Mapping[str, Any], found: Mapping[str, Any], *, more: bool, path: str) -> str:
    names, own = _names(wanted), _names(found)
    for name in sorted(names - own):
        return f"{path}.{name}: missing"
    for name in sorted(own - names):
        if not more:
            return f"{path}.{name}: not in the recorded answer"
    for name in sorted(names):
        if told := difference(wanted[name], found[name], more=more, path=f"{path}.{name}"):
            return told
    return ""


def _names(value: Mapping[str, Any]) -> set[str]:
    return {name for name, one in value.items() if one is not None or name not in LINKS}


def _of_lists(wanted: list[Any], found: list[Any], *, more: bool, path: str) -> str:
    if len(found) < len(wanted) or (len(found) > len(wanted) and not more):
        return f"{path}: {len(found)} of {len(wanted)} elements"
    left = list(range(len(found)))
    for at, one in enumerate(wanted):
        fits = next((other for other in left if not difference(one, found[other], more=more)), None)
        if fits is None:
            return difference(one, found[min(at, len(found) - 1)], more=more, path=f"{path}[{at}]")
        left.remove(fits)
    return ""


def uncovered(sent: Any, kept: Any, shown: Any, path: str = "$") -> str:
    """The first value that was sent and is not what is kept, '' where all is; only of what the recorded answer shows at all."""
    if isinstance(sent, dict) and isinstance(shown, dict):
        for name, value in sent.items():
            if name not in shown:
                continue
            if not isinstance(kept, dict) or name not in kept:
                return f"{path}.{name}: lost"
            if told := uncovered(value, kept[name], shown[name], f"{path}.{name}"):
                return told
        return ""
    if isinstance(sent, list) and isinstance(kept, list) and len(sent) == len(kept):
        pairs = zip(
            sent, kept, shown if isinstance(shown, list) and len(shown) == len(sent) else sent, strict=True
        )
        told = (uncovered(one, other, third, f"{path}[{at}]") for at, (one, other, third) in enumerate(pairs))
        return next((one for one in told if one), "")
    return "" if sent == kept or kind(sent) != kind(shown) else f"{path}: {kept!r:.60} for {sent!r:.60}"


def plain(value: Any) -> Any:
    """A document to compare by value: ids, types and names in one case, lists of documents in the order of their ids."""
    if isinstance(value, dict):
        lowered = ("id", "type", "name")
        return {
            name: one.lower() if name in lowered and isinstance(one, str) else plain(one)
            for name, one in value.items()
        }
    if not isinstance(value, list):
        return value
    several = [plain(one) for one in value]
    whole = all(isinstance(one, dict) and isinstance(one.get("id"), str) for one in several)
    return sorted(several, key=lambda one: str(one["id"])) if whole else several

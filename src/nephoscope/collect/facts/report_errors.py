"""Report errors: the invalid member, the reason and the fix."""

from __future__ import annotations

import re

_SHAPES = {
    "array": "a list",
    "object": "an object",
    "str": "a text",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
}
_NEEDED = {
    "resource": "give the ID of the resource that was scanned",
    "readAt": "give the time of the scan, as in 2026-11-29T10:00:00Z",
}
_MEMBERS = "resource, readAt, documents, scopes, tenant"
_PLACE = re.compile(r"(.*?) - at `(key in )?\$(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_OTHER = re.compile(r"Expected `(.*)`, got `(.*)`", re.DOTALL)


class FactError(ValueError):
    """A report that cannot be kept: `place` is the member, the message says what is wrong and what to do."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(f"{place}: {message}")
        self.place, self.reason = place, message

    def place_in_report(self, report: int) -> FactError:
        """Return the same refusal, the place being in one of several reports."""
        inner = "" if self.place == "report" else f".{self.place}"
        return FactError(f"reports[{report}]{inner}", self.reason)


def refuse_text(data: bytes, why: str) -> FactError:
    """Return the refusal of a text that is no JSON; `why` is what its decoder says."""
    if not data.strip():
        return FactError("report", "it is empty: send a JSON object, or a list of them")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return FactError("report", "it is in UTF-16: write it in UTF-8 (`Out-File -Encoding utf8`)")
    if "trailing" in why:
        return FactError(
            "report", f"more follows the first JSON value ({why}): put several reports into one list"
        )
    return FactError("report", f"it is not JSON in UTF-8 ({why}): send a JSON object, or a list of them")


def refuse_shape(why: str) -> FactError:
    """Return the refusal of JSON that has not the shape of a report; `why` is what msgspec says."""
    found = _PLACE.fullmatch(why)
    reason, place = (found[1], found[3].lstrip(".")) if found else (why, "")
    place = re.sub(r"^\[(\d+)\]", r"reports[\1]", place)
    inside = f"{place}." if place else ""
    if missing := _MISSING.fullmatch(reason):
        return FactError(f"{inside}{missing[1]}", f"it is missing: {_NEEDED.get(missing[1], 'give it')}")
    if unknown := _UNKNOWN.fullmatch(reason):
        return FactError(f"{inside}{unknown[1][:100]}", f"a report has no such member, only {_MEMBERS}")
    if other := _OTHER.fullmatch(reason):
        wanted, given = (_describe_shapes(one) for one in other.groups())
        return FactError(place or "report", f"it must be {wanted}, and is {given}")
    if "RFC3339" in reason:
        return FactError(place or "report", "a time is written with its zone, as in 2026-11-29T10:00:00Z")
    return FactError(place or "report", reason)


def _describe_shapes(names: str) -> str:
    return " or ".join(_SHAPES.get(one, one) for one in names.split(" | "))

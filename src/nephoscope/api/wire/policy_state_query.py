"""Policy state query: `$apply`, `$orderby`, `$select`, `$from` and `$to` over policy states.

Source: https://learn.microsoft.com/rest/api/policyinsights/policy-states/list-query-results-for-subscription (query options)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from nephoscope.api.wire.azure_error import make_bad_request_error
from nephoscope.api.wire.odata_filter import MAX_LENGTH
from nephoscope.api.wire.odata_value import get_field_value
from nephoscope.model.utc_time import assume_utc

Row = dict[str, object]
_NAMES = r"\w+(?:\s*,\s*\w+)*"
_COUNTED = r"aggregate\(\s*\$count\s+as\s+(?P<{}>\w+)\s*\)"
_STEP = re.compile(
    rf"\s*(?:groupby\(\s*\(\s*(?P<by>{_NAMES})\s*\)\s*(?:,\s*{_COUNTED.format('each')}\s*)?\)|{_COUNTED.format('all')})\s*",
    re.IGNORECASE,
)
_ORDER = re.compile(r"\s*(\w+)(?:\s+(asc|desc))?\s*", re.IGNORECASE)


def apply_steps(rows: Sequence[Row], text: str) -> list[Row]:
    """Rows after the steps of `$apply`: groupby, with or without a count, and a count of all; Fault for another step."""
    if len(text) > MAX_LENGTH:
        raise make_bad_request_error(
            f"$apply is longer than {MAX_LENGTH} characters.", "$apply", "InvalidApply"
        )
    found = list(rows)
    for step in text.split("/"):
        read = _STEP.fullmatch(step)
        if read is None:
            problem = (
                f"$apply is not understood: {step.strip()[:80]!r}; groupby and aggregate($count as N) are."
            )
            raise make_bad_request_error(problem, "$apply", "InvalidApply")
        found = (
            [{read["all"]: len(found)}]
            if read["all"]
            else _group_rows(found, _split_list(read["by"]), read["each"])
        )
    return found


def _group_rows(rows: Iterable[Row], names: Sequence[str], count: str | None) -> list[Row]:
    groups: dict[tuple[str, ...], Row] = {}
    counts: dict[tuple[str, ...], int] = {}
    for row in rows:
        key = tuple(str(get_field_value(row, name)).lower() for name in names)
        groups.setdefault(key, select_fields(row, names))
        counts[key] = counts.get(key, 0) + 1
    return [{**group, **({count: counts[key]} if count else {})} for key, group in groups.items()]


def order_rows(rows: Sequence[Row], text: str) -> list[Row]:
    """Rows as `$orderby` sorts them; Fault for an order that is not understood."""
    found = list(rows)
    for one in reversed(text.split(",")):
        read = _ORDER.fullmatch(one)
        if read is None:
            raise make_bad_request_error(
                f"$orderby is invalid: {one.strip()[:80]!r}.", "$orderby", "InvalidOrderBy"
            )
        found.sort(key=_sort_key(read[1]), reverse=(read[2] or "").lower() == "desc")
    return found


def _sort_key(name: str) -> Callable[[Row], tuple[bool, float, str]]:
    return lambda row: _rank_value(get_field_value(row, name))


def _rank_value(value: object) -> tuple[bool, float, str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return False, float(value), ""
    return True, 0.0, str(value).lower()


def select_fields(row: Row, names: Iterable[str]) -> Row:
    """The fields of some names, as the row spells them, in the order of the row; those that it has not are left out."""
    wanted = {one.lower() for one in names}
    return {key: value for key, value in row.items() if key.lower() in wanted}


def parse_select(text: str) -> list[str]:
    """The names in `$select`; Fault for what is none."""
    if not re.fullmatch(rf"\s*{_NAMES}\s*", text):
        raise make_bad_request_error("$select must be a list of names.", "$select", "InvalidSelect")
    return _split_list(text)


def _split_list(text: str) -> list[str]:
    return [one.strip() for one in text.split(",")]


def parse_moment(text: str, name: str) -> datetime | None:
    """The time that an option gives, None where it gives none; Fault for what is no time."""
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError as error:
        raise make_bad_request_error(
            f"{name} {text[:60]!r} is not a time.", name, "InvalidParameter"
        ) from error
    return found and assume_utc(found)

"""The witness's functions on arrays, bags and sets."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rowwise_functions import gives, kinds, typed
from rowwise_values import element, json_text, numeric, steps, text

if TYPE_CHECKING:
    from nephoscope_kql.plan.expressions import BoundCall


@gives("array_length", strict=False)
def array_length(value: Any) -> Any:
    return len(value) if isinstance(value, list) else None


@gives("bag_keys", strict=False)
def bag_keys(value: Any) -> Any:
    return list(value) if isinstance(value, dict) else None


@typed("pack_array")
def pack_array(cells: list[Any], call: BoundCall, now: int) -> Any:
    return [element(kind, cell) for kind, cell in zip(kinds(call), cells, strict=True)]


@typed("bag_pack", "pack")
def bag_pack(cells: list[Any], call: BoundCall, now: int) -> Any:
    types = kinds(call)
    return {cells[at]: element(types[at + 1], cells[at + 1]) for at in range(0, len(cells), 2)}


@gives("strcat_array", strict=False)
def strcat_array(value: Any, delimiter: str) -> Any:
    return delimiter.join(text("dynamic", item) for item in value) if isinstance(value, list) else ""


@gives("array_slice")
def array_slice(value: Any, start: int, end: int) -> Any:
    if not isinstance(value, list):
        return None
    first = max(start + len(value), 0) if start < 0 else start
    last = end + len(value) if end < 0 else end
    return value[first : last + 1]


@gives("array_concat", strict=False)
def array_concat(*values: Any) -> Any:
    return [item for value in values if isinstance(value, list) for item in value]


@gives("array_index_of", strict=False)
def array_index_of(value: Any, wanted: Any, start: int = 0, length: int = -1, occurrence: int = 1) -> Any:
    if not isinstance(value, list) or wanted is None:
        return None
    end = len(value) if length < 0 else start + length
    places = [
        at
        for at, item in enumerate(value)
        if start <= at < end and type(item) is type(wanted) and item == wanted
    ]
    return places[occurrence - 1] if len(places) >= occurrence else -1


@gives("bag_has_key")
def bag_has_key(value: Any, key: str) -> bool:
    """A key, or a path that begins with $."""
    path = steps(key) if key.startswith("$") else [key]
    for step in path or [key]:
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return True


@gives("treepath")
def treepath(value: Any) -> Any:
    return list(dict.fromkeys(paths(value))) if isinstance(value, dict | list) else None


def paths(value: Any, above: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        pairs = [(f"['{key}']", item) for key, item in value.items()]
    else:
        pairs = [("[0]", item) for item in value] if isinstance(value, list) else []
    for step, item in pairs:
        yield above + step
        yield from paths(item, above + step)


@gives("dcount_hll")
def dcount_hll(sketch: Any) -> Any:
    return len(sketch) if isinstance(sketch, list) else None


@gives("hll_merge", strict=False)
def hll_merge(*sketches: Any) -> Any:
    return set_union(*sketches) or None


@gives("bag_merge", strict=False)
def bag_merge(*bags: Any) -> Any:
    """Of equal keys the first bag's value stays."""
    return merged(list(bags))


def merged(bags: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for bag in bags:
        for key, item in bag.items() if isinstance(bag, dict) else ():
            found.setdefault(key, item)
    return found


def distinct(items: list[Any]) -> list[Any]:
    found: dict[Any, Any] = {}
    for item in items:
        found.setdefault((type(item), json_text(item)), item)
    return list(found.values())


@gives("set_union", strict=False)
def set_union(*sets: Any) -> Any:
    return distinct([item for one in sets if isinstance(one, list) for item in one])


@typed("range")
def range_(cells: list[Any], call: BoundCall, now: int) -> Any:
    """From low to high, both in; times in steps of an hour where nothing is said."""
    if None in cells:
        return None
    kind = kinds(call)[0]
    low, high, *given = cells
    step = given[0] if given else 36_000_000_000 if kind in ("datetime", "timespan") else 1
    if step == 0 or (high - low) * step < 0:
        return []
    size = min(int((high - low) // step) + 1, 1_048_576)
    return [element(kind, low + at * step) for at in range(size)]


def items_of(value: Any) -> list[Any]:
    """The elements of an array; anything else has none."""
    return value if isinstance(value, list) else []


def texts_of(value: Any) -> set[str]:
    """The elements as texts that equal ones share."""
    return {json_text(item) for item in items_of(value)}


@gives("set_difference", strict=False)
def set_difference(first: Any, *others: Any) -> Any:
    gone = set().union(*map(texts_of, others))
    return distinct([item for item in items_of(first) if json_text(item) not in gone])


@gives("set_intersect", strict=False)
def set_intersect(first: Any, *others: Any) -> Any:
    known = [texts_of(other) for other in others]
    return distinct([item for item in items_of(first) if all(json_text(item) in one for one in known)])


@gives("_structure")
def structure(value: Any) -> Any:
    """The types of a bag's properties; nothing for anything else."""
    names = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "VARCHAR", type(None): "NULL"}
    return (
        {key: names.get(type(item), "JSON") for key, item in value.items()} if isinstance(value, dict) else ""
    )


@gives("set_has_element", strict=False)
def set_has_element(items: Any, wanted: Any) -> bool:
    return isinstance(items, list) and any(type(item) is type(wanted) and item == wanted for item in items)


@gives("set_equals")
def set_equals(one: Any, other: Any) -> Any:
    if not isinstance(one, list) or not isinstance(other, list):
        return None
    return {json_text(item) for item in one} == {json_text(item) for item in other}


@gives("jaccard_index")
def jaccard_index(one: Any, other: Any) -> Any:
    if not isinstance(one, list) or not isinstance(other, list):
        return None
    first, second = ({json_text(item) for item in items} for items in (one, other))
    return len(first & second) / len(first | second) if first | second else None


@gives("array_reverse")
def array_reverse(items: Any) -> Any:
    return items[::-1] if isinstance(items, list) else None


@gives("array_rotate_left")
def array_rotate_left(items: Any, count: int) -> Any:
    if not isinstance(items, list):
        return None
    start = count % len(items) if items else 0
    return items[start:] + items[:start]


@gives("array_rotate_right")
def array_rotate_right(items: Any, count: int) -> Any:
    return array_rotate_left(items, -count)


@gives("array_shift_left", strict=False)
def array_shift_left(items: Any, count: int | None, fill: Any = None) -> Any:
    if not isinstance(items, list) or count is None:
        return None
    places = range(count, count + len(items))
    return [items[at] if 0 <= at < len(items) else fill for at in places]


@gives("array_shift_right", strict=False)
def array_shift_right(items: Any, count: int | None, fill: Any = None) -> Any:
    return None if count is None else array_shift_left(items, -count, fill)


@gives("array_sum")
def array_sum(items: Any) -> Any:
    """Null where there is none, or an element is no number."""
    if not isinstance(items, list) or not items or not all(numeric(item) for item in items):
        return None
    return float(sum(items))


@gives("array_split")
def array_split(items: Any, places: Any) -> Any:
    """Cut before each place; places from the end where negative."""
    if not isinstance(items, list):
        return None
    given = places if isinstance(places, list) else [places]
    cuts = [0, *(at if at >= 0 else max(len(items) + at, 0) for at in given), len(items)]
    return [items[one:other] for one, other in itertools.pairwise(cuts)]


@gives("array_iff", "array_iif", strict=False)
def array_iff(conditions: Any, one: Any, other: Any) -> Any:
    if not isinstance(conditions, list):
        return None

    def of(value: Any, at: int) -> Any:
        return (value[at] if at < len(value) else None) if isinstance(value, list) else value

    return [
        None if condition is None or isinstance(condition, str) else of(one if condition else other, at)
        for at, condition in enumerate(conditions)
    ]


@gives("zip", strict=False)
def zip_(*arrays: Any) -> Any:
    if not all(isinstance(items, list) for items in arrays):
        return None
    return [list(items) for items in itertools.zip_longest(*arrays)]


@typed("repeat")
def repeat(cells: list[Any], call: BoundCall, now: int) -> Any:
    value, count = cells
    return None if count is None or count < 0 else [element(kinds(call)[0], value)] * count


@gives("bag_zip")
def bag_zip(keys: Any, values: Any) -> Any:
    if not isinstance(keys, list) or not isinstance(values, list):
        return None
    pairs = itertools.zip_longest(keys, values[: len(keys)])
    return {key: value for key, value in pairs if isinstance(key, str)}


@typed("_pack_present")
def pack_present(cells: list[Any], call: BoundCall, now: int) -> Any:
    types = kinds(call)
    pairs = {cells[at]: (types[at + 1], cells[at + 1]) for at in range(0, len(cells), 2)}
    return {
        key: element(kind, cell) for key, (kind, cell) in pairs.items() if cell is not None and cell != ""
    }


def sorted_places(items: list[Any], most: bool) -> list[int]:
    """Numbers before texts (after them downwards), nulls last; equals stay as they were."""

    def key(at: int) -> tuple[int, float, str]:
        item = items[at]
        if isinstance(item, int | float) and not isinstance(item, bool):
            return 0, item, ""
        return 1, 0.0, item if isinstance(item, str) else json_text(item)

    known = [at for at in range(len(items)) if items[at] is not None]
    nulls = [at for at in range(len(items)) if items[at] is None]
    return sorted(known, key=key, reverse=most) + nulls


@typed("array_sort_asc", "array_sort_desc")
def array_sort(cells: list[Any], call: BoundCall, now: int) -> Any:
    """The first array sorted, others along with it; a last bool: whether nulls come last."""
    arrays = [cell for cell, kind in zip(cells, kinds(call), strict=True) if kind != "bool"]
    if not isinstance(arrays[0], list):
        return None
    order = sorted_places(arrays[0], call.function.name.endswith("desc"))
    if kinds(call)[-1] == "bool" and cells[-1] is False:
        order = sorted(order, key=lambda at: arrays[0][at] is not None)
    found = [
        [items[at] if at < len(items) else None for at in order] if isinstance(items, list) else None
        for items in arrays
    ]
    return found if len(found) > 1 else found[0]

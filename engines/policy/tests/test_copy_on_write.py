"""A table with layers answers as the dictionary that it stands for, however many changes are laid over."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nephoscope_policy.copy_on_write import Table, overlay_table

KEYS = st.integers(0, 60)
CHANGES = st.lists(st.dictionaries(KEYS, st.none() | st.integers(1, 9), max_size=6), max_size=8)


@given(st.dictionaries(KEYS, st.integers(1, 9), min_size=20), CHANGES)
def test_layers_equal_a_dictionary(first: dict[int, int], changes: list[dict[int, int | None]]) -> None:
    table: Table[int, int] = dict(first)
    wanted = dict(first)
    for one in changes:
        before, held = table, dict(wanted)
        table = overlay_table(table, one)
        wanted = {key: value for key, value in (wanted | one).items() if value is not None}
        assert {key: table[key] for key in table} == wanted
        assert all(
            table.get(key) == wanted.get(key) and (key in table) is (key in wanted) for key in range(61)
        )
        assert {key: before[key] for key in before} == held

"""The algebra of profiles: a set of days that only grows, so that cuts, order, repetition, folding and lateness change nothing."""

from __future__ import annotations

import itertools
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from nephoscope.behavior.profiles import RECENT, SPAN, Profiles, fetch_arrow

TODAY = 20_000
row = st.tuples(
    st.sampled_from(("a", "b")),
    st.sampled_from(("Country", "App")),
    st.sampled_from(("", "x", "y")),
    st.integers(TODAY - 175, TODAY + 1),
    st.integers(0, 10**6),
)


def taught(profiles: Profiles, rows) -> None:
    given_rows = [
        {"kind": "user", "entity": entity, "dimension": dimension, "value": value, "day": day, "first": first}
        for entity, dimension, value, day, first in rows
    ]
    profiles.add_observations(pa.Table.from_pylist(given_rows, RECENT))


def known(profiles: Profiles) -> dict[tuple[str, str, str], set[int]]:
    """What the tables hold, read without the code that folds them."""
    found: dict[tuple[str, str, str], set[int]] = defaultdict(set)
    with profiles.open_tables() as connection:
        for one in fetch_arrow(connection, "SELECT * FROM base").to_pylist():
            days = {one["span"] * SPAN + bit for bit in range(SPAN) if one["bits"] >> bit & 1}
            found[one["entity"], one["dimension"], one["value"]] |= days
        for one in fetch_arrow(connection, "SELECT * FROM recent").to_pylist():
            found[one["entity"], one["dimension"], one["value"]].add(one["day"])
    return dict(found)


@settings(max_examples=12, deadline=None)
@given(st.lists(row, min_size=1, max_size=30), st.randoms(), st.integers(1, 4))
def test_cut_shuffled_repeated_and_folded_is_from_scratch(rows, random, pieces) -> None:
    wanted: dict[tuple[str, str, str], set[int]] = defaultdict(set)
    for entity, dimension, value, day, _ in rows:
        wanted[entity, dimension, value].add(day)
    twice = [*rows, *random.sample(rows, len(rows) // 2)]
    random.shuffle(twice)
    with TemporaryDirectory() as folder:
        profiles = Profiles(Path(folder), "default")
        for piece in (
            itertools.batched(twice, -(-len(twice) // pieces))
            if hasattr(itertools, "batched")
            else _batched(twice, pieces)
        ):
            taught(profiles, piece)
            profiles.fold(TODAY)
        profiles.compact()
        assert known(profiles) == wanted


def _batched(rows, pieces):
    size = -(-len(rows) // pieces)
    return (rows[start : start + size] for start in range(0, len(rows), size))


def test_days_that_no_look_back_reaches_are_forgotten(tmp_path: Path) -> None:
    profiles = Profiles(tmp_path, "default")
    taught(
        profiles,
        [
            ("a", "App", "x", TODAY - 181, 1),
            ("a", "App", "x", TODAY - 179, 1),
            ("a", "App", "y", TODAY - 300, 1),
        ],
    )
    profiles.fold(TODAY)
    assert known(profiles) == {("a", "App", "x"): {TODAY - 179}}

"""Digests of batches find exactly the resources that a comparison one by one finds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nephoscope.estate.estate import Estate
from nephoscope.estate.resource_diff import is_exactly_equal
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource

BODIES = st.dictionaries(st.integers(0, 40), st.integers(0, 3), max_size=40)


def estate(bodies: dict[int, int], origins: bool) -> Estate:
    found = []
    for number, value in bodies.items():
        body: dict[str, Any] = {
            "id": f"/subscriptions/s/providers/Contoso.App/sites/{number}",
            "properties": {"v": value},
        }
        found.append(replace(Resource.of(body), origin=f"{number} {value}".encode() if origins else b""))
    return Estate.of(found, Coverage.cover_everything())


@given(BODIES, BODIES, st.booleans(), st.booleans())
def test_changed_since(before: dict[int, int], after: dict[int, int], known: bool, knowing: bool) -> None:
    old, new = estate(before, known), estate(after, knowing)
    naive = {
        key
        for key in old.resources.keys() | new.resources.keys()
        if key not in old.resources
        or key not in new.resources
        or not is_exactly_equal(old.resources[key].body, new.resources[key].body)
    }
    found = new.list_changed_ids(old)
    assert len(found) == len(set(found))
    assert set(found) == naive

"""Facets of rows in memory: each value's count is what choosing it would show, whatever else is chosen."""

from __future__ import annotations

from urllib.parse import urlencode

from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from nephoscope.web.lists.row_facets import RowFacet, filter_rows

VALUES = {"color": ("red", "green", "blue"), "size": ("s", "m"), "tags": ("a", "b", "c")}
FACETS = (
    RowFacet("color", "Color", lambda one: (one["color"],), order=("blue", "red", "green")),
    RowFacet("size", "Size", lambda one: (one["size"],)),
    RowFacet("tags", "Tags", lambda one: one["tags"]),
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "color": st.sampled_from(VALUES["color"]),
            "size": st.sampled_from(VALUES["size"]),
            "tags": st.lists(st.sampled_from(VALUES["tags"]), unique=True).map(tuple),
        }
    ),
    max_size=12,
)
CHOSEN = st.fixed_dictionaries(
    {name: st.sets(st.sampled_from((*values, "gone"))) for name, values in VALUES.items()}
)


class Asked:
    """What facets ask of a visit: the values of the address, and addresses that change them."""

    def __init__(self, chosen):
        self.chosen = chosen
        self.query = QueryParams([(name, one) for name, several in chosen.items() for one in sorted(several)])

    def get_query_values(self, name):
        return frozenset(self.query.getlist(name))

    def toggle_link(self, name, value):
        pairs = self.query.multi_items()
        changed = [one for one in pairs if one != (name, value)]
        return urlencode(changed if len(changed) < len(pairs) else [*pairs, (name, value)])


def having(rows, chosen, without=""):
    """The rows that have a chosen value of each facet."""
    values = {one.name: one.values_of for one in FACETS}
    return [
        row for row in rows
        if all(not wanted or set(values[name](row)) & wanted for name, wanted in chosen.items() if name != without)
    ]  # fmt: skip


@given(ROWS, CHOSEN)
def test_counts_are_what_a_choice_would_show(rows, chosen):
    found, facets = filter_rows(Asked(chosen), rows, FACETS)
    assert found == having(rows, chosen)
    for facet in facets:
        shown = {one.title: one for one in facet.options}
        assert {name for name, one in shown.items() if one.chosen} == chosen[facet.name]
        for value in (*VALUES[facet.name], "gone"):
            alone = having(rows, {**chosen, facet.name: {value}})
            assert (shown[value].count if value in shown else 0) == len(alone)


def test_values_stand_in_their_order_and_those_chosen_before_them():
    rows = [{"color": one, "size": "s", "tags": ()} for one in ("red", "green", "green", "blue")]
    (color, *_), titles = (
        filter_rows(Asked({}), rows, FACETS)[1],
        lambda facet: [one.title for one in facet.options],
    )
    assert titles(color) == ["blue", "red", "green"]
    (color, *_) = filter_rows(Asked({"color": {"green"}}), rows, FACETS)[1]
    assert titles(color) == ["green", "blue", "red"]

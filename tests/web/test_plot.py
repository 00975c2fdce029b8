"""Each chart is drawn as its kind: slices of a pie, dots, areas, lines over names."""

from __future__ import annotations

import json
import math
import re

import pytest

from nephoscope.web.result_charts.chart_page import MOST_SERIES
from nephoscope.web.result_charts.result_chart import plot_result
from nephoscope_kql.run import results

NAMES = "datatable(a:string, n:long)['x', 1, 'y', 6, 'z', 3] | render "
PAIRS = "datatable(x:long, y:long)[1, 10, 2, 40, 4, 20] | render "
TIMES = "range n from 1 to 9 step 1 | extend at=datetime(2026-01-01) + n * 1h | project at, n | render "


def drawn(query: str):
    return plot_result(results(query)[-1])


def test_a_pie_has_slices_by_size():
    found = drawn(f"{NAMES}piechart")
    assert found.kind == "pie"
    assert [(one.name, one.number) for one in found.bars] == [("y", "6"), ("z", "3"), ("x", "1")]
    assert [one.share for one in found.bars] == pytest.approx([0.6, 0.3, 0.1])
    ends = [tuple(map(float, re.findall(r" 1 ([\d.]+) ([\d.]+)Z", one.path)[-1])) for one in found.bars]
    around = [math.atan2(x - 100, 100 - y) / (2 * math.pi) % 1 for x, y in ends]
    assert around[:2] == pytest.approx([0.6, 0.9], abs=0.001)
    assert min(around[2], 1 - around[2]) == pytest.approx(0, abs=0.001), "the slices go once around"


def test_many_slices_are_told_as_others():
    many = "range n from 1 to 20 step 1 | extend a=strcat('n', n) | project a, n | render piechart"
    found = drawn(many)
    assert len(found.bars) == MOST_SERIES
    assert found.bars[-1].name == "15 others"
    assert sum(one.share for one in found.bars) == pytest.approx(1)


@pytest.mark.parametrize("numbers", ["0", "-1"])
def test_a_slice_of_nothing_is_none(numbers):
    found = drawn(f"datatable(a:string, n:long)['x', {numbers}, 'y', 5] | render piechart")
    assert [(one.name, one.share) for one in found.bars] == [("y", 1.0)]
    assert found.bars[0].path.count("A90") == 2, "a whole pie is two halves"


def test_a_scatter_has_a_dot_a_row():
    found = drawn(f"{PAIRS}scatterchart")
    assert (found.kind, found.first.text, found.last.text, found.low, found.high) == (
        "dots",
        "1",
        "4",
        "0",
        "40",
    )
    assert found.series[0].path == "M0.0 165.0h0 M320.0 0.0h0 M960.0 110.0h0"
    assert found.points == ""


@pytest.mark.parametrize(
    ("query", "first", "last"), [(NAMES, "x", "z"), (TIMES, "2026-01-01T01:00:00Z", "2026-01-01T09:00:00Z")]
)
def test_an_area_is_filled_down_to_zero(query, first, last):
    found = drawn(f"{query}areachart")
    (one,) = found.series
    assert (found.kind, found.first.text, found.last.text) == ("area", first, last)
    assert one.area.startswith(one.path)
    assert one.area.endswith("L960.0 220.0 L0.0 220.0Z")


def test_lines_go_over_names_in_their_order():
    found = drawn(f"{NAMES}linechart")
    assert (found.kind, found.series[0].area, found.first.text, found.last.text) == ("line", "", "x", "z")


def test_bars_stay_in_the_order_of_the_rows():
    assert [one.name for one in drawn(f"{NAMES}barchart").bars] == ["x", "y", "z"]
    assert drawn(f"{NAMES}barchart").kind == "bars"


@pytest.mark.parametrize(
    ("chart", "mark"),
    [
        ("piechart", 'class="chart-slice chart-fill1"'),
        ("scatterchart", 'class="chart-plot chart-plot--dots"'),
        ("areachart", 'class="chart-plot__area chart-fill1"'),
    ],
)
def test_pages_draw_them(owner, chart, mark):
    text = owner.get("/logs", params={"query": f"{PAIRS if chart == 'scatterchart' else NAMES}{chart}"}).text
    assert mark in text


def test_heads_of_numbers_stand_over_them(owner):
    text = owner.get("/logs", params={"query": "datatable(a:string, n:long)['x', 1]"}).text
    assert '<th scope="col" title="long" class="table__number">n</th>' in text
    assert "<h2>1 row</h2>" in text


SERIES = (
    "datatable(t:datetime, who:string, n:long)[datetime(2026-01-01), 'ada', 3, datetime(2026-01-03), 'ada', 5,"
    " datetime(2026-01-02), 'eve', 1]"
    " | make-series rows = sum(n) default = 0 on t from datetime(2026-01-01) to datetime(2026-01-04) step 1d by who | render "
)


@pytest.mark.parametrize(
    ("chart", "kind"), [("timechart", "line"), ("columnchart", "columns"), ("areachart", "area")]
)
def test_arrays_of_make_series_are_drawn_over_their_times(chart, kind):
    found = drawn(SERIES + chart)
    assert found.kind == kind
    assert [one.name for one in found.series] == ["ada", "eve"]
    if kind == "line":
        assert (found.first.text[:10], found.last.text[:10]) == ("2026-01-01", "2026-01-03")
        points = json.loads(found.points)["data"]
        assert points[1:] == [[3.0, 0.0, 5.0], [0.0, 1.0, 0.0]]


@pytest.mark.parametrize(
    "query",
    [
        "print a = dynamic({'x': 1}), n = 1 | render columnchart",
        "print a = dynamic(null), n = 1 | render columnchart",
        "print t = datetime(2026-01-01), a = dynamic([]), n = 1 | render timechart",
    ],
)
def test_other_dynamic_values_do_not_stop_a_chart(query):
    assert drawn(query) is not None

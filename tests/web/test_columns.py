"""Upright columns over a time, numbers or names, and the properties that render asks for."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from nephoscope.web.result_charts.chart_page import HEIGHT, WIDTH
from nephoscope.web.result_charts.result_chart import plot_result
from nephoscope_kql.run import results

#: Days that are not in order, one without failures, one of nothing at all.
DAYS = """datatable(Day:datetime, Said:string, n:long)[
  datetime(2026-11-25), 'Success', 6, datetime(2026-11-22), 'Success', 2, datetime(2026-11-25), 'Failure', 2,
  datetime(2026-11-23), 'Success', 4, datetime(2026-11-22), 'Failure', 1] | render columnchart """
NAMES = "datatable(a:string, n:long)['x', 1, 'y', 6, 'z', 3] | render columnchart "
OUTLINE = re.compile(r"M([\d.]+) ([\d.]+)h([\d.]+)V([\d.]+)h-[\d.]+Z")


def drawn(query: str):
    return plot_result(results(query)[-1])


def outlines(found) -> dict[str, list[tuple[float, float, float, float]]]:
    """Left, top, width and bottom of each column of each series."""
    return {
        one.name: [tuple(map(float, OUTLINE.fullmatch(mark.path).groups())) for mark in one.marks]
        for one in found.series
    }


def test_columns_stand_on_an_axis_of_time():
    found = drawn(DAYS)
    assert (found.kind, found.timed, [one.name for one in found.series]) == (
        "columns",
        True,
        ["Success", "Failure"],
    )
    assert [one.text for one in found.labels] == ["2026-11-22", "2026-11-23", "2026-11-24", "2026-11-25"]
    assert found.labels[0].at == "2026-11-22T00:00:00Z"
    assert [mark.tooltip for mark in found.series[0].marks] == [
        "2026-11-22T00:00:00Z · Success: 2",
        "2026-11-23T00:00:00Z · Success: 4",
        "2026-11-25T00:00:00Z · Success: 6",
    ]
    day = WIDTH / 4
    lefts = [left // day for left, *_ in outlines(found)["Success"]]
    assert lefts == [0, 1, 3], "the 24th is a gap"
    assert [left // day for left, *_ in outlines(found)["Failure"]] == [0, 3], "no failure, no column"
    assert (found.low, found.middle, found.high) == ("0", "3", "6")
    assert [HEIGHT - top for _, top, *_ in outlines(found)["Success"]] == pytest.approx(
        [220 / 3, 440 / 3, 220], abs=0.01
    )


@pytest.mark.parametrize("kind", ["", "with (kind=default)", "with (kind=unstacked)", "kind=unstacked"])
def test_columns_of_a_place_stand_beside_one_another(kind):
    made = outlines(drawn(DAYS + kind))
    (left, _, wide, down), (other, _, _, lower) = made["Success"][0], made["Failure"][0]
    assert other == pytest.approx(left + wide, abs=0.02)
    assert down == lower == HEIGHT


@pytest.mark.parametrize("kind", ["with (kind=stacked)", "kind=stacked"])
def test_columns_are_stacked(kind):
    found = drawn(DAYS + kind)
    made = outlines(found)
    assert found.high == "8"
    assert [one[1] for one in made["Success"]][::2] == [one[3] for one in made["Failure"]], (
        "one begins where the other ends"
    )
    assert made["Failure"][1][1] == 0


def test_columns_are_parts_of_a_hundred():
    found = drawn(f"{DAYS} with (kind=stacked100)")
    made = outlines(found)
    assert (found.low, found.high) == ("0%", "100%")
    assert [HEIGHT - one[1] for one in made["Success"]] == pytest.approx(
        [220 * 2 / 3, 220, 220 * 0.75], abs=0.01
    )
    assert [one[1] for one in made["Failure"]] == [0, 0]
    assert found.series[1].marks[0].tooltip == "2026-11-22T00:00:00Z · Failure: 1", (
        "a column tells its own number"
    )


def test_names_stand_in_the_order_of_the_rows():
    found = drawn(NAMES)
    assert ([one.text for one in found.labels], found.timed) == (["x", "y", "z"], False)
    assert [mark.tooltip for mark in found.series[0].marks] == ["x · n: 1", "y · n: 6", "z · n: 3"]


def test_numbers_that_lie_close_are_an_axis_and_others_stand_side_by_side():
    hours = drawn("datatable(hour:long, n:long)[3, 1, 0, 2, 1, 5] | render columnchart")
    assert [one.text for one in hours.labels] == ["0", "1", "2", "3"]
    codes = drawn("datatable(code:long, n:long)[4625, 1, 1102, 2, 4624, 5] | render columnchart")
    assert [one.text for one in codes.labels] == ["1102", "4624", "4625"]


def test_what_is_below_nought_goes_down():
    found = drawn("datatable(a:string, n:long)['x', 4, 'y', -4] | render columnchart")
    (up, down) = outlines(found)["n"]
    assert (found.low, found.high, found.zero) == ("-4", "4", HEIGHT / 2)
    assert ((up[1], up[3]), (down[1], down[3])) == ((0, 110), (110, 220))


def test_several_hundred_hours_of_several_series_fit():
    found = drawn(
        "range n from 0 to 1499 step 1 | extend at=datetime(2026-01-01) + (n / 3) * 1h, who=strcat('w', n % 3), k=n % 7 + 1"
        " | project at, who, k | render columnchart with (kind=stacked)"
    )
    assert ([len(one.marks) for one in found.series], len(found.labels)) == ([500] * 3, 6)
    assert [one.at for one in found.labels[:2]] == ["2026-01-01T00:00:00Z", "2026-01-04T12:00:00Z"]
    assert [one.text for one in found.labels[:2]] == ["2026-01-01 00:00Z", "2026-01-04 12:00Z"]
    for made in outlines(found).values():
        assert made[-1][0] + made[-1][2] <= WIDTH
        assert all(before[0] + before[2] <= after[0] for before, after in pairwise(made))


def test_times_without_a_step_stand_where_they_are():
    found = drawn(
        "datatable(at:datetime, n:long)[datetime(2026-01-01), 1, datetime(2026-01-01 00:00:01), 2, datetime(2026-01-31), 3]"
        " | render columnchart"
    )
    made = outlines(found)["n"]
    assert 0 <= made[0][0] <= made[1][0] < 1
    assert made[2][0] > 955
    assert all(one[2] >= 1.5 for one in made), "a column is never too thin to be seen"


def test_stacked_areas_lie_on_one_another_and_are_nought_where_nothing_is():
    found = drawn(DAYS.replace("columnchart", "stackedareachart"))
    success, failure = found.series
    assert (found.kind, found.stacked, found.high, found.points) == ("area", True, "8", "")
    assert success.path == "M0.0 165.0 L320.0 110.0 L960.0 55.0"
    assert failure.path == "M0.0 137.5 L320.0 110.0 L960.0 0.0"
    assert failure.area.endswith("L960.0 55.0 L320.0 110.0 L0.0 165.0Z")
    assert drawn(DAYS.replace("columnchart", "areachart")).stacked is False


def test_stacks_hold_every_series():
    many = "range n from 1 to 20 step 1 | extend a=strcat('n', n), at=datetime(2026-01-01) | project at, a, n | render columnchart"
    found = drawn(f"{many} with (kind=stacked)")
    assert (found.series[-1].name, found.left) == ("15 others", 0)
    assert outlines(found)["15 others"][0][1] == pytest.approx(HEIGHT * (1 - 210 / 240), abs=0.01)
    assert drawn(many).left == 14


ROWS = """datatable(at:datetime, a:string, b:string, n:long, m:long)[
  datetime(2026-01-01), 'x', 'p', 1, 7, datetime(2026-01-02), 'y', 'q', 2, 8] | render columnchart """


@pytest.mark.parametrize(
    ("properties", "series", "labels"),
    [
        ("", ["x, p m", "x, p n", "y, q m", "y, q n"], ["2026-01-01", "2026-01-02"]),
        ("with (xcolumn=b, ycolumns=n, series=a)", ["x", "y"], ["p", "q"]),
        ("with (xcolumn=a, series=b, ycolumns=m, n)", ["p m", "p n", "q m", "q n"], ["x", "y"]),
        ("ycolumns=m by b", ["p", "q"], ["2026-01-01", "2026-01-02"]),
        ("with (series=a, b, ycolumns=n)", ["x, p", "y, q"], ["2026-01-01", "2026-01-02"]),
    ],
)
def test_columns_are_chosen(properties, series, labels):
    found = drawn(ROWS + properties)
    assert (sorted(one.name for one in found.series), [one.text for one in found.labels]) == (series, labels)
    assert found.undrawn == ()


def test_bounds_and_words_are_as_asked_for():
    found = drawn(
        f"{NAMES} with (title='How many', xtitle='Of what', ytitle='n', legend=hidden, ymin=-2, ymax=4)"
    )
    assert (found.title, found.across, found.upright, found.legend) == ("How many", "Of what", "n", False)
    assert (found.low, found.high, found.undrawn) == ("-2", "4", ())
    assert outlines(found)["n"][1][1] == 0, "what is beyond the axis ends with it"


@pytest.mark.parametrize(("chart", "high"), [("columnchart", "10"), ("timechart", "10"), ("areachart", "10")])
def test_numbers_are_added_to_those_before(chart, high):
    found = drawn(
        f"datatable(at:datetime, n:long)[datetime(2026-01-02), 6, datetime(2026-01-01), 4] | render {chart} with (accumulate=true)"
    )
    assert found.high == high


@pytest.mark.parametrize(
    ("chart", "properties", "told"),
    [
        ("columnchart", "xaxis=log", ["xaxis=log is not drawn in a columnchart"]),
        (
            "columnchart",
            "yaxis=linear, kind=sideways",
            ["kind must be one of default, unstacked, stacked, stacked100 (got sideways)"],
        ),
        ("columnchart", "series=Who", ["series: column 'Who' not found"]),
        ("columnchart", "ycolumns=a", ["ycolumns: a is not numeric"]),
        ("columnchart", "ymin=9, ymax=3", ["ymin 9 must be less than ymax 3: the axis shows all values"]),
        ("columnchart", "ymax='much'", ["ymax must be a number (got much)"]),
        ("timechart", "ysplit=panels", ["ysplit=panels is not drawn in a timechart"]),
        ("barchart", "kind=stacked", ["kind=stacked is not drawn in a barchart"]),
        ("treemap", "title='t'", ["a treemap is shown as bars"]),
        ("ColumnChart", "title='t'", []),
    ],
)
def test_what_is_not_drawn_is_told(chart, properties, told):
    found = drawn(NAMES.replace("columnchart", f"{chart} with ({properties})"))
    assert list(found.undrawn) == told


def test_the_page_draws_columns_without_a_script(owner):
    text = owner.get("/logs", params={"query": f"{DAYS} with (title='By <day>', xaxis=log)"}).text
    assert '<svg class="chart-plot chart-plot--columns"' in text
    assert "<title>2026-11-22T00:00:00Z · Success: 2</title>" in text
    assert '<time datetime="2026-11-22T00:00:00Z">2026-11-22</time>' in text
    assert "By &lt;day&gt;</h2>" in text
    assert '<p class="text-quiet">xaxis=log is not drawn in a columnchart.</p>' in text
    assert "data-points" not in text
    assert 'class="chart-legend"' in text
    assert (
        'class="chart-legend"'
        not in owner.get("/logs", params={"query": f"{DAYS} with (legend=hidden)"}).text
    )

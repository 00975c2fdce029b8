"""Widths of columns: short texts take what they need, long ones have the rest, and a title never starves the others."""

from __future__ import annotations

import pytest

from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_widths import FITS, fit_columns
from nephoscope.web.lists.list_cell import build_state_cell, build_text_cell
from nephoscope.web.style_sheet import read_style_sheet


def column(
    name: str, width: str = "", *, main: bool = False, number: bool = False
) -> ListColumn[dict[str, str]]:
    return ListColumn(
        name, name, lambda row: build_text_cell(row[name]), main=main, number=number, width=width
    )


def widths(columns, *rows: dict[str, str]) -> dict[str, str]:
    return {one.name: one.width for one in fit_columns(columns, rows)}


@pytest.mark.parametrize(
    ("length", "width"), [(1, "fit10"), (10, "fit10"), (11, "fit14"), (18, "fit18"), (24, "fit24"), (25, "")]
)
def test_a_column_is_as_wide_as_its_longest_text(length, width):
    found = widths(
        [column("who", "name", main=True), column("what"), column("why")],
        {"who": "w" * 60, "what": "x" * length, "why": "y" * 90},
    )
    assert found["what"] == width


def test_the_longest_column_keeps_the_rest_of_the_room():
    assert widths([column("a"), column("b")], {"a": "x", "b": "y" * 5}) == {"a": "fit10", "b": ""}
    assert widths([column("only", "title", main=True)], {"only": "x"}) == {"only": ""}


def test_numbers_and_declared_widths_stay():
    columns = [
        column("n", number=True),
        column("state", "state"),
        column("text", "title", main=True),
        column("other"),
    ]
    found = widths(columns, {"n": "1", "state": "New", "text": "t" * 80, "other": "o" * 80})
    assert (found["n"], found["state"], found["text"]) == ("", "state", "title")


@pytest.mark.parametrize(
    ("fixed", "count", "width"),
    [("time", 2, "title"), ("ago", 4, "heading"), ("severity", 5, "name"), ("time", 4, "")],
)
def test_a_title_shares_the_room_that_is_left_where_others_would_starve(fixed, count, width):
    row = {f"f{number}": "x" for number in range(count)} | {"title": "t" * 60, "why": "w" * 60}
    several = [column(f"f{number}", fixed) for number in range(count)]
    assert widths([*several, column("title", "title", main=True), column("why")], row)["title"] == width


@pytest.mark.parametrize(("length", "width"), [(60, "title"), (40, "heading"), (35, "name"), (30, "")])
def test_a_title_has_no_larger_share_than_it_needs(length, width):
    columns = [column("title", "title", main=True), column("why")]
    assert widths(columns, {"title": "t" * length, "why": "w" * 90})["title"] == width


@pytest.mark.parametrize(("length", "width"), [(60, ""), (32, "")])
def test_a_long_title_has_all_that_columns_of_fixed_widths_leave(length, width):
    columns = [
        column("state", "state"),
        column("n", number=True),
        column("title", "name", main=True),
        column("run", "ago"),
    ]
    row = {"state": "New", "n": "1", "run": "1 day ago", "title": "t" * length}
    assert widths(columns, row)["title"] == width


def test_a_state_is_as_wide_as_its_word_with_its_mark():
    def state(row):
        return build_state_cell(row["state"], "")

    columns = [ListColumn("state", "State", state), column("title", "title", main=True)]
    found = [widths(columns, {"state": word, "title": "t" * 60})["state"] for word in ("Failing", "Disabled")]
    assert found == ["fit10", "fit14"]


def test_other_columns_leave_the_main_one_what_a_name_needs():
    texts = {"who": 32, "privilege": 5, "kind": 6, "factor": 13, "from": 22, "roles": 60}
    columns = [column("who", "name", main=True), column("seen", "ago"), *map(column, [*texts][1:])]
    found = widths(columns, {"seen": "1 day ago"} | {name: "x" * length for name, length in texts.items()})
    assert (found["who"], found["from"], found["roles"]) == ("name", "", "")


def test_one_long_text_among_many_short_ones_widens_no_column():
    rows = [{"a": "x" * (90 if number == 7 else 5), "b": "y" * 40} for number in range(20)]
    assert widths([column("a"), column("b")], *rows)["a"] == "fit24"


def test_fitted_widths_are_those_of_the_style_sheet():
    sheet = read_style_sheet().decode()
    for most, wide in FITS:
        assert f".data-list__head--fit{most}{{width:{wide}px}}" in sheet.replace(" ", "").replace(";}", "}")


def test_a_main_column_has_room_for_its_heavier_letters():
    several = [column("cve", "name", main=True), column("package"), column("why")]
    row = {"cve": "CVE-2023-38545", "package": "curl", "why": "w" * 60}
    assert widths(several, row)["cve"] == "fit18"

"""Markup of lists: no text of a row, whatever it is, becomes an element, an attribute or an address of another kind."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.web.lists.cell_markup import draw_cell
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.list_cell import (
    CellMark,
    ListCell,
    build_code_cell,
    build_number_cell,
    build_relative_time_cell,
    build_severity_cell,
    build_state_cell,
    build_text_cell,
    build_time_cell,
)
from nephoscope.web.lists.row_markup import PreviewLinks, RowMarkup

HOSTILE = (
    "<script>alert(1)</script>", '" onmouseover="alert(1)', "' autofocus onfocus='alert(1)", "</td></tr></table><img src=x>",
    "&lt;b&gt;", "a&b;c", '"><svg/onload=alert(1)>',
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(HOSTILE), st.text(st.sampled_from("<>\"'&;/= abc"), min_size=1, max_size=12)
)
AT = datetime(2026, 11, 1, tzinfo=UTC)


class Shape(HTMLParser):
    """The elements with the names of their attributes, and the texts with the values of attributes."""

    def __init__(self, drawn: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.texts: list[str] = []
        self.feed(drawn)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.texts += [value or "" for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def cells(text: str) -> list[ListCell]:
    mark = CellMark(text, text, text)
    return [
        build_text_cell(text, f"/alerts/{text}", whole=f"{text} whole", note=text, marks=[mark]),
        build_code_cell(text, f"{text} whole"),
        build_number_cell(3, f"/x?{text}", text=text, note=text), build_severity_cell(text), build_time_cell(None, text),
        build_relative_time_cell(None, text),
        build_state_cell(text, text, whole=f"{text} why", note=text, link=text, marks=[mark]), build_time_cell(AT),
    ]  # fmt: skip


def draw_row(text: str, key: str) -> Shape:
    columns = [
        ListColumn(f"c{at}", "Title", lambda _, one=one: one, main=not at, optional=at > 1)
        for at, one in enumerate(cells(text))
    ]
    markup = RowMarkup(columns, PreviewLinks(f"/list?q={text}", key), "id")
    return Shape(markup.draw(None, text, text, ticked=True))


@given(TEXTS)
def test_a_row_has_the_elements_of_a_harmless_one(text: str) -> None:
    shape = draw_row(text, "another")
    assert shape.elements == draw_row("harmless", "another").elements
    assert text in shape.texts
    assert f"Preview: {text}" in shape.texts


@given(TEXTS)
def test_a_cell_of_the_preview_has_the_elements_of_a_harmless_one(text: str) -> None:
    drawn, plain = ([Shape(draw_cell(each, whole=True)) for each in cells(one)] for one in (text, "harmless"))
    assert [one.elements for one in drawn] == [one.elements for one in plain]


@pytest.mark.parametrize("text", HOSTILE)
def test_the_row_that_is_open_is_closed_by_its_link(text: str) -> None:
    assert f"Close preview: {text}" in draw_row(text, text).texts


def test_the_second_line_names_each_column_but_those_whose_words_say_it() -> None:
    shown = [
        ListColumn("name", "Rule", lambda _: build_text_cell("Keys were read"), main=True),
        ListColumn("run", "Last <run>", lambda _: build_relative_time_cell(None, "never"), optional=True),
        ListColumn("severity", "Severity", lambda _: build_severity_cell("High"), optional=True),
        ListColumn("kind", "Kind", lambda _: build_text_cell(""), optional=True),
        ListColumn("hits", "Alerts", lambda _: build_number_cell(3), number=True, optional=True),
        ListColumn("status", "Status", lambda _: build_state_cell("Ok"), optional=True),
    ]
    drawn = RowMarkup(shown, PreviewLinks("/list", ""), "").draw(None, "1", "1", ticked=False)
    _, _, below = drawn.partition('<span class="data-list__sub">')
    assert below.partition("</span></td>")[0] == (
        '<span class="data-list__name">Last &lt;run&gt;</span> never · High · <span class="data-list__name">Status</span> Ok'
    )

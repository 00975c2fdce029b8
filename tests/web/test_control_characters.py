"""Characters that nobody sees reorder no page: texts show them by their numbers."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from nephoscope.state.incidents.incidents import Incident
from nephoscope.web.pages.attack_paths import build_graph_json
from nephoscope.web.rendering.control_characters import escape_controls, show_control_characters

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
CASES = [
    ("<p>plain</p>", "<p>plain</p>"),
    ("<p>gpj.\u202eexe</p>", '<p>gpj.<span class="text-control">U+202E</span>exe</p>'),
    ("\u2066a\u2069", '<span class="text-control">U+2066</span>a<span class="text-control">U+2069</span>'),
    ("<title>a\u202eb</title><b>\u200f</b>", '<title>a[U+202E]b</title><b><span class="text-control">U+200F</span></b>'),
    ("<option value='\u202e'>\u202e</option>", "<option value='\u202e'>[U+202E]</option>"),
    ("<textarea>\u202e</textarea>\u202e", '<textarea>\u202e</textarea><span class="text-control">U+202E</span>'),
    ("<input value='\u202e'>", "<input value='\u202e'>"),
    ("<b>\x00\ufeff</b>", '<b><span class="text-control">U+0000</span><span class="text-control">U+FEFF</span></b>'),
    ("<b>tab\tline\r\n</b>", "<b>tab\tline\r\n</b>"),
    ("<b>\u0645\u06cc\u200c\u062e \U0001f469\u200d\U0001f4bb</b>", "<b>\u0645\u06cc\u200c\u062e \U0001f469\u200d\U0001f4bb</b>"),
]  # fmt: skip


@pytest.mark.parametrize(("html", "wanted"), CASES)
def test_texts_show_them_and_values_keep_them(html, wanted):
    assert show_control_characters(html) == wanted


@given(st.text(), st.text())
def test_no_value_of_a_template_reorders_and_all_else_stays(one, other):
    made = show_control_characters(f'<p title="{escape(other)}"><b>{escape(one)}</b></p>')
    inner = re.fullmatch(r'<p title="([^"]*)"><b>(.*)</b></p>', made, re.DOTALL)
    assert inner is not None
    assert inner[1] == str(escape(other))
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", inner[2])
    back = re.sub(
        '<span class="text-control">U[+]([0-9A-F]{4})</span>', lambda found: chr(int(found[1], 16)), inner[2]
    )
    assert back == str(escape(one))


def test_the_title_of_an_incident_reorders_no_page(instance, owner):
    with instance.state.transaction() as session:
        title = "Report \u202efdp.exe"
        kept = instance.state.incidents.put(
            session, Incident("default", title, "", "High", NOON, NOON, NOON, NOON)
        )
    for path in ("/incidents?span=90d", f"/incidents/{kept.number}"):
        text = owner.get(path).text
        assert "\u202e" not in re.sub(r"<[^>]*>", "", text)
        assert 'Report <span class="text-control">U+202E</span>fdp.exe' in text


@given(st.text())
def test_a_label_that_a_script_draws_is_one_line_that_reorders_nothing(text):
    made = escape_controls(text)
    assert not re.search("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]", made)
    assert re.sub(r"\[U[+]([0-9A-F]{4})\]", lambda found: chr(int(found[1], 16)), made) == re.sub(
        r"\[U[+]([0-9A-F]{4})\]", lambda found: chr(int(found[1], 16)), text
    )


def test_the_labels_of_a_chart_are_given_to_the_script_so(owner):
    rows = 'datetime(2026-01-01), 1, "a\u202eb", datetime(2026-01-02), 2, "a\u202eb"'
    query = f"datatable(t: datetime, n: long, s: string)[{rows}] | render timechart"
    page = owner.get("/logs", params={"query": query}).text
    points = json.loads(unescape(re.search(r'data-points="([^"]*)"', page)[1]))
    assert points["names"] == ["a[U+202E]b"]


def test_the_labels_of_a_graph_are_given_to_the_script_so():
    told = {
        "graphComponent": {
            "insights": [],
            "entities": [
                {
                    "entityInternalId": "1",
                    "entityName": "vm\u202e\n1",
                    "entityType": "microsoft.compute/virtualmachines",
                }
            ],
            "connections": [
                {"sourceEntityInternalId": "1", "targetEntityInternalId": "1", "title": "reaches\u2066"}
            ],
        },
        "attackPathType": "x",
        "entryPointEntityInternalID": "1",
        "targetEntityInternalID": "1",
    }
    drawn = json.loads(build_graph_json(told))
    assert (drawn["nodes"][0]["name"], drawn["edges"][0]["title"]) == (
        "vm[U+202E][U+000A]1",
        "reaches[U+2066]",
    )

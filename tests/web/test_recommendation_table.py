"""One ranking: what the command tells to do first is what the first page and the recommendations begin with, as page and as file."""

from __future__ import annotations

import csv
import io
import re
from html import escape, unescape

import pytest

from nephoscope.posture.recommendations.finding_text import describe_failure
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.scan import EstateScan, ScanRequest


@pytest.fixture(scope="module")
def told(instance):
    """The ranking of the command over the same estate."""
    scan = EstateScan(ScanRequest(("sample:",)), instance.data)
    report = Report(scan.run(scan.estate()), "sample:")
    return [one for one in report.ranked_recommendations if one.unhealthy]


def titles(page: str) -> list[str]:
    return [
        unescape(one)
        for one in re.findall(
            r'<td class="(?:(?:fix-)?table__title|data-list__cell [^"]*--title)"[^>]*><a href="/recommendations/[^"]+">([^<]+)</a>',
            page,
        )
    ]


def file(client, address: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.get(address).text)))


def test_first_page_and_list_begin_with_what_the_command_begins_with(owner, told):
    names = [one.recommendation.name for one in told]
    assert titles(owner.get("/").text) == names[:8]
    assert titles(owner.get("/recommendations").text) == names[:100]


@pytest.mark.parametrize("address", ["/recommendations?format=csv", "/?format=csv&table=first"])
def test_the_files_have_gain_control_and_id(owner, told, address):
    rows = file(owner, address)
    assert [(row["Id"], row["Gain"], row["Control"]) for row in rows] == [
        (one.recommendation.key.lower(), str(round(one.gain, 2)), one.control.name if one.control else "")
        for one in told
    ]
    assert [int(row["Unhealthy"]) for row in rows] == [one.unhealthy for one in told]
    assert all(row["Priority"].startswith(f"{row['Severity']} severity") for row in rows)


def test_why_is_told_on_each_page(owner, told):
    first = told[0].recommendation
    assert first.name == "MFA should be enabled for accounts with write access"
    for address in ("/", "/recommendations", f"/recommendations/{first.key.lower()}"):
        assert "gains 1.00 points in Enable MFA; on " in owner.get(address).text


@pytest.mark.parametrize("address", ["/", "/recommendations"])
def test_heads_of_the_page_are_heads_of_the_file(owner, address):
    page = owner.get(address).text
    head = re.search(r"<tr[^>]*>(<th [^>]*>(?:<a [^>]*>)?Severity.*?)</tr>", page)[1]
    shown = re.findall(r"<th[^>]*>(?:<a [^>]*>)?([^<]+)(?:</a>)?</th>", head)
    written = list(file(owner, f"{address}?format=csv&table=first")[0])
    assert shown == written[: len(shown)]


@pytest.mark.parametrize("name", ["first", "controls", "incidents", "resources", "not-assessed"])
def test_every_table_of_the_first_page_is_a_file(owner, name):
    page = owner.get("/").text
    assert f"/?format=csv&amp;table={name}" in page
    assert file(owner, f"/?format=csv&table={name}")


def test_a_table_that_is_not_there(owner):
    assert owner.get("/?format=csv&table=none").status_code == 404


def test_a_failure_leads_with_what_was_found(owner, told):
    """No title reads as if things were as they should be."""
    name = told[0].recommendation.name
    key = told[0].recommendation.key.lower()
    failing = owner.get(f"/recommendations/{key}").text
    assert f"<h1>{name}</h1>" in failing
    resource = re.search(r'<a href="(/resource/[^"]+)"', failing)[1]
    assert escape(describe_failure(name)) in owner.get(resource).text
    assert name in owner.get(f"/search?q={name}").text
    passes = next(
        row for row in file(owner, "/recommendations?format=csv&all=1") if row["Unhealthy"] in ("", "0")
    )
    page = owner.get(f"/recommendations/{passes['Id']}").text
    assert not re.search(r"<h1>([^<]+)</h1>", page)[1].startswith("Not met")


def test_filters_of_the_page_change_no_figure(owner):
    every = {row["Id"]: row for row in file(owner, "/recommendations?format=csv")}
    for asked in ("severity=Low", "q=storage"):
        shown = file(owner, f"/recommendations?format=csv&{asked}")
        assert 0 < len(shown) < len(every)
        assert all(row == every[row["Id"]] for row in shown)


def test_more_values_of_a_facet_change_no_row(owner):
    """Also of this list, whose views have names in the address of their own."""
    page = owner.get("/recommendations").text
    more = unescape(re.search(r'class="facets__more" href="([^"]+)"', page)[1])
    opened = owner.get(more).text
    assert opened.count("facets__option") > page.count("facets__option")
    assert titles(opened) == titles(page)
    assert re.search(r"<caption[^>]*>[^<]*", opened)[0] == re.search(r"<caption[^>]*>[^<]*", page)[0]


@pytest.mark.parametrize("asked", ["q=no-such-title", "control=none-of-them"])
def test_a_filter_without_rows_does_not_say_that_everything_was_evaluated(owner, asked):
    page = owner.get(f"/recommendations?open=1&{asked}").text
    assert "No recommendations match the filters." in page
    assert "everything that applies was evaluated" not in page

"""The page Network protection: each question with its answer, the rules and the reasons; its file."""

from __future__ import annotations

import csv
import io
import re

from nephoscope.posture.exposure.network_queries import QUESTIONS


def test_each_question_is_answered_with_the_rule_behind_it(owner):
    page = owner.get("/network").text
    assert all(one.title in page for one in QUESTIONS)
    assert "nsg-sbx-jump/allow-ssh-any" in page
    assert "Not assessed because of missing data" in page


def test_the_file_has_all_evidence(owner):
    rows = list(csv.DictReader(io.StringIO(owner.get("/network?format=csv").text)))
    assert {one["Question"] for one in rows} == {one.title for one in QUESTIONS}
    assert all(one["Reason"] for one in rows)


def test_a_visitor_sees_the_machines_of_his_reach_alone(visitor, instance, sandbox):
    other = next(id_ for id_ in instance.snapshots.load_newest().build_info.subscriptions if id_ != sandbox)
    assert "nsg-sbx-jump" in visitor(("Reader", f"/subscriptions/{sandbox}")).get("/network").text
    assert "nsg-sbx-jump" not in visitor(("Reader", f"/subscriptions/{other}")).get("/network").text


def test_conditions_and_gaps_are_said_in_words(owner):
    page = owner.get("/network").text
    said = re.sub(r' title="[^"]*"', "", page)
    assert "Security rules: allow-everything" in said
    assert (
        'title="Security rules: allow-everything · count(securityRules[*]) is 1 (allow-everything)"' in page
    )
    assert "count(" not in said


def test_gaps_are_grouped_by_their_reason(owner):
    page = owner.get("/network").text
    rows = list(csv.DictReader(io.StringIO(owner.get("/network?format=csv").text)))
    grouped: dict[tuple[str, str], set[str]] = {}
    for one in rows:
        if one["Reason"].startswith("not collected: "):
            grouped.setdefault((one["Question"], one["Reason"]), set()).add(one["Resource"].lower())
    most = max(map(len, grouped.values()))
    assert most > 1
    assert f">{most} resources: " in page


def test_the_figure_of_what_is_not_fully_assessed_covers_the_list(owner):
    page = owner.get("/network").text
    counted = 0
    for section in page.split('<section class="panel columns__12">')[1:]:
        titles = re.findall(r'<small title="([^"]*)"', section.partition("Not assessed because")[2])
        listed = {name for one in titles for name in one.split(", ")}
        known = int(re.search(r"([\d,]+) not fully assessed", section)[1].replace(",", ""))
        assert known >= len(listed)
        counted += known
    assert counted

"""The page Network protection: each question with its answer, the rules and the reasons; its file."""

from __future__ import annotations

import csv
import io

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
    other = next(id_ for id_ in instance.snapshots.load_newest().made.subscriptions if id_ != sandbox)
    assert "nsg-sbx-jump" in visitor(("Reader", f"/subscriptions/{sandbox}")).get("/network").text
    assert "nsg-sbx-jump" not in visitor(("Reader", f"/subscriptions/{other}")).get("/network").text

"""Attack paths through the API: listed below a subscription and at the tenant, one by its id, and nothing of what may not be read."""

from __future__ import annotations

from nephoscope.posture.reports.report import Report

PATHS = "providers/Microsoft.Security/attackPaths?api-version=2024-01-01"


def test_listed_and_read(server, token, subscriptions, report: Report):
    wanted = {
        one.id for one in report.attack_paths.paths if one.subscription == subscriptions["sub-bwf-sandbox"]
    }
    headers = {"Authorization": f"Bearer {token(('Security Reader', '/'))}"}
    listed = server.get(f"/subscriptions/{subscriptions['sub-bwf-sandbox']}/{PATHS}", headers=headers).json()
    assert {one["name"] for one in listed["value"]} == wanted
    (first, *_) = listed["value"]
    one = server.get(f"{first['id']}?api-version=2024-01-01", headers=headers)
    assert one.json() == first
    every = server.get(f"/{PATHS}", headers=headers).json()["value"]
    assert {one["name"] for one in every} == {one.id for one in report.attack_paths.paths}
    missing = first["id"].replace(first["name"], "none")
    assert server.get(f"{missing}?api-version=2024-01-01", headers=headers).status_code == 404


def test_only_what_may_be_read(server, token, subscriptions):
    other = f"/subscriptions/{subscriptions['sub-bwf-apps-dev']}"
    headers = {"Authorization": f"Bearer {token(('Reader', other))}"}
    seen = server.get(f"/{PATHS}", headers=headers).json()["value"]
    assert seen
    assert all(one["id"].startswith(other) for one in seen)
    answer = server.get(f"/subscriptions/{subscriptions['sub-bwf-sandbox']}/{PATHS}", headers=headers)
    assert answer.status_code == 403 or answer.json()["value"] == []

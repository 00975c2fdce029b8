"""Runs of pipelines over the API: sent by a program that is bound to its repository, read by who may."""

from __future__ import annotations

from typing import Any

import pytest

ADMIN = "/admin/v1/pipelines"
SHOP = "github.com/Contoso/Shop"


def body(run_id: str, *rules: str, **more: Any) -> dict[str, Any]:
    results = [{"ruleId": one, "message": {"text": one}, "locations": []} for one in rules]
    document = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "Scanner"}}, "results": results}]}
    told = {"repository": SHOP, "branch": "main", "commit": "c0ffee", "runId": run_id, "document": document}
    return {**told, **more}


def test_a_bound_program_sends_and_people_read(server, caller) -> None:
    program = caller(("Pipeline Publisher", "/repositories/github.com/contoso/shop"))
    reader = caller(("Security Reader", "/"))
    first = server.put(f"{ADMIN}/runs", headers=program, json=body("1", "a", "b"))
    assert first.status_code == 200, first.text
    assert first.json()["run"]["counts"]["new"] == 2
    assert server.put(f"{ADMIN}/runs", headers=program, json=body("1", "a", "b")).json()["repeated"]
    assert server.put(f"{ADMIN}/runs", headers=program, json=body("1", "a")).status_code == 409
    second = server.put(f"{ADMIN}/runs", headers=program, json=body("2", "b")).json()["run"]
    other = server.put(f"{ADMIN}/runs", headers=program, json=body("1", repository="github.com/contoso/x"))
    assert other.status_code == 403
    for path in ("repositories", "runs", f"runs/{second['id']}", "work-items"):
        assert server.get(f"{ADMIN}/{path}", headers=program).status_code in (403, 404), path
    (repository,) = [
        one
        for one in server.get(f"{ADMIN}/repositories", headers=reader).json()["value"]
        if one["name"] == SHOP
    ]
    assert repository["open"] == {"Medium": 1}
    told = server.get(f"{ADMIN}/runs", headers=reader, params={"repository": SHOP.lower()}).json()["value"]
    assert [one["runId"] for one in told] == ["2", "1"]
    detail = server.get(f"{ADMIN}/runs/{second['id']}", headers=reader).json()
    assert {one["rule"]: one["standing"] for one in detail["findings"]} == {"a": "Fixed", "b": "Unchanged"}
    items = server.get(f"{ADMIN}/work-items", headers=reader, params={"status": "Fixed"}).json()
    assert [one["rule"] for one in items["value"]] == ["a"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"document": {}}, "document: unsupported format: use "),
        ({"document": "<x/>"}, "document: unsupported format: use "),
        ({"repository": "../x"}, "repository: use up to ten parts"),
        ({"branch": ""}, "branch"),
        ({"document": 1}, "document"),
        ({"wrong": 1}, "wrong"),
    ],
)
def test_what_is_not_as_described_says_where(server, owner, more: dict[str, Any], said: str) -> None:
    told = server.put(f"{ADMIN}/runs", headers=owner, json=body("9", **more))
    assert (told.status_code, said in told.text) == (400, True), told.text


def test_a_reader_of_one_repository_sees_that_alone(server, owner, caller) -> None:
    for name in ("git.example/a", "git.example/b"):
        assert (
            server.put(f"{ADMIN}/runs", headers=owner, json=body("1", "r", repository=name)).status_code
            == 200
        )
    reader = caller(("Reader", "/repositories/git.example/a"))
    seen = server.get(f"{ADMIN}/repositories", headers=reader).json()["value"]
    assert [one["name"] for one in seen] == ["git.example/a"]
    runs = server.get(f"{ADMIN}/runs", headers=reader).json()["value"]
    assert {one["repository"] for one in runs} == {"git.example/a"}
    (hidden,) = server.get(f"{ADMIN}/runs", headers=owner, params={"repository": "git.example/b"}).json()[
        "value"
    ]
    assert server.get(f"{ADMIN}/runs/{hidden['id']}", headers=reader).status_code == 404
    asked = server.get(f"{ADMIN}/work-items", headers=reader, params={"repository": "git.example/b"}).json()
    assert asked["total"] == 0
    changed = server.patch(
        f"{ADMIN}/repositories", headers=owner, json={"repository": "git.example/b", "defaultBranch": "trunk"}
    )
    assert changed.json()["defaultBranch"] == "trunk"
    gone = {"repository": "git.example/b"}
    assert server.delete(f"{ADMIN}/repositories", headers=owner, params=gone).status_code == 204
    assert server.delete(f"{ADMIN}/repositories", headers=owner, params=gone).status_code == 404

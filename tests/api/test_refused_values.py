"""What the writable surfaces refuse and take: tests/cases/writes, a file a surface.

A case is a document that is taken as it stands. `refused` are changes of it, each [path, value] or [path] to leave it out, after
which a PUT answers 400 with that path (or the third of the list) as its target and keeps nothing. `taken` are [path, value, value
read back].
"""

from __future__ import annotations

import copy
import re
import uuid
from pathlib import Path

import msgspec
import pytest

VERSION = "api-version=2023-11-01"
FILES = sorted((Path(__file__).parents[1] / "cases" / "writes").glob("*.json"))
CASES = [one for file in FILES for one in msgspec.json.decode(file.read_bytes())]
REFUSED = [(case, change) for case in CASES for change in case["refused"]]
TAKEN = [(case, change) for case in CASES for change in case.get("taken", ())]


def filled(value, known):
    text = msgspec.json.encode(value).decode()
    for name, one in known.items():
        text = text.replace(f"{{{name}}}", one)
    return msgspec.json.decode(text)


def steps(path):
    return [
        int(number) if number else name for name, number in re.findall(r"([^.\[\]]+)(?!\])|\[(\d+)\]", path)
    ]


def at(body, path):
    for step in steps(path):
        body = body[step] if isinstance(step, int) or step in body else None
    return body


def changed(body, path, *value):
    body = copy.deepcopy(body)
    *before, last = steps(path)
    holder = body
    for step in before:
        holder = holder[step] if isinstance(step, int) else holder.setdefault(step, {})
    if value:
        holder[last] = value[0]
    else:
        del holder[last]
    return body


def titled(pair):
    return "/".join(pair[0]["put"].split("/")[-2:]) + ": " + msgspec.json.encode(pair[1]).decode()[:90]


@pytest.fixture
def known(subscriptions, machine):
    root = (
        f"{machine[0].partition('/providers/')[0]}/providers/Microsoft.OperationalInsights/workspaces/default"
    )
    return {
        "sub": subscriptions["sub-bwf-erp-prod"],
        "other": subscriptions["sub-bwf-sandbox"],
        "group": machine[1],
        "vm": machine[0],
        "guid": str(uuid.uuid4()),
        "workspace": f"{root}/providers/Microsoft.SecurityInsights",
    }


@pytest.fixture
def put(server, owner, known):
    made = []

    def sent(path, body):
        made.append(path)
        return server.put(f"{path}?{VERSION}", headers=owner, json=body)

    yield sent
    for path in reversed(made):
        assert server.delete(f"{path}?{VERSION}", headers=owner).status_code in (200, 204)


@pytest.fixture
def prepared(put, known):
    def case(given):
        for path, body in filled(given.get("needs", []), known):
            answer = put(path, body)
            assert answer.status_code in (200, 201), answer.text
        return filled(given["put"], known), filled(given["body"], known)

    return case


@pytest.mark.parametrize("case", CASES, ids=lambda one: "/".join(one["put"].split("/")[-2:]))
def test_the_document_is_taken_as_it_stands(put, prepared, case):
    path, body = prepared(case)
    answer = put(path, body)
    assert answer.status_code in (200, 201), answer.text


@pytest.mark.sampled(4, each=lambda given: given["pair"][0]["put"].split("/")[-2])
@pytest.mark.parametrize("pair", REFUSED, ids=titled)
def test_an_odd_value_is_refused_by_its_path(server, owner, put, prepared, known, pair):
    path, body = prepared(pair[0])
    where, *value = filled(pair[1], known)
    before = server.get(f"{path}?{VERSION}", headers=owner)
    answer = put(path, changed(body, where, *value[:1]))
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["target"] == (value[1] if len(value) > 1 else where)
    assert error["message"]
    after = server.get(f"{path}?{VERSION}", headers=owner)
    assert (after.status_code, after.content) == (before.status_code, before.content)


@pytest.mark.parametrize("pair", TAKEN, ids=titled)
def test_what_azure_takes_is_taken_and_read_back(server, owner, put, prepared, known, pair):
    path, body = prepared(pair[0])
    where, value, back = filled(pair[1], known)
    answer = put(path, changed(body, where, value))
    assert answer.status_code in (200, 201), answer.text
    assert at(server.get(f"{path}?{VERSION}", headers=owner).json(), where) == back

"""The pages of adaptive network hardening: the list, a proposal with its flows, its request, and who may not make it."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

import pytest
from tests.hardening_house import build_hardening_house
from tests.web.conftest import HERE

from nephoscope.access.authenticator import Guard
from nephoscope.access.tokens import AccessTokenIssuer
from nephoscope.instance import Instance, build_hierarchy
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.resource_graph import open_lake_with_estate
from nephoscope.state import State


@pytest.fixture(scope="module")
def instance(tmp_path_factory):
    """An instance whose machines have a month of traffic."""
    data = tmp_path_factory.mktemp("hardening") / "data"
    build_hardening_house(data)
    snapshots = PublishedSnapshotCache(data)
    with State.open_folder(data) as state, open_lake_with_estate(data, state) as lake:
        tokens = AccessTokenIssuer(state, data / "keys", "5b1f0d9e-3a52-4c51-9a0e-0d6a1c7b8e90")
        yield Instance(data, state, lake, snapshots, Guard(state, lambda: build_hierarchy(snapshots)), tokens)


@pytest.fixture(scope="module")
def listed(owner):
    return list(csv.DictReader(io.StringIO(owner.get("/network/hardening?format=csv").text)))


@pytest.fixture(scope="module")
def addresses(owner):
    """The addresses of the pages of proposals, by the name of the machine."""
    page = owner.get("/network/hardening").text
    found = re.findall(r'href="(/network/hardening/[0-9a-f]+)[^"]*"[^>]*>([^<]+)<', page)
    return {unescape(name): path for path, name in found}


def test_the_list_has_what_is_open_before_and_after(listed, addresses) -> None:
    assert {one["Machine"].rsplit("/", 1)[-1] for one in listed} == set(addresses) >= {"web", "idle"}
    assert all(int(one["Open after"]) < int(one["Open before"]) for one in listed)


def test_a_proposal_shows_its_rules_and_the_flows_that_it_cuts(owner, addresses) -> None:
    page = owner.get(addresses["web"]).text
    assert "TCP 22" in page
    assert "198.51.100.0/24" in page
    assert "no flow was longer than a login attempt" in page
    flows = list(csv.DictReader(io.StringIO(owner.get(f"{addresses['web']}?format=csv").text)))
    assert {one["Port"] for one in flows} == {"22"}
    assert all(one["Reason"] and int(one["Flows"]) > 0 for one in flows)


def test_a_request_waits_for_another_user_and_is_made_once(owner, instance, addresses) -> None:
    path = addresses["idle"]
    done = owner.post(path, data={"act": "enforce"}, headers=HERE)
    assert (done.status_code, "done=enforce" in done.headers["location"]) == (303, True)
    (run,) = instance.state.automation_runs.list_newest("default")
    assert (run.action, run.status.value) == ("network-rules", "pending")
    assert run.subject.endswith("/virtualmachines/idle")
    assert run.requesters
    page = owner.get(path).text
    assert f"/settings/response-runs/item/{run.id}" in page
    assert "Request these rules" not in page
    again = owner.post(path, data={"act": "enforce"}, headers=HERE)
    assert (again.status_code, "already requested" in again.text) == (400, True)
    assert len(instance.state.automation_runs.list_newest("default")) == 1


def test_a_reader_sees_the_proposal_and_does_not_request_it(visitor, instance, addresses) -> None:
    before = len(instance.state.automation_runs.list_newest("default"))
    reader = visitor(("Security Reader", "/"))
    assert "Your roles do not allow" in reader.get(addresses["web"]).text
    assert reader.post(addresses["web"], data={"act": "enforce"}, headers=HERE).status_code == 403
    assert len(instance.state.automation_runs.list_newest("default")) == before


def test_who_may_read_nothing_there_has_no_proposal(visitor, addresses) -> None:
    other = visitor(("Security Reader", "/subscriptions/99999999-9999-9999-9999-999999999999"))
    assert other.get(addresses["web"]).status_code in (403, 404)


def test_an_unknown_proposal_is_not_found(owner) -> None:
    assert owner.get("/network/hardening/0000000000000000").status_code == 404

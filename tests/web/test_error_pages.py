"""Every route of the site, asked for what is not there and by what no field is made for: a page says so, and nothing fails."""

from __future__ import annotations

import html
import importlib
import inspect
import re
import shlex
import time
from urllib.parse import quote

import pytest
from click.testing import CliRunner

import nephoscope.web.visits.request_context as visiting
from nephoscope.access import authenticator
from nephoscope.access.authenticator import FRESH
from nephoscope.cli.main import cli
from nephoscope.web.all_pages import list_pages
from nephoscope.web.pages import search

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
#: Beyond 64 bits and 32, nothing at all, far too much, not Unicode, less than nothing.
ODD = {
    "digits": "9" * 40, "int64": str(2**63), "nul": "a\0b", "long": "x" * 3000, "minus": "-1", "quote": "'\"<i>%_\\", "bytes": None,
    "wide": "\U0001f600\u202e",
}  # fmt: skip
GETS = [one for one in list_pages() if "GET" in one.methods]
#: What no page is about.
OTHERS = (
    "/sign-in/{name}",
    "/sign-in/{name}/callback",
    "/sign-out/{name}",
    "/link/{name}",
    "/static/{name}",
    "/{name}",
)


def asked(odd: str) -> str:
    """An odd text as it stands in an address."""
    return "%ff%fe" if (value := ODD[odd]) is None else quote(value, safe="")


def path_of(template: str, odd: str) -> str:
    """A path with the odd text in every place that a parameter takes; a number where only numbers are taken."""
    filled = re.sub(r"\{\w+:int\}", "9" * 40 if odd == "digits" else str(2**63), template)
    return re.sub(r"\{[^}]+\}", asked(odd), filled)


def names_of(page) -> list[str]:
    """What a page, and every one, reads of its address."""
    module = importlib.import_module(page.filled.__module__)
    text = inspect.getsource(module) + inspect.getsource(visiting)
    return sorted(set(re.findall(r'(?:asked|several)\(\s*"(\w+)"', text)))


@pytest.fixture
def denied(instance):
    """Counts the entries of the audit that say that somebody was not let."""
    return lambda: sum(one.outcome == "Denied" for one in instance.state.audit.entries(most=100_000))


@pytest.mark.sampled(3)
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("page", [one for one in GETS if "{" in one.path], ids=lambda one: one.path)
def test_what_is_not_there_has_a_page_that_says_so(owner, denied, page, odd):
    before = denied()
    answer = owner.get(path_of(page.path, odd), headers=HTML)
    assert answer.status_code == 404, answer.text[-2000:]
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.text.count("<h1>") == 1
    assert 'aria-label="Main"' in answer.text, "in the frame of every other page"
    assert denied() == before, "that there is none is no refusal"


@pytest.mark.sampled(4)
@pytest.mark.parametrize("page", GETS, ids=lambda one: one.path)
def test_no_text_in_an_address_is_a_fault(owner, denied, page, pytestconfig):
    path = re.sub(r"\{\w+:int\}", "1", page.path)
    path = re.sub(r"\{[^}]+\}", "none", path)
    before = denied()
    for name in names_of(page):
        for odd in ODD if pytestconfig.getoption("--full") else ("digits", "nul", "bytes"):
            answer = owner.get(f"{path}?{name}={asked(odd)}", headers=HTML)
            assert answer.status_code in (200, 303, 400, 404), (name, odd, answer.text[-1500:])
    assert denied() == before


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("template", OTHERS)
def test_other_routes(owner, template, odd):
    answer = owner.get(path_of(template, odd), headers=HTML, follow_redirects=False)
    assert answer.status_code in (200, 303, 400, 401, 404), answer.text[-1500:]
    assert "json" not in answer.headers.get("content-type", "")


def test_a_page_that_is_not_there(owner, anybody, visitor):
    told = owner.get("/nowhere/at/all", headers=HTML)
    assert told.status_code == 404
    assert "Page &#39;/nowhere/at/all&#39; not found" in told.text
    assert 'href="/"' in told.text
    door = anybody.get("/nowhere?x=1", headers=HTML, follow_redirects=False)
    assert (door.status_code, door.headers["location"]) == (303, "/sign-in?next=/nowhere%3Fx%3D1")
    assert visitor().get("/nowhere", headers=HTML).status_code == 404


def test_a_program_is_told_in_its_own_way(owner, anybody):
    for headers in ({}, {"Accept": "application/json"}, {**HTML, "Authorization": "Bearer none"}):
        answer = anybody.get("/nowhere", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"][:4]) == (
            401,
            answer.json()["error"]["code"][:4],
        )
    assert owner.post("/nowhere", headers=HTML).status_code == 401


def test_a_refusal_says_what_is_needed_and_is_audited(visitor, denied):
    before = denied()
    told = visitor().get("/settings/audit", headers=HTML)
    assert told.status_code == 403
    assert "Your roles do not allow" in told.text
    assert denied() == before + 1


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/inventory", "/subscriptions/ID"),
        ("/recommendations", "/subscriptions/ID"),
        ("/alerts", "/subscriptions/ID"),
        ("/incidents", "/workspaces/NAME"),
        ("/settings/audit", "/"),
    ],
)
def test_a_refusal_names_the_narrowest_scope(visitor, path, scope):
    told = visitor().get(path, headers=HTML)
    assert told.status_code == 403
    line = html.unescape(re.search(r'<p class="text-code">(.*?)</p>', told.text)[1])
    assert line.endswith(f"--scope {scope}")


def test_the_command_that_a_refusal_names_lets_the_visitor_in(visitor, instance, monkeypatch):
    asks = visitor()
    told = asks.get("/settings/audit", headers=HTML)
    assert "NEPHOSCOPE_STATE" not in told.text
    with monkeypatch.context() as patch:
        patch.setattr(instance.state.database, "file", instance.data / "other.db")
        assert "with the server&#39;s NEPHOSCOPE_STATE" in asks.get("/settings/audit", headers=HTML).text
    line = html.unescape(re.search(r'<p class="text-code">(.*?)</p>', told.text)[1])
    assert str(instance.data) not in told.text
    done = CliRunner().invoke(cli, ["--data", str(instance.data), *shlex.split(line)[1:]])
    assert done.exit_code == 0, (line, done.output)
    monotonic = time.monotonic() + FRESH + 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(authenticator.time, "monotonic", lambda: monotonic)
        assert asks.get("/settings/audit", headers=HTML).status_code == 200


def test_a_fault_is_a_page_in_the_frame(owner, monkeypatch):
    def broken(*_):
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(search, "_search_all_kinds", broken)
    told = owner.get("/search", headers=HTML)
    assert told.status_code == 500
    assert "The server log has the details under the ID" in told.text
    assert 'aria-label="Main"' in told.text


def test_a_workspace_that_is_not_there(owner, visitor, denied):
    assert owner.get("/alerts?workspace=nowhere", headers=HTML).status_code == 404
    before = denied()
    analyst = visitor(("Reader", "/workspaces/default"))
    assert analyst.get("/alerts?workspace=nowhere", headers=HTML).status_code == 403, (
        "as one that may not be seen"
    )
    assert denied() == before + 1

"""Pages: every page is drawn for who may see it, with nothing inline, and shows only what its visitor reaches."""

from __future__ import annotations

import csv
import io
import re

import pytest
from starlette.testclient import TestClient

from nephoscope.access.guard import Guard
from nephoscope.access.tokens import Tokens
from nephoscope.instance import Instance, hierarchy_of
from nephoscope.lake.lake import Lake
from nephoscope.lake.state import State
from nephoscope.lake.state.principals import PrincipalKind, SecretKind
from nephoscope.model.reach import EVERYTHING
from nephoscope.posture.published.publishing import publish
from nephoscope.posture.published.shelf import Shelf
from nephoscope.posture.report import Report
from nephoscope.posture.scan import Request, Scan
from nephoscope.serve.application import application
from nephoscope.web.page import pages
from nephoscope.web.site import COOKIE, local

BASE = "https://127.0.0.1"


@pytest.fixture(scope="module")
def instance(tmp_path_factory):
    data = tmp_path_factory.mktemp("web")
    scan = Scan(Request(("sample:",)), data)
    publish(data, Report(scan.run(scan.estate()), "sample:"), {})
    with State.of(data) as state, Lake.open(data, state) as lake:
        shelf = Shelf(data)
        tokens = Tokens(state, data / "keys", "5b1f0d9e-3a52-4c51-9a0e-0d6a1c7b8e90")
        yield Instance(data, state, lake, shelf, Guard(state, lambda: hierarchy_of(shelf)), tokens)


@pytest.fixture(scope="module")
def anybody(instance):
    with TestClient(
        application(instance), base_url=BASE, follow_redirects=False, raise_server_exceptions=False
    ) as client:
        yield client


@pytest.fixture(scope="module")
def visitor(instance, anybody):
    """Makes a client that is signed in with some roles."""

    def made(*roles: tuple[str, str]) -> TestClient:
        with instance.state.transaction() as session:
            name = f"person {len(instance.state.principals.all())}"
            person = instance.state.principals.add(session, PrincipalKind.PERSON, name)
            for role, scope in roles:
                instance.state.principals.grant(session, person.id, role, scope, "test")
        cookie = f"{COOKIE}={instance.guard.open_session(person)}"
        return TestClient(
            anybody.app,
            base_url=BASE,
            follow_redirects=False,
            headers={"Cookie": cookie},
            raise_server_exceptions=False,
        )

    return made


@pytest.fixture(scope="module")
def owner(visitor):
    return visitor(("Owner", "/"))


@pytest.fixture(scope="module")
def sandbox(instance):
    (found,) = [
        id_ for id_, name in instance.shelf.newest().made.subscriptions.items() if name == "sub-bwf-sandbox"
    ]
    return found


def addresses(instance):
    """An address of every page."""
    finding = instance.shelf.newest().findings.page(EVERYTHING, most=1)[0]
    known = {"key": finding.recommendation, "id:path": finding.resource.strip("/")}
    return [re.sub(r"\{([^}]+)\}", lambda found: known[found[1]], page.path) for page in pages()]


def test_every_page_is_drawn_and_has_nothing_inline(instance, owner):
    for address in addresses(instance):
        answer = owner.get(address)
        assert answer.status_code == 200, f"{address}: {answer.text[:300]}"
        assert "style=" not in answer.text
        assert "<script" not in re.sub(r'<script src="/static/[^"]+"[^>]*></script>', "", answer.text)
        assert not re.search(r"\son\w+=", answer.text)
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert answer.text.count("<h1>") == 1


def test_who_is_not_signed_in_is_led_to_the_door(instance, anybody):
    for address in addresses(instance):
        answer = anybody.get(address)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in?next=")


def test_who_has_no_role_sees_nothing(instance, visitor):
    nobody = visitor()
    for address in addresses(instance):
        assert nobody.get(address).status_code == 403


def test_a_visitor_sees_the_own_subscription_only(instance, visitor, sandbox):
    reader = visitor(("Reader", f"/subscriptions/{sandbox}"))
    others = {name for id_, name in instance.shelf.newest().made.subscriptions.items() if id_ != sandbox}
    for address in ("/", "/recommendations?all=1", "/inventory"):
        text = reader.get(address).text
        assert "sub-bwf-sandbox" in text
        assert not [name for name in others if name in text]
    rows = list(csv.DictReader(io.StringIO(reader.get("/inventory?format=csv").text)))
    assert rows
    assert {sandbox in row["Id"] or "/managementgroups/" in row["Id"].lower() for row in rows} == {True}


def test_the_scope_in_the_address_holds(instance, owner, sandbox):
    whole = list(csv.DictReader(io.StringIO(owner.get("/recommendations?format=csv").text)))
    part = list(csv.DictReader(io.StringIO(owner.get(f"/recommendations?format=csv&scope={sandbox}").text)))
    assert 0 < len(part) < len(whole)
    assert f"scope={sandbox}" in owner.get(f"/?scope={sandbox}").text


def test_a_link_opens_a_session_once(instance, anybody):
    link = instance.guard.first_link()
    headers = {"Sec-Fetch-Site": "same-origin"}
    assert anybody.get(f"/link/{link}").status_code == 200, "looking at it does not use it up"
    opened = anybody.post(f"/link/{link}", headers=headers)
    assert (opened.status_code, opened.headers["location"]) == (303, "/")
    cookie = opened.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "Secure", "SameSite=lax", "Path=/", COOKIE))
    assert anybody.post(f"/link/{link}", headers=headers).status_code == 401
    anybody.cookies.clear()


@pytest.mark.parametrize(
    "headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}]
)
def test_no_change_from_elsewhere(instance, anybody, headers):
    link = instance.guard.first_link()
    assert anybody.post(f"/link/{link}", headers=headers).status_code in (401, 403)
    assert anybody.post("/sign-in", headers=headers, data={"link": link}).status_code == 403


def test_signing_out_ends_the_session(visitor):
    person = visitor(("Reader", "/"))
    assert person.get("/").status_code == 200
    assert person.post("/sign-out", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303
    assert person.get("/").status_code == 303


@pytest.mark.parametrize(
    ("address", "led"),
    [
        ("/x?y=1", "/x?y=1"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("", "/"),
    ],
)
def test_nobody_is_led_elsewhere(address, led):
    assert local(address) == led


def test_what_is_searched_for_is_escaped(owner):
    text = owner.get("/recommendations?q=<script>alert(1)</script>").text
    assert "<script>alert" not in text


def test_a_csv_cell_is_no_formula(owner):
    for row in csv.reader(io.StringIO(owner.get("/recommendations?format=csv&all=1").text)):
        assert not [cell for cell in row if cell[:1] in ("=", "+", "-", "@")]


def test_health_and_metrics(instance, anybody, owner, visitor):
    assert anybody.get("/healthz").text == "ok\n"
    assert anybody.get("/readyz").json() == {"ready": True, "reasons": []}
    assert anybody.get("/metrics").status_code == 401
    with instance.state.transaction() as session:
        program = instance.state.principals.add(session, PrincipalKind.PROGRAM, "prometheus")
        instance.state.principals.grant(session, program.id, "Reader", "/", "test")
    token = instance.guard.make_secret(program, SecretKind.TOKEN, "test")
    text = anybody.get("/metrics", headers={"Authorization": f"Bearer {token}"}).text
    assert 'nephoscope_assessments{state="NonCompliant"} 429.0' in text

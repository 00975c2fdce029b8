"""One's own sessions are listed and ended on the page of one's account, those of others on the page of people."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient
from tests.web.conftest import BASE, HERE

from nephoscope.access.sessions import ENDED, list_open_sessions
from nephoscope.model.resource_binding import bind_resource
from nephoscope.state.access.principals import PrincipalKind, SecretKind
from nephoscope.web.site import COOKIE


@pytest.fixture
def person(instance):
    """A person without any role."""
    with instance.state.transaction() as session:
        name = f"with sessions {len(instance.state.principals.all())}"
        return instance.state.principals.add(session, PrincipalKind.PERSON, name)


@pytest.fixture
def browser(instance, anybody, person):
    """Makes a browser in which the person is signed in, and tells its session."""

    def made(address: str = "203.0.113.7", way: str = "entra") -> tuple[TestClient, str]:
        before = {one.id for one in list_open_sessions(instance.state, person.id)}
        secret = instance.guard.open_session(person, address, way=way)
        (id_,) = {one.id for one in list_open_sessions(instance.state, person.id)} - before
        client = TestClient(
            anybody.app, base_url=BASE, follow_redirects=False, headers={"Cookie": f"{COOKIE}={secret}"}
        )
        return client, id_

    return made


def signed_in(client: TestClient) -> bool:
    return client.get("/account").status_code == 200


def test_the_page_lists_them(browser):
    here, _ = browser()
    browser("198.51.100.9", "link")
    text = here.get("/account").text
    assert text.count(">End</button>") == 2
    assert text.index("198.51.100.9") < text.index("203.0.113.7"), "the newest first"
    assert '203.0.113.7 <span class="state state--pass">this browser</span>' in text
    assert "a one-time link" in text
    assert '<td data-head="Method">entra</td>' in text
    assert 'href="/account"' in text, "the menu leads to it"


def test_one_is_ended(browser, instance, person):
    here, _ = browser()
    other, id_ = browser()
    done = here.post("/account", data={"act": "end", "id": id_}, headers=HERE)
    assert (done.status_code, done.headers["location"]) == (303, "/account")
    assert (signed_in(here), signed_in(other)) == (True, False)
    entry = next(one for one in instance.state.audit.entries() if one.operation == ENDED)
    assert (entry.author, entry.target, entry.detail) == (person.name, person.name, {"sessions": 1})


def test_this_one_is_ended(browser):
    here, id_ = browser()
    other, _ = browser()
    done = here.post("/account", data={"act": "end", "id": id_}, headers=HERE)
    assert (done.status_code, done.headers["location"]) == (303, "/sign-in")
    assert f'{COOKIE}=""' in done.headers["set-cookie"]
    assert (signed_in(here), signed_in(other)) == (False, True)


def test_everywhere_is_everywhere(browser, instance, person):
    token = instance.guard.make_secret(person, SecretKind.TOKEN, "owner")
    clients = [browser()[0] for _ in range(3)]
    assert clients[0].post("/account", data={"act": "everywhere"}, headers=HERE).status_code == 303
    assert [signed_in(one) for one in clients] == [False] * 3
    assert instance.guard.authenticate_secret(token, [SecretKind.TOKEN]) is not None


def test_another_site_and_a_form_that_asks_for_nothing_end_none(browser):
    here, _ = browser()
    assert (
        here.post(
            "/account", data={"act": "everywhere"}, headers={"Sec-Fetch-Site": "cross-site"}
        ).status_code
        == 403
    )
    assert here.post("/account", data={"act": "end"}, headers=HERE).status_code == 303
    assert here.post("/account", data={"act": "burn"}, headers=HERE).status_code == 400
    assert signed_in(here)


def test_an_owner_ends_those_of_another(browser, owner, visitor, instance, person):
    here, _ = browser()
    page, form = f"/settings/people/item/{person.id}", {"act": "sign_out_user"}
    assert "Sign out everywhere" in owner.get(page).text
    assert visitor(("Contributor", "/")).post(page, data=form, headers=HERE).status_code == 403
    assert signed_in(here)
    assert owner.post(page, data=form, headers=HERE).status_code == 303
    assert not signed_in(here)
    assert "Sign out everywhere" not in owner.get(page).text
    assert owner.post("/settings/people/item/none", data=form, headers=HERE).status_code == 404


def test_a_link_leaves_no_session_of_the_browser_open(browser, instance, anybody):
    here, _ = browser()
    for path in ("/link/{}", "/sign-in"):
        client, _ = browser()
        secret = instance.guard.create_first_link()
        form = {"link": secret} if path == "/sign-in" else {}
        assert client.post(path.format(secret), data=form, headers=HERE).status_code == 303
        assert not signed_in(client), "the cookie from before opens nothing"
    assert signed_in(here)


def test_an_owner_binds_a_program_to_a_machine(owner, visitor, instance):
    principals, machine = (
        instance.state.principals,
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.HybridCompute/machines/web-01",
    )
    with instance.state.transaction() as session:
        agent = principals.add(session, PrincipalKind.PROGRAM, "agent of web-01")
    page = f"/settings/people/item/{agent.id}"
    form = {"act": "bind_program", "resource": machine, "also": "10.1.1.1\nweb-01.contoso.com"}
    assert visitor(("Contributor", "/")).post(page, data=form, headers=HERE).status_code == 403
    assert principals.get(agent.id).binding is None
    assert owner.post(page, data=form, headers=HERE).status_code == 303
    assert principals.get(agent.id).binding == bind_resource(machine, also=("10.1.1.1", "web-01.contoso.com"))
    assert machine in owner.get(page).text
    assert machine in owner.get("/settings/people?format=csv").text
    refused = owner.post(page, data={**form, "resource": "web-01"}, headers=HERE)
    assert (refused.status_code, "give the ARM id of a resource" in refused.text) == (400, True)
    assert 'aria-invalid="true" aria-describedby="error-resource"' in refused.text
    assert owner.post(page, data={"act": "unbind_program"}, headers=HERE).status_code == 303
    assert principals.get(agent.id).binding is None
    details = [one.detail for one in instance.state.audit.entries(most=20) if one.target == "agent of web-01"]
    told = [[one.get(name, {}).get("resource") for name in ("before", "binding")] for one in details]
    assert told == [[machine, None], [None, machine]]

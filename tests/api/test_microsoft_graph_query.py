"""Graph's query options: what they pick of the directory, and that what is not answered is refused."""

from __future__ import annotations

import pytest

from nephoscope.api.wire.microsoft_graph_search import split_words
from nephoscope.model.read_scope import EVERYTHING

EVENTUAL = {"ConsistencyLevel": "eventual"}


@pytest.fixture(scope="module")
def users(instance):
    page = instance.snapshots.load_newest().listing.page(["microsoft.graph/users"], EVERYTHING)
    return [one["properties"] for one in page.bodies]


@pytest.fixture
def ask(server, owner):
    def asked(path, headers=EVENTUAL, **options):
        params = {f"${name}": value for name, value in options.items()}
        return server.get(f"/v1.0/{path}", params=params or None, headers=owner | headers)

    return asked


def names(told):
    assert told.status_code == 200, told.text
    return [one["displayName"] for one in told.json()["value"]]


def test_a_search(ask, users):
    assert names(ask("users", search='"displayName:zzzz"')) == []
    wanted = {one["displayName"] for one in users if "mgmt" in one["displayName"].split("-")}
    assert set(names(ask("users", search='"displayName:MGM"'))) == wanted != set()
    one = users[3]
    assert names(ask("users", search=f'"mail:{one["mail"][:-3]}"')) == [one["displayName"]]
    both = f'"displayName:zzzz" OR "mail:{one["mail"]}"'
    assert names(ask("users", search=both)) == [one["displayName"]]
    assert names(ask("users", search=both.replace("OR", "AND"))) == []
    grouped = (
        f'("displayName:zzzz" OR "mail:{one["mail"]}") AND "userPrincipalName:{one["userPrincipalName"][:4]}"'
    )
    assert names(ask("users", search=grouped)) == [one["displayName"]]
    assert all(one.startswith("sg-") for one in names(ask("groups", search='"displayName:sg"')))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Hello world", {"hello", "world"}),
        ("HelloWorld", {"hello", "world", "helloworld"}),
        ("adm-mgmt-1", {"adm", "mgmt", "1"}),
        ("team7north", {"team", "7", "north", "team7north"}),
    ],
)
def test_the_words_of_a_name(text, wanted):
    assert split_words(text) == wanted


def test_a_count(ask, users):
    told = ask("users", count="true", top=2).json()
    assert (told["@odata.count"], len(told["value"])) == (len(users), 2)
    following = told["@odata.nextLink"].partition("/v1.0/")[2]
    assert "@odata.count" not in ask(following).json()
    picked = {"filter": "startswith(displayName,'adm')", "count": "true"}
    wanted = sum(one["displayName"].startswith("adm") for one in users)
    assert ask("users", **picked).json()["@odata.count"] == wanted > 0
    assert "@odata.count" not in ask("users").json()
    for path, options, number in (
        ("users", {}, len(users)),
        ("users", {"filter": "startswith(displayName,'adm')"}, wanted),
        ("users", {"search": '"displayName:zzzz"'}, 0),
    ):
        answer = ask(f"{path}/$count", **options)
        assert (answer.text, answer.headers["Content-Type"]) == (str(number), "text/plain")


def test_members(ask, instance):
    groups = instance.snapshots.load_newest().listing.page(["microsoft.graph/groups"], EVERYTHING).bodies
    group = next(one["properties"] for one in groups if len(one["properties"].get("members") or ()) > 1)
    path, many = f"groups/{group['id']}/members", len(group["members"])
    first = ask(path, count="true", top=1).json()
    assert (first["@odata.count"], len(first["value"])) == (many, 1)
    second = ask(first["@odata.nextLink"].partition("/v1.0/")[2]).json()
    assert second["value"][0]["id"] == group["members"][1]
    assert ask(f"{path}/$count").text == str(many)
    name = first["value"][0]["displayName"]
    assert names(ask(path, filter=f"displayName eq '{name}'")) == [name]


def test_a_page_is_full_of_what_is_picked(ask, users):
    wanted = sorted(one["displayName"] for one in users if one["displayName"].startswith("adm"))
    found = ask("users", filter="startswith(displayName,'adm')", top=len(wanted))
    assert sorted(names(found)) == wanted
    assert "@odata.nextLink" not in found.json()


def test_an_order(ask, users):
    wanted = sorted((one["displayName"] for one in users), key=str.lower, reverse=True)
    first = ask("users", orderby="displayName desc", top=5)
    assert names(first) == wanted[:5]
    following = first.json()["@odata.nextLink"].partition("/v1.0/")[2]
    assert names(ask(following)) == wanted[5:10]


@pytest.mark.parametrize(
    ("path", "options", "code"),
    [
        ("users", {"expand": "memberOf"}, "Request_UnsupportedQuery"),
        ("users", {"skip": "5"}, "Request_UnsupportedQuery"),
        ("users", {"apply": "aggregate($count as n)"}, "Request_UnsupportedQuery"),
        ("users", {"count": "maybe"}, "Request_UnsupportedQuery"),
        ("users", {"search": "zzzz"}, "Request_BadRequest"),
        ("users", {"search": '"zzzz"'}, "Request_BadRequest"),
        ("users", {"search": '"displayName:a" or "mail:b"'}, "Request_BadRequest"),
        ("users", {"search": '("displayName:a"'}, "Request_BadRequest"),
        ("users", {"search": '"nosuch:a"'}, "Request_BadRequest"),
        ("users", {"filter": "nosuch eq 'a'"}, "Request_BadRequest"),
        ("users", {"orderby": "nosuch"}, "Request_BadRequest"),
        ("reports/authenticationMethods/userRegistrationDetails", {"search": '"id:a"'}, "Request_UnsupportedQuery"),
        ("users/$count", {"top": "5"}, "Request_UnsupportedQuery"),
    ],
)  # fmt: skip
def test_what_is_not_answered_is_refused(ask, path, options, code):
    told = ask(path, **options)
    assert (told.status_code, told.json()["error"]["code"]) == (400, code), told.text


def test_a_search_or_count_without_its_header(ask):
    for path, options in (("users", {"search": '"displayName:a"'}), ("users/$count", {})):
        told = ask(path, {}, **options)
        assert (told.status_code, told.json()["error"]["code"]) == (400, "Request_UnsupportedQuery")
        assert "ConsistencyLevel" in told.text


def test_an_expansion_that_is_told(ask, users):
    one = ask(f"users/{users[0]['id']}", expand="manager($select=id)")
    assert one.status_code == 200
    assert ask(f"users/{users[0]['id']}", expand="memberOf").status_code == 400

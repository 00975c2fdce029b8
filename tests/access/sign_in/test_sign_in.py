"""People sign in by a provider; what is not the provider's word for this attempt in this browser signs nobody in."""

from __future__ import annotations

import time
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import RSAKey

from nephoscope.access.role_mapping import ProviderError, validate_provider
from nephoscope.state.access.principals import PrincipalKind
from nephoscope.state.access.sign_in_providers import ClaimRule, SignInProvider
from nephoscope.web.visits.session_cookie import COOKIE

STAFF = ClaimRule("groups", "staff", "Reader", "/")
PROBLEM = 60


@pytest.fixture
def staff(liar, provider):
    """Ada is of the staff, who may come in as Readers."""
    liar.claims = {"groups": ["staff"]}
    return provider(STAFF)


def denials(instance):
    return [one for one in instance.state.audit.entries() if one.outcome == "Denied"]


def nobody(instance, browser, answer, status=403) -> str:
    """Sign-in failed, and the audit says so; the page's text."""
    assert answer.status_code == status, answer.text
    assert COOKIE not in answer.headers.get("set-cookie", "").replace(f"{COOKIE}-attempt", "")
    assert browser.here.get("/").status_code == 303
    assert not instance.state.principals.all()
    assert len(denials(instance)) == 1
    assert instance.state.audit.find_broken_entry() is None
    return answer.text


def test_signing_in(instance, browser, staff):
    page = browser.here.get("/sign-in?next=/inventory").text
    assert "Sign in with The company" in page
    asked = parse_qs(urlsplit(browser.begin()).query)
    assert asked["redirect_uri"] == ["https://127.0.0.1/sign-in/corp/callback"]
    assert asked["scope"] == ["openid profile email"]
    answer = browser.sign_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/inventory?span=7d"), answer.text
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith(f"{COOKIE}="))
    assert all(word in cookie for word in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"))
    assert "Domain" not in cookie
    (ada,) = instance.state.principals.all()
    assert (ada.name, ada.kind) == ("ada", PrincipalKind.PERSON)
    assert [(one.role, one.scope) for one in instance.state.principals.roles(ada.id)] == [("Reader", "/")]
    assert browser.here.get("/").status_code == 200
    told = {one.operation: one for one in instance.state.audit.entries()}
    assert told["Nephoscope/sessions/write"].detail == {"provider": "corp", "subject": "7"}
    assert {"Nephoscope/principals/write", "Microsoft.Authorization/roleAssignments/write"} <= set(told)
    browser.sign_in()
    assert len(instance.state.principals.all()) == 1


NOW = time.time
LIES = {
    "another nonce": (lambda liar: liar.claims.update(nonce="another"), "nonce"),
    "no nonce": (lambda liar: liar.claims.update(nonce=None), "nonce"),
    "no signature": (lambda liar: setattr(liar, "signed", liar.unsigned), "ID token is invalid"),
    "signed by the public key": (
        lambda liar: setattr(liar, "signed", liar.confused),
        "ID token is invalid",
    ),
    "signed by another key": (lambda liar: setattr(liar, "signed", liar.forged), "ID token is invalid"),
    "a key that is not published": (lambda liar: liar.header.update(kid="other"), "ID token is invalid"),
    "over": (lambda liar: liar.claims.update(exp=int(NOW()) - 121), "expired"),
    "not yet": (lambda liar: liar.claims.update(nbf=int(NOW()) + 300), "not yet valid"),
    "of the future": (lambda liar: liar.claims.update(iat=int(NOW()) + 3000), "in the future"),
    "no expiry": (lambda liar: liar.claims.update(exp=None), "exp"),
    "another audience": (lambda liar: liar.claims.update(aud="another"), "aud"),
    "another audience in a list": (lambda liar: liar.claims.update(aud=["a", "b"]), "aud"),
    "two audiences and nobody named": (lambda liar: liar.claims.update(aud=["nephoscope", "b"]), "azp"),
    "another party": (lambda liar: liar.claims.update(azp="another"), "azp"),
    "another issuer": (lambda liar: liar.claims.update(iss="https://elsewhere.example"), "iss"),
    "nobody": (lambda liar: liar.claims.update(sub=None), "sub"),
    "a number": (lambda liar: liar.claims.update(sub=7), "sub"),
    "of another access token": (lambda liar: liar.claims.update(at_hash="AAAA"), "at_hash"),
    "no ID token": (lambda liar: liar.tokens.update(id_token=None), "returned no ID token"),
    "an object": (lambda liar: liar.tokens.update(id_token={}), "returned no ID token"),
    "no token at all": (lambda liar: liar.tokens.update(id_token="x.y.z"), "ID token is invalid"),
    "an answer of another provider": (
        lambda liar: liar.answer.update(iss="https://elsewhere.example"),
        "another provider",
    ),
    "no code": (lambda liar: liar.answer.update(code=None), "no code"),
    "an error": (lambda liar: liar.answer.update(code=None, error="access_denied"), "access_denied"),
    "a code that was used": (lambda liar: liar.answer.update(code="code0-1"), "invalid_grant"),
    "an announced issuer is missing": (
        lambda liar: liar.more.update(authorization_response_iss_parameter_supported=True),
        "another provider",
    ),
    "signs by nothing that is believed": (
        lambda liar: liar.more.update(id_token_signing_alg_values_supported=["none", "HS256"]),
        "supports none of the signature algorithms",
    ),
    "facts about somebody else": (
        lambda liar: (liar.claims.update(groups=None), liar.info.update(sub="8", groups=["staff"])),
        "another user",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_sign_nobody_in(instance, browser, liar, staff, lie):
    tell, expected = LIES[lie]
    tell(liar)
    text = nobody(instance, browser, browser.sign_in())
    reason = denials(instance)[0].detail["reason"]
    assert expected in reason, reason
    assert "access-token" not in text + reason


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": int(time.time()) - PROBLEM},
        {"iat": int(time.time()) + PROBLEM, "nbf": int(time.time()) + PROBLEM},
        {"aud": ["nephoscope"]},
        {"aud": ["nephoscope", "b"], "azp": "nephoscope"},
        {"at_hash": None},
    ],
    ids=["ended a moment ago", "of a moment ahead", "a list of one", "a party among several", "no hash"],
)
def test_what_the_standard_allows(browser, liar, staff, claims):
    now = int(time.time())
    moved = {
        name: now + (-PROBLEM if name == "exp" else PROBLEM)
        for name in claims
        if name in ("exp", "iat", "nbf")
    }
    liar.claims.update({**claims, **moved})
    assert browser.sign_in().status_code == 303


def test_the_issuer_of_the_answer_is_told_and_right(browser, liar, staff):
    liar.more = {"authorization_response_iss_parameter_supported": True}
    liar.answer = {"iss": liar.issuer}
    assert browser.sign_in().status_code == 303


def test_a_provider_changes_its_keys(browser, liar, staff, monkeypatch):
    assert browser.sign_in().status_code == 303
    monkeypatch.setattr("nephoscope.access.openid.SOON", -1.0)
    before, liar.key = liar.key, RSAKey.generate_key(2048, parameters={"kid": "second", "use": "sig"})
    try:
        liar.published = [before, liar.key]
        assert browser.sign_in().status_code == 303
        assert liar.asked_for_keys == 2
    finally:
        liar.key = before


def test_unknown_keys_are_not_asked_for_again_and_again(browser, liar, staff):
    liar.header = {"kid": "other"}
    for _ in range(4):
        assert browser.sign_in().status_code == 403
    assert liar.asked_for_keys == 1


def test_an_answer_signs_in_once(instance, browser, another, liar, staff):
    address = browser.answered(browser.begin())
    assert another.here.get(address).status_code == 400, "begun in another browser"
    assert browser.here.get(address).status_code == 303
    assert browser.here.get(address).status_code == 400
    stolen = dict(browser.here.cookies)
    another.here.cookies.update(stolen)
    assert another.here.get(address).status_code == 400
    assert "no such attempt" in denials(instance)[0].detail["reason"]


def test_an_answer_to_one_provider_is_none_to_another(instance, browser, provider, staff):
    provider(STAFF, name="other")
    address = browser.answered(browser.begin()).replace("/sign-in/corp/", "/sign-in/other/")
    nobody(instance, browser, browser.here.get(address), 400)


def test_an_attempt_is_over_after_ten_minutes(instance, browser, clock, staff):
    address = browser.answered(browser.begin())
    clock.ahead = timedelta(minutes=10, seconds=1)
    nobody(instance, browser, browser.here.get(address), 400)


def test_two_tabs(browser, staff):
    first, second = browser.answered(browser.begin()), browser.answered(browser.begin())
    assert browser.here.get(second).status_code == 303
    # the first was begun by the same browser, whose attempt cookie is gone with the sign-in
    assert browser.here.get(first).status_code == 400


def test_attempts_do_not_grow(instance, browser, staff, monkeypatch):
    monkeypatch.setattr("nephoscope.state.access.sign_in_attempts.MOST", 3)
    begun = [browser.answered(browser.begin()) for _ in range(5)]
    assert browser.here.get(begun[0]).status_code == 400
    assert browser.here.get(begun[4]).status_code == 303


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "",
        "/\n/evil",
    ],
)
def test_nobody_is_led_elsewhere(browser, staff, elsewhere):
    assert browser.sign_in(next_=elsewhere).headers["location"] == "/"


def test_the_session_before_ends(browser, staff):
    browser.sign_in()
    before = browser.here.cookies[COOKIE]
    browser.sign_in()
    assert browser.here.cookies[COOKIE] != before
    browser.here.cookies.clear()
    assert browser.here.get("/", headers={"Cookie": f"{COOKIE}={before}"}).status_code == 303


def test_who_no_rule_lets_in(instance, browser, liar, provider):
    liar.claims = {"groups": ["guests"]}
    provider(STAFF)
    text = nobody(instance, browser, browser.sign_in())
    assert "as ada (sub 7)" in text
    assert denials(instance)[0].author == "ada"
    assert denials(instance)[0].detail["subject"] == "7"


def test_too_many_groups(instance, browser, liar, provider):
    liar.claims = {"_claim_names": {"groups": "src1"}}
    liar.info = {"sub": "7"}
    provider(STAFF)
    assert "too many groups" in nobody(instance, browser, browser.sign_in())


def test_roles_follow_the_groups(instance, browser, liar, provider):
    liar.claims = {"groups": ["staff", "admins"]}
    provider(STAFF, ClaimRule("groups", "admins", "Security Admin", "/workspaces/default"))
    browser.sign_in()
    (ada,) = instance.state.principals.all()
    with instance.state.transaction() as session:
        instance.state.principals.grant(session, ada.id, "Contributor", "/", "owner")
    liar.claims = {"groups": ["staff"]}
    browser.sign_in()
    held = {(one.role, one.scope) for one in instance.state.principals.roles(ada.id)}
    assert held == {("Reader", "/"), ("Contributor", "/")}
    liar.claims = {"groups": ["nothing"]}
    assert browser.sign_in().status_code == 303, "what an owner gave stays"
    assert {one.role for one in instance.state.principals.roles(ada.id)} == {"Contributor"}


def test_who_leaves_every_group_loses_the_roles(instance, browser, another, staff, liar):
    browser.sign_in()
    liar.claims = {"groups": ["guests"]}
    assert another.sign_in().status_code == 403
    (ada,) = instance.state.principals.all()
    assert instance.state.principals.roles(ada.id) == []
    assert browser.here.get("/inventory").status_code == 403, "nor does the session from before show anything"


def test_groups_inside_objects_and_from_userinfo(browser, liar, provider):
    liar.info = {"sub": "7", "realm_access": {"roles": ["staff"]}}
    provider(ClaimRule("realm_access.roles", "staff"))
    assert browser.sign_in().status_code == 303


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"email": "Ada@Example.org", "email_verified": True}, 303),
        ({"email": "ada@example.org", "xms_edov": 1}, 303),
        ({"email": "ada@example.org"}, 403),
        ({"email": "ada@example.org", "email_verified": False}, 403),
        ({"email": "eve@example.org", "email_verified": True}, 403),
    ],
    ids=str,
)
def test_an_address_counts_where_it_is_proven(browser, liar, provider, claims, status):
    liar.claims, liar.info = claims, {"sub": "7"}
    provider(ClaimRule("email", "ada@example.org"))
    assert browser.sign_in().status_code == status


def test_who_is_disabled(instance, browser, staff):
    browser.sign_in()
    (ada,) = instance.state.principals.all()
    with instance.state.transaction() as session:
        instance.state.principals.disable(session, ada.id)
    answer = browser.sign_in()
    assert answer.status_code == 403
    assert "ada is disabled" in answer.text


def test_a_name_that_another_has(instance, browser, another, liar, staff):
    instance.guard.create_first_link("ada")
    browser.sign_in()
    liar.claims = {"groups": ["staff"], "sub": "8"}
    another.sign_in()
    assert {one.name for one in instance.state.principals.all()} == {"ada", "ada (corp)", "ada (corp 8)"}


def test_a_provider_that_is_down(browser, provider, staff):
    provider(STAFF, name="gone", issuer="https://127.0.0.1:9")
    answer = browser.here.get("/sign-in/gone")
    assert answer.status_code == 502
    assert "cannot be reached" in answer.text


def test_a_provider_that_goes_down_meanwhile(instance, browser, liar, staff, monkeypatch):
    address = browser.answered(browser.begin())
    openid = instance.sign_in.get_openid(staff)
    monkeypatch.setattr(
        openid, "exchange_code", lambda *_: openid._fetch_json("POST", "https://127.0.0.1:9/token")
    )
    assert "cannot be reached" in nobody(instance, browser, browser.here.get(address), 502)


def test_a_provider_that_is_another(browser, liar, staff):
    liar.more = {"issuer": "https://elsewhere.example"}
    answer = browser.here.get("/sign-in/corp")
    assert answer.status_code == 403
    assert "its issuer is https://elsewhere.example" in answer.text


@pytest.mark.parametrize(
    "more",
    [
        {"token_endpoint": "http://127.0.0.1/token"},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"end_session_endpoint": "https://user:word@elsewhere.example"},
    ],
    ids=str,
)
def test_endpoints_that_are_none(browser, liar, staff, more):
    liar.more = more
    assert browser.here.get("/sign-in/corp").status_code == 403


def test_a_provider_that_is_off_or_none(browser, instance, staff):
    assert browser.here.get("/sign-in/none").status_code == 404
    with instance.state.transaction() as session:
        instance.state.sign_in_providers.put(
            session, SignInProvider("corp", "x", staff.issuer, "c", enabled=False)
        )
    assert browser.here.get("/sign-in/corp").status_code == 404
    assert "Sign in with" not in browser.here.get("/sign-in").text


def test_signing_out(browser, liar, staff):
    browser.sign_in()
    answer = browser.here.post("/sign-out", headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.headers["location"] == "/signed-out?provider=corp"
    assert browser.here.get("/").status_code == 303
    assert "/sign-out/corp" in browser.here.get("/signed-out?provider=corp").text
    known = {"client_id": ["nephoscope"], "post_logout_redirect_uri": ["https://127.0.0.1/sign-in"]}
    for site in ({}, {"Sec-Fetch-Site": "cross-site"}):
        led = browser.here.get("/sign-out/corp", headers=site).headers["location"]
        assert led.startswith(f"{liar.issuer}/end?")
        assert parse_qs(urlsplit(led).query) == known, "whom another site leads here the provider asks"
    own = {"Sec-Fetch-Site": "same-origin"}
    asked = parse_qs(urlsplit(browser.here.get("/sign-out/corp", headers=own).headers["location"]).query)
    assert asked.pop("id_token_hint")[0].count(".") == 2
    assert asked == known
    led = browser.here.get("/sign-out/corp", headers=own).headers["location"]
    assert "id_token_hint" not in led, "it is handed over once"


def test_secrets_are_not_told(instance, browser, staff, liar, tmp_path, caplog):
    caplog.set_level("DEBUG")
    browser.sign_in()
    liar.claims["nonce"] = "another"
    browser.sign_in()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("state.db*"))
    for secret in (liar.secret, "access-token", browser.here.cookies[COOKIE]):
        assert secret.encode() not in kept
        assert secret not in caplog.text


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"issuer": "http://x.example"}, "https address"),
        ({"issuer": "https://login.microsoftonline.com/common/v2.0"}, "must name one tenant"),
        ({"issuer": "https://x.example/#a"}, "https address"),
        ({"client_id": " "}, "client_id"),
        ({"scopes": ("profile",)}, "openid"),
        ({"trust": "no certificate"}, "CA certificate"),
        ({"rules": (ClaimRule("name", "Ada"),)}, "does not identify a user"),
        ({"rules": (ClaimRule("groups", "a", "King"),)}, "role 'King' not found"),
        ({"rules": (ClaimRule("groups", "a", "Reader", "/x"),)}, "invalid scope"),
        ({"rules": (ClaimRule("", "a"),)}, "a claim and a value"),
    ],
    ids=str,
)
def test_settings_that_cannot_be(changes, wrong):
    given = {"name": "corp", "title": "c", "issuer": "https://x.example", "client_id": "c", **changes}
    with pytest.raises(ProviderError, match=wrong):
        validate_provider(SignInProvider(**given))

"""Signing in and out by a certified OpenID provider, a process of its own on loopback TLS, as a browser does it."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from nephoscope.state.access.sign_in_providers import ClaimRule

pytestmark = pytest.mark.system

HERE = Path(__file__).parent
MODULE = Path(sys.prefix) / "node" / "node_modules" / "oidc-provider" / "lib" / "index.js"
CALLBACK = "https://127.0.0.1/sign-in/corp/callback"


@pytest.fixture(scope="module")
def issuer(certificate):
    """The address of the provider, from the module that make setup-dev installs."""
    node = shutil.which("node")
    assert node, "node is missing: make setup-dev"
    assert MODULE.exists(), f"{MODULE} is missing: make setup-dev"
    command = [node, HERE / "provider.mjs", MODULE, certificate[0], certificate[1], CALLBACK]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        lines = (line.strip() for line in process.stdout)
        yield next(line for line in lines if line.startswith("https://"))
        process.terminate()


def form_of(page: httpx.Response, **values: str) -> tuple[str, dict[str, str]]:
    """Where a page's form goes, with its hidden fields and what is typed."""
    where = html.unescape(re.search(r'action="([^"]+)"', page.text)[1])
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
    return urljoin(str(page.url), where), {**dict(hidden), **values}


def by_people(browser, address: str, login: str) -> str:
    """What a person does at the provider: its login form, then consent. Where it leads back to."""
    with httpx.Client(verify=browser.trust) as client:
        page = client.get(address)
        for _ in range(12):
            if page.is_redirect:
                where = urljoin(str(page.url), page.headers["location"])
                if where.startswith(CALLBACK):
                    return where
                page = client.get(where)
                continue
            assert page.status_code == 200, page.text
            action, fields = form_of(page, login=login, password="any")
            page = client.post(action, data=fields)
    raise AssertionError("the provider leads nowhere")


def test_by_people(instance, browser, provider, issuer):
    provider(ClaimRule("email", "ada@example.org", "Reader"), issuer=issuer)
    back = urlsplit(by_people(browser, browser.begin(), "ada"))
    assert "iss=" in back.query, "it tells its issuer, as RFC 9207 wants"
    answer = browser.here.get(f"{back.path}?{back.query}")
    assert answer.status_code == 303, answer.text
    (ada,) = instance.state.principals.all()
    assert ada.name == "ada"
    assert ada.subject == f"{issuer} ada"
    assert browser.here.get("/").status_code == 200
    led = browser.here.get("/sign-out/corp").headers["location"]
    assert httpx.get(led, verify=browser.trust).status_code == 200, "it knows where we lead back to"
    assert led.startswith(f"{issuer}/session/end?")
    led = browser.here.get("/sign-out/corp", headers={"Sec-Fetch-Site": "same-origin"}).headers["location"]
    assert "id_token_hint=" in led
    assert httpx.get(led, verify=browser.trust).status_code == 200, (
        "the token that it gave is one that it knows"
    )


def test_who_is_not_allowed(instance, browser, provider, issuer):
    provider(ClaimRule("email", "ada@example.org"), issuer=issuer)
    back = urlsplit(by_people(browser, browser.begin(), "eve"))
    answer = browser.here.get(f"{back.path}?{back.query}")
    assert answer.status_code == 403
    assert "as eve" in answer.text
    assert instance.state.principals.all() == []


def test_another_verifier_is_refused_by_the_provider(instance, browser, provider, issuer, monkeypatch):
    provider(ClaimRule("email", "ada@example.org"), issuer=issuer)
    monkeypatch.setattr("nephoscope.access.sign_in._compute_challenge", lambda _: "A" * 43)
    back = urlsplit(by_people(browser, browser.begin(), "ada"))
    answer = browser.here.get(f"{back.path}?{back.query}")
    assert answer.status_code == 403
    assert "invalid_grant" in answer.text

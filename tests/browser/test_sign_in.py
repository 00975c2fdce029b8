"""A person signs in by a certified OpenID provider in a real browser, across sites, under the pages' strict policy, and out again."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tests.waiting import wait_until

from nephoscope.ingest.live.tls import issue_self_signed
from nephoscope.state import State
from nephoscope.state.access.sign_in_providers import ClaimRule, SignInProvider

pytestmark = pytest.mark.system

NODE = Path(sys.prefix) / "node" / "node_modules"
PROVIDER = Path(__file__).parents[1] / "access" / "sign_in" / "provider.mjs"
SECRET = "the secret of+the client"


def _answers(client, address):
    try:
        return client.get(address).raise_for_status()
    except httpx.TransportError:
        return None


@pytest.fixture(scope="module")
def base(address):
    """The server by a name of another site than the provider's, which comes at 127.0.0.1; it answers."""
    trust = ssl.create_default_context(cafile=address[1] / "tls" / "ca.crt")
    with httpx.Client(verify=trust, timeout=120) as client:
        wait_until(lambda: _answers(client, f"{address[0]}/healthz"))
    return address[0].replace("127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def issuer(address, base, tmp_path_factory):
    """The provider, which lets ada in as a Reader."""
    certificate, key, authority = issue_self_signed(tmp_path_factory.mktemp("tls"), ("127.0.0.1",))
    node = shutil.which("node")
    assert node, "node is missing: make setup-dev"
    module = NODE / "oidc-provider" / "lib" / "index.js"
    command = [node, PROVIDER, module, certificate, key, f"{base}/sign-in/corp/callback"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        found = next(line.strip() for line in process.stdout if line.startswith("https://"))
        with State.open_folder(address[1]) as state:
            state.credentials.put("sign-in.corp", SECRET)
            rules = (ClaimRule("email", "ada@example.org", "Reader"),)
            made = SignInProvider(
                "corp",
                "The company",
                found,
                "nephoscope",
                "sign-in.corp",
                rules=rules,
                trust=authority.read_text(),
            )
            with state.transaction() as session:
                state.sign_in_providers.put(session, made)
        yield found
        with State.open_folder(address[1]) as state, state.transaction() as session:
            state.sign_in_providers.remove(session, "corp")
        process.terminate()


@pytest.fixture
def page(chromium):
    context = chromium.new_context(ignore_https_errors=True)
    context.add_init_script(path=NODE / "axe-core" / "axe.min.js")
    made = context.new_page()
    made.set_default_timeout(120_000)
    yield made
    context.close()


def at_the_provider(page, login: str) -> None:
    page.get_by_role("link", name="Sign in with The company").click()
    page.get_by_placeholder("Enter any login").fill(login)
    page.get_by_placeholder("and password").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


def test_in_and_out(page, base, issuer, request):
    wrong = []
    page.on(
        "console", lambda one: wrong.append(one.text) if one.type == "error" and base in page.url else None
    )
    page.goto(f"{base}/inventory?span=30d")
    assert page.url.startswith(f"{base}/sign-in?next=")
    found = page.evaluate("axe.run()")["violations"]
    assert not found, [one["help"] for one in found]
    at_the_provider(page, "ada")
    page.get_by_role("heading", name="Inventory").wait_for()
    assert page.url == f"{base}/inventory?span=30d"
    page.locator(".topbar__account summary").click()
    assert "Reader at all scopes" in page.locator(".topbar__account").inner_text()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("heading", name="Signed out").wait_for()
    assert not page.evaluate("axe.run()")["violations"]
    page.get_by_role("link", name="Sign out there too").click()
    page.wait_for_url(f"{issuer}/session/end?**id_token_hint=**")
    page.goto(base)
    assert page.url.startswith(f"{base}/sign-in")
    assert wrong == []


def test_who_is_not_let_in_is_told_so(page, base, issuer):
    page.goto(f"{base}/sign-in")
    at_the_provider(page, "eve")
    page.get_by_role("heading", name="Access denied").wait_for()
    assert "as eve" in page.locator("main").inner_text()
    assert not page.evaluate("axe.run()")["violations"]

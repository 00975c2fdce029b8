"""`nephoscope signin`: providers are set up, tried and changed; the client secret is nowhere in plain text."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from nephoscope.cli.main import cli
from nephoscope.state import State


@pytest.fixture
def signin(tmp_path):
    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(cli, ["--data", str(tmp_path), "signin", *words])
        assert done.exit_code == code, done.output
        return done.output

    return run


@pytest.fixture
def added(signin, liar, certificate, tmp_path):
    """The output of adding the provider."""
    (tmp_path / "secret").write_text(liar.secret)
    return signin(
        "add", "corp", "--issuer", liar.issuer, "--client-id", "nephoscope", "--scope", "groups",
        "--secret", f"file:{tmp_path / 'secret'}", "--trust", str(certificate[2]),
    )  # fmt: skip


def test_a_provider_is_set_up_and_changed(signin, added, tmp_path, liar):
    assert "https://HOST/sign-in/corp/callback" in added
    assert "1 key, signature algorithms RS256" in added
    signin("allow", "corp", "groups", "staff", "--role", "reader", "--scope", "/workspaces/Default")
    signin("allow", "corp", "sub", "7")
    (row,) = json.loads(signin("list", "--output", "json"))
    assert row["allows"] == ["groups=staff as Reader at /workspaces/default", "sub=7"]
    signin("disallow", "corp", "sub", "7")
    assert "no role mapping for" in signin("disallow", "corp", "sub", "7", code=2)
    assert "responds: 1 key," in signin("test", "corp")
    signin("set", "corp", "--disable")
    with State.open_folder(tmp_path) as state:
        found = state.sign_in_providers.find("corp")
        assert not found.enabled
        assert found.scopes == ("openid", "profile", "email", "groups")
        assert state.credentials.get("sign-in.corp").reveal() == liar.secret
        # five changes, and the tests of the new provider and by the command
        assert len(state.audit.entries()) == 7
        assert liar.secret not in str(state.audit.entries())
    assert liar.secret.encode() not in (tmp_path / "state.db").read_bytes()
    signin("remove", "corp")
    with State.open_folder(tmp_path) as state:
        assert state.sign_in_providers.all() == ()
        assert state.credentials.names() == ()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("add", "x", "--issuer", "http://a.example", "--client-id", "c"), "https address"),
        (("add", "x", "--issuer", "https://a.example", "--client-id", "c", "--secret", "word"), "never the secret itself"),
        (("add", "X y", "--issuer", "https://a.example", "--client-id", "c"), "is not a valid provider name"),
        (("allow", "corp", "nickname", "ada"), "nickname does not identify a user"),
        (("allow", "corp", "groups", "a", "--role", "King"), "role 'King' not found"),
        (("allow", "none", "groups", "a"), "provider 'none' not found"),
        (("test", "none"), "provider 'none' not found"),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be(signin, added, words, told):
    assert told in signin(*words, code=2)


def test_a_provider_that_cannot_be_asked(signin):
    told = signin("add", "x", "--issuer", "https://127.0.0.1:9", "--client-id", "c")
    assert "it cannot be used yet: 127.0.0.1:9 cannot be reached" in told
    signin("test", "x", code=2)

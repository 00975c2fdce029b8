"""What of a source is the server's own: its files, addresses and identity are an owner's to set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nephoscope.access.authenticator import Caller, DeniedError
from nephoscope.access.scopes import Hierarchy
from nephoscope.service import sources
from nephoscope.service.service_context import ServiceContext
from nephoscope.state.access.principals import Principal, PrincipalKind, RoleAssignment
from nephoscope.state.ingestion.sources import Source

if TYPE_CHECKING:
    from pathlib import Path

    from nephoscope.state import State

FEED = {"url": "https://taxii.example/api1/", "collections": ["one"], "sign_in": "basic", "user": "svc"}
PASSWORD = {"password": "of-this-place"}
OWNERS = [
    ("taxii", {**FEED, "ca": "/etc/shadow"}, PASSWORD, "ca (a file of the server)"),
    ("taxii", {**FEED, "ca": "/nonexistent"}, PASSWORD, "ca (a file of the server)"),
    ("misp", {"url": "https://10.0.0.1/", "private": True}, {"key": "k"}, "private (an address that is not public)"),
    ("graph", {}, {}, "credential (the identity of the server)"),
    ("storage", {"account_url": "https://acc.blob.core.windows.net"}, {}, "credential (the identity of the server)"),
    ("storage", {"account_url": "https://inside.example", "credential": "account-key"}, {"account_key": "aGlkZGVu"}, "account_url ("),
    ("event_hub", {"brokers": ["10.0.0.1:9092"], "topics": ["t"], "sign_in": "none"}, {}, "brokers ("),
    ("event_hub", {"brokers": ["n.servicebus.windows.net:9093"], "topics": ["t"], "cloud": "/etc/passwd"}, {}, "cloud ("),
]  # fmt: skip


@pytest.fixture
def contributor(state: State, tmp_path: Path) -> ServiceContext:
    now = state.database.local_time()
    person = Principal("p", PrincipalKind.PERSON, "kim@contoso.com", now, None)
    roles = (RoleAssignment("r", "p", "Contributor", "/", "x", now),)
    return ServiceContext(Caller(person, roles, Hierarchy({})), state, tmp_path)


@pytest.mark.parametrize(("kind", "settings", "secrets", "said"), OWNERS)
def test_what_is_the_servers_own_is_an_owners_to_set(
    contributor: ServiceContext, kind: str, settings: dict[str, Any], secrets: dict[str, str], said: str
) -> None:
    with pytest.raises(DeniedError) as denied:
        sources.add_source(contributor, Source("own", kind, {}), settings, secrets)
    assert said in str(denied.value)
    assert "no such file" not in str(denied.value)
    assert not contributor.state.sources.all()


def test_who_is_no_owner_sets_up_what_is_not_the_servers_own(contributor: ServiceContext) -> None:
    sources.add_source(contributor, Source("feed", "taxii", {}), FEED, PASSWORD, there=False)
    sources.change_source(contributor, "feed", {"poll": 60})
    with pytest.raises(DeniedError):
        sources.change_source(contributor, "feed", {"ca": "/etc/shadow"})
    sources.remove_source(contributor, "feed")
    assert not contributor.state.sources.all()

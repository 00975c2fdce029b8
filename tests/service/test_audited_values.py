"""An entry says what a thing was and what it became: whatever kind of thing, without its secrets and without end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from tests.arrangement import strictly
from tests.service.calls import OWN_RULE
from tests.service.house import arranged

from nephoscope.lake.watchlists.watchlist_service import NewWatchlistItem
from nephoscope.protect.registry.registry_settings import read_settings
from nephoscope.service import (
    arm_documents,
    own_rules,
    registries,
    response_rules,
    saved_queries,
    sign_in_providers,
    sources,
    watchlists,
)
from nephoscope.service.audited_values import MOST, describe_difference, to_audited_value
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope.state.access.sign_in_providers import ClaimRule, SignInProvider
from nephoscope.state.ingestion.sources import Source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nephoscope.lake.lake import Lake

SUBSCRIPTION = "/subscriptions/7d1b6c4e-0000-0000-0000-000000000001"
EXEMPTIONS = "Microsoft.Authorization/policyExemptions"
KEY = f"{SUBSCRIPTION}/providers/microsoft.authorization/policyexemptions/e"
SECRET = "very~secret~text"
PROVIDER = SignInProvider("corp", "Corp", "https://login.example", "client")
RULE = {"name": "tell", "when": ["incident.created"], "actions": [{"action": "incident", "status": "Active"}]}


def _document(expires: str) -> dict[str, object]:
    return {
        "id": KEY,
        "name": "e",
        "type": EXEMPTIONS,
        "properties": {"category": "Waiver", "expiresOn": expires},
    }


@dataclass(frozen=True, slots=True)
class Change:
    """What is done first, and then, and what the entry of the latter has."""

    first: Callable[[ServiceContext, Lake], object]
    then: Callable[[ServiceContext, Lake], object]
    detail: dict[str, object]


CHANGES = {
    "exemption": Change(
        lambda it, _: arm_documents.put_document(it, SUBSCRIPTION, _document("2027"), EXEMPTIONS),
        lambda it, _: arm_documents.put_document(it, SUBSCRIPTION, _document("2099"), EXEMPTIONS),
        {"before": {"properties": {"expiresOn": "2027"}}, "after": {"properties": {"expiresOn": "2099"}}},
    ),
    "exemption that ends": Change(
        lambda it, _: arm_documents.put_document(it, SUBSCRIPTION, _document("2027"), EXEMPTIONS),
        lambda it, _: arm_documents.remove_document(it, SUBSCRIPTION, KEY, EXEMPTIONS),
        {"before": {"properties": {"category": "Waiver", "expiresOn": "2027"}}, "after": None},
    ),
    "source": Change(
        lambda it, _: sources.add_source(it, Source("drop", "folder", {}), {"paths": "/var/a"}, {}, there=False),
        lambda it, _: sources.change_source(it, "drop", {"paths": "/var/b"}, there=False),
        {"settings": {"paths": "/var/b"}, "before": {"settings": {"paths": ["/var/a"]}, "enabled": True}},
    ),
    "provider": Change(
        lambda it, _: sign_in_providers.put_provider(it, PROVIDER),
        lambda it, _: sign_in_providers.put_provider(
            it, replace(PROVIDER, rules=(ClaimRule("groups", "all", "Owner", "/"),))
        ),
        {
            "rules": [{"claim": "groups", "value": "all", "role": "Owner", "scope": "/"}],
            "before": {
                "issuer": "https://login.example", "client": "client", "enabled": True, "rules": [], "trust": "",
                "scopes": ["openid", "profile", "email"],
            },
        },
    ),
    "registry": Change(
        lambda it, _: registries.add_registry(it, "r", "r.example", read_settings({"pollingMinutes": 60})),
        lambda it, _: registries.change_registry(it, "r", settings=read_settings({}), address="s.example"),
        {
            "before": {"address": "r.example", "settings": {"pollingMinutes": 60}},
            "after": {"address": "s.example", "settings": {"pollingMinutes": 15}},
        },
    ),
    "own rule": Change(
        lambda it, lake: own_rules.put_own_rule(it, lake, "default", "mine", "Mine", OWN_RULE),
        lambda it, lake: own_rules.put_own_rule(
            it, lake, "default", "mine", "Mine", {**OWN_RULE, "query": "SigninLogs | take 0"}
        ),
        {"before": {"query": "SigninLogs | take 1"}, "after": {"query": "SigninLogs | take 0"}},
    ),
    "own rule that ends": Change(
        lambda it, lake: own_rules.put_own_rule(it, lake, "default", "mine", "Mine", OWN_RULE),
        lambda it, _: own_rules.delete_own_rule(it, "default", "mine"),
        {"before": {name: one for name, one in OWN_RULE.items() if name != "id"}},
    ),
    "response rule": Change(
        lambda it, _: response_rules.put_response_rule(it, RULE),
        lambda it, _: response_rules.enable_response_rule(it, "tell", enabled=False),
        {"before": {"enabled": True}, "after": {"enabled": False}},
    ),
    "items of a file": Change(
        lambda it, lake: watchlists.create_watchlist(
            watchlists.WatchlistStore(it, lake, "default"), "Mine", "Address", ["Address"]
        ),
        lambda it, lake: watchlists.update_watchlist(
            watchlists.WatchlistStore(it, lake, "default"), "Mine",
            (NewWatchlistItem({"Address": f"192.0.2.{one}"}) for one in range(30)), source="new.csv", whole=True,
        ),
        {"source": "new.csv", "replaced": True, "of": 30, "keys": [f"192.0.2.{one}" for one in range(20)]},
    ),
    "watchlist that ends": Change(
        lambda it, lake: watchlists.create_watchlist(
            watchlists.WatchlistStore(it, lake, "default"), "Mine", "Address", ["Address"],
            [NewWatchlistItem({"Address": "192.0.2.9"})],
        ),
        lambda it, lake: watchlists.delete_watchlist(watchlists.WatchlistStore(it, lake, "default"), "Mine"),
        {"before": {"key": "Address", "columns": ["Address"], "items": 1}},
    ),
    "shared query": Change(
        lambda it, _: saved_queries.save_query(it, "default", "q", "print 1", "kim", shared=True),
        lambda it, _: saved_queries.save_query(it, "default", "q", "print 2", "kim", shared=True),
        {"before": {"query": "print 1"}, "after": {"query": "print 2"}},
    ),
    "query that its owner alone sees": Change(
        lambda it, _: saved_queries.save_query(it, "default", "q", "print 1", "kim", shared=False),
        lambda it, _: saved_queries.save_query(it, "default", "q", "print 2", "kim", shared=False),
        {"before": None, "after": None},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_an_entry_has_what_was_replaced(tmp_path: Path, name: str) -> None:
    change = CHANGES[name]
    with arranged(tmp_path) as (state, lake, data), strictly():
        context = ServiceContext(LocalUser.current(), state, data)
        change.first(context, lake)
        change.then(context, lake)
        (entry, *_) = state.audit.entries(most=1)
        assert {name: entry.detail.get(name) for name in change.detail} == change.detail
        assert state.audit.find_broken_entry() is None


def test_secrets_are_masked_and_long_values_are_digests() -> None:
    before = {
        "properties": {"clientSecret": "a", "actions": ({"uri": "https://h.example/?sig=b"},), "text": "t"}
    }
    after = {"properties": {"clientSecret": SECRET, "actions": (), "text": "t" * MOST}}
    found = describe_difference(before, after)
    assert found["before"] == {
        "properties": {"clientSecret": "***", "actions": [{"uri": "https://h.example/?sig=***"}], "text": "t"}
    }
    assert SECRET not in str(found)
    digest = sha256(f'"{"t" * MOST}"'.encode()).hexdigest()
    assert found["after"] == {
        "properties": {"clientSecret": "***", "actions": [], "text": {"sha256": digest, "bytes": MOST + 2}}
    }
    many = to_audited_value({str(one): "x" for one in range(MOST)})
    assert isinstance(many, dict)
    assert many.keys() == {"sha256", "bytes"}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (None, {"id": "1", "a": 1}, {"after": {"a": 1}}),
        ({"a": 1}, None, {"before": {"a": 1}}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": None}}, {"before": {"a": {"c": 2}}, "after": {"a": {"c": None}}}),
        ({"a": 1}, {"a": 1}, {"before": {}, "after": {}}),
        ({"a": {}}, {}, {"before": {"a": {}}, "after": {}}),
        (None, None, {}),
    ],
)  # fmt: skip
def test_a_difference_is_of_what_became_other(
    before: dict[str, object] | None, after: dict[str, object] | None, told: dict[str, object]
) -> None:
    assert describe_difference(before, after) == told

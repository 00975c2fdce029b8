"""A test of a provider is asked for, made beside, and its finding is of the provider as it is."""

from __future__ import annotations

from dataclasses import replace

from nephoscope.access import openid, provider_tests


def test_what_a_test_finds_is_kept(instance, provider):
    state, kept, now = instance.state, provider(), instance.now
    provider_tests.request_test(state, "corp", now)
    assert provider_tests.find_requested_test(state, "corp") == now
    assert provider_tests.run_tests(state) == ["corp"]
    assert provider_tests.find_requested_test(state, "corp") is None
    found = provider_tests.read_last_test_result(state, "corp")
    assert (found.works, found.message) == (True, "responds: 1 key, signature algorithms RS256, none, HS256")
    with state.transaction() as session:
        state.sign_in_providers.put(session, replace(kept, title="Another"))
        provider_tests.delete_tests(state, session, "corp")
    assert provider_tests.read_last_test_result(state, "corp") is None


def test_one_that_went_away_is_not_tested(instance):
    provider_tests.request_test(instance.state, "gone", instance.now)
    assert provider_tests.run_tests(instance.state) == ["gone"]
    assert provider_tests.find_requested_test(instance.state, "gone") is None
    assert provider_tests.read_last_test_result(instance.state, "gone") is None


def test_one_that_drips_is_given_up(instance, provider, monkeypatch):
    monkeypatch.setattr(openid, "WHOLE_SECONDS", -1.0)
    found = provider_tests.test_provider(provider())
    assert not found.works
    assert "the response took longer than" in found.message

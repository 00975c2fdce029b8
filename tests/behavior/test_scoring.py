"""The score: bounded, whatever the order, higher the rarer, with words that say the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.behavior.profile_dimensions import DIMENSIONS
from nephoscope.behavior.scoring import ActivityContext, ProfileFacts, explain_score, score_facts

NEW = ProfileFacts("Country", "PT", 0, 20, 0, 8, None, 30, True, 20, 0, 0, 300, 480, 3, 5, 9000)
DAYS = st.integers(0, 200)


@st.composite
def facts(draw: st.DrawFn) -> ProfileFacts:
    active, recent_active = draw(st.integers(0, 180)), draw(st.integers(0, 10))
    days, recent = draw(st.integers(0, active)), draw(st.integers(0, recent_active))
    peers, others = draw(st.integers(0, 20)), draw(st.integers(0, 100_000))
    peer_users, other_users = draw(st.integers(0, peers)), draw(st.integers(0, others))
    peer_active, other_active = draw(st.integers(peers, peers * 180)), draw(st.integers(others, others * 180))
    return ProfileFacts(
        draw(st.sampled_from(sorted(DIMENSIONS))), draw(st.text()), days, active, recent, recent_active, None if days == 0 else 1, 90,
        draw(st.booleans()), peers, peer_users, draw(st.integers(0, peer_active)), peer_active, others, other_users,
        draw(st.integers(0, other_active)), other_active,
    )  # fmt: skip


around = st.builds(
    ActivityContext,
    st.sampled_from(("Low", "Medium", "High")),
    st.booleans(),
    st.booleans(),
    st.integers(0, 100),
    st.booleans(),
)


@given(st.lists(facts(), max_size=8, unique_by=lambda one: one.dimension), around, st.randoms())
def test_a_score_is_between_0_and_10_whatever_the_order(several, circumstances, random) -> None:
    score = score_facts(several, circumstances)
    random.shuffle(several)
    assert score_facts(several, circumstances) == score
    assert 0 <= score.priority <= 10
    assert all(0 <= one.share <= 1 for one in several)
    assert all(explain_score(one, "sign-in") for one in several)


@given(facts(), st.integers(1, 50))
def test_what_is_seen_more_surprises_less(one, more) -> None:
    usual = replace(one, other_days=one.other_days + more, other_active=one.other_active + more)
    assert usual.bits <= one.bits + 1e-9
    peers = replace(one, peer_days=one.peer_days + more, peer_active=one.peer_active + more)
    assert peers.bits <= one.bits + 1e-9
    assert replace(one, days=one.days + more, active=one.active + more).bits <= one.bits + 1e-9


@given(st.lists(facts(), min_size=1, max_size=6, unique_by=lambda one: one.dimension))
def test_power_raises_failure_and_shared_addresses_lower(several) -> None:
    usual = score_facts(several, ActivityContext()).priority
    assert score_facts(several, ActivityContext(blast="High")).priority >= usual
    assert score_facts(several, ActivityContext(failed=True)).priority <= usual
    assert score_facts(several, ActivityContext(shared=True)).priority <= usual


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "first sign-in from PT in 30 days; none of 20 peers, 3 of 480 others"),
        ({"peers": 3}, "first sign-in from PT in 30 days; peers unknown, 3 of 480 others"),
        ({"days": 1, "last": 12, "recent": 0},
         "sign-in from PT is rare: on 1 of 20 days, last 12 days ago; none of 20 peers, 3 of 480 others"),
        ({"learned": False}, "sign-in from PT, by an account that is new here; none of 20 peers, 3 of 480 others"),
        ({"dimension": "Operation", "value": "delete lock"}, "first delete lock in 30 days; none of 20 peers, 3 of 480 others"),
        ({"history": 300}, "first sign-in from PT in 90 days; none of 20 peers, 3 of 480 others"),
    ],
)  # fmt: skip
def test_the_reason_in_words(changes, words) -> None:
    assert explain_score(replace(NEW, **changes), "sign-in") == words


@pytest.mark.parametrize(
    ("facts", "circumstances", "priority"),
    [
        ([NEW], ActivityContext(), 5),
        ([replace(NEW, other_users=0, other_days=0)], ActivityContext(), 6),
        (
            [
                replace(NEW, other_users=0, other_days=0),
                replace(NEW, dimension="ISP", other_users=0, other_days=0),
            ],
            ActivityContext(),
            7,
        ),
        ([replace(NEW, other_users=0, other_days=0)], ActivityContext(blast="High"), 7),
        ([replace(NEW, other_users=0, other_days=0)], ActivityContext(shared=True), 1),
        (
            [replace(NEW, peer_users=12, peer_days=150, other_users=300, other_days=4000)],
            ActivityContext(),
            0,
        ),
    ],
)
def test_worked_scores(facts, circumstances, priority) -> None:
    assert score_facts(facts, circumstances).priority == priority

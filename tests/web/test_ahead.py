"""What pages show of an evaluation is made before anybody asks for it, and cut to the reach of who asks."""

from __future__ import annotations

import pytest

from nephoscope.model.read_reach import EVERYTHING, Reach
from nephoscope.posture.published.edition_cache import PublishedSnapshotCache
from nephoscope.posture.published.standards import ASSESSMENT, CONTROL, ORDER
from nephoscope.serve.cache_warmup import warm
from nephoscope.web.page_data.secure_score import score_of

#: Written from names that are in memory.
WRITTEN = {"subscriptions", "nephoscope.web.rendering.scope_picker"}
SCORES = "microsoft.security/securescores"


@pytest.fixture
def edition(instance):
    """The newest, of which nothing was made yet."""
    found = PublishedSnapshotCache(instance.data).newest()
    assert found is not None
    return found


@pytest.mark.parametrize("address", ["/", "/compliance"])
def test_nothing_is_left_to_be_made_for_the_first_who_asks(instance, edition, visitor, monkeypatch, address):
    warm(edition)
    monkeypatch.setattr(type(instance.shelf), "newest", lambda _: edition)
    reader = visitor(("Reader", "/"))
    made = []
    documents = edition._documents

    def counted(key, make):
        return documents_once(key, lambda: (made.append(key), make())[1])

    documents_once = documents.once
    monkeypatch.setattr(documents, "once", counted)
    assert reader.get(address).status_code == 200
    assert {key[0] for key in made} <= WRITTEN


def reaches(edition):
    some = sorted(edition.made.subscriptions)[:2]
    return [EVERYTHING, Reach(subscriptions=frozenset(some[:1])), Reach(subscriptions=frozenset(some))]


def test_scores_are_those_of_the_documents_of_a_reach(edition):
    for reach in reaches(edition):
        bodies = edition.listing.page([SCORES], reach).bodies
        controls = edition.listing.page([f"{SCORES}/securescorecontrols"], reach, most=100_000).bodies
        found = score_of(edition, reach)
        assert found.subscriptions == len(bodies) > 0
        told = [one["properties"] for one in controls]
        assert sum(one.unhealthy for one in found.controls) == sum(
            one["unhealthyResourceCount"] for one in told
        )
        assert {one.name for one in found.controls} <= {one["displayName"] for one in told}
    nobody = score_of(
        edition,
        Reach(groups=frozenset({f"/subscriptions/{min(edition.made.subscriptions)}/resourcegroups/x"})),
    )
    assert (nobody.subscriptions, nobody.controls) == (0, ())


@pytest.mark.parametrize("type_", [CONTROL, ASSESSMENT])
def test_states_of_standards_are_the_worst_of_the_documents_of_a_reach(edition, type_):
    for reach in reaches(edition):
        worst: dict[str, dict[str, str]] = {}
        for body in edition.listing.page([type_], reach, most=1_000_000).bodies:
            known = worst.setdefault(body["id"].split("/")[6], {})
            states = [known.get(body["name"], body["properties"]["state"]), body["properties"]["state"]]
            known[body["name"]] = min(states, key=ORDER.index)
        assert edition.standards.states(reach, type_) == worst

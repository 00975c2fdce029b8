"""What pages show of an evaluation is made before anybody asks for it, and cut to the reach of who asks."""

from __future__ import annotations

import pytest

from nephoscope.model.read_scope import EVERYTHING, Reach
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.published.standards import ASSESSMENT, CONTROL, ORDER
from nephoscope.serve.cache_warmup import warm_caches
from nephoscope.web.page_data.secure_score import compute_weighted_score

#: Written from names that are in memory.
WRITTEN = {"subscriptions", "nephoscope.web.rendering.scope_picker"}
SCORES = "microsoft.security/securescores"


@pytest.fixture
def snapshot(instance):
    """The newest, of which nothing was made yet."""
    found = PublishedSnapshotCache(instance.data).load_newest()
    assert found is not None
    return found


@pytest.mark.parametrize("address", ["/", "/compliance"])
def test_nothing_is_left_to_be_made_for_the_first_who_asks(instance, snapshot, visitor, monkeypatch, address):
    warm_caches(snapshot)
    monkeypatch.setattr(type(instance.snapshots), "load_newest", lambda _: snapshot)
    reader = visitor(("Reader", "/"))
    made = []
    documents = snapshot._documents

    def counted(key, make):
        return documents_once(key, lambda: (made.append(key), make())[1])

    documents_once = documents.get_or_compute
    monkeypatch.setattr(documents, "get_or_compute", counted)
    assert reader.get(address).status_code == 200
    assert {key[0] for key in made} <= WRITTEN


def reaches(snapshot):
    some = sorted(snapshot.build_info.subscriptions)[:2]
    return [EVERYTHING, Reach(subscriptions=frozenset(some[:1])), Reach(subscriptions=frozenset(some))]


def test_scores_are_those_of_the_documents_of_a_reach(snapshot):
    for reach in reaches(snapshot):
        bodies = snapshot.listing.page([SCORES], reach).bodies
        controls = snapshot.listing.page([f"{SCORES}/securescorecontrols"], reach, most=100_000).bodies
        found = compute_weighted_score(snapshot, reach)
        assert found.subscriptions == len(bodies) > 0
        told = [one["properties"] for one in controls]
        assert sum(one.unhealthy for one in found.controls) == sum(
            one["unhealthyResourceCount"] for one in told
        )
        assert {one.name for one in found.controls} <= {one["displayName"] for one in told}
    nobody = compute_weighted_score(
        snapshot,
        Reach(
            groups=frozenset({f"/subscriptions/{min(snapshot.build_info.subscriptions)}/resourcegroups/x"})
        ),
    )
    assert (nobody.subscriptions, nobody.controls) == (0, ())


@pytest.mark.parametrize("type_", [CONTROL, ASSESSMENT])
def test_states_of_standards_are_the_worst_of_the_documents_of_a_reach(snapshot, type_):
    for reach in reaches(snapshot):
        worst: dict[str, dict[str, str]] = {}
        for body in snapshot.listing.page([type_], reach, most=1_000_000).bodies:
            known = worst.setdefault(body["id"].split("/")[6], {})
            states = [known.get(body["name"], body["properties"]["state"]), body["properties"]["state"]]
            known[body["name"]] = min(states, key=ORDER.index)
        assert snapshot.standards.states(reach, type_) == worst

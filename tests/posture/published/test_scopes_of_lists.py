"""What lies below a scope is what its ids say, whatever columns it is found by; compared with the ids themselves."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.published.build_info import BuildInfo
from nephoscope.posture.published.document import PublishedDocument
from nephoscope.posture.published.findings import ASSESSMENT, FindingQuery
from nephoscope.posture.published.publishing import publish_documents
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache

ONE, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
ACCOUNTS, SERVERS = "Microsoft.Storage/storageAccounts", "Microsoft.Sql/servers"
RESOURCES = (
    f"/subscriptions/{ONE}/resourceGroups/rg-a/providers/{ACCOUNTS}/store",
    f"/subscriptions/{ONE}/resourceGroups/rg-a/providers/{ACCOUNTS}/store2",
    f"/subscriptions/{ONE}/resourceGroups/rg-ab/providers/{ACCOUNTS}/store",
    f"/subscriptions/{ONE}/resourceGroups/RG-A/providers/{SERVERS}/sql",
    f"/subscriptions/{ONE}/resourceGroups/rg-a/providers/{SERVERS}/sql/databases/it's",
    f"/subscriptions/{OTHER}/resourceGroups/rg-a/providers/{ACCOUNTS}/store",
)
PLACES = (
    *RESOURCES,
    f"/subscriptions/{ONE}",
    f"/subscriptions/{OTHER}",
    f"/subscriptions/{ONE}/resourceGroups/rg-a",
    "/providers/Microsoft.Management/managementGroups/top",
)
SCOPES = (*(one.lower() for one in PLACES), "", f"/subscriptions/{ONE}/resourcegroups/rg-", "/providers")


def assessment(place: str, name: str) -> PublishedDocument:
    body = {
        "id": f"{place}/providers/Microsoft.Security/assessments/{name}",
        "type": ASSESSMENT,
        "name": name,
    }
    found = {"key": name, "state": "NonCompliant", "severity": "High", "title": name}
    return PublishedDocument.of(body, subject=place.lower(), **found)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    data = tmp_path_factory.mktemp("published")
    bodies = [{"id": one, "name": one.rsplit("/", 1)[-1], "type": one.split("/")[6]} for one in RESOURCES]
    several = [(PublishedDocument.of(body), "resources") for body in bodies]
    several += [(assessment(place, name), "securityresources") for place in PLACES for name in ("a1", "a2")]
    when = datetime(2026, 11, 1, 12, tzinfo=UTC)
    publish_documents(data, several, BuildInfo(when, "", 6, None, 0, 0, {}, (), {}, (), (), 0, {}, {}))
    found = PublishedSnapshotCache(data).load_newest()
    assert found is not None
    return found


def below(scope: str) -> list[str]:
    """The lower-cased places that are the scope, or lie under it."""
    return sorted(
        one.lower() for one in PLACES if one.lower() == scope or one.lower().startswith(f"{scope}/")
    )


@pytest.mark.parametrize("scope", SCOPES)
def test_documents_below_a_scope(snapshot, scope):
    wanted = [f"{one}/providers/{ASSESSMENT}/{name}" for one in below(scope) for name in ("a1", "a2")]
    found = snapshot.listing.page((ASSESSMENT,), EVERYTHING, scope).bodies
    assert [one["id"].lower() for one in found] == sorted(wanted)


@pytest.mark.parametrize("scope", SCOPES)
def test_pages_below_a_scope(snapshot, scope):
    seen, after = [], ""
    while True:
        page = snapshot.listing.page((ASSESSMENT,), EVERYTHING, scope, after=after, most=3)
        assert len(page.bodies) <= 3
        seen += [one["id"].lower() for one in page.bodies]
        after = page.after
        if not after:
            break
    assert seen == [
        one["id"].lower() for one in snapshot.listing.page((ASSESSMENT,), EVERYTHING, scope).bodies
    ]


@pytest.mark.parametrize("scope", SCOPES)
def test_findings_below_a_scope_and_of_a_resource(snapshot, scope):
    subjects = [one.resource for one in snapshot.findings.page(EVERYTHING, FindingQuery(scope=scope))]
    assert sorted(subjects) == sorted([*below(scope)] * 2)
    of_it = snapshot.findings.page(EVERYTHING, FindingQuery(resource=scope)) if scope else []
    assert {one.resource for one in of_it} == {scope} & {one.lower() for one in PLACES}


@pytest.mark.parametrize("scope", SCOPES)
def test_resources_below_a_scope(snapshot, scope):
    resources = {one.lower() for one in RESOURCES}
    found = (
        [one.id.lower() for one in snapshot.inventory.list_descendants(EVERYTHING, scope)] if scope else []
    )
    assert found == [one for one in below(scope) if scope and one in resources and one != scope]
    assert (
        snapshot.inventory.list_descendants(EVERYTHING, scope, most=1)
        == snapshot.inventory.list_descendants(EVERYTHING, scope)[:1]
    )


@pytest.mark.parametrize("place", PLACES)
def test_a_document_of_an_id(snapshot, place):
    id_ = f"{place}/providers/{ASSESSMENT}/a1"
    found = snapshot.listing.get(id_.upper(), EVERYTHING)
    assert found is not None
    assert found["id"].lower() == id_.lower()
    assert snapshot.listing.get(f"{id_}1", EVERYTHING) is None

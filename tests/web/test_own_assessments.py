"""What other tools put by the API stands on the pages, beside what is judged here and within the reach of who looks."""

from __future__ import annotations

import csv
import io

import pytest
from tests.web.conftest import HERE

from nephoscope.model.read_scope import EVERYTHING

TYPE = "microsoft.security/assessments"
KEY, BARE = "5ca1ab1e-0000-4000-8000-000000000001", "5ca1ab1e-0000-4000-8000-000000000002"


@pytest.fixture(scope="module")
def put(instance):
    """A failing and a healthy assessment of one name, with metadata, and one of another without; the resources in order."""
    found = instance.snapshots.load_newest().listing.page(("microsoft.keyvault/vaults",), EVERYTHING).bodies
    first, second = (one["id"].lower() for one in found[:2])
    subscription = "/".join(first.split("/")[:3])
    documents = [
        (first, KEY, "Unhealthy", "the <scanner> found 3 keys"),
        (second, KEY, "Healthy", ""),
        (first, BARE, "NotApplicable", ""),
    ]
    about = {
        "displayName": "Keys are <rotated>",
        "severity": "High",
        "description": "They were not.",
        "remediationDescription": "Look.\nRotate.",
    }
    kept = instance.state.arm_documents
    with instance.state.transaction() as session:
        for id_, name, code, why in documents:
            key = f"{id_}/providers/{TYPE}/{name}"
            status = {"code": code, "description": why}
            body = {"id": key, "name": name, "type": TYPE, "properties": {"displayName": "Bare <name>", "status": status}}  # fmt: skip
            kept.put(session, key, TYPE, body, "scanner")
        key = f"{subscription}/providers/microsoft.security/assessmentmetadata/{KEY}"
        body = {"id": key, "name": KEY, "properties": about}
        kept.put(session, key, "microsoft.security/assessmentmetadata", body, "scanner")
    yield first, second
    with instance.state.transaction() as session:
        for one in kept.all([TYPE, "microsoft.security/assessmentmetadata"]):
            kept.remove(session, one.key)


def rows(client, address):
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_the_list_tells_them_beside_what_is_judged_here(owner, put):
    before = owner.get("/recommendations?format=csv").text
    page = owner.get("/recommendations").text
    assert "From other tools" in page
    assert "Keys are &lt;rotated&gt;" in page
    assert KEY not in before, "what is judged here is another list"
    found = rows(owner, "/recommendations?format=csv&table=put")
    assert [(one["Assessment"], one["Severity"], one["Unhealthy"], one["Healthy"]) for one in found] == [
        ("Keys are <rotated>", "High", "1", "1"),
        ("Bare <name>", "", "0", "0"),
    ]
    assert [one["Id"] for one in rows(owner, "/recommendations?format=csv&table=put&q=bare")] == [BARE]
    assert owner.get("/recommendations?open=1").status_code == 200


def test_one_has_its_page(owner, put):
    page = owner.get(f"/recommendations/{KEY}").text
    assert "the &lt;scanner&gt; found 3 keys" in page
    assert "<li>Rotate.</li>" in page
    assert f"/resource{put[0]}" in page
    found = rows(owner, f"/recommendations/{KEY}?format=csv&table=resources")
    assert [(one["Resource"], one["State"], one["Source"]) for one in found] == [
        (put[0], "Unhealthy", "scanner"),
        (put[1], "Healthy", "scanner"),
    ]
    assert owner.get(f"/recommendations/{KEY[:-1]}9").status_code == 404
    assert owner.post(f"/recommendations/{KEY}", data={"act": "exempt"}, headers=HERE).status_code == 404


def test_the_page_of_the_resource_has_it(owner, put):
    assert "Keys are &lt;rotated&gt;" in owner.get(f"/resource{put[0]}").text
    found = rows(owner, f"/resource{put[0]}?format=csv&table=put")
    assert {(one["Assessment"], one["State"]) for one in found} == {
        ("Keys are <rotated>", "Unhealthy"),
        ("Bare <name>", "NotApplicable"),
    }


def test_who_does_not_reach_the_resource_sees_nothing_of_it(visitor, sandbox, put):
    elsewhere = visitor(("Security Reader", f"/subscriptions/{sandbox}"))
    assert sandbox not in put[0]
    assert "From other tools" not in elsewhere.get("/recommendations").text
    assert elsewhere.get(f"/recommendations/{KEY}").status_code == 404

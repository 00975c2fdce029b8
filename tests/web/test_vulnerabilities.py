"""Pages of vulnerabilities and images: what they list and filter, what is not assessed, who sees what, and decisions by forms."""

from __future__ import annotations

import csv
import html
import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient
from tests.service.acting import SUBSCRIPTION
from tests.web.conftest import BASE, HERE
from tests.web.inside import BAD, CVE, FREE, HELD, OTHER, SECRET, SERVER, VM, look_inside

from nephoscope.access.authenticator import Guard
from nephoscope.access.tokens import AccessTokenIssuer
from nephoscope.instance import Instance, build_hierarchy
from nephoscope.lake.lake import Lake
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.protect.registry.registry_settings import RegistrySettings
from nephoscope.serve.web_application import build_application
from nephoscope.service.advisories import get_advisories_path
from nephoscope.state import State
from nephoscope.state.access.principals import PrincipalKind
from nephoscope.state.registries.registry_images import ImageStatus, ImageStep, compute_image_id
from nephoscope.web.forms.registry_form import LABELS, build_policy_fields, build_setting_fields
from nephoscope.web.site import COOKIE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ELSEWHERE = "/subscriptions/99999999-0000-0000-0000-000000000009"


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    data = tmp_path_factory.mktemp("inside")
    with State.open_folder(data) as state, Lake.open(data, state) as lake:
        look_inside(state, data)
        snapshots = PublishedSnapshotCache(data)
        guard = Guard(state, lambda: build_hierarchy(snapshots))
        tokens = AccessTokenIssuer(state, data / "keys", "5b1f0d9e-3a52-4c51-9a0e-0d6a1c7b8e90")
        yield Instance(data, state, lake, snapshots, guard, tokens)


@pytest.fixture(scope="module")
def visitor(instance: Instance) -> Iterator[Callable[[str, str], TestClient]]:
    with TestClient(build_application(instance), base_url=BASE, follow_redirects=False) as client:

        def made(role: str, scope: str) -> TestClient:
            with instance.state.transaction() as session:
                name = f"person {len(instance.state.principals.all())}"
                person = instance.state.principals.add(session, PrincipalKind.PERSON, name)
                instance.state.principals.grant(session, person.id, role, scope, "test")
            cookie = f"{COOKIE}={instance.guard.open_session(person)}"
            return TestClient(
                client.app, base_url=BASE, follow_redirects=False, headers={"Cookie": cookie, **HERE}
            )

        yield made


@pytest.fixture(scope="module")
def owner(visitor: Callable[[str, str], TestClient]) -> TestClient:
    return visitor("Owner", "/")


def test_every_setting_of_a_registry_has_a_label():
    fields = [*build_setting_fields(RegistrySettings()), *build_policy_fields(RegistrySettings())]
    assert [one.name for one in fields if one.name.partition(".")[2] not in LABELS] == []


def rows(client: TestClient, address: str) -> list[dict[str, str]]:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text[:300]
    return list(csv.DictReader(io.StringIO(answer.text)))


def words(text: str) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("", [CVE, OTHER]),
        ("severity=Medium", [OTHER]),
        ("risk=Exploited", [CVE]),
        ("fix=yes", [CVE, OTHER]),
        ("kind=machine", [CVE]),
        ("kind=image", [CVE, OTHER]),
        ("package=desk", [OTHER]),
        ("q=ghsa-DESK", [OTHER]),
        ("q=nothing", []),
        (f"resource={VM}", [CVE]),
        (f"image={BAD}", [CVE, OTHER]),
    ],
)
def test_vulnerabilities_are_filtered(owner: TestClient, asked: str, found: list[str]) -> None:
    assert [one["CVE"] for one in rows(owner, f"/vulnerabilities?format=csv&{asked}")] == found


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("", CVE),
        ("start=1", OTHER),
        (f"start=0&after={CVE}", OTHER),
        (f"start=1&before={OTHER}", CVE),
        ("start=1&after=CVE-1999-1", OTHER),
    ],
)
def test_a_page_begins_after_a_vulnerability(
    owner: TestClient, monkeypatch: pytest.MonkeyPatch, asked: str, shown: str
) -> None:
    monkeypatch.setattr("nephoscope.web.pages.vulnerabilities.ROWS", 1)
    monkeypatch.setattr("nephoscope.web.lists.list_view.ROWS", 1)
    page = owner.get(f"/vulnerabilities?{asked}").text
    assert [one for one in (CVE, OTHER) if f'href="/vulnerabilities/{one}"' in page] == [shown]
    turned = re.search(r'href="([^"]*)"[^>]*>(?:Next|Previous)</a>', page)
    assert turned
    assert (f"after={CVE}" if shown == CVE else f"before={OTHER}") in turned[1]


def test_the_list_tells_what_is_not_assessed(owner: TestClient) -> None:
    page = owner.get("/vulnerabilities").text
    assert "2 of 4 not fully assessed" in words(page)
    assert "about &lt;lamp&gt;" in page
    (first, _) = rows(owner, "/vulnerabilities?format=csv")
    assert (first["Exploited"], first["EPSS"], first["Fix available"]) == ("yes", "0.91", "yes")
    assert (first["Machines"], first["Images"]) == ("1", "2")


def test_a_vulnerability_says_who_has_it_where_and_why(owner: TestClient) -> None:
    page = owner.get(f"/vulnerabilities/{CVE}").text
    told = words(page)
    for text in (
        "1 machine, 2 images",
        "app/lamp/METADATA",
        "layer dddddddddddd",
        "91.00 % within 30 days",
        "GHSA-lamp",
    ):
        assert text in told
    assert 'href="https://advisories.example/1"' in page
    assert "javascript:" not in page
    holders = rows(owner, f"/vulnerabilities/{CVE}?format=csv&table=holders")
    assert {one["Name"] for one in holders} >= {"web1"}
    (reason, *_) = rows(owner, f"/vulnerabilities/{CVE}?format=csv&table=reasons")
    assert (reason["Advisory"], reason["Source"], reason["Fixed in"]) == (CVE, "osv", "2.0")
    assert owner.get("/vulnerabilities/CVE-1999-1").status_code == 404


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("", {HELD, BAD, FREE}),
        ("status=Held", {HELD}),
        ("status=Rejected&status=Scanned", {BAD, FREE}),
        ("running=1", {HELD}),
        (f"registry={SERVER}", {HELD, BAD}),
        ("q=MINER", {BAD}),
        (f"q={FREE}", {FREE}),
    ],
)
def test_images_are_filtered(owner: TestClient, asked: str, found: set[str]) -> None:
    assert {one["Digest"] for one in rows(owner, f"/images?format=csv&{asked}")} == found


def test_images_tell_what_was_found_and_what_was_not_looked_for(owner: TestClient) -> None:
    told = {one["Digest"]: one for one in rows(owner, "/images?format=csv")}
    held, free = told[HELD], told[FREE]
    assert (held["Critical"], held["Medium"], held["Secrets"], held["Malware"]) == ("1", "1", "2", "0")
    assert (held["Packages not assessed"], held["Status"]) == ("1", "Quarantined")
    assert (free["Critical"], free["Secrets"], free["Configuration"]) == ("0", "1", "1")
    assert (free["Malware"], free["Licenses"], free["Packages not assessed"]) == ("", "", "")


@pytest.mark.full
def test_an_image_that_a_command_scanned_shows_its_findings(owner: TestClient) -> None:
    page = owner.get(f"/images/{FREE}").text
    assert "Private &lt;key&gt;" in page
    for text in (
        "Findings of the scan",
        "app/id_rsa:1",
        "A user should be set: root",
        "– Malware",
        "1 Secrets",
    ):
        assert text in words(page), text
    found = rows(owner, f"/images/{FREE}?format=csv&table=findings")
    assert [(one["Kind"], one["Severity"], one["Rule"], one["Line"]) for one in found] == [
        ("secret", "High", "private-key", "1"),
        ("configuration", "Medium", "user-is-root", ""),
    ]


def test_an_image_shows_its_parts_and_no_secret(owner: TestClient) -> None:
    page = owner.get(f"/images/{HELD}").text
    told = words(page)
    for text in (
        "app/.env:3 has <an access key>",
        "Quarantined",
        "approved/shop/web",
        "aks1",
        "web / ReplicaSet shop-1, container main",
        "Signature, signed by release",
        "Attestation https://slsa.dev/provenance/v1 , signed by release built by https://build.example",
        "2 packages: pypi",
        "Approve image",
    ):
        assert text in told, text
    assert {one["Package"] for one in rows(owner, f"/images/{HELD}?format=csv&table=packages")} == {
        "lamp",
        "desk",
    }
    assert owner.get(f"/images/sha256:{'0' * 64}").status_code == 404


@pytest.mark.parametrize(
    ("role", "scope", "found"),
    [
        ("Reader", "/", {"/vulnerabilities": 2, "/images": 3}),
        ("Security Reader", SUBSCRIPTION, {"/vulnerabilities": 2, "/images": 2}),
        ("Reader", ELSEWHERE, {"/vulnerabilities": 0, "/images": 0}),
    ],
)
def test_who_sees_what(
    visitor: Callable[[str, str], TestClient], role: str, scope: str, found: dict[str, int]
) -> None:
    client = visitor(role, scope)
    assert {path: len(rows(client, f"{path}?format=csv")) for path in found} == found
    seen = bool(found["/images"])
    assert client.get(f"/images/{HELD}").status_code == (200 if seen else 404)
    assert ("web1" in client.get(f"/vulnerabilities/{CVE}").text) is seen
    search = client.get(f"/search?q={HELD}").text
    assert ("quarantine/shop/web" in search) is seen
    assert client.get("/registries").status_code == (200 if scope == "/" else 403)
    assert "Approve image" not in client.get(f"/images/{HELD}").text


@pytest.mark.parametrize(
    ("text", "found"), [(CVE, "/vulnerabilities/CVE-2031-1"), ("lam", "lamp"), (BAD[:30], f"/images/{BAD}")]
)
def test_search_finds_what_is_inside(owner: TestClient, text: str, found: str) -> None:
    assert found in owner.get("/search", params={"q": text}).text


def send(client: TestClient, page_address: str, /, **form: str) -> Any:
    page = client.get(page_address).text
    (etag, *_) = re.findall(r'name="etag" value="([^"]+)"', page)
    return client.post(page_address, data={"etag": etag, **form})


def test_a_person_approves_and_never_malware(owner: TestClient, instance: Instance) -> None:
    ids = {
        digest: compute_image_id("prod", f"quarantine/shop/{name}", digest)
        for digest, name in ((HELD, "web"), (BAD, "miner"))
    }
    address = f"/images/{HELD}"
    assert "reason is required" in send(owner, address, act="promote", id=ids[HELD]).text
    refused = send(owner, f"/images/{BAD}", act="promote", id=ids[BAD], reason="really")
    assert (refused.status_code, "cannot be promoted" in refused.text) == (400, True)
    assert send(owner, address, act="promote", id=ids[BAD], reason="really").status_code == 400
    assert send(owner, address, act="promote", id=ids[HELD], reason="read it").status_code == 303
    image = instance.state.registry_images.get(ids[HELD])
    assert (image.status, image.step, image.decision_reason) == (
        ImageStatus.QUEUED,
        ImageStep.COPY,
        "read it",
    )
    assert "promoted it read it" in words(owner.get(address).text)
    assert send(owner, f"/images/{BAD}", act="examine", id=ids[BAD]).status_code == 303
    assert instance.state.registry_images.get(ids[BAD]).status is ImageStatus.QUEUED


def test_a_vulnerability_is_exempted_with_a_reason_and_an_end(
    owner: TestClient, visitor: Callable[[str, str], TestClient]
) -> None:
    address = f"/vulnerabilities/{OTHER}"
    form = {"act": "exempt", "scope": "/", "package": "desk", "image": BAD, "category": "Waiver", "days": "3"}
    assert owner.post(address, data={**form, "reason": " "}).status_code == 400
    assert owner.post(address, data={**form, "reason": "x", "days": "0"}).status_code == 400
    reader = visitor("Reader", "/")
    assert "Exempt from" not in reader.get(address).text
    assert reader.post(address, data={**form, "reason": "x"}).status_code == 400
    assert owner.post(address, data={**form, "reason": "not reachable"}).status_code == 303
    (kept,) = rows(reader, f"{address}?format=csv&table=exemptions")
    assert (kept["Package"], kept["Image"], kept["Reason"], kept["Scope"]) == (
        "desk",
        BAD,
        "not reachable",
        "/",
    )
    assert words(owner.get(address).text).count("exempt until") == 1
    assert words(owner.get(f"/images/{BAD}").text).count("exempt until") == 1
    assert "exempt until" not in words(owner.get(f"/images/{HELD}").text)
    exempt = [
        one
        for one in rows(owner, f"/images/{BAD}?format=csv&table=vulnerabilities")
        if one["Exempt"] == "yes"
    ]
    assert [(one["CVE"], bool(one["Exempt until"])) for one in exempt] == [(OTHER, True)]
    (name,) = re.findall(r'name="exemption" value="([^"]+)"', owner.get(address).text)
    assert send(owner, address, act="end", exemption=name).status_code == 303
    assert rows(owner, f"{address}?format=csv&table=exemptions") == []


def test_what_is_exempted_everywhere_stands_last(owner: TestClient) -> None:
    address, form = (
        f"/vulnerabilities/{CVE}",
        {"act": "exempt", "scope": "/", "category": "Mitigated", "reason": "not here"},
    )
    assert owner.post(address, data=form).status_code == 303
    assert [(one["CVE"], one["Exempt"]) for one in rows(owner, "/vulnerabilities?format=csv")] == [
        (OTHER, "no"),
        (CVE, "yes"),
    ]
    (name,) = re.findall(r'name="exemption" value="([^"]+)"', owner.get(address).text)
    assert send(owner, address, act="end", exemption=name).status_code == 303
    assert [one["Exempt"] for one in rows(owner, "/vulnerabilities?format=csv")] == ["no", "no"]


FORM = {
    "name": "test", "address": "test.contoso.example", "username": "ann", "password": SECRET, "workspace": "default",
    "set.repositories": "*", "set.quarantine": "q/* -> a/*", "set.polling_minutes": "5", "policy.max_severity": "High",
    "policy.vulnerabilities": "hold", "policy.fixable_only": "1",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"set.quarantine": "nowhere"}, "quarantine/* -> approved/*"),
        ({"set.polling_minutes": "often"}, "must be a whole number"),
        ({"address": "https://x/"}, "a host, with :port"),
        ({"name": "Ä"}, "Ä"),
        ({"policy.max_severity": "Awful"}, "maxSeverity"),
    ],
)
def test_a_registry_that_cannot_be_is_refused_with_why(
    owner: TestClient, change: dict[str, str], told: str
) -> None:
    answer = owner.post("/registries/new", data={**FORM, **change})
    assert answer.status_code == 400
    assert told in words(answer.text)
    assert SECRET not in answer.text


def test_a_registry_is_added_changed_paused_and_deleted(owner: TestClient, instance: Instance) -> None:
    made = owner.post("/registries/new", data=FORM)
    assert made.status_code == 303, words(made.text[made.text.index("<main") :])[:300]
    kept = instance.state.watched_registries.get("test")
    assert kept.settings["policy"]["maxSeverity"] == "High"
    assert kept.settings["policy"]["fixableOnly"] is True
    address = "/registries/test"
    assert SECRET not in owner.get(address).text
    changed = {**FORM, "act": "change", "password": "", "set.polling_minutes": "9", "policy.fixable_only": ""}
    assert send(owner, address, **changed).status_code == 303
    kept = instance.state.watched_registries.get("test")
    assert (kept.settings["pollingMinutes"], kept.settings["policy"]["fixableOnly"]) == (9, False)
    refused = send(owner, address, **{**changed, "address": "other.contoso.example"})
    assert "enter the password or token again" in refused.text
    assert send(owner, address, act="pause").status_code == 303
    assert not instance.state.watched_registries.get("test").enabled
    made = owner.post(address, data={"act": "secret"})
    assert "Authorization: Bearer" in made.text
    assert made.headers["cache-control"] == "no-store"
    assert send(owner, address, act="remove").status_code == 303
    assert instance.state.watched_registries.find("test") is None


def test_an_image_is_asked_for_and_answered_by_somebody_else(
    owner: TestClient, visitor: Callable[[str, str], TestClient]
) -> None:
    address = "/image-requests"
    asked = {"act": "ask", "image": "docker.io/library/nginx:1.29", "registry": "prod", "reason": "a proxy"}
    assert "deadline" in words(owner.post(address, data={**asked, "deadline": "soon"}).text)
    assert owner.post(address, data={**asked, "reason": ""}).status_code == 400
    assert owner.post(address, data={**asked, "deadline": "2999-12-31"}).status_code == 303
    (row,) = rows(owner, f"{address}?format=csv&mine=1")
    assert (row["Status"], row["Needed by"][:10]) == ("Open", "2999-12-31")
    beside = f"{address}?preview={row['Id']}"
    own = owner.get(beside).text
    assert "Withdraw" in own
    assert "Approve request" not in own
    assert send(owner, beside, act="approve", id=row["Id"], reason="mine").status_code == 400
    other = visitor("Owner", "/")
    assert rows(other, f"{address}?format=csv&mine=1") == []
    assert "Approve request" in other.get(beside).text
    assert "Approve request" not in visitor("Reader", "/").get(beside).text
    assert send(other, beside, act="approve", id=row["Id"], reason="fine").status_code == 303
    (row,) = rows(owner, f"{address}?format=csv")
    assert (row["Status"], row["Answer"]) == ("Approved", "fine")
    assert "1 answered" in words(owner.get(address).text)


def test_registries_say_how_they_are(owner: TestClient) -> None:
    (row,) = rows(owner, "/registries?format=csv")
    assert (row["Registry"], row["State"], row["Workspace"]) == ("prod", "on", "default")
    assert SECRET not in owner.get("/registries/prod").text


@pytest.mark.full
@pytest.mark.parametrize("address", ["/vulnerabilities", f"/vulnerabilities/{CVE}"])
def test_advisories_that_cannot_be_read_are_told_with_what_to_do(
    instance: Instance, owner: TestClient, address: str
) -> None:
    path = get_advisories_path(instance.data)
    kept = path.read_bytes()
    try:
        path.write_bytes(b"no database")
        answer = owner.get(address)
    finally:
        path.write_bytes(kept)
    assert answer.status_code == 400
    assert "advisories.sqlite cannot be read as an advisory database" in words(answer.text)


@pytest.mark.full
def test_an_image_whose_packages_are_not_stored_shows_its_last_scan(
    owner: TestClient, instance: Instance
) -> None:
    (bad,) = instance.state.registry_images.with_digests([BAD])
    digest = f"sha256:{'d' * 64}"
    with instance.state.transaction(product="test") as session:
        instance.state.registry_images.put(session, replace(bad, digest=digest, manifests=(digest,)))
    (row,) = rows(owner, f"/images?format=csv&q={digest}")
    assert (row["Critical"], row["High"], row["Packages not assessed"]) == ("1", "0", "1")
    page = owner.get(f"/images/{digest}").text
    assert "The numbers come from the last scan." in page
    assert "Not known: the packages are not stored." in page
    assert "Not scanned yet" not in page
    assert "No known vulnerabilities" not in page

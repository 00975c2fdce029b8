"""Of how many a figure is: pages, files, the own API and the formats of the command say the same of one estate."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from nephoscope.access.authenticator import Guard
from nephoscope.access.tokens import AccessTokenIssuer
from nephoscope.cli.outputs import load_renderer
from nephoscope.instance import Instance, build_hierarchy
from nephoscope.posture.published.publishing import publish_report
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope.resource_graph import open_lake_with_estate
from nephoscope.serve.web_application import build_application
from nephoscope.state import State
from nephoscope.state.access.principals import PrincipalKind, SecretKind
from nephoscope.web.site import COOKIE

SUBSCRIPTION = "/subscriptions/0a111111-1111-4111-8111-111111111111"
TYPE = "Microsoft.Storage/storageAccounts"
TITLE = "Storage accounts should require secure transfer"
FAILING, PASSING, UNREAD = 1, 3, 22


def account(number: int, properties: dict[str, object] | None) -> dict[str, object]:
    """A storage account; None = its properties were not read."""
    id_ = f"{SUBSCRIPTION}/resourceGroups/rg/providers/{TYPE}/account{number}"
    body: dict[str, object] = {"id": id_, "type": TYPE, "location": "westeurope"}
    return body if properties is None else {**body, "properties": properties}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """One account fails, three pass, of twenty-two nothing but their names was read."""
    secure = [False] * FAILING + [True] * PASSING
    several = [account(number, {"supportsHttpsTrafficOnly": one}) for number, one in enumerate(secure)]
    several += [account(100 + number, None) for number in range(UNREAD)]
    several.append({"id": SUBSCRIPTION, "properties": {"displayName": "Production"}})
    folder = tmp_path_factory.mktemp("estate")
    (folder / "all.json").write_text(json.dumps(several))
    scan = EstateScan(ScanRequest((str(folder),)), tmp_path_factory.mktemp("scan"))
    return Report(scan.run(scan.estate()), "estate", top=100)


@pytest.fixture(scope="module")
def client(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    data: Path = tmp_path_factory.mktemp("data")
    publish_report(data, report, {})
    snapshots = PublishedSnapshotCache(data)
    with State.open_folder(data) as state, open_lake_with_estate(data, state) as lake:
        guard = Guard(state, lambda: build_hierarchy(snapshots))
        instance = Instance(data, state, lake, snapshots, guard, AccessTokenIssuer(state, data / "keys", "t"))
        with state.transaction() as session:
            person = state.principals.add(session, PrincipalKind.PERSON, "ann")
            state.principals.grant(session, person.id, "Owner", "/", "test")
        token = guard.make_secret(person, SecretKind.TOKEN, "test")
        headers = {"Cookie": f"{COOKIE}={guard.open_session(person)}", "Authorization": f"Bearer {token}"}
        with TestClient(build_application(instance), base_url="https://127.0.0.1", headers=headers) as made:
            yield made


def rendered(report: Report, output: str) -> str:
    out = io.StringIO()
    load_renderer(output)(report, out)
    return out.getvalue()


def row_of(page: str) -> str:
    """The text of the table row, or of the part, that has the title."""
    found = next(one for one in re.split(r"<tr|<summary", page) if TITLE in one)
    return text_of(found.split(">", 1)[1].split("</tr>")[0].split("</summary>")[0])


def text_of(markup: str) -> str:
    """The text as it is read: a comma that an element begins with follows the word before it."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", markup)).split()).replace(" ,", ",")


def test_the_estate_is_as_described(report: Report) -> None:
    (ranked,) = [one for one in report.ranked_recommendations if one.recommendation.name == TITLE]
    counts = ranked.counts
    assert (counts.unhealthy, counts.assessed_count, counts.not_assessed) == (
        FAILING,
        FAILING + PASSING,
        UNREAD,
    )


@pytest.mark.parametrize("address", ["/", "/?scope={0}", "/recommendations", "/recommendations?scope={0}"])
def test_pages_say_of_how_many(client: TestClient, address: str) -> None:
    page = client.get(address.format(SUBSCRIPTION.rsplit("/", 1)[-1]))
    assert page.status_code == 200
    assert "1 of 4, 22 not assessed" in row_of(page.text)


def test_the_control_says_of_how_many(client: TestClient, report: Report) -> None:
    (control,) = [one for one in report.score.controls if one.control.name == "Encrypt data in transit"]
    page = text_of(
        client.get("/").text.partition("Score by control")[2].partition("Encrypt data in transit")[2]
    )
    figures = f"{control.unhealthy} of {control.healthy + control.unhealthy}, {control.unknown} not assessed"
    assert figures in page[:200]
    assert re.search(
        rf"Encrypt data in transit .*{control.healthy} +{control.unhealthy} +{control.unknown}\b",
        rendered(report, "table"),
    )


@pytest.mark.parametrize("address", ["/?format=csv&table=first", "/recommendations?format=csv"])
def test_files_say_of_how_many(client: TestClient, address: str) -> None:
    (row,) = [
        one for one in csv.DictReader(io.StringIO(client.get(address).text)) if one["Recommendation"] == TITLE
    ]
    assert (row["Unhealthy"], row["Assessed"], row["Not assessed"]) == ("1", "4", "22")


def test_what_was_not_assessed_stands_beside_what_was(client: TestClient) -> None:
    text = client.get("/recommendations?open=1&format=csv").text
    (row,) = [one for one in csv.DictReader(io.StringIO(text)) if one["Recommendation"] == TITLE]
    assert (row["Not assessed"], row["Assessed"]) == ("22", "4")
    assert re.search(r"\b22 4\b", row_of(client.get("/recommendations?open=1").text))


def test_the_own_api_says_of_how_many(client: TestClient) -> None:
    (row,) = [one for one in client.get("/admin/v1/recommendations").json()["value"] if one["name"] == TITLE]
    assert (row["unhealthy"], row["assessed"], row["notAssessed"]) == (1, 4, 22)


def test_formats_of_the_command_say_of_how_many(report: Report) -> None:
    lines = rendered(report, "table").splitlines()
    at = next(number for number, line in enumerate(lines) if TITLE[:40] in line)
    assert "1 of 4" in lines[at]
    assert "22 not assessed" in lines[at + 1]
    assert f"{TITLE} | 1 | 4 | 22 |" in rendered(report, "markdown")
    assert "1 of 4 failing, 22 not assessed" in row_of(rendered(report, "html"))

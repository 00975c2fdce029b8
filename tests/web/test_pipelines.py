"""Pages of pipelines: repositories, runs and work items of what roles reach; a resource names the line that made it."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace

import pytest
from tests.web.conftest import LATELY

from nephoscope.model.read_scope import Reach
from nephoscope.posture.code.finding import CodeFinding, Region
from nephoscope.posture.code.planned_resources import PlannedPlace
from nephoscope.posture.pipelines.results.tool_results import ReportedFinding, ToolResults
from nephoscope.posture.published.findings import FindingQuery
from nephoscope.service.local_user import LocalUser
from nephoscope.service.pipelines import NewPipelineRun, record_run
from nephoscope.service.service_context import ServiceContext
from nephoscope.web.page_data.source_links import build_line_link, sanitize_link
from nephoscope.web.pages.pipelines import count_failures_by_run

SHOP, OTHER = "/repositories/github.com/contoso/shop", "/repositories/github.com/contoso/other"


@pytest.fixture(scope="module")
def violated(instance):
    """A finding of the cloud whose template a run passed, and another of the same resource that the run found."""
    wanted = FindingQuery(states=frozenset({"NonCompliant"}), text="storageaccounts")
    found = instance.snapshots.load_newest().findings.page(Reach(everything=True), wanted, most=500)
    one = next(each for each in found if "/storageaccounts/" in each.resource.lower())
    reported = ReportedFinding(
        fingerprint="f2",
        title="A finding",
        finding=CodeFinding(
            rule="other",
            region=Region("infra/main.json", 31),
            message="m",
            severity=one.severity,
            subject=one.resource,
        ),
    )
    place = PlannedPlace(
        id=one.resource,
        type="Microsoft.Storage/storageAccounts",
        region=Region("infra/main.json", 30),
        passed=(one.recommendation,),
    )
    results = ToolResults(tool="nephoscope", category="cloud", findings=(reported,), resources=(place,))
    run = NewPipelineRun("github.com/contoso/shop", "main", "c0ffee", "2", results, started=LATELY)
    record_run(ServiceContext(LocalUser("kim"), instance.state, instance.data), run)
    return one


def test_the_cloud_names_the_line_that_made_it(owner, violated) -> None:
    page = owner.get(f"/resource{violated.resource.lower()}").text
    section = page[page.index('id="code"') : page.index('id="inside"')]
    assert "deployed by" in section
    assert "infra/main.json:30" in section
    assert "infra/main.json:31" in section
    assert "passed in the pipeline, unhealthy in Azure" in section
    recommendation = owner.get(
        f"/recommendations/{violated.recommendation}?q={violated.resource.rpartition('/')[2]}"
    ).text
    assert "infra/main.json:30" in recommendation
    listed = owner.get("/pipelines?format=csv&table=violations").text
    (row,) = [one for one in csv.DictReader(io.StringIO(listed)) if one["Resource"] == violated.resource]
    assert (row["File"], row["Line"], row["Certain"]) == ("infra/main.json", "30", "True")


def test_texts_of_tools_are_escaped_and_addresses_not_opened(owner, instance) -> None:
    run = next(one for one in instance.state.pipelines.runs() if one.run_id == "1")
    page = owner.get(f"/pipelines/runs/{run.id}").text
    assert "javascript:" not in page
    assert "Use &lt;HTTPS&gt;" in page
    assert "a&lt;b&gt;.json" in page
    facet = page[page.index("rule=") :]
    assert "Use &lt;HTTPS&gt;" in facet[: facet.index("</a>")]
    assert "Use &lt;HTTPS&gt;" in owner.get("/work-items").text


@pytest.mark.parametrize(
    ("role", "scope", "sees"),
    [
        ("Reader", "/", True),
        ("Security Reader", SHOP, True),
        ("Reader", OTHER, False),
        ("Reader", "/workspaces/default", None),
        ("Pipeline Publisher", SHOP, None),
    ],
)
def test_who_sees_what(visitor, instance, violated, role: str, scope: str, sees: bool | None) -> None:
    client = visitor((role, scope))
    run = instance.state.pipelines.runs()[0].id
    for address in ("/pipelines", "/work-items"):
        answer = client.get(address)
        assert answer.status_code == (403 if sees is None else 200), address
        assert ("github.com/Contoso/Shop" in answer.text) is bool(sees)
    wanted = 200 if sees else 403 if sees is None else 404
    assert client.get(f"/pipelines/runs/{run}").status_code == wanted
    assert client.get("/pipelines/repository/github.com/contoso/shop").status_code == wanted


def test_a_role_on_a_subscription_does_not_see_the_code(visitor, violated) -> None:
    client = visitor(("Reader", "/subscriptions/" + violated.resource.split("/")[2]))
    page = client.get(f"/resource{violated.resource.lower()}")
    assert page.status_code == 200
    assert 'id="code"' not in page.text


def test_work_items_are_filtered(owner, violated) -> None:
    def titles(query: str) -> set[str]:
        return {
            one["Finding"]
            for one in csv.DictReader(io.StringIO(owner.get(f"/work-items?format=csv&{query}").text))
        }

    assert titles("") == {"Use <HTTPS>", "A finding"}
    assert titles("q=https") == {"Use <HTTPS>"}
    assert titles("status=Fixed") == set()
    assert titles("repository=github.com/contoso/nowhere") == set()


def test_the_trend_adds_the_newest_of_each_series(instance, violated) -> None:
    run = instance.state.pipelines.runs()[0]
    told = [
        (1, "a", 3, True), (2, "b", 4, True), (3, "a", 9, False), (4, "a", 1, True),
    ]  # fmt: skip
    runs = [
        replace(run, started=LATELY.replace(minute=at), tool=tool, decides=decides, counts={"failed": failed})
        for at, tool, failed, decides in told
    ]
    assert count_failures_by_run(reversed(runs)) == [3, 7, 5]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://github.com/a/b.git", "https://github.com/a/b/blob/c0/x%20y.json#L3"),
        ("https://gitlab.com/a/b", "https://gitlab.com/a/b/-/blob/c0/x%20y.json#L3"),
        (
            "https://dev.azure.com/a/b/_git/c",
            "https://dev.azure.com/a/b/_git/c?path=%2Fx+y.json&version=GCc0&line=3",
        ),
        ("https://git.example/a", ""),
        ("javascript://github.com/%0aalert(1)", ""),
        ("", ""),
    ],
)
def test_addresses_of_lines(address: str, expected: str) -> None:
    assert build_line_link(address, "c0", "x y.json", 3) == expected
    assert re.fullmatch(r"(https?://.*)?", sanitize_link(address))


def test_the_set_up_of_repositories_is_listed(owner) -> None:
    section = owner.get("/pipelines?show=posture").text.partition('id="list"')[2]
    assert "brackwater/lake" in section
    assert "brackwater/booking" not in section
    rows = list(csv.DictReader(io.StringIO(owner.get("/pipelines?format=csv&table=posture").text)))
    assert {row["Repository"] for row in rows} == {"brackwater/lake"}
    assert any("AZURE_CREDENTIALS" in row["Why"] for row in rows)


def test_who_does_not_reach_the_connector_sees_no_set_up_of_repositories(visitor, sandbox) -> None:
    client = visitor(("Security Reader", f"/subscriptions/{sandbox}"))
    assert "show=posture" not in client.get("/pipelines").text
    assert "brackwater/lake" not in client.get("/pipelines?show=posture").text

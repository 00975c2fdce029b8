"""A reader of tenant A is answered the same with and without tenant B in the data folder: pages, downloads, the API, KQL, refusals.

Both tenants have a management group, a resource group and resources of the same names.
"""

from __future__ import annotations

import difflib
import io
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urldefrag, urlsplit

import msgspec
import pypdf
import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient
from tests.api.test_matrix import OPERATIONS, answer
from tests.posture.scans.test_tenants_apart import GROUP, NOW, Company, judged
from tests.web.inside import advisory, package

from nephoscope.access.authenticator import Guard
from nephoscope.access.tokens import AccessTokenIssuer
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.api.wire.operation import ApiOperation
from nephoscope.automation.assessment_mail import write_mail
from nephoscope.automation.publication_watch import PublicationWatch
from nephoscope.automation.rule_formats.security_automations import TYPE
from nephoscope.cli.main import cli
from nephoscope.collect.scanning.scan_contents import InventoryContents
from nephoscope.instance import Instance, build_hierarchy
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.writing.outbox import deliver_outbox
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.reports.resource_graph_tables import TABLES
from nephoscope.posture.scans.run_recording import Recorder
from nephoscope.posture.scans.scan import ScanRequest, save_request
from nephoscope.resource_graph import open_lake_with_estate
from nephoscope.serve.web_application import build_application
from nephoscope.service.advisories import get_advisories_path
from nephoscope.service.inventories import ImageScan, MachineScan, keep_inventory
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import State
from nephoscope.state.access.principals import PrincipalKind, SecretKind
from nephoscope.state.automation.automation_runs import RuleLanguage
from nephoscope.vulnerability.database.feed_import import import_feed
from nephoscope.web.site import COOKIE
from nephoscope_policy.model.source_location import Place

BASE = "https://127.0.0.1"
#: What differs from one answer of one server to the next; how long ago something was grows while pages are read.
_PASSING = re.compile(
    r'nonce-?[="\'\w+/-]+|name="(?:state|etag|token)" value="[^"]*"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d[\d:.]*(?:Z|\+00:00| UTC)?'
    r'|data-ago title="[^"]*">[^<]*|class="text-quiet">\d+\.\d\d s ·|"\$?skipToken":"[^"]*"|\$skip[tT]oken=[^"&]*'
    r"|[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-(?!0{12})[0-9a-f]{12}"
    r"|\b(?:just now|a minute ago|\d+ (?:minute|hour|day)s? ago)\b"
)
_LINK = re.compile(r'(?:href|src)="(/[^"]*)"')
#: Pages of what machines and images hold, with what is of B alone.
JOINED = """AzureActivity
| extend Key = tolower(_ResourceId)
| join kind=inner (arg("").Resources | extend Key = tolower(id) | project Key, tenantId) on Key
| project TimeGenerated, Caller, CallerIpAddress, tenantId, _ResourceId"""
INSIDE = [
    "/vulnerabilities", "/vulnerabilities?format=csv", "/vulnerabilities/CVE-2031-0", "/vulnerabilities/CVE-2031-2", "/images",
    "/images?format=csv", f"/images/sha256:{'b' * 64}", f"/images/sha256:{'a' * 64}", "/search?q=package-of", "/search?q=shop",
    "/search?q=CVE-2031-2", "/registries", "/image-requests",
]  # fmt: skip


class Side(NamedTuple):
    """A server, and what a reader of tenant A is asked with: as a person by a browser, as a program by the API."""

    person: TestClient
    program: dict[str, str]
    data: Path


def look_inside(state: State, data: Path, companies: list[Company]) -> None:
    """Keep a machine and an image of each company: one package that both have, one of its own, both with a vulnerability."""
    context = ServiceContext(LocalUser("kim"), state, data)
    digits = [one.subscription[15] for one in companies]
    path = get_advisories_path(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    names = ["same", "package-of-a", "package-of-b"]
    told = (advisory(f"CVE-2031-{number}", one, "High") for number, one in enumerate(names))
    records = [msgspec.structs.replace(one, summary="", aliases=()) for one in told]
    import_feed(path, "pypi", records, imported=NOW.isoformat())
    for company, digit in zip(companies, digits, strict=True):
        contents = InventoryContents("debian", "12", (package("same"), package(f"package-of-{digit}")))
        machine = f"{company.subscription}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/same"
        keep_inventory(context, MachineScan(contents, NOW, "same", machine, company.tenant))
        image = ImageScan(
            contents,
            NOW,
            f"shop/of-{digit}",
            f"sha256:{digit * 64}",
            "acr.example",
            ("v1",),
            tenant=company.tenant,
        )
        keep_inventory(context, image)


def write_logs(lake: Lake, state: State, companies: list[Company]) -> None:
    """Write an activity of each company, and a row of a table in which A has none."""
    several = {"AzureActivity": companies, "StorageBlobLogs": companies[1:]}
    tables = {
        name: to_arrow_rows(
            lake.tables[name],
            [
                {
                    "TimeGenerated": NOW,
                    "OperationName": f"op-{one}",
                    "_SubscriptionId": one,
                    "_ResourceId": f"{company.subscription}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/same".lower(),
                    "CallerIpAddress": f"203.0.113.{ord(company.secret[-1])}",
                    **caller(name, company),
                }
                for company in owners
                for one in [company.subscription.rsplit("/", 1)[-1]]
            ],
            workspace=state.workspaces.get(),
            now=NOW,
        ).table
        for name, owners in several.items()
        if owners
    }
    lake.writer().append("default", tables, producer="test", sequence=1)


def caller(table: str, company: Company) -> dict[str, str]:
    return {"Caller": f"{company.secret}@of-{company.secret[-1]}.example"} if table == "AzureActivity" else {}


def raise_alerts(lake: Lake, state: State) -> None:
    """Run a rule that finds rows of every company in one window."""
    rule = AnalyticRule.parse({
        "id": "both-stores", "name": "Activity at a vault", "kind": "Scheduled", "query": JOINED, "queryFrequency": "1h",
        "queryPeriod": "1h", "severity": "Medium", "customDetails": {"Who": "Caller"},
        "alertDetailsOverride": {"alertDescriptionFormat": "{{Caller}} did it"},
        "entityMappings": [
            {"entityType": "Account", "fieldMappings": [{"identifier": "FullName", "columnName": "Caller"}]},
            {"entityType": "IP", "fieldMappings": [{"identifier": "Address", "columnName": "CallerIpAddress"}]},
            {"entityType": "AzureResource", "fieldMappings": [{"identifier": "ResourceId", "columnName": "_ResourceId"}]},
        ],
    }, Place("both.yaml"))  # fmt: skip
    end = NOW + timedelta(minutes=30)
    ran = list(Schedule(lake, state, [rule], "default").run_all_rules_once(end, end))
    assert [(one.outcome.error, one.outcome.rows > 0) for one in ran] == [("", True)]


def deliver_rows(lake: Lake, state: State) -> None:
    """Bring what waits into the tables: the lake does it at a moment of its own, which is another for each side."""
    while deliver_outbox(lake, state) is None:
        time.sleep(0.01)
    lake.flush()


@contextmanager
def served(
    data: Path,
    companies: list[Company],
    folders: list[str],
    role: str = "Reader",
    scope: str = "/tenants/{tenant}",
) -> Iterator[Side]:
    a = companies[0]
    report = judged(folders, data)
    Recorder(data, "default").record(report)
    save_request(ScanRequest(tuple(folders)), data)
    snapshots = PublishedSnapshotCache(data)
    with State.open_folder(data) as state, open_lake_with_estate(data, state) as lake:
        write_logs(lake, state, companies)
        look_inside(state, data, companies)
        deliver_rows(lake, state)
        raise_alerts(lake, state)
        deliver_rows(lake, state)
        guard = Guard(state, lambda: build_hierarchy(snapshots))
        instance = Instance(
            data, state, lake, snapshots, guard, AccessTokenIssuer(state, data / "keys", a.tenant), a.tenant
        )
        with state.transaction() as session:
            person = state.principals.add(session, PrincipalKind.PERSON, "ann")
            program = state.principals.add(session, PrincipalKind.PROGRAM, "pipeline")
            for one in (person, program):
                place = scope.format(tenant=a.tenant, subscription=a.subscription)
                state.principals.grant(session, one.id, role, place, "test")
        cookie = f"{COOKIE}={guard.open_session(person)}"
        key = guard.make_secret(program, SecretKind.TOKEN, "test")
        app = build_application(instance, requests_a_minute=10_000_000)
        with TestClient(app, base_url=BASE, follow_redirects=False, raise_server_exceptions=False) as client:
            client.headers["Cookie"] = cookie
            yield Side(client, {"Authorization": f"Bearer {key}", "Cookie": ""}, data)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(True, marks=pytest.mark.full, id="both directories"),
        pytest.param(False, id="B without directory"),
    ],
)
def sides(
    request: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Company, Company, Side, Side]]:
    folder = tmp_path_factory.mktemp("isolation")
    a, b = (
        Company("a", guest_at_group=True, directory=True),
        Company("b", guest_at_group=False, directory=request.param),
    )
    one, two = a.write(folder / "one"), b.write(folder / "two")
    with served(folder / "alone", [a], [one]) as alone, served(folder / "both", [a, b], [one, two]) as both:
        yield a, b, alone, both


def settled(text: str) -> str:
    return re.sub(r"isolation\d*/(alone|both)", "", _PASSING.sub("", text))


def told(response: Any) -> tuple[int, str, str]:
    return response.status_code, settled(response.headers.get("location", "")), settled(response.text)


def differences(one: tuple[int, str, str], two: tuple[int, str, str]) -> list[str]:
    """The lines that only one of two answers has."""
    return [] if one == two else [*map(str, {*one[:2]} ^ {*two[:2]}), *ndiff(one[2], two[2])]


def pieces(text: str) -> list[str]:
    return re.sub(r'(,"|},)', r"\1\n", text).splitlines()


def ndiff(one: str, two: str) -> list[str]:
    lines = difflib.unified_diff(pieces(one), pieces(two), lineterm="", n=0)
    return [line[:3000] for line in lines][2:40]


def words(b: Company) -> list[str]:
    digit = b.subscription[15]
    return [
        b.tenant,
        b.subscription.rsplit("/", 1)[-1],
        b.secret,
        f"member-of-{digit}",
        f"policy-of-{digit}",
        f"rule-of-{digit}",
        f"Platform {digit}",
        f"sub {digit}",
        f"package-of-{digit}",
        f"shop/of-{digit}",
    ]


def pages(side: Side, first: list[str], most: int) -> dict[str, Any]:
    """What pages say that are found from some on, by their addresses."""
    found: dict[str, Any] = {}
    waiting = list(first)
    while waiting and len(found) < most:
        address = waiting.pop(0)
        if address in found or address.startswith("/static/"):
            continue
        response = side.person.get(address)
        found[address] = told(response)
        if "html" in response.headers.get("content-type", ""):
            waiting += [urldefrag(unescape(one))[0] for one in _LINK.findall(response.text)]
    return found


READERS = {
    "owner of the tenant": ("Owner", "/tenants/{tenant}"),
    "security of the tenant": ("Security Reader", "/tenants/{tenant}"),
    "subscription": ("Reader", "{subscription}"),
    "resource group": ("Reader", "{subscription}/resourcegroups/rg"),
}
#: Where a walk through all pages begins, and what is asked of both stores.
EVERYWHERE = [
    "/", "/search?q=same", "/search?q=platform", "/logs?query=Resources", "/logs?query=SecurityAlert", "/sources", "/settings",
    "/content", "/identity", "/machines", "/network", "/exposure", "/attack-paths", "/compliance", "/rules", "/incidents", "/alerts",
    "/automations", "/pipelines", "/work-items", "/suppressions", "/help",
]  # fmt: skip
ASKED = [
    *(f"{table} | order by id asc" for table in TABLES.values()), "Resources | summarize count()", "SecurityAlert | count",
    "AzureActivity | summarize count()", "union * | summarize count()", "search 'same' | count", "arg('').Resources | count",
    "nosuch", "Resources | where nosuch == 1", "workspace('nosuch').AzureActivity",
]  # fmt: skip
KUSTO = [".show tables", ".show databases", ".show schema as json", ".show functions", ".show tables details"]


@pytest.mark.full
@pytest.mark.parametrize("reader", READERS)
def test_other_readers_of_the_tenant(tmp_path_factory: pytest.TempPathFactory, reader: str) -> None:
    """Five pages of each kind, every operation that reads, queries by four surfaces: the same with and without the other."""
    folder = tmp_path_factory.mktemp("isolation")
    a, b = (Company(one, guest_at_group=one == "a", directory=True) for one in "ab")
    one, two = a.write(folder / "one"), b.write(folder / "two")
    role, scope = READERS[reader]
    with (
        served(folder / "alone", [a], [one], role, scope.lower()) as alone,
        served(folder / "both", [a, b], [one, two], role, scope.lower()) as both,
    ):
        assert walk(alone, both, [*EVERYWHERE, f"/search?q={b.secret}", *INSIDE]) >= 100
        subscription = a.subscription.rsplit("/", 1)[-1]
        for operation in (each for each in OPERATIONS if not each.changes):
            compare(
                operation.name,
                *(answer(side.person, operation, subscription, side.program) for side in (alone, both)),
            )
        for path, body in list_questions():
            compare(
                str(body),
                *(side.person.post(path, headers=side.program, json=body) for side in (alone, both)),
            )


def list_questions() -> Iterator[tuple[str, dict[str, str]]]:
    for query in ASKED:
        yield "/v1/workspaces/default/query", {"query": query}
        yield "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01", {"query": query}
        yield "/v1/rest/query", {"db": "default", "csl": query}
        yield "/v2/rest/query", {"db": "default", "csl": query}
    for command in KUSTO:
        yield "/v1/rest/mgmt", {"db": "default", "csl": command}


def compare(what: str, one: Any, two: Any) -> None:
    assert differences(told(two), told(one)) == [], what
    assert two.headers.get("Warning") == one.headers.get("Warning"), what


def walk(alone: Side, both: Side, first: list[str]) -> int:
    """Compare pages that are found from some on, at most five of each kind; how many."""
    waiting, seen, kinds = list(first), set[str](), Counter[str]()
    while waiting:
        address = waiting.pop(0)
        kind = "/".join(urlsplit(address).path.split("/")[:2])
        if address in seen or address.startswith("/static/") or kinds[kind] == 5:
            continue
        seen.add(address)
        kinds[kind] += 1
        page = both.person.get(address)
        compare(address, alone.person.get(address), page)
        if "html" in page.headers.get("content-type", ""):
            waiting += [urldefrag(unescape(each))[0] for each in _LINK.findall(page.text)]
    return len(seen)


@pytest.mark.parametrize("most", [45, pytest.param(80, marks=pytest.mark.full)])
def test_pages_and_downloads(sides: tuple[Company, Company, Side, Side], most: int) -> None:
    _, b, alone, both = sides
    first = [
        "/",
        "/search?q=same",
        f"/search?q={b.secret}",
        f"/search?q={b.tenant}",
        "/search?q=platform",
        *INSIDE,
    ]
    expected = pages(alone, first, most)
    found = pages(both, first, most)
    assert len(found) > 40
    assert list(found) == list(expected)
    for address, page in found.items():
        differing = differences(page, expected[address])
        assert not differing, f"{address}: {differing}"
        asked = urlsplit(address).query
        for word in words(b):
            assert word not in page[2] or word in asked, (address, word)


def list_links(side: Side, page: str) -> list[str]:
    """Return where a page links to, without pieces of pages."""
    return [urldefrag(unescape(one))[0] for one in _LINK.findall(side.person.get(page).text)]


def read_report(response: Any) -> tuple[int, str, dict[str, str]]:
    """Return what a PDF says: its status, its text, and the files that are attached to it."""
    reader = pypdf.PdfReader(io.BytesIO(response.content))
    annexes = {name: settled(b"".join(files).decode()) for name, files in reader.attachments.items()}
    return response.status_code, settled("\n".join(page.extract_text() for page in reader.pages)), annexes


@pytest.mark.full
def test_the_files_of_lists_and_standards(sides: tuple[Company, Company, Side, Side]) -> None:
    """Every CSV of the pages that a walk begins with, and the evidence and the report of every standard."""
    _, b, alone, both = sides
    first = [*EVERYWHERE, *INSIDE, "/recommendations", "/inventory"]
    files = sorted({link for page in first for link in list_links(both, page) if "format=csv" in link})
    standards = sorted(
        {urlsplit(link).path for link in list_links(both, "/compliance") if link.startswith("/compliance/")}
    )
    assert len(files) > 10
    assert standards
    for address in [*files, *(f"{one}?format=csv" for one in standards)]:
        compare(address, alone.person.get(address), both.person.get(address))
    for address in (f"{one}?format=pdf" for one in standards):
        expected, report = (read_report(side.person.get(address)) for side in (alone, both))
        assert report == expected, address
        assert report[2], address
        for word in words(b):
            assert word not in str(report), (address, word)


@pytest.mark.parametrize("what", ["tenant", "subscription", "resource"])
def test_pages_about_the_other_tenant(sides: tuple[Company, Company, Side, Side], what: str) -> None:
    _, b, alone, both = sides
    id_ = {
        "tenant": f"/tenants/{b.tenant}",
        "subscription": b.subscription,
        "resource": f"{b.subscription}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/same",
    }[what]
    for address in (
        f"/resource?id={id_}",
        f"/?scope={id_}",
        f"/recommendations?scope={id_}",
        f"/inventory?scope={id_}",
        f"/search?q={id_}",
    ):
        assert told(both.person.get(address)) == told(alone.person.get(address)), address


@pytest.mark.sampled(10)
@pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if not one.changes], ids=lambda one: one.name
)
@pytest.mark.parametrize("whose", ["own", "the other's", "nobody's"])
def test_every_operation_of_the_api_that_reads(
    sides: tuple[Company, Company, Side, Side], operation: ApiOperation, whose: str
) -> None:
    a, b, alone, both = sides
    subscription = {
        "own": a.subscription,
        "the other's": b.subscription,
        "nobody's": "/subscriptions/0badcafe-0000-4000-8000-000000000000",
    }[whose].rsplit("/", 1)[-1]
    one, two = (told(answer(side.person, operation, subscription, side.program)) for side in (alone, both))
    assert differences(two, one) == []
    if whose != "the other's":
        assert [word for word in words(b) if word in two[2]] == []


@pytest.mark.parametrize(
    "table",
    ["Resources", "ResourceContainers", "SecurityResources", "AuthorizationResources", "PolicyResources"],
)
def test_the_rows_that_are_taken_without_an_order_are_the_same(
    sides: tuple[Company, Company, Side, Side], table: str
) -> None:
    _, _, alone, both = sides
    path = "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01"
    for limit in (1, 3, 20):
        body = {"query": f"{table} | take {limit} | project id"}
        one, two = (told(side.person.post(path, headers=side.program, json=body)) for side in (alone, both))
        assert differences(two, one) == []


@pytest.mark.sampled(4, each="path")
@pytest.mark.parametrize("table", TABLES.values())
@pytest.mark.parametrize(
    "path",
    [
        "/v1/workspaces/default/query",
        "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01",
    ],
    ids=["of the lake", "of Resource Graph"],
)
def test_kql_over_both_stores(sides: tuple[Company, Company, Side, Side], path: str, table: str) -> None:
    _, b, alone, both = sides
    body = {"query": f"{table} | order by id asc"}
    one, two = (told(side.person.post(path, headers=side.program, json=body)) for side in (alone, both))
    assert differences(two, one) == []
    assert [word for word in words(b) if word in two[2]] == []


@pytest.mark.parametrize(
    "query",
    [
        "SecurityAlert | project-away TimeGenerated, ProcessingEndTime",
        "SecurityAlert | summarize count() by DisplayName",
    ],
)
def test_alerts_of_a_rule_that_finds_rows_of_both(
    sides: tuple[Company, Company, Side, Side], query: str
) -> None:
    a, b, alone, both = sides
    path = "/v1/workspaces/default/query"
    one, two = (
        told(side.person.post(path, headers=side.program, json={"query": query})) for side in (alone, both)
    )
    assert differences(two, one) == []
    assert "Activity at a vault" in two[2]
    listed = f"{a.subscription}/providers/Microsoft.Security/alerts?api-version=2022-01-01"
    one, two = (told(side.person.get(listed, headers=side.program)) for side in (alone, both))
    assert differences(two, one) == []
    assert a.secret in two[2]
    shown = [
        re.findall(r'"(/alerts/[^"?]*)', side.person.get("/alerts?span=90d").text) for side in (alone, both)
    ]
    (address,) = set(shown[1])
    assert shown[0] == shown[1]
    one, two = (told(side.person.get(address)) for side in (alone, both))
    assert differences(two, one) == []
    assert [word for word in words(b) if word in two[2]] == []


@pytest.mark.parametrize(
    "query",
    [
        "union Storage* | getschema",
        "union * | getschema",
        "search 'op' | getschema",
        "find in (*) where OperationName has 'op'",
    ],
)
def test_wildcards_do_not_tell_which_tables_others_fill(
    sides: tuple[Company, Company, Side, Side], query: str
) -> None:
    _, b, alone, both = sides
    path = "/v1/workspaces/default/query"
    one, two = (
        told(side.person.post(path, headers=side.program, json={"query": query})) for side in (alone, both)
    )
    assert differences(two, one) == []
    assert [word for word in words(b) if word in two[2]] == []


def test_the_management_group_of_both(sides: tuple[Company, Company, Side, Side]) -> None:
    _, _, alone, both = sides
    below = ("Microsoft.Authorization/policyAssignments/own", "Microsoft.Authorization/policyAssignments",
             "Microsoft.Security/assessments", "Microsoft.Authorization/roleAssignments")  # fmt: skip
    for path in (GROUP, *(f"{GROUP}/providers/{one}" for one in below)):
        address = f"{path}?api-version=2020-01-01"
        one, two = (told(side.person.get(address, headers=side.program)) for side in (alone, both))
        assert one == two
        assert one[0] == 200, (path, one)
    one, two = (told(side.person.get(f"/recommendations?scope={GROUP}")) for side in (alone, both))
    assert differences(two, one) == []


@pytest.mark.parametrize("role", ["Reader", "Security Reader"])
def test_a_role_at_the_group_of_both(sides: tuple[Company, Company, Side, Side], role: str) -> None:
    """A role that was given while one tenant was loaded, and one that names the tenant."""
    a, b, alone, both = sides
    found = []
    for side in (alone, both):
        with State.open_folder(side.data) as state:
            hierarchy = build_hierarchy(PublishedSnapshotCache(side.data))
            with state.transaction() as session:
                name = f"{role} of {side.data.name}"
                who = state.principals.add(session, PrincipalKind.PROGRAM, name)
                state.principals.grant(session, who.id, role, f"/tenants/{a.tenant}{GROUP}".lower(), "test")
            key = Guard(state, lambda one=hierarchy: one).make_secret(who, SecretKind.TOKEN, "test")
        headers = {"Authorization": f"Bearer {key}", "Cookie": ""}
        paths = (
            f"{GROUP}/providers/Microsoft.Security/assessments",
            f"{a.subscription}/providers/Microsoft.Security/assessments",
        )
        found.append(
            [told(side.person.get(f"{one}?api-version=2020-01-01", headers=headers)) for one in paths]
        )
    assert found[0] == found[1]
    assert [one[0] for one in found[1]] == [200, 200]
    assert [word for word in words(b) for one in found[1] if word in one[2]] == []


def test_a_role_is_given_at_the_group_of_one_tenant(sides: tuple[Company, Company, Side, Side]) -> None:
    a, b, alone, both = sides
    known, refused, named = (
        CliRunner().invoke(cli, ["--data", str(side.data), "access", "add", name, "--scope", scope])
        for side, name, scope in (
            (alone, "of-one", GROUP),
            (both, "of-either", GROUP),
            (both, "of-a", f"/tenants/{a.tenant}{GROUP}"),
        )
    )
    kept = f"/tenants/{a.tenant}{GROUP}".lower()
    assert (known.exit_code, named.exit_code, refused.exit_code) == (0, 0, 2)
    assert kept in known.stdout
    assert kept in named.stdout
    assert all(f"/tenants/{one.tenant}/providers/" in refused.stderr for one in (a, b))


def mails(side: Side, a: Company) -> list[tuple[str, str]]:
    """The mails that an automation sends whose author reads tenant A: everything that there is, as at the first look of a week."""
    with State.open_folder(side.data) as state:
        who = next(one for one in state.principals.all() if one.name == "pipeline")
        events = ("AssessmentsSnapshot", "SecureScoresSnapshot", "RegulatoryComplianceAssessmentSnapshot")
        properties = {
            "isEnabled": True, "scopes": [], "actions": [{"actionType": "Mail", "to": ["soc@contoso.com"]}],
            "sources": [{"eventSource": one} for one in events], "metadata": {"lastUpdatedBy": who.id},
        }  # fmt: skip
        id_ = f"{a.subscription}/resourceGroups/rg/providers/{TYPE}/told"
        body = {"id": id_, "name": "told", "type": TYPE, "properties": properties}
        with state.transaction() as session:
            state.arm_documents.put(session, id_.lower(), TYPE.lower(), body, "test")
        PublicationWatch(side.data, state, PublishedSnapshotCache(side.data)).plan_runs()
        found = [
            write_mail(one, BASE)
            for one in state.automation_runs.list_runs_in_language(RuleLanguage.AUTOMATION)
        ]
    return sorted((settled(one[0]), settled(one[1])) for one in found if one is not None)


def test_mails(sides: tuple[Company, Company, Side, Side]) -> None:
    a, b, alone, both = sides
    one, two = mails(alone, a), mails(both, a)
    assert one
    assert one == two
    assert [word for word in words(b) for subject, text in two if word in subject + text] == []

"""Ten jobs of a day, with a mouse, by the keyboard alone and without JavaScript: done, and with no more effort than the guide says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pypdf
import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import furnish, keep_cookies, served, settle
from tests.browser.journeys.journey import Effort, Journey, Way
from tests.web.conftest import ALERT, alert

from nephoscope.access.authenticator import Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.estate.estate import Estate
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.run_recording import Recorder
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope.state import State
from nephoscope.state.incidents.incidents import Incident

pytestmark = pytest.mark.system

GUIDE = Path(__file__).parents[3] / "docs" / "contributing" / "journeys.md"
QUERY = "range TimeGenerated from ago(7d) to now() step 1d | extend Who = 'ada' | summarize n = count() by Who, bin(TimeGenerated, 1d)"
CHART = f"{QUERY} | render timechart"


def triage(going: Journey, way: str) -> None:
    """Take the incident of the morning, read its first alert, and close it with its alerts."""
    page = going.page
    going.press(page.get_by_role("link", name=f"Keys were read {way}"), leads_to="**/incidents/*")
    going.press(page.get_by_role("button", name="Assign to me"))
    expect(page.locator("select[name=owner]")).to_have_value("ada")
    going.choose(page.locator("select[name=classification]"), "TruePositive: SuspiciousActivity")
    going.press(page.get_by_role("button", name="Close incident"))
    expect(page.get_by_text("Closed").first).to_be_visible()
    expect(page.get_by_role("button", name="Change classification")).to_be_visible()


def explain_score(going: Journey, way: str) -> None:
    """Find the findings that moved the score."""
    del way
    page = going.page
    going.press(page.locator(".stat-strip a[href^='/changes']").first, leads_to="**/changes**")
    going.press(
        page.locator(".data-list a[href*='/recommendations/']").first, leads_to="**/recommendations/*"
    )
    expect(page.get_by_role("heading", name="Remediation")).to_be_visible()


def exempt(going: Journey, way: str) -> None:
    """Exempt a resource of the first recommendation for 30 days."""
    page = going.page
    going.press(
        page.get_by_role("navigation").get_by_role("link", name="Recommendations"),
        leads_to="**/recommendations",
    )
    going.press(
        page.locator(".data-list__cell--title a").nth(list(Way).index(Way(way))),
        leads_to="**/recommendations/*",
    )
    going.tick(page.locator("td input[name=selected]").first)
    if way == Way.NO_SCRIPT.value:
        going.press(page.get_by_role("button", name="Choose an action for the selected rows"))
    form = page.locator(".bulk-bar form")
    going.type(form.get_by_label("Reason"), f"Replaced in January {way}")
    going.type(form.get_by_label("Days from now"), "30")
    going.press(form.get_by_role("button", name="Exempt selected"))
    expect(page.get_by_text("1 exemption kept")).to_be_visible()
    expect(page.get_by_text(f"Replaced in January {way}").first).to_be_visible()


def look_up_address(going: Journey, way: str) -> None:
    """Open everything about an IP address."""
    del way
    page = going.page
    going.type(page.get_by_role("searchbox").first, "192.0.2.7", enter=True, leads_to="**/search?**")
    going.press(
        page.get_by_role("link", name="Everything about 192.0.2.7"), leads_to="**/entities/address/**"
    )
    expect(page.get_by_role("heading", name="Logs")).to_be_visible()


def save_chart(going: Journey, way: str) -> None:
    """Draw a time chart and save its query."""
    page = going.page
    going.press(page.get_by_role("navigation").get_by_role("link", name="Logs"), leads_to="**/logs")
    _write_query(going, CHART)
    going.press(page.get_by_role("button", name="Run"), leads_to="**query=**")
    going.press(page.get_by_text("Save this query"))
    going.type(page.get_by_label("Name"), f"Sign-ins by day {way}")
    going.press(page.get_by_role("button", name="Save"))
    expect(page.get_by_text("Saved queries (").first).not_to_have_text("Saved queries (0)")


def make_rule(going: Journey, way: str) -> None:
    """Make an alert rule of a query, with an entity."""
    page = going.page
    going.press(page.get_by_role("navigation").get_by_role("link", name="Logs"), leads_to="**/logs")
    _write_query(going, QUERY)
    going.press(page.get_by_role("button", name="Run"), leads_to="**query=**")
    going.press(page.get_by_role("link", name="Create a rule"), leads_to="**/own-rules/act/create**")
    going.type(page.locator("input[name=name]"), f"Sign-ins of ada {way}")
    going.type(page.locator("textarea[name=entities]"), "Account.Name=Who")
    going.press(page.get_by_role("button", name="Create a rule"), leads_to="**/settings/own-rules?**")
    expect(page.get_by_role("link", name=f"Sign-ins of ada {way}", exact=True)).to_be_visible()


def list_exposed(going: Journey, way: str) -> None:
    """List the machines that are reached from the Internet."""
    del way
    page = going.page
    going.press(page.locator(".stat-strip a[href*='/exposure?']").first, leads_to="**/exposure?**")
    expect(page.locator(".data-list__cell--title a").first).to_be_visible()


def print_compliance(going: Journey, way: str) -> None:
    """Take the compliance report as PDF."""
    del way
    page = going.page
    going.press(
        page.get_by_role("navigation").get_by_role("link", name="Compliance"), leads_to="**/compliance"
    )
    going.press(page.locator(".data-list__cell--title a").first, leads_to="**/compliance/*")
    going.press(page.get_by_role("link", name="Report as PDF"))
    link = page.get_by_role("link", name="Download the PDF")
    for _ in range(60):  # without a script a person reloads the page while it is made
        if link.is_visible():
            break
        page.wait_for_timeout(500)
        if going.way is Way.NO_SCRIPT:
            page.reload()
    with page.expect_download() as taken:
        going.press(link)
    assert 0 < len(pypdf.PdfReader(taken.value.path()).pages) <= 4


def add_source(going: Journey, way: str) -> None:
    """Set up a source of syslog, to the point where it says what the sender needs."""
    page = going.page
    going.press(page.get_by_role("navigation").get_by_role("link", name="Sources"), leads_to="**/sources")
    going.press(page.get_by_role("link", name="Add a log source"), leads_to="**/sources/logs/new")
    going.press(page.get_by_role("link", name="Syslog", exact=True), leads_to="**kind=syslog**")
    going.type(page.locator("input[name=name]"), f"lab-{way}")
    going.type(page.locator("[name='set.udp']"), "127.0.0.1:0")
    going.press(page.get_by_role("button", name="Add"), leads_to="**/sources/logs/lab-**")
    expect(page.get_by_role("heading", name="Sender")).to_be_visible()
    expect(page.get_by_text("Waiting for the first row")).to_be_visible()


def grant_read(going: Journey, way: str) -> None:
    """Give a colleague the right to read, with a link to sign in."""
    page = going.page
    going.press(page.get_by_role("navigation").get_by_role("link", name="Settings"), leads_to="**/settings")
    going.press(page.get_by_role("link", name="Users and programs").first, leads_to="**/settings/people")
    going.press(page.get_by_role("link", name="Add a user or program"), leads_to="**/act/add_principal")
    going.type(page.locator("input[name=name]"), f"kim {way}")
    going.choose(page.locator("select[name=role]"), "Reader")
    going.press(
        page.get_by_role("button", name="Add a user or program"), leads_to="**/settings/people/item/**"
    )
    going.press(page.get_by_role("button", name=re.compile("sign-in link", re.IGNORECASE)))
    expect(page.get_by_text("/link/")).to_be_visible()


def _write_query(going: Journey, query: str) -> None:
    """Write into the editor, or into the field that stands in its place without JavaScript."""
    editor = going.page.locator(".cm-content")
    if going.way is Way.NO_SCRIPT:
        going.type(going.page.locator("#query"), query)
    else:
        editor.wait_for()
        going.type(editor, query)
        going.page.keyboard.press("Escape")  # completion, if it opened


JOBS: dict[str, Callable[[Journey, str], None]] = {
    "Triage and close an incident": triage,
    "Find why the score moved": explain_score,
    "Exempt a resource for 30 days": exempt,
    "Open everything about an IP address": look_up_address,
    "Save a time chart": save_chart,
    "Create an alert rule from a query": make_rule,
    "List machines exposed to the Internet": list_exposed,
    "Download compliance as PDF": print_compliance,
    "Add a syslog source": add_source,
    "Give a colleague read access": grant_read,
}
CASES = [(job, way) for job in JOBS for way in Way]


def kept_efforts() -> Iterator[tuple[str, Effort]]:
    """Yield the efforts that the table of the guide has."""
    for line in GUIDE.read_text(encoding="utf-8").splitlines():
        cells = [one.strip() for one in line.strip("|").split("|")]
        if cells[0] in JOBS:
            yield cells[0], Effort(*(int(one) for one in cells[1:4]))


@pytest.fixture(scope="module")
def working(chromium, tmp_path_factory):
    """A server over an estate whose score moved, with an incident a way; and the cookies of who may do everything."""
    data = tmp_path_factory.mktemp("jobs")
    scan = EstateScan(ScanRequest(("sample:",)), data)
    whole = scan.estate()
    part = Estate.of(
        [*whole.resources.values()][: -len(whole.resources) // 4], whole.coverage, tenant=whole.tenant
    )
    Recorder(data, scan.request.series).record(Report(scan.run(part), "sample:"))
    furnish(data)
    settle(data)  # the whole of it is assessed: the score moved
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    with State.open_folder(data) as state:
        with state.transaction() as session:
            for number, way in enumerate(Way, 1):
                made = Incident("default", f"Keys were read {way}", "", "High", now, now, now, now)
                kept = state.incidents.put(session, made)
                state.alerts.put(session, alert(f"{ALERT[:-1]}{number}", kept.number))
        link = Guard(state, lambda: Hierarchy({})).create_first_link("ada")
    with served(data) as base:
        yield base, keep_cookies(chromium, base, link, data / "cookies.json")


@pytest.mark.full
@pytest.mark.parametrize(("job", "way"), CASES, ids=[f"{way}-{JOBS[job].__name__}" for job, way in CASES])
def test_a_job_is_done_with_the_effort_that_the_guide_says(opened, working, job, way):
    base, cookies = working
    page: Page = opened(storage_state=cookies, java_script_enabled=way is not Way.NO_SCRIPT).new_page()
    going = Journey(page, way)
    going.start(f"{base}/")
    JOBS[job](going, way.value)
    most = dict(kept_efforts())[job]
    print(f"{job}, {way}: {going.effort}, {going.tabs} presses of Tab")
    assert way is Way.NO_SCRIPT or going.effort <= most, f"{job} needs {going.effort}, the guide says {most}"


def test_the_guide_counts_every_job_for_less_than_the_peer():
    """The table has a row a job, whose clicks are no more than those of the documented steps beside it."""
    rows = [
        [one.strip() for one in line.strip("|").split("|")]
        for line in GUIDE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ")
    ]
    peers = {cells[0]: int(cells[5]) for cells in rows if cells[0] in JOBS}
    assert peers.keys() == JOBS.keys()
    assert all(effort.clicks < peers[job] for job, effort in kept_efforts())

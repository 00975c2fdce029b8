"""Debian's Chromium without its windows, and a served sample company with an incident, behind TLS at the loopback address."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright
from tests.serve.starting import note_rules_as_run, serving
from tests.web.conftest import ALERT, alert, set_up

from nephoscope.access.authenticator import Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.run_recording import Recorder
from nephoscope.posture.scans.scan import EstateScan, ScanRequest, save_request
from nephoscope.posture.scans.tenants import build_scan_request
from nephoscope.serve.assessment_worker import FACTS_REST, assess_request, find_due_request
from nephoscope.serve.server_settings import ServeSettings
from nephoscope.service.advisory_updates import refresh_findings
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import State
from nephoscope.state.access.principals import PrincipalKind, SecretKind
from nephoscope.state.incidents.incidents import Incident

#: Commands of Chromium; the shell, the same engine without windows, computes a quarter of what a whole browser does for a page.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser")
#: Milliseconds before a page that does not come fails a test: the machine may be busy with other things.
PATIENCE = 180_000
#: What is expected of a page waits as long as a page may take, not the five seconds of an idle machine.
expect.set_options(timeout=60_000)
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser; its sandbox needs rights that containers do not give."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert path, "no Chromium: make setup-dev installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def served(data: Path, **environment: str) -> Iterator[str]:
    """A server over a data folder, at the address that it told."""
    note_rules_as_run(data)
    with serving(data, environment=environment) as found:
        yield found.address


def fill(data: Path) -> None:
    """Assess the sample company in a data folder, with an incident and its alert."""
    request = ScanRequest(("sample:",))
    scan = EstateScan(request, data)
    Recorder(data, request.series).record(Report(scan.run(scan.estate()), "sample:"))
    furnish(data)


def furnish(data: Path) -> None:
    """Let a data folder have the sample company as what is assessed, an incident and its alert, and all that pages show besides."""
    save_request(ScanRequest(("sample:",)), data)
    with State.open_folder(data) as state, state.transaction() as session:
        story = "Multi-stage incident from Initial access to Exfiltration"
        kept = state.incidents.put(
            session, Incident("default", story, "Keys were read", "High", NOON, NOON, NOON, NOON)
        )
        state.alerts.put(session, alert(ALERT, kept.number))
    with State.open_folder(data) as state:
        set_up(state, data)


def settle(data: Path) -> None:
    """Assess all that is due, so that the server does not do so while pages are looked at: its tenant is paused."""
    with State.open_folder(data) as state:
        with state.as_product("the set-up of a test"):
            state.tenants.change(replace(state.tenants.get("fabrikam"), enabled=False))
        request = build_scan_request(state, data)
        assert request is not None
        save_request(request, data)
        # a server publishes the findings that wait when it starts, and judges them a minute later
        refresh_findings(ServiceContext(LocalUser.current(), state, data))
        assess_request(ServeSettings(data), request, state)
        assert find_due_request(ServeSettings(data), state, datetime.now(UTC) + FACTS_REST) is None


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the sample company, of which nothing is due, to be copied: no server of a copy assesses it anew."""
    data = tmp_path_factory.mktemp("filled") / "data"
    fill(data)
    settle(data)
    return data


@pytest.fixture(scope="session")
def address(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Where the server answers, and its data folder."""
    data = tmp_path_factory.mktemp("browser")
    shutil.copytree(filled, data, dirs_exist_ok=True)
    with served(data) as found:
        yield found, data


def keep_cookies(chromium: Browser, base: str, link: str, file: Path) -> Path:
    """Sign in by a link and keep the cookies in a file, for windows of a test."""
    context = chromium.new_context(ignore_https_errors=True)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"{base}/link/{link}")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview").wait_for()
    context.storage_state(path=file)
    context.close()
    return file


@pytest.fixture(scope="session")
def signed_in(chromium: Browser, address: tuple[str, Path]) -> Path:
    """The cookies of a person who signed in by a link, in a file."""
    base, data = address
    with State.open_folder(data) as state:
        guard = Guard(state, lambda: Hierarchy({}))
        link = guard.create_first_link("ada")
        with state.transaction() as session:
            program = state.principals.add(session, PrincipalKind.PROGRAM, "pipeline")
        guard.make_secret(program, SecretKind.TOKEN, "test")
    return keep_cookies(chromium, base, link, data / "cookies.json")


@pytest.fixture
def opened(chromium: Browser, signed_in: Path) -> Iterator[object]:
    """Opens a context: a window of a width and a colour scheme, signed in."""
    contexts: list[BrowserContext] = []

    def made(width: int = 1440, scheme: str = "light", **more: object) -> BrowserContext:
        context = chromium.new_context(
            ignore_https_errors=True,
            storage_state=more.pop("storage_state", signed_in),
            color_scheme=scheme,
            viewport={"width": width, "height": 900},
            **more,
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        return context

    yield made
    for context in contexts:
        context.close()

"""The sample company, assessed, with an incident and an alert; clients that are signed in with roles."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.protect.capture.captures import pcap
from tests.protect.capture.captures import session as session_of_packets
from tests.published_sample import copy_published
from tests.web.inside import look_inside

from nephoscope.access.authenticator import Guard
from nephoscope.access.tokens import AccessTokenIssuer
from nephoscope.alerts.library.content_packs import RefusedPiece, RulePack, RulePacks, StoredPiece
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.alerts.tuning.trial import RuleTrial, RuleTrials, TrialKind
from nephoscope.ingest.live import source_setup
from nephoscope.instance import Instance, build_hierarchy
from nephoscope.posture.code.finding import CodeFinding, Region
from nephoscope.posture.pipelines.results.tool_results import ReportedFinding, ToolResults
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.protect.capture.capture_request import CaptureRequest
from nephoscope.resource_graph import open_lake_with_estate
from nephoscope.serve.web_application import build_application
from nephoscope.service.local_user import LocalUser
from nephoscope.service.pipelines import NewPipelineRun, record_run
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import State
from nephoscope.state.access.principals import PrincipalKind
from nephoscope.state.estate.tenants import Tenant, TenantConnection
from nephoscope.state.hosts.response_orders import OrderStatus, ResponseKind, ResponseOrder
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope.state.incidents.incidents import Incident
from nephoscope.state.ingestion.sources import Source
from nephoscope.web.site import COOKIE
from nephoscope_policy.model.state import Severity

BASE = "https://127.0.0.1"
#: A noon within the days that past events are looked through, and before those that pages show at first.
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=20)
HERE = {"Sec-Fetch-Site": "same-origin"}
LATELY = datetime.now(UTC) - timedelta(hours=1)
QUERY = "print TimeGenerated=now(), Who='ada@bwf.example', What='<key>'"
LONG = "/subscriptions/eb155ef4-1d65-5ec9-86a4-a36e8760c440/resourcegroups/rg-data-lake/providers/microsoft.keyvault/vaults/kv-data"
STEPS = [f"Rotate the secrets of {LONG}.", "See what <it> did from there."]
TRIAL = "0e000000-0000-0000-0000-000000000001"
ALERT = "0a000000-0000-0000-0000-000000000001"
CAPTURE = "0d000000-0000-0000-0000-000000000001"
CAPTURED = "/subscriptions/eb155ef4-1d65-5ec9-86a4-a36e8760c440/resourcegroups/rg/providers/microsoft.hybridcompute/machines/edge01"


def alert(
    id_: str, incident: int | None, name: str = "Keys <were> read", severity: str = "High"
) -> StoredAlert:
    """An alert as a rule raises it, whose query gives a row."""
    entities = [
        {"$id": "1", "Type": "account", "Name": "ada", "UPNSuffix": "bwf.example"},
        {"$id": "2", "Type": "ip", "Address": "192.0.2.7"},
    ]
    row = {
        "AlertName": name, "AlertSeverity": severity, "AlertType": "rule", "Description": f"Somebody read keys: {LONG.upper()}{LONG}.",
        "Tactics": "CredentialAccess",
        "Techniques": '["T1552"]', "Status": "New", "SystemAlertId": id_, "Entities": json.dumps(entities),
        "RemediationSteps": json.dumps(STEPS),
        "TimeGenerated": LATELY.isoformat(), "StartTime": LATELY.isoformat(), "EndTime": LATELY.isoformat(),
        "ExtendedProperties": json.dumps({
            "Query": QUERY, "Query Period": "1h", "Custom Details": "{}", "Total Events": "1",
            "Analytic Rule Ids": "3cfc1da1-ef44-59d6-ac9a-127e07523ad0", "Analytic Rule Name": LONG,
            "What the network was compared with, by address and by name": 1,
        }),
    }  # fmt: skip
    return StoredAlert(
        id_,
        "default",
        "a-rule",
        "New",
        severity,
        LATELY,
        LATELY,
        LATELY,
        LATELY,
        incident,
        row,
        "",
        "somebody",
    )


def pack(data: Path) -> None:
    """An imported pack with a rule that runs, one that waits, one that cannot be run, and something that was no rule."""
    common = {"severity": "High", "tactics": ["Persistence"], "relevantTechniques": ["T1098"]}

    def piece(id_: str, name: str, standing: str, **more: Any) -> StoredPiece:
        document = {**common, "id": id_, "name": name, "query": "SigninLogs | take 1"}
        return StoredPiece(
            "rule", id_, name, "1.0", f"{name}.yaml", "", id_, document, standing=standing, **more
        )

    pieces = (
        piece("11110000-0000-0000-0000-000000000001", "It runs", "runs"),
        piece("11110000-0000-0000-0000-000000000002", "It waits", "needs table", needs=("Nowhere_CL",)),
        piece(
            "11110000-0000-0000-0000-000000000003", "It cannot", "unsupported", reasons=("no such operator",)
        ),
    )
    refused = (RefusedPiece("readme.yaml", "readme.yaml", "", ("no query",)),)
    RulePacks(data).store(RulePack("checkout", "/srv/checkout", NOON, "default", pieces, refused))


def replayed(state: State) -> None:
    """A trial of the first rule that is over."""
    rule = next(iter(load_shipped_rules().rules)).id
    found = {
        "rule": "A rule", "windows": 3, "rows": 4, "alerts": 1, "held": 1, "incidents": 1, "seconds": 0.5, "tuning": ["severity: low"],
        "days": {"2026-11-01": 1}, "entities": [{"entity": "Account ada", "alerts": 1}], "failed": 1,
        "errors": [{"until": NOON.isoformat(), "error": "it took too long"}],
        "newest": [
            {
                "id": id_, "title": "Keys <were> read", "severity": "High", "started": NOON.isoformat(), "ended": NOON.isoformat(),
                "held": held, "entities": ["ada"],
            }
            for id_, held in ((ALERT, False), ("none", True))
        ],
    }  # fmt: skip
    RuleTrials(state).request_trial(
        RuleTrial(
            "default",
            rule,
            TrialKind.REPLAY,
            NOON - timedelta(days=1),
            NOON,
            "ada",
            NOON,
            id=TRIAL,
            starts=1,
            ended=NOON,
            found=found,
        )
    )


def ran(state: State, data: Path) -> None:
    """A run of a pipeline: a finding whose texts are markup, and an address that no browser should open."""
    region = Region("infra/<main>.json", 12)
    told = CodeFinding(rule="r<1>", region=region, message="<b>m</b>", severity=Severity.HIGH, subject=LONG)
    finding = ReportedFinding(fingerprint="f1", title="Use <HTTPS>", finding=told)
    results = ToolResults(tool="nephoscope", findings=(finding,), unread=("a<b>.json",))
    context = ServiceContext(LocalUser("kim"), state, data)
    run = NewPipelineRun("github.com/Contoso/Shop", "main", "c0ffee", "1", results, url="javascript:alert(1)")
    record_run(context, run)


def captured(state: State) -> None:
    """A packet capture that is over: a login over HTTP, whose texts are markup."""
    login = b"GET /<login> HTTP/1.1\r\nHost: shop.example\r\nAuthorization: Basic YWRhOnNlY3JldA==\r\n\r\n"
    order = ResponseOrder(
        id=CAPTURE, machine=CAPTURED, kind=ResponseKind.CAPTURE, arguments=CaptureRequest(protocol="tcp", times=3.0).arguments(),
        justification="Is it <seen>?", requester="ada", created=NOON, expires=NOON + timedelta(hours=4), status=OrderStatus.SUCCEEDED,
        incident=1, decided=NOON, decided_by="ada", finished=NOON, message="3 packets in 2.0 s: the limit of 3 packets",
    )  # fmt: skip
    with state.transaction() as session:
        state.response_orders.put(session, order, pcap(session_of_packets([(True, login)])))


def set_up(state: State, data: Path) -> None:
    """A tenant, a run of a pipeline, a source of logs of which no data yet, imported rules, a rule that was replayed, images."""
    look_inside(state, data)
    captured(state)
    pack(data)
    replayed(state)
    ran(state, data)
    state.tenants.add(
        Tenant("fabrikam", TenantConnection("fabrikam.example", "managed-identity"), enabled=False)
    )
    (data / "dropped").mkdir()
    source_setup.add_source(state, Source("drop", "folder", {}), {"paths": str(data / "dropped")}, {})


@pytest.fixture(scope="module")
def instance(tmp_path_factory):
    data = tmp_path_factory.mktemp("web")
    copy_published(tmp_path_factory, data, datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
    with State.open_folder(data) as state, open_lake_with_estate(data, state) as lake:
        snapshots = PublishedSnapshotCache(data)
        tokens = AccessTokenIssuer(state, data / "keys", "5b1f0d9e-3a52-4c51-9a0e-0d6a1c7b8e90")
        with state.transaction() as session:
            kept = state.incidents.put(
                session, Incident("default", "An <incident>", "", "High", NOON, NOON, NOON, NOON)
            )
            state.alerts.put(session, alert(ALERT, kept.number))
        set_up(state, data)
        yield Instance(data, state, lake, snapshots, Guard(state, lambda: build_hierarchy(snapshots)), tokens)


@pytest.fixture(scope="module")
def anybody(instance):
    with TestClient(
        build_application(instance, requests_a_minute=10_000_000),
        base_url=BASE,
        follow_redirects=False,
        raise_server_exceptions=False,
    ) as client:
        yield client


@pytest.fixture(scope="module")
def visitor(instance, anybody):
    """Makes a client that is signed in with some roles."""

    def made(*roles: tuple[str, str]) -> TestClient:
        with instance.state.transaction() as session:
            name = f"person {len(instance.state.principals.all())}"
            person = instance.state.principals.add(session, PrincipalKind.PERSON, name)
            for role, scope in roles:
                instance.state.principals.grant(session, person.id, role, scope, "test")
        cookie = f"{COOKIE}={instance.guard.open_session(person)}"
        return TestClient(
            anybody.app,
            base_url=BASE,
            follow_redirects=False,
            headers={"Cookie": cookie},
            raise_server_exceptions=False,
        )

    return made


@pytest.fixture(scope="module")
def owner(visitor):
    return visitor(("Owner", "/"))


@pytest.fixture(scope="module")
def sandbox(instance):
    (found,) = [
        id_
        for id_, name in instance.snapshots.load_newest().build_info.subscriptions.items()
        if name == "sub-bwf-sandbox"
    ]
    return found

"""Alerts, a published estate of a few documents, and the rules over both."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.arrangement import by_itself
from tests.automation.recorded_graph import graph
from tests.behavior.conftest import put

from nephoscope.alerts.detection.detector import RuleOutcome
from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.window import RuleWindow
from nephoscope.automation.engine import AutomationEngine
from nephoscope.automation.publication_watch import PublicationWatch
from nephoscope.automation.rule_catalog import load_rules
from nephoscope.automation.rule_formats.response_rules import FOLDER
from nephoscope.automation.rule_formats.security_automations import TENANT, TYPE, read_automation
from nephoscope.lake.lake import Lake
from nephoscope.model.alert import Alert
from nephoscope.model.entity import Entity
from nephoscope.posture.published.build_info import BuildInfo
from nephoscope.posture.published.document import PublishedDocument, build_arm_body
from nephoscope.posture.published.publishing import publish_documents
from nephoscope.state import State
from nephoscope_policy.model.source_location import Place
from nephoscope_policy.model.state import Severity

__all__ = ["graph", "put"]


@pytest.fixture(scope="session", autouse=True)
def _loops_are_the_products() -> Iterator[None]:
    """What runs without a person says by itself that it changes what people decide."""
    with pytest.MonkeyPatch.context() as patch:
        by_itself(patch, IncidentService, "store_outcome")
        by_itself(patch, PublicationWatch, "plan_runs")
        by_itself(patch, AutomationEngine, "tick")
        yield


NOW = datetime.now(UTC).replace(microsecond=0)
RULE = AnalyticRule.parse(
    {"id": "r1", "name": "Sign-ins", "query": "SigninLogs", "tactics": ["InitialAccess"]}, Place("rule.yaml")
)
SUBSCRIPTION = "/subscriptions/11111111-1111-4111-8111-111111111111"
OTHER = "/subscriptions/22222222-2222-4222-8222-222222222222"
STATES = {"Healthy": "Compliant", "Unhealthy": "NonCompliant"}


def assessment(
    machine: str, code: str = "Unhealthy", severity: str = "High", home: str = SUBSCRIPTION
) -> PublishedDocument:
    resource = f"{home}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/{machine}"
    properties = {
        "resourceDetails": {"source": "Azure", "id": resource}, "displayName": "Disks are encrypted",
        "status": {"code": code, "firstEvaluationDate": "2026-01-01T00:00:00+00:00", "statusChangeDate": "2026-01-01T00:00:00+00:00"},
        "metadata": {"severity": severity, "categories": ["Compute", "Data"], "description": "They are not."},
    }  # fmt: skip
    body = build_arm_body(
        f"{resource}/providers/Microsoft.Security/assessments/k1",
        "Microsoft.Security/assessments",
        properties,
    )
    return PublishedDocument.of(
        body, subject=resource.lower(), key="k1", state=STATES[code], severity=severity, title="Disks"
    )


def score(current: float) -> PublishedDocument:
    told = {
        "displayName": "ASC score",
        "score": {"max": 55, "current": current, "percentage": current / 55},
        "weight": 8,
    }
    id_ = f"{SUBSCRIPTION}/providers/Microsoft.Security/secureScores/ascScore"
    return PublishedDocument.of(build_arm_body(id_, "Microsoft.Security/secureScores", told))


def control(state: str) -> PublishedDocument:
    told = {
        "description": "Disks",
        "state": state,
        "passedResources": 1,
        "failedResources": 0,
        "skippedResources": 0,
    }
    id_ = (
        f"{SUBSCRIPTION}/providers/Microsoft.Security/regulatoryComplianceStandards/cis/regulatoryComplianceControls/1.1/"
        "regulatoryComplianceAssessments/k1"
    )
    type_ = "Microsoft.Security/regulatoryComplianceStandards/regulatoryComplianceControls/regulatoryComplianceAssessments"
    return PublishedDocument.of(build_arm_body(id_, type_, told))


@pytest.fixture
def publish(tmp_path):
    """Publish documents."""

    def publishing(*documents: PublishedDocument) -> None:
        made = BuildInfo(datetime.now(UTC), "all", 1, None, 0, 0, {}, (), {}, (), (), 0, {}, {})
        publish_documents(tmp_path / "data", [(one, "securityresources") for one in documents], made)

    return publishing


@pytest.fixture
def automate(state):
    """Keep an automation of properties; the automation."""

    def automating(sources, actions, name="a", scopes=(), enabled=True, home=TENANT):
        properties = {
            "isEnabled": enabled, "scopes": [{"scopePath": one} for one in scopes], "actions": actions,
            "sources": [one if isinstance(one, dict) else {"eventSource": one} for one in sources],
        }  # fmt: skip
        body = {
            "id": f"{home}/{name}",
            "name": name,
            "type": "Microsoft.Security/automations",
            "properties": properties,
        }
        with state.transaction() as session:
            state.arm_documents.put(session, body["id"].lower(), TYPE, body, "test")
        return read_automation(body)

    return automating


def _receiver():
    spec = importlib.util.spec_from_file_location(
        "automation_receiver", Path(__file__).with_name("receiver.py")
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["automation_receiver"] = module
    spec.loader.exec_module(module)
    return module.receiver


@pytest.fixture
def receiver(tmp_path):
    with _receiver()(tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def documents():
    """The makers of documents, for tests that are imported by path."""
    return assessment, score, control


@pytest.fixture
def raise_alert(state: State) -> Callable[..., None]:
    """Let the desk take an alert: its incident is made with it."""

    def raising(
        id_: str = "a1",
        *addresses: str,
        severity: Severity = Severity.HIGH,
        techniques: tuple[str, ...] = ("T1078",),
        entities: tuple[tuple[str, dict[str, str]], ...] = (),
        rule: AnalyticRule = RULE,
        ends: datetime = NOW,
    ) -> None:
        several = [("IP", {"Address": one}) for one in addresses or ("185.220.101.4",)] + list(entities)
        alert = Alert(
            id_,
            "r1",
            "Sign-ins",
            "A user signed in.",
            severity,
            NOW,
            NOW,
            NOW,
            ("InitialAccess",),
            techniques,
            tuple(Entity.of(*one) for one in several),
        )
        window = RuleWindow(ends - timedelta(hours=1), ends)
        IncidentService(state, "default").store_outcome(
            RuleOutcome(rule, window, 1, (alert,)), NOW, scheduled=False
        )

    return raising


@pytest.fixture
def engine(lake: Lake, state: State) -> Callable[..., AutomationEngine]:
    """An engine with rules of response (documents) and the operator's file."""

    def making(*documents: dict[str, Any], operator: dict[str, Any] | None = None) -> AutomationEngine:
        folder = lake.data / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        for number, document in enumerate(documents):
            whole = {"name": f"rule {number}", "when": ["incident.created"], **document}
            (folder / f"{number}.yaml").write_text(yaml.safe_dump(whole))
        if operator is not None:
            (folder.parent / "operator.yaml").write_text(yaml.safe_dump(operator))
        loaded = load_rules(lake.data, state)
        assert loaded.faults == []
        return AutomationEngine(lake, state, "default", loaded.rules)

    return making

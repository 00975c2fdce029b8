"""A published estate of a few documents, and the automations over it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.arrangement import by_itself

from nephoscope.alerts.response.responder import Responder
from nephoscope.automation.automation import TENANT, TYPE, Automation
from nephoscope.automation.watch import Watch
from nephoscope.posture.published.document import Document, arm
from nephoscope.posture.published.made import Made
from nephoscope.posture.published.publishing import publish_documents


@pytest.fixture(scope="session", autouse=True)
def _loops_are_the_products() -> Iterator[None]:
    """What runs without a person says by itself that it changes what people decide."""
    with pytest.MonkeyPatch.context() as patch:
        by_itself(patch, Watch, "look")
        by_itself(patch, Responder, "tick")
        yield


SUBSCRIPTION = "/subscriptions/11111111-1111-4111-8111-111111111111"
OTHER = "/subscriptions/22222222-2222-4222-8222-222222222222"
STATES = {"Healthy": "Compliant", "Unhealthy": "NonCompliant"}


def assessment(
    machine: str, code: str = "Unhealthy", severity: str = "High", home: str = SUBSCRIPTION
) -> Document:
    resource = f"{home}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/{machine}"
    properties = {
        "resourceDetails": {"source": "Azure", "id": resource}, "displayName": "Disks are encrypted",
        "status": {"code": code, "firstEvaluationDate": "2026-01-01T00:00:00+00:00", "statusChangeDate": "2026-01-01T00:00:00+00:00"},
        "metadata": {"severity": severity, "categories": ["Compute", "Data"], "description": "They are not."},
    }  # fmt: skip
    body = arm(
        f"{resource}/providers/Microsoft.Security/assessments/k1",
        "Microsoft.Security/assessments",
        properties,
    )
    return Document.of(
        body, subject=resource.lower(), key="k1", state=STATES[code], severity=severity, title="Disks"
    )


def score(current: float) -> Document:
    told = {
        "displayName": "ASC score",
        "score": {"max": 55, "current": current, "percentage": current / 55},
        "weight": 8,
    }
    id_ = f"{SUBSCRIPTION}/providers/Microsoft.Security/secureScores/ascScore"
    return Document.of(arm(id_, "Microsoft.Security/secureScores", told))


def control(state: str) -> Document:
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
    return Document.of(arm(id_, type_, told))


@pytest.fixture
def publish(tmp_path):
    """Publish documents."""
    from datetime import UTC, datetime

    def publishing(*documents: Document) -> None:
        made = Made(datetime.now(UTC), "all", 1, None, 0, 0, {}, (), {}, (), (), 0, {}, {})
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
        return Automation.of(body)

    return automating


def _receiver():
    path = Path(__file__).parents[1] / "alerts" / "response" / "receiver.py"
    spec = importlib.util.spec_from_file_location("automation_receiver", path)
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

"""Alerts about vaults of several subscriptions, raised in an instance as a rule raises them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from nephoscope.alerts.detection.detector import RuleOutcome
from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.window import RuleWindow
from nephoscope.instance import Instance
from nephoscope.lake.writing.outbox import deliver_outbox
from nephoscope.model.alert import Alert
from nephoscope.model.entity import Entity
from nephoscope_policy.model.source_location import Place
from nephoscope_policy.model.state import Severity

NOON = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)


def vault(subscription: str, group: str, name: str) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.KeyVault/vaults/{name}"


def raise_alerts(instance: Instance, rule: str, about: Mapping[str, Sequence[str]]) -> None:
    """One alert an id, of the account ada and of the vaults that it is about."""
    document = {
        "id": rule, "name": "A rule", "query": "print 1", "severity": "High", "queryFrequency": "1h", "queryPeriod": "1h",
        "tactics": ["Impact"],
    }  # fmt: skip
    by = AnalyticRule.parse(document, Place("t"))
    alerts = tuple(_alert(by, id_, vaults) for id_, vaults in about.items())
    outcome = RuleOutcome(by, RuleWindow(NOON - timedelta(hours=1), NOON), len(alerts), alerts)
    IncidentService(instance.state, "default").store_outcome(outcome, NOON)
    deliver_outbox(instance.lake, instance.state)
    instance.lake.flush()


def _alert(rule: AnalyticRule, id_: str, vaults: Sequence[str]) -> Alert:
    names = " and ".join(one.rpartition("/")[2] for one in vaults)
    entities = (
        Entity("Account", (("Name", "ada"),)),
        *(Entity("AzureResource", (("ResourceId", one),)) for one in vaults),
    )
    return Alert(
        id=id_, rule=rule.id, name="Refused", description=f"ada was refused by {names}", severity=Severity.HIGH, start=NOON,
        end=NOON, generated=NOON, entities=entities, query="AzureDiagnostics | take 1", custom_details={"Vaults": list(vaults)},
    )  # fmt: skip

"""The company's own background makes a rule noisy; its advice makes it quiet, and the attack that the rule is for is still found."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from nephoscope.alerts.detection.detector import Detector
from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.window import build_window
from nephoscope.alerts.tuning.advice import TuningAdvisor, execute_advice
from nephoscope.alerts.tuning.effective_rules import EffectiveTuning
from nephoscope.alerts.tuning.replay import replay_windows
from nephoscope.alerts.tuning.tuning_service import TuningEditor
from nephoscope.lake.lake import Lake
from nephoscope.sample.generator import Generator
from nephoscope.sample.sample_loading import SampleLogLoader
from nephoscope.sample.staged_attacks import find_attack
from nephoscope.state import State
from nephoscope.state.incidents.incidents import IncidentStatus
from nephoscope_policy.model.source_location import Place

pytestmark = pytest.mark.full

#: As somebody might write it: it knows no identity's own hours, so that jobs that read much every night are found each time.
NAIVE = {
    "id": "6b1d6e0e-9f0c-4d55-8a8e-0d4f5a3c7b21",
    "name": "Twenty secrets were read within an hour",
    "severity": "High",
    "queryFrequency": "1h",
    "queryPeriod": "1h",
    "tactics": ["CredentialAccess"],
    "query": """AZKVAuditLogs
| where OperationName in~ ('SecretGet', 'KeyGet') and ResultSignature =~ 'OK'
| extend Who = coalesce(tostring(Identity.claim.upn), tostring(Identity.claim.appid), tostring(Identity.claim.oid))
| summarize Items = dcount(RequestUri), Addresses = make_set(CallerIpAddress, 20) by Who
| where Items >= 20""",
    "entityMappings": [
        {"entityType": "Account", "fieldMappings": [{"identifier": "FullName", "columnName": "Who"}]},
        {"entityType": "IP", "fieldMappings": [{"identifier": "Address", "columnName": "Addresses"}]},
    ],
    "eventGroupingSettings": {"aggregationKind": "AlertPerResult"},
}
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(("days", "learn", "users"), [(4, 3, 30), (6, 4, 60)])
def test_advice_quiets_a_noisy_rule_and_leaves_the_attack(
    lake: Lake, state: State, days: int, learn: int, users: int
) -> None:
    rule = AnalyticRule.parse(NAIVE, Place("test"))
    generator = Generator(datetime.now(UTC).date() - timedelta(days=days), days, seed=3, users=users)
    begin = datetime.combine(generator.start, time(), UTC)
    middle, end = begin + timedelta(days=learn), begin + timedelta(days=days)
    loading = SampleLogLoader(lake, state, state.workspaces.get())
    busy: list[datetime] = []
    for day in generator.each_day:
        vault = [one for one in generator.entries(day) if one.stream == "AuditEvent"]
        # the hours in which somebody reads much: the others hold nothing for a rule that counts within the hour
        hours = [one.time.replace(minute=0, second=0, microsecond=0) + HOUR for one in vault]
        busy += sorted(one for one in set(hours) if hours.count(one) > 20)
        loading.load_entries(vault, datetime.combine(day, time(), UTC))
    lake.flush()
    detector, incident_service = Detector(lake, "default"), IncidentService(state, "default")
    for one in (one for one in busy if one <= middle):
        incident_service.store_outcome(detector.run(rule, build_window(rule, one), end), one)
    for incident in state.incidents.list_newest("default"):
        incident_service.change(
            incident.number, middle, "ana", status=IncidentStatus.CLOSED, classification="BenignPositive"
        )
    later = [one for one in busy if one > middle]
    before = replay_windows(detector, rule, later, end)
    assert before.raised_alerts, "the background is not noisy any more: choose another rule"
    found = list(TuningAdvisor(state, lake, "default", begin, middle).list_advice([rule]))
    assert {one.confidence.value for one in found} == {"proven"}
    for advice in found:
        execute_advice(
            TuningEditor(state, "default", "ana", middle, advice.id), advice, end + timedelta(days=90)
        )
    tuned = EffectiveTuning.load(state, lake, "default", middle).apply_to_rule(rule)
    after = replay_windows(detector, tuned, later, end)
    assert len(after.raised_alerts) <= 0.3 * len(before.raised_alerts)
    assert len(after.alerts) >= len(before.raised_alerts)
    last = end.date() - timedelta(days=1)
    attack = [
        one
        for one in find_attack("leaked-key").entries(generator.company, last)
        if one.stream == "AuditEvent"
    ]
    loading.load_entries(attack, datetime.combine(last, time(), UTC))
    lake.flush()
    moments = sorted({one.time.replace(minute=0, second=0, microsecond=0) + HOUR for one in attack})
    assert replay_windows(detector, tuned, moments, end + HOUR).raised_alerts

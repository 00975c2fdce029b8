"""A process that raises alerts or responds until it is killed: `python responding.py DATA raise COUNT` or `... respond`."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nephoscope.automation.engine import AutomationEngine
from nephoscope.automation.rule_catalog import load_rules
from nephoscope.lake.lake import Lake
from nephoscope.state import State

DOCUMENT = {
    "id": "r1",
    "name": "Sign-ins",
    "query": "SigninLogs",
    "eventGroupingSettings": {"aggregationKind": "AlertPerResult"},
}


def main() -> None:
    data, what = Path(sys.argv[1]), sys.argv[2]
    with State.open_folder(data, f"sqlite:///{data / 'state.db'}") as state, Lake.open(data, state) as lake:
        if what == "raise":
            _raise(state, int(sys.argv[3]))
            return
        loaded = load_rules(data, state)
        assert not loaded.faults
        who = AutomationEngine(lake, state, "default", loaded.rules)
        while True:
            for run in who.tick(datetime.now(UTC) + timedelta(hours=2)):
                print(run.id, run.status.value, flush=True)
            print("idle", flush=True)
            time.sleep(0.05)


def _raise(state: State, count: int) -> None:
    """Alerts one by one; those that are there already change nothing."""
    # who only responds begins sooner without
    from nephoscope.alerts.detection.detector import RuleOutcome
    from nephoscope.alerts.incidents.incident_service import IncidentService
    from nephoscope.alerts.rules.rule import AnalyticRule
    from nephoscope.alerts.rules.window import RuleWindow
    from nephoscope.model.alert import Alert
    from nephoscope.model.entity import Entity
    from nephoscope_policy.model.source_location import Place
    from nephoscope_policy.model.state import Severity

    now, rule = datetime(2026, 11, 1, tzinfo=UTC), AnalyticRule.parse(DOCUMENT, Place("rule.yaml"))
    for number in range(count):
        entity = Entity.of("IP", {"Address": f"185.220.{number // 250}.{number % 250}"})
        alert = Alert(f"a{number}", "r1", "Sign-ins", "", Severity.HIGH, now, now, now, (), (), (entity,))
        IncidentService(state, "default").store_outcome(
            RuleOutcome(rule, RuleWindow(now, now), 1, (alert,)), now, scheduled=False
        )
        print(alert.id, flush=True)


if __name__ == "__main__":
    main()

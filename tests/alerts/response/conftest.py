"""A lake with alerts, rules of response in its folder, and somebody who responds."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from nephoscope.alerts.desk import Desk
from nephoscope.alerts.detector import Outcome
from nephoscope.alerts.response.responder import Responder, rules_folder
from nephoscope.alerts.response.rule import rules
from nephoscope.alerts.rule import Rule
from nephoscope.alerts.window import Window
from nephoscope.lake.lake import Lake
from nephoscope.model.alert import Alert
from nephoscope.model.entity import Entity
from nephoscope.state import State
from nephoscope_policy.model.place import Place
from nephoscope_policy.model.state import Severity

NOW = datetime.now(UTC).replace(microsecond=0)
RULE = Rule.parse(
    {"id": "r1", "name": "Sign-ins", "query": "SigninLogs", "tactics": ["InitialAccess"]}, Place("rule.yaml")
)


def _receiver():
    spec = importlib.util.spec_from_file_location(
        "response_receiver", Path(__file__).with_name("receiver.py")
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules["response_receiver"] = module
    spec.loader.exec_module(module)
    return module.receiver


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Any]:
    with _receiver()(tmp_path) as running:
        yield running


@pytest.fixture
def raise_alert(state: State) -> Callable[..., None]:
    """Let the desk take an alert: its incident is made with it."""

    def raising(
        id_: str = "a1",
        *addresses: str,
        severity: Severity = Severity.HIGH,
        techniques: tuple[str, ...] = ("T1078",),
        entities: tuple[tuple[str, dict[str, str]], ...] = (),
        rule: Rule = RULE,
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
        window = Window(ends - timedelta(hours=1), ends)
        Desk(state, "default").take(Outcome(rule, window, 1, (alert,)), NOW, scheduled=False)

    return raising


@pytest.fixture
def responder(lake: Lake, state: State) -> Callable[..., Responder]:
    """Somebody who responds by rules (documents) and the operator's file."""

    def making(*documents: dict[str, Any], operator: dict[str, Any] | None = None) -> Responder:
        folder = rules_folder(lake.data)
        folder.mkdir(parents=True, exist_ok=True)
        for number, document in enumerate(documents):
            whole = {"name": f"rule {number}", "when": ["incident.created"], **document}
            (folder / f"{number}.yaml").write_text(yaml.safe_dump(whole))
        if operator is not None:
            (folder.parent / "operator.yaml").write_text(yaml.safe_dump(operator))
        found, wrong = rules(folder)
        assert wrong == []
        return Responder(lake, state, "default", found)

    return making

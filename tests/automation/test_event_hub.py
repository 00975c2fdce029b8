"""Records reach an event hub over TLS with a connection string; a wrong one is told without it."""

from __future__ import annotations

import importlib.util
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient, NewTopic

from nephoscope.automation.action import ActionContext, ActionError
from nephoscope.automation.actions.event_hub import EventHubActionSettings, explain_refusal, run
from nephoscope.automation.operator_policy import EventHubPolicy, OperatorPolicy
from nephoscope.state.automation.automation_runs import AutomationRun, RunStatus

pytestmark = pytest.mark.system

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def kafka(tmp_path_factory):
    path = Path(__file__).parents[1] / "ingest" / "live" / "kafka.py"
    spec = importlib.util.spec_from_file_location("automation_kafka", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["automation_kafka"] = module
    spec.loader.exec_module(module)
    with module.broker(tmp_path_factory.mktemp("kafka"), secure=True) as running:
        front = running.front
        front.password = (
            f"Endpoint=sb://127.0.0.1:{front.port}/;SharedAccessKeyName=send;SharedAccessKey=a;EntityPath=hub"
        )
        yield running


def around(kafka, connection: str) -> ActionContext:
    allowed = [f"127.0.0.1:{kafka.front.port}"]
    operator = OperatorPolicy(event_hub=EventHubPolicy(ca=str(kafka.front.authority), hosts=allowed))
    return ActionContext(Path(), operator, NOW, lambda _: connection)


def planned(*records) -> AutomationRun:
    return AutomationRun(
        "r1",
        "default",
        "a",
        "event_hub",
        {},
        "assessments.changed",
        "s",
        {"records": list(records)},
        RunStatus.RUNNING,
        NOW,
        NOW,
        NOW,
    )


def test_records_reach_the_hub(kafka):
    sign_in = {
        "bootstrap.servers": f"127.0.0.1:{kafka.front.port}", "security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN",
        "sasl.username": "$ConnectionString", "sasl.password": kafka.front.password, "ssl.ca.location": str(kafka.front.authority),
    }  # fmt: skip
    admin = AdminClient(sign_in)
    admin.create_topics([NewTopic("hub", 1, 1)])["hub"].result(60)
    outcome = run(
        EventHubActionSettings("c"), planned({"n": 1}, {"n": 2}), around(kafka, kafka.front.password)
    )
    assert outcome.detail.startswith("2 messages to hub")
    consumer = Consumer({**sign_in, "group.id": "g", "auto.offset.reset": "earliest"})
    consumer.subscribe(["hub"])
    found = []
    while len(found) < 2:
        message = consumer.poll(60)
        assert message is not None
        assert message.error() is None
        found.append(json.loads(message.value()))
    consumer.close()
    assert [(one["id"], one["data"]["n"]) for one in found] == [("r1-0", 1), ("r1-1", 2)]


def test_a_connection_string_that_is_none_is_not_tried_again(kafka):
    with pytest.raises(ActionError, match="Endpoint") as error:
        run(EventHubActionSettings("c"), planned({"n": 1}), around(kafka, "nonsense"))
    assert not error.value.again


@pytest.mark.parametrize(
    ("endpoint", "may"),
    [
        ("sb://ns.servicebus.windows.net/", True),
        ("sb://ns.servicebus.chinacloudapi.cn/", True),
        ("sb://inside.example:9093", True),
        ("sb://127.0.0.1/", False),
        ("sb://10.0.0.1:9092/", False),
        ("sb://servicebus.windows.net.example/", False),
        ("sb://[::1]:9093/", False),
        ("sb://127.0.0.1:9093,ns.servicebus.windows.net:9093", False),
        ("sb://ns.servicebus.windows.net:9093,127.0.0.1:9093", False),
        ("sb://ns.servicebus.windows.net@127.0.0.1/", False),
        ("sb://127.0.0.1/ns.servicebus.windows.net", False),
    ],
)
def test_messages_go_to_azure_and_where_the_operator_allows(endpoint, may):
    connection = f"Endpoint={endpoint};SharedAccessKeyName=send;SharedAccessKey=a;EntityPath=hub"
    allowed = EventHubPolicy(hosts=["inside.example:9093"])
    assert (explain_refusal(connection, allowed) == "") is may
    if not may:
        around = ActionContext(Path(), OperatorPolicy(event_hub=allowed), NOW, lambda _: connection)
        with pytest.raises(ActionError, match=r"event_hub\.hosts") as error:
            run(EventHubActionSettings("c"), planned({"n": 1}), around)
        assert not error.value.again

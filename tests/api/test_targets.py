"""Where something may be put: scopes that there are and names that Azure takes, as tests/cases/targets.json has them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nephoscope.api.wire.operation import OperationRegistry

VERSION = "api-version=2023-01-01"
CASES = json.loads((Path(__file__).parents[1] / "cases" / "targets.json").read_text(encoding="utf-8"))
KEEPING = [one for one in OperationRegistry.load_all_operations() if one.method in ("PUT", "PATCH")]
UNKNOWN = "5b1f0d9e-3a52-4c51-9a0e-0d6a1c7b8e99"


@pytest.fixture
def filled(subscriptions, machine):
    known = {
        "sub": subscriptions["sub-bwf-erp-prod"],
        "other": subscriptions["sub-bwf-sandbox"],
        "group": machine[1],
        "vm": machine[0],
    }

    def path(text):
        return re.sub(r"\{(\w+)\}", lambda one: known.get(one[1]) or "n" * int(one[1]), text)

    return path


@pytest.mark.parametrize(("path", "status", "code"), CASES, ids=[one[0][-90:] for one in CASES])
def test_a_path_is_one_that_azure_takes(server, owner, filled, path, status, code):
    at = f"{filled(path)}?{VERSION}"
    answer = server.put(at, headers=owner, json={"properties": {"pricingTier": "Free"}})
    assert (answer.status_code, answer.json().get("error", {}).get("code", "")) == (status, code), answer.text
    if status in (200, 201):
        assert server.delete(at, headers=owner).status_code in (200, 204)


def asked(operation, word, **known):
    def filled(found):
        if found[1] in ("scope", "resourceId", "resourceScope"):
            return f"/subscriptions/{known['subscription']}"
        names = {
            "subscriptionId": known["subscription"],
            "workspaceName": "default",
            "operationalInsightsResourceProvider": "Microsoft.OperationalInsights",
            "rest": f"others/{word}",
        }
        return names.get(found[1], word)

    return re.sub(r"\{(\w+)\}", filled, operation.template.text)


@pytest.mark.parametrize("operation", KEEPING, ids=lambda one: f"{one.method} {one.name}")
def test_every_operation_that_keeps_looks_at_its_path(server, owner, subscriptions, operation):
    mine = subscriptions["sub-bwf-sandbox"]
    named = asked(operation, "a%00b", subscription=mine)
    twice = asked(operation, "x", subscription=f"{mine}/subscriptions/{mine}")
    for path, told in ((named, (400, "InvalidResourceName")), (twice, (400, "InvalidScope"))):
        if path != twice or "{scope}" in operation.template.text:
            answer = server.request(operation.method, f"{path}?{VERSION}", headers=owner, json={})
            assert (answer.status_code, answer.json()["error"]["code"]) == told, path
    if "{workspaceName}" not in operation.template.text:
        path = asked(operation, "x", subscription=UNKNOWN)
        answer = server.request(operation.method, f"{path}?{VERSION}", headers=owner, json={})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "SubscriptionNotFound")

"""An evaluation that is asked for: the answer names an operation, which tells when the results are published."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from nephoscope.instance import FAILED
from nephoscope.posture.published.publishing import publish_documents
from nephoscope.posture.scans.scan import ScanRequest, forget_request, save_request

V = "api-version=2019-10-01"
BASE = "https://127.0.0.1"


@pytest.fixture
def subscription(subscriptions):
    return f"/subscriptions/{subscriptions['sub-bwf-sandbox']}"


def trigger(server, headers, scope):
    path = f"{scope}/providers/Microsoft.PolicyInsights/policyStates/latest/triggerEvaluation?{V}"
    return server.post(path, headers=headers)


def published(instance, when):
    """An evaluation of nothing, as one that was made at a time."""
    made = replace(instance.snapshots.load_newest().build_info, when=when)
    publish_documents(instance.data, [], made)


def test_where_nothing_was_scanned_nothing_can_be_evaluated(server, owner, instance, subscription):
    forget_request(instance.data)
    told = trigger(server, owner, subscription)
    assert (told.status_code, told.json()["error"]["code"]) == (409, "Conflict")
    assert "nephoscope scan" in told.json()["error"]["message"]


def test_an_operation_ends_with_the_results(server, owner, token, instance, subscription):
    save_request(ScanRequest(("sample:",)), instance.data)
    instance.state.checkpoints.put(*FAILED, "an older fault")
    told = trigger(server, owner, subscription)
    where = told.headers["location"]
    assert told.status_code == 202
    assert where.startswith(f"{BASE}{subscription}/providers/Microsoft.PolicyInsights/asyncOperationResults/")
    for _ in range(2):
        waits = server.get(where.removeprefix(BASE), headers=owner)
        assert (waits.status_code, waits.headers["location"]) == (202, where)
        assert int(waits.headers["retry-after"]) > 0
    stranger = {"Authorization": f"Bearer {token()}"}
    assert server.get(where.removeprefix(BASE), headers=stranger).status_code == 403
    instance.state.checkpoints.put(*FAILED, "the target cannot be read")
    failed = server.get(where.removeprefix(BASE), headers=owner)
    assert (failed.status_code, failed.json()["error"]["code"]) == (500, "EvaluationFailed")
    assert "the target cannot be read" in failed.json()["error"]["message"]
    published(instance, instance.now - timedelta(hours=1))
    assert server.get(where.removeprefix(BASE), headers=owner).status_code == 500, (
        "older results are not the ones"
    )
    published(instance, instance.now)
    assert server.get(where.removeprefix(BASE), headers=owner).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "none",
        "00000000-0000-0000-0000-00000000000g",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "00070000-0000-0000-0000-000000000000",
    ],
)
def test_an_operation_that_is_none_of_ours(server, owner, subscription, name):
    path = f"{subscription}/providers/Microsoft.PolicyInsights/asyncOperationResults/{name}?{V}"
    assert server.get(path, headers=owner).status_code == 404

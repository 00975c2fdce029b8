"""The Logs page says what rows may be missing from the answer of a query over the estate, since they were not collected."""

from __future__ import annotations

import html
import uuid

import pytest
from msgspec.structs import replace

from nephoscope.posture.published.excluded_subscriptions import NOTHING
from nephoscope.posture.published.published_snapshot import PublishedSnapshot


@pytest.fixture
def left_out(instance, monkeypatch):
    """The name of a subscription of which the evaluation says that no resource was read."""
    made = instance.snapshots.load_newest().build_info
    id_, name = next((id_, name) for id_, name in sorted(made.subscriptions.items()) if name)
    changed = replace(made, left_out={id_: (NOTHING,)})
    monkeypatch.setattr(PublishedSnapshot, "build_info", property(lambda _: changed))
    return name


@pytest.mark.parametrize("workspace", ["default", "estate"])
def test_an_answer_says_what_was_left_out(owner, left_out, workspace):
    query = f"Resources | take 3 // {uuid.uuid4()}"
    page = html.unescape(owner.get("/logs", params={"query": query, "workspace": workspace}).text)
    assert f"Resources is incomplete, no resources were collected in the subscription {left_out} (" in page
    logs = owner.get("/logs", params={"query": "print 1", "workspace": workspace}).text
    assert "is incomplete" not in logs

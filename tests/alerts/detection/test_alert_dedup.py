"""Which alert is which earlier one: what is found by look-ups is what pairs find, the work does not grow with pairs."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.alerts.plain_recognition import recognized as plain

from nephoscope.alerts.detection import alert_similarity
from nephoscope.alerts.detection.alert_dedup import pair_with_earlier
from nephoscope.model.alert import Alert
from nephoscope.model.entity import Entity
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope_policy.model.state import Severity

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
NAMES = (
    (("Name", "ann"),),
    (("Name", "ann"), ("UPNSuffix", "contoso.com")),
    (("AadUserId", "7"), ("Name", "ann")),
    (("Name", "bob"),),
)
about = st.lists(st.sampled_from(NAMES), max_size=2, unique=True).map(
    lambda several: tuple(Entity("Account", one) for one in several)
)
groups, holds = st.sampled_from(["", "g", "h"]), st.sampled_from(["", "suppressionDuration", "a rule"])
traits = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("xy"), max_size=4)
minutes = st.integers(0, 1).map(lambda minute: NOON + timedelta(minutes=minute))
ids = st.sampled_from([f"id-{number}" for number in range(8)])


def alert(
    id_: str, entities: tuple[Entity, ...], group: str, said: dict[str, str], start: datetime = NOON, held: str = ""
) -> Alert:  # fmt: skip
    return Alert(
        id_, "rule", "Rule", "", Severity.LOW, start, start, NOON, entities=entities, held_by=held, group=group, traits=said
    )  # fmt: skip


def kept(
    id_: str, entities: tuple[Entity, ...], group: str, said: dict[str, str], start: datetime = NOON, held: str = ""
) -> StoredAlert:  # fmt: skip
    document = {"Entities": json.dumps([one.document(place) for place, one in enumerate(entities)])}
    return StoredAlert(
        id_, "default", "rule", "New", "Low", start, start, NOON, NOON, None, document, held, "", group, said
    )


@settings(max_examples=300)
@given(
    st.lists(st.builds(alert, ids, about, groups, traits, minutes, holds), max_size=8),
    st.lists(st.builds(kept, ids, about, groups, traits, minutes, holds), max_size=8, unique_by=lambda one: one.id),
)  # fmt: skip
def test_look_ups_find_what_pairs_find(alerts: list[Alert], earlier: list[StoredAlert]) -> None:
    assert pair_with_earlier(alerts, earlier) == plain(alerts, earlier)


def crowd(count: int) -> tuple[list[Alert], list[StoredAlert]]:
    """As many new ones as earlier ones, all of one group and about one machine, each with something of its own."""
    host = (Entity("Host", (("HostName", "web-1"),)),)
    said = {"Computer": "web-1", "Level": "high"}
    earlier = [kept(f"old-{one:04}", host, "g", {**said, "Text": f"{one}"}) for one in range(count)]
    return [alert(f"new-{one}", host, "g", {**said, "Text": f"{one + count}"}) for one in range(40)], earlier


def strangers(count: int) -> tuple[list[Alert], list[StoredAlert]]:
    """The same, kept before rows had names, each about an account of its own."""

    def account(name: str) -> tuple[Entity, ...]:
        return (Entity("Account", (("Name", name),)),)

    earlier = [kept(f"old-{one:04}", account(f"old{one}"), "", {}) for one in range(count)]
    return [alert(f"new-{one}", account(f"new{one}"), "", {}) for one in range(40)], earlier


def work(several: tuple[list[Alert], list[StoredAlert]]) -> int:
    """How many calls of functions it takes to recognize alerts."""
    calls: Counter[str] = Counter()

    def counted(_frame: Any, event: str, _what: Any) -> None:
        calls[event] += 1

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        pair_with_earlier(*several)
    finally:
        sys.setprofile(before)
    return calls["call"] + calls["c_call"]


@pytest.mark.parametrize("several", [crowd, strangers])
def test_each_earlier_alert_costs_the_same_however_many_are_new(
    several: Callable[[int], tuple[list[Alert], list[StoredAlert]]],
) -> None:
    one, two, three = (work(several(count)) for count in (400, 800, 1600))
    assert two - one <= 200 * 400
    assert three - two <= 2.2 * (two - one)


def test_the_entities_of_an_earlier_alert_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def loads(text: str) -> Any:
        read.append(text)
        return json.loads(text)

    monkeypatch.setattr(alert_similarity, "json", type("json", (), {"loads": staticmethod(loads)}))
    alerts, earlier = crowd(200)
    pair_with_earlier(alerts, earlier)
    assert len(read) == len(earlier)

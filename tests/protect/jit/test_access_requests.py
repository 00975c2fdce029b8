"""Requests for just-in-time access: what a policy allows, who approves, and what is enforced."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from tests.protect.jit.access_scene import MACHINE, NOW, POLICY, RIGHTS, Person, Scene

from nephoscope.access.authenticator import DeniedError
from nephoscope.service.access_requests import (
    APPROVE,
    INITIATE,
    AccessRequestError,
    decide_request,
    find_machine_access,
    is_policy_enforced,
    list_access_requests,
    record_enforcement,
)
from nephoscope.service.approvals import OwnRequestError
from nephoscope.state.database.audit_enforcement import as_product
from nephoscope.state.hosts.access_requests import AccessStatus

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another machine": ({"machine": f"{MACHINE}2"}, "does not include the machine"),
    "another port": ({"number": 3389}, "does not include the port 3389"),
    "too long": ({"ends": NOW + timedelta(hours=3, seconds=1)}, "time must be between now and"),
    "in the past": ({"ends": NOW}, "time must be between now and"),
    "another source": ({"source": "192.0.2.1"}, "does not allow access from 192.0.2.1"),
    "a wider source": ({"source": "10.0.0.0/7"}, "does not allow access from 10.0.0.0/7"),
    "everywhere": ({"source": "*"}, "does not allow access from *"),
    "an address with a zone": (
        {"source": "2001:db8::%x }; flush ruleset; #/64"},
        "does not allow access from",
    ),
    "no address": (
        {"number": 5000, "source": "x; flush ruleset"},
        "does not allow access from x; flush ruleset",
    ),
    "another version of IP": ({"source": "2001:db9::1"}, "does not allow access from 2001:db9::1"),
}


def test_what_a_policy_does_not_allow_is_refused_with_its_reason(scene: Scene) -> None:
    told = {}
    for name, (change, _) in REFUSED.items():
        with pytest.raises(AccessRequestError) as caught:
            scene.ask("approver", **change)
        told[name] = str(caught.value)
    assert [name for name, (_, words) in REFUSED.items() if words not in told[name]] == []


def test_without_the_right_nobody_asks_or_decides(scene: Scene) -> None:
    with pytest.raises(DeniedError):
        scene.ask("reader")
    request = scene.ask("requester")
    for name in ("reader", "requester2"):
        with pytest.raises(DeniedError):
            decide_request(scene.acts(name), request.id, "approve", "")


@pytest.mark.parametrize("place", ["/machines/", "/jitnetworkaccesspolicies/"])
def test_rights_are_needed_at_the_policy_and_at_the_machine(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    # a policy of one resource group may name machines of another
    def limit(*denied: str) -> None:
        def may(person: Person, operation: str, at: str = "/") -> bool:
            return operation in RIGHTS[person.name] and not (place in at.lower() and operation in denied)

        monkeypatch.setattr(Person, "is_permitted", may)

    limit(APPROVE)
    request = scene.ask("approver")
    assert request.status is AccessStatus.PENDING
    with pytest.raises(DeniedError):
        decide_request(scene.acts("approver"), request.id, "deny", "")
    limit(INITIATE)
    with pytest.raises(DeniedError):
        scene.ask("approver")


def test_who_may_approve_opens_at_once_and_others_wait(scene: Scene) -> None:
    assert scene.ask("approver").status is AccessStatus.APPROVED
    request = scene.ask("requester")
    assert request.status is AccessStatus.PENDING
    open_ = [one.request for one in find_machine_access(scene.acts("reader"), MACHINE).grants]
    assert request.id not in open_
    decide_request(scene.acts("approver"), request.id, "approve", "planned")
    assert request.id in [one.request for one in find_machine_access(scene.acts("reader"), MACHINE).grants]


def test_nobody_approves_a_request_of_their_own(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    request = scene.ask("requester")
    monkeypatch.setitem(RIGHTS, "requester", RIGHTS["approver"])
    with pytest.raises(OwnRequestError, match="another user must decide"):
        decide_request(scene.acts("requester"), request.id, "approve", "")


@pytest.mark.parametrize(("first", "second"), [("deny", "approve"), ("approve", "deny"), ("deny", "revoke")])
def test_a_decision_is_made_once(scene: Scene, first: Any, second: Any) -> None:
    request = scene.ask("requester")
    decide_request(scene.acts("approver"), request.id, first, "")
    with pytest.raises(AccessRequestError, match="cannot be decided so"):
        decide_request(scene.acts("approver"), request.id, second, "")


def test_a_request_that_is_over_cannot_be_approved(scene: Scene) -> None:
    request = scene.ask("requester")
    scene.now = NOW + timedelta(hours=4)
    with pytest.raises(AccessRequestError, match="cannot be decided so"):
        decide_request(scene.acts("approver"), request.id, "approve", "")


def test_two_requests_at_once_are_both_kept_and_end_each_at_its_time(scene: Scene) -> None:
    short = scene.ask("approver", ends=NOW + timedelta(minutes=10))
    long_ = scene.ask("approver2", ends=NOW + timedelta(hours=2), source="10.9.0.0/16")
    grants = find_machine_access(scene.acts("reader"), MACHINE).grants
    assert [one.request for one in grants] == [short.id, long_.id]
    scene.now = NOW + timedelta(minutes=10)
    assert [one.request for one in find_machine_access(scene.acts("reader"), MACHINE).grants] == [long_.id]


def test_a_policy_is_provisioned_only_while_what_it_says_is_enforced(scene: Scene) -> None:
    def is_enforced() -> bool:
        return is_policy_enforced(scene.acts("reader"), POLICY)

    def enforce() -> None:
        record_enforcement(
            scene.acts("approver"), find_machine_access(scene.acts("approver"), MACHINE), "nftables"
        )

    told = [is_enforced()]
    enforce()
    told.append(is_enforced())
    request = scene.ask("approver", ends=NOW + timedelta(minutes=10))
    told.append(is_enforced())
    enforce()
    told.append(is_enforced())
    decide_request(scene.acts("approver"), request.id, "revoke", "")
    told.append(is_enforced())
    enforce()
    told.append(is_enforced())
    scene.ask("approver", ends=scene.now + timedelta(minutes=10))
    enforce()
    scene.now += timedelta(hours=1)  # the kernel closed it by itself
    told.append(is_enforced())
    assert told == [False, True, False, True, False, True, True]


def test_a_busy_subscription_hides_no_request_of_another(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = scene.ask("approver")
    place_elsewhere(scene, 1_005)
    monkeypatch.setattr(Person, "is_permitted", lambda _, operation, at="/": at == POLICY["id"].lower())
    assert [one.id for one in list_access_requests(scene.acts("reader"), most=2)] == [mine.id]


def test_what_is_open_is_enforced_however_many_requests_came_later(scene: Scene) -> None:
    mine = scene.ask("approver")
    place_elsewhere(scene, 1_005, POLICY["id"].lower())
    access = find_machine_access(scene.acts("approver"), MACHINE)
    assert mine.id in {one.request for one in access.grants}
    assert len(access.grants) == 1_006
    record_enforcement(scene.acts("approver"), access, "nftables")
    assert is_policy_enforced(scene.acts("reader"), POLICY)


def place_elsewhere(scene: Scene, count: int, policy: str = "/subscriptions/another") -> None:
    """Put many later requests of a policy like the newest one."""
    requests = scene.state.access_requests
    (known,) = requests.list_requests(most=1)
    with as_product("test"), scene.state.database.write() as session:
        for number in range(count):
            later = known.created + timedelta(seconds=number + 1)
            requests.put(session, replace(known, id=f"{number}", policy=policy, created=later))

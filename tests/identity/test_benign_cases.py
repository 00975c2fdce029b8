"""Hard benign cases: a VPN, shared egress, mobile roaming, a moved office, a new device, a travelling manager, a mass password reset.

Each case is about users of its own in one tenant, which is judged once.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.behavior.conftest import NOON, routine, signin

from nephoscope.behavior.behavior_run import BehaviorAnalysis
from nephoscope.identity.risk_run import RiskRun
from nephoscope.model.identity_risk import IdentityKind, RiskLevel, RiskState

DAYS = 21
NOW = NOON + timedelta(minutes=30)
PEOPLE = [f"u{at:02}" for at in range(40)]
#: The way out of the company's VPN, which a dozen people use every day.
EGRESS = {"IPAddress": "192.0.2.50", "AutonomousSystemNumber": "9009", "country": "NL"}
PHONE = {
    "device": "", "UserAgent": "Mobile Safari",
    "DeviceDetail": {"browser": "Mobile Safari 17", "operatingSystem": "Ios 17", "displayName": ""},
}  # fmt: skip
TABLET = {"DeviceDetail": {"browser": "Chrome 130", "operatingSystem": "Android 14", "displayName": "tablet"}}
HOME = {"IPAddress": "198.51.100.77", "AutonomousSystemNumber": "3209"}


def daily(user, **changes):
    return [signin(user, NOON - timedelta(days=day), **changes) for day in range(DAYS, 0, -1)]


def reset(actor, target, moment):
    by = {"id": f"id-{actor}", "userPrincipalName": f"{actor}@contoso.com", "ipAddress": "198.51.100.1"}
    whom = {"id": f"id-{target}", "userPrincipalName": f"{target}@contoso.com"}
    return {
        "TimeGenerated": moment, "Id": f"{actor}-{target}-{moment}", "OperationName": "Reset user password", "Result": "success",
        "Category": "UserManagement", "InitiatedBy": {"user": by}, "TargetResources": [whom],
    }  # fmt: skip


def network(number, address):
    return {"IPAddress": address, "AutonomousSystemNumber": f"645{number:02}"}


#: Case -> the users that it is about, what they did before, what they do today, and the worst that may be said of it.
CASES = {
    "the company's VPN, for the first time": (
        ["u20"], [one for at in range(12) for one in daily(f"u{at:02}", **EGRESS)], [signin("u20", NOON, **EGRESS)], RiskLevel.NONE,
    ),
    "a VPN that the user always has": (
        ["u21"], daily("u21", IPAddress="185.220.101.1", AutonomousSystemNumber="60729", device=""),
        [signin("u21", NOON, IPAddress="185.220.101.1", AutonomousSystemNumber="60729", device="")], RiskLevel.NONE,
    ),
    "shared egress where many mistype": (
        ["u22", "u23", "u24"], [],
        [signin(who, NOON + timedelta(seconds=at), ResultType="50126") for who in ("u22", "u23", "u24") for at in range(6)],
        RiskLevel.NONE,
    ),
    "a telephone that roams over three networks": (
        ["u25"], daily("u25", **PHONE),
        [
            signin("u25", NOON + timedelta(minutes=at), **PHONE, country="AT", **network(at, f"203.0.113.{at}"))
            for at in range(3)
        ],
        RiskLevel.LOW,
    ),
    "a new tablet at home": (["u26"], daily("u26", **HOME), [signin("u26", NOON, **HOME, **TABLET)], RiskLevel.NONE),
    "a travelling manager": (
        ["u27"], [],
        [
            signin("u27", NOON + timedelta(minutes=10 * at), country=country, **network(50 + at, f"203.0.113.{50 + at}"))
            for at, country in enumerate(("FR", "ES"))
        ],
        RiskLevel.LOW,
    ),
    "an office that moved": (
        [f"u{at}" for at in range(28, 36)], [],
        [
            signin(f"u{at}", NOON + timedelta(minutes=at - 28), IPAddress="203.0.113.200", AutonomousSystemNumber="3320", country="DE")
            for at in range(28, 36)
        ],
        RiskLevel.NONE,
    ),
}  # fmt: skip


@pytest.fixture
def found(lake, state, put):
    """User -> the highest level that is said of them."""
    before = [one for _, several, _, _ in CASES.values() for one in several]
    today = [one for _, _, several, _ in CASES.values() for one in several]
    stolen = signin(
        "u39", NOON, **network(99, "203.0.113.99"), country="BR", **TABLET, AppDisplayName="Azure CLI"
    )
    put("SigninLogs", [*routine(PEOPLE, DAYS), *before, *today, stolen], NOW - timedelta(minutes=1))
    helpdesk = [reset("u00", f"u{day:02}", NOON - timedelta(days=day)) for day in range(DAYS, 0, -1)]
    put(
        "AuditLogs", [*helpdesk, *(reset("u00", who, NOON) for who in PEOPLE[1:])], NOW - timedelta(minutes=1)
    )
    BehaviorAnalysis(lake, state, "default").run(NOW)
    lake.flush()
    RiskRun(lake, state, "default").run(NOW)
    levels = list(RiskLevel)
    said: dict[str, RiskLevel] = {}
    for one in state.identity_risks.list_detections("default", IdentityKind.USER):
        who = one.identity.removeprefix("id-")
        said[who] = max(said.get(who, RiskLevel.NONE), one.level, key=levels.index)
    return said


def test_benign_cases_are_nothing_or_low(found, state):
    levels = list(RiskLevel)
    assert found.pop("u39", RiskLevel.NONE) in (RiskLevel.MEDIUM, RiskLevel.HIGH), (
        "a stolen identity among them is found"
    )
    for case, (users, _, _, worst) in CASES.items():
        for who in users:
            level = found.get(who, RiskLevel.NONE)
            assert levels.index(level) <= levels.index(worst), (case, who, level)
    assert "u00" not in found, "the help desk resets passwords, many at once"
    assert set(found) <= {who for users, *_ in CASES.values() for who in users}
    for who in found:
        risk = state.identity_risks.find_identities("default", IdentityKind.USER, [f"id-{who}"])[f"id-{who}"]
        assert risk.state is RiskState.REMEDIATED or risk.level is not RiskLevel.HIGH

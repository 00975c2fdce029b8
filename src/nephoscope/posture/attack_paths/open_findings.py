"""Failing recommendations by the resource that they are about, and which of them let an attacker in."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from nephoscope_policy.model.resource_id import SUBSCRIPTION_TYPE
from nephoscope_policy.model.state import ComplianceState, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nephoscope.posture.recommendations.report_row import ReportRow

#: Tactics that a foothold needs; what only helps to collect, hide or destroy opens nothing.
_OPENING = frozenset({"InitialAccess", "Execution", "PrivilegeEscalation", "LateralMovement"})
#: These controls ask for watching and good practice: who fails them is seen less, and reached no more.
_WATCHING = frozenset(
    {"Enable enhanced security features", "Enable auditing and logging", "Implement security best practices"}
)
ACCESS = "Manage access and permissions"
#: Controls whose recommendations on a subscription are about accounts.
_ACCOUNTS = frozenset({ACCESS, "Enable MFA"})
_OPEN_NETWORK = "Restrict unauthorized network access"
_NETWORK = frozenset({_OPEN_NETWORK, "Secure management ports", ACCESS})


class OpenFinding(msgspec.Struct, frozen=True):
    """A recommendation that a resource fails: `resource` is its lower-cased id, `control` its score control ('' = none).

    `accounts` are the lower-cased object ids of the accounts because of which it fails.
    """

    key: str
    resource: str
    title: str
    severity: Severity
    control: str = ""
    tactics: tuple[str, ...] = ()
    accounts: frozenset[str] = frozenset()

    @property
    def is_entry_point(self) -> bool:
        """Return whether it is a weakness that lets an attacker in: grave, no matter of watching, and not the open way itself."""
        grave = self.severity.rank >= Severity.HIGH.rank
        apart = self.control not in _WATCHING and self.control != _OPEN_NETWORK
        return grave and apart and not _OPENING.isdisjoint(self.tactics)

    @property
    def guards(self) -> bool:
        """Return whether fixing it closes the way to the resource."""
        return self.control in _NETWORK


class OpenFindings:
    """Failing recommendations by lower-cased resource id; those of a child count for its top resource too.

    `accounts` gives the object ids of the accounts that a failing row about accounts names.
    """

    def __init__(self, rows: Iterable[ReportRow], accounts: Callable[[ReportRow], frozenset[str]]) -> None:
        self._found: defaultdict[str, dict[tuple[str, str], OpenFinding]] = defaultdict(dict)
        self._naming: defaultdict[str, dict[OpenFinding, None]] = defaultdict(dict)
        for row in rows:
            if row.assessment.state is ComplianceState.NON_COMPLIANT:
                about = row.id.type == SUBSCRIPTION_TYPE and row.recommendation.score_control in _ACCOUNTS
                self._add_finding(_make_finding(row, accounts(row) if about else frozenset()))

    def _add_finding(self, finding: OpenFinding) -> None:
        for key in {finding.resource, find_top_resource(finding.resource)}:
            self._found[key][finding.key, finding.resource] = finding
        for account in finding.accounts:
            self._naming[account][finding] = None

    def list_for_resource(self, key: str) -> tuple[OpenFinding, ...]:
        """Return what a resource and its children fail, the gravest first."""
        found = self._found.get(key, {}).values()
        return tuple(sorted(found, key=lambda one: (-one.severity.rank, one.title, one.resource)))

    def list_weaknesses(self, key: str) -> tuple[OpenFinding, ...]:
        """Return those that let an attacker in."""
        return tuple(one for one in self.list_for_resource(key) if one.is_entry_point)

    def list_guarding_findings(self, key: str) -> tuple[OpenFinding, ...]:
        """Return those whose fix closes the way to the resource."""
        return tuple(one for one in self.list_for_resource(key) if one.guards)

    def list_findings_of_control(self, key: str, control: str) -> tuple[OpenFinding, ...]:
        """Return those of a score control."""
        return tuple(one for one in self.list_for_resource(key) if one.control == control)

    def list_findings_naming(self, account: str) -> tuple[OpenFinding, ...]:
        """Return those that fail because of an account, by its lower-cased object id."""
        return tuple(self._naming.get(account, ()))


def find_top_resource(key: str) -> str:
    """The lower-cased id of the resource that a child resource stands below; the id itself where it is none's child."""
    parts = key.split("/")
    if "providers" not in parts:
        return key
    return "/".join(parts[: parts.index("providers") + 4])


def _make_finding(row: ReportRow, accounts: frozenset[str]) -> OpenFinding:
    known = row.recommendation
    key = row.assessment.key.lower()
    return OpenFinding(
        key, row.id.key, known.name, known.severity, known.score_control, known.tactics, accounts
    )

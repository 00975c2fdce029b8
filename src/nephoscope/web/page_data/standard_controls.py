"""Controls of a standard as pages and reports show them: by domain, with the share of what was evaluated that passed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from nephoscope.posture.published.standards import ASSESSMENT, CONTROL, choose_worse_state
from nephoscope.posture.reports.control_domains import find_domain, get_control_code

if TYPE_CHECKING:
    from nephoscope.model.read_scope import Reach
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot

OTHER = "Other controls"


class PolicyResult(msgspec.Struct):
    """A policy behind a control: its key as a recommendation, its state, the resources that failed, passed and were left."""

    key: str
    title: str
    state: str
    failed: int = 0
    passed: int = 0
    skipped: int = 0


class ControlResult(msgspec.Struct):
    """A control: the name of its group, its domain ('' = none), its state, its policies by title."""

    name: str
    title: str
    domain: str
    state: str
    policies: dict[str, PolicyResult] = {}

    @property
    def code(self) -> str:
        """The control as its standard writes it."""
        return get_control_code(self.name)

    @property
    def heading(self) -> str:
        """The control with its title; titles of initiatives may begin with the control."""
        return f"{self.code}: {self.text}" if self.text else self.code

    @property
    def text(self) -> str:
        """The title without the control, '' where an initiative has none."""
        return "" if self.title == self.name else self.title.removeprefix(f"{self.code}:").strip()

    @property
    def failed_resources(self) -> int:
        """Count the failed pairs of a policy and a resource."""
        return sum(one.failed for one in self.policies.values())

    @property
    def states(self) -> Counter[str]:
        """Count the policies by state."""
        return Counter(one.state for one in self.policies.values())


class ControlDomain(msgspec.Struct, frozen=True):
    """The controls of one domain, in the standard's order."""

    title: str
    controls: Sequence[ControlResult]

    @property
    def anchor(self) -> str:
        """The id of its section in a page."""
        return f"domain-{re.sub('[^a-z0-9]+', '-', self.title.lower())}"

    @property
    def states(self) -> Counter[str]:
        """Count the controls by state."""
        return Counter(one.state for one in self.controls)

    @property
    def share(self) -> float | None:
        """The share of the evaluated controls that passed; None where none was evaluated."""
        return compute_passed_share(self.states)


def compute_passed_share(states: Counter[str]) -> float | None:
    """Return how many passed of those that passed or failed, 0 to 1; None where there are none."""
    judged = states["Passed"] + states["Failed"]
    return states["Passed"] / judged if judged else None


def group_by_domain(controls: Iterable[ControlResult]) -> list[ControlDomain]:
    """Group controls by domain, in the order in which the standard names the domains; those without one come last."""
    found: dict[str, list[ControlResult]] = {}
    for one in controls:
        found.setdefault(one.domain, []).append(one)
    rest = found.pop("", [])
    domains = [ControlDomain(title, several) for title, several in found.items()]
    return [*domains, ControlDomain(OTHER, rest)] if rest else domains


def read_controls(snapshot: PublishedSnapshot, reach: Reach, standard: str) -> list[ControlResult]:
    """Read the controls of a standard (its name in any case), each with the worst of its states in what may be read."""
    found: dict[str, ControlResult] = {}
    of = partial(snapshot.standards.list_documents, reach, standard)
    for body in of(CONTROL):
        said, name = body["properties"], _find_control(body["id"])
        known = found.setdefault(
            name,
            ControlResult(
                name, said["description"], find_domain(name, said.get("domain", "")), said["state"]
            ),
        )
        known.state = choose_worse_state(known.state, said["state"])
    for body in of(ASSESSMENT):
        control = found.get(_find_control(body["id"]))
        if control is not None:
            said = body["properties"]
            policy = control.policies.setdefault(
                said["description"], PolicyResult(body["name"], said["description"], said["state"])
            )
            policy.state = choose_worse_state(policy.state, said["state"])
            policy.failed += said["failedResources"]
            policy.passed += said["passedResources"]
            policy.skipped += said["skippedResources"]
    return list(found.values())


def _find_control(id_: str) -> str:
    """The control that an id names."""
    return id_.split("/")[8]

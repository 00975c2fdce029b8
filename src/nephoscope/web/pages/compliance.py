"""Regulatory compliance: the standards of what is looked at, and one standard with its controls and their policies."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from nephoscope.lake.state import MissingError, StateError
from nephoscope.posture.published.findings import Wanted
from nephoscope.web.download import as_csv, as_file
from nephoscope.web.evidence import HEADER, Control, Evidence, NoDocumentError, Policy, document
from nephoscope.web.page import Area, Page
from nephoscope.web.visit import Visit

ASSESSMENTS = "Microsoft.Security/assessments/read"
READ = "Microsoft.Security/regulatoryComplianceStandards/read"
_STANDARD = "microsoft.security/regulatorycompliancestandards"
_CONTROL = f"{_STANDARD}/regulatorycompliancecontrols"
_ASSESSMENT = f"{_CONTROL}/regulatorycomplianceassessments"
_ORDER = ("Failed", "Skipped", "Passed", "Unsupported")


@dataclass(frozen=True, slots=True)
class Known:
    """A standard with its controls and its policies by state: each has the worst of its states in what is looked at."""

    name: str
    title: str
    controls: Counter[str]
    policies: Counter[str]


def filled(visit: Visit) -> Mapping[str, Any] | Response:
    """The standards: a control fails where it fails in any subscription that is looked at."""
    if visit.edition is None:
        return {"edition": None}
    standards = visit.edition.once(("standards", visit.reach(READ)), lambda: _standards(visit))
    if visit.asked("format") == "csv":
        header = ("Standard", *_ORDER, "Controls", "Policies passed", "Policies failed", "Policies", "Name")
        return as_csv("compliance", header, map(_row, standards))
    return {"edition": visit.edition, "standards": standards}


def _row(one: Known) -> tuple[str | int, ...]:
    states = (one.controls[state] for state in _ORDER)
    policies = (one.policies["Passed"], one.policies["Failed"], one.policies.total())
    return one.title, *states, one.controls.total(), *policies, one.name


def _standards(visit: Visit) -> list[Known]:
    """Each standard that has controls, with these and its policies by state."""
    controls: defaultdict[str, dict[str, str]] = defaultdict(dict)
    policies: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for body in _bodies(visit, _CONTROL):
        name, control = _parts(body["id"])
        controls[name][control] = _worst(controls[name].get(control), body["properties"]["state"])
    for body in _bodies(visit, _ASSESSMENT):
        name, policy = _parts(body["id"])[0], body["name"]
        policies[name][policy] = _worst(policies[name].get(policy), body["properties"]["state"])
    titles = {body["name"]: _title(body) for body in _bodies(visit, _STANDARD)}
    found = (
        Known(name, titles[name], Counter(controls[name].values()), Counter(policies[name].values()))
        for name in titles
        if name in controls
    )
    return sorted(found, key=lambda one: one.title.casefold())


def _title(body: Mapping[str, Any]) -> str:
    """What a standard is called: Azure's own documents have nothing but a name."""
    return str(body["properties"].get("displayName") or body["name"])


def one(visit: Visit) -> Mapping[str, Any] | Response:
    """One standard."""
    if visit.edition is None:
        return {"edition": None}
    name = visit.parameters["name"]
    key = ("standard", name.casefold(), visit.reach(READ))
    controls = visit.edition.once(key, lambda: _controls(visit, name))
    if not controls:
        raise MissingError(f"there is no standard {name[:100]} in what you may see")
    if visit.asked("format") in ("csv", "pdf"):
        return _evidence(visit, name, controls)
    counts = Counter(each["state"] for each in controls.values())
    titles = (
        _title(body) for body in _bodies(visit, _STANDARD) if body["name"].casefold() == name.casefold()
    )
    return {
        "edition": visit.edition,
        "title": next(titles, name),
        "controls": controls,
        "counts": counts,
    }


def _evidence(visit: Visit, name: str, controls: Mapping[str, Mapping[str, Any]]) -> Response:
    """The evidence as a file."""
    assert visit.edition is not None
    scope = visit.asked("scope")
    names = {**visit.subscriptions, **visit.management_groups}
    made = Evidence(
        name,
        names.get(scope, scope) or "everything that its reader may see",
        visit.edition.made.when,
        visit.caller.name,
        [
            Control(
                control,
                one["title"],
                one["state"],
                [_policy(visit, title, each) for title, each in one["policies"].items()],
            )
            for control, one in controls.items()
        ],
    )
    if visit.asked("format") == "csv":
        return as_csv(name, HEADER, made.rows())
    try:
        return as_file(f"{name}.pdf", document(made), "application/pdf")
    except NoDocumentError as error:
        raise StateError(str(error)) from error


def _policy(visit: Visit, title: str, known: Mapping[str, Any]) -> Policy:
    assert visit.edition is not None
    wanted = Wanted(recommendations=frozenset({known["key"].lower()}))
    found = visit.edition.findings.page(visit.reach(ASSESSMENTS), wanted, order="state", most=1_000_000)
    resources = [(each.resource, each.state.value, each.cause) for each in found]
    return Policy(title, known["state"], resources)


def _controls(visit: Visit, name: str) -> dict[str, dict[str, Any]]:
    """Control -> its title, state and policies over all subscriptions that are looked at."""
    found: dict[str, dict[str, Any]] = {}
    for body in _bodies(visit, _CONTROL):
        standard, control = _parts(body["id"])
        if standard.casefold() == name.casefold():
            known = found.setdefault(
                control, {"title": body["properties"]["description"], "state": None, "policies": {}}
            )
            known["state"] = _worst(known["state"], body["properties"]["state"])
    for body in _bodies(visit, _ASSESSMENT):
        standard, control = _parts(body["id"])
        if standard.casefold() == name.casefold() and control in found:
            told = body["properties"]
            known = found[control]["policies"].setdefault(
                told["description"], {"state": None, "failed": 0, "passed": 0, "key": body["name"]}
            )
            known["state"] = _worst(known["state"], told["state"])
            known["failed"] += told["failedResources"]
            known["passed"] += told["passedResources"]
    return found


def _bodies(visit: Visit, type_: str) -> tuple[dict[str, Any], ...]:
    assert visit.edition is not None
    return visit.edition.listing.page([type_], visit.reach(READ), most=1_000_000).bodies


def _parts(id_: str) -> tuple[str, str]:
    """The standard and the control that an id names."""
    parts = id_.split("/")
    return parts[6], parts[8] if len(parts) > 8 else ""


def _worst(known: str | None, state: str) -> str:
    return state if known is None else min(known, state, key=_ORDER.index)


PAGES = (
    Page("/compliance", "Compliance", "compliance.html", READ, filled, Area.POSTURE, 20),
    Page("/compliance/{name}", "Standard", "standard.html", READ, one),
)

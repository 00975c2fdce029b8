"""Recommendations: every recommendation with how many resources stand how; one with why, how to fix it, and on which resources."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from starlette.responses import RedirectResponse, Response

from nephoscope.access.guard import DeniedError
from nephoscope.lake.state import MissingError, StateError
from nephoscope.model.state import Severity, State
from nephoscope.policy.exemption import MITIGATED, WAIVER, Exemption
from nephoscope.posture.exempting import WRITE, may_exempt
from nephoscope.posture.published.findings import SHOWN_STATES, Finding, Tally, Wanted
from nephoscope.web.download import as_csv
from nephoscope.web.page import Area, Page
from nephoscope.web.visit import Visit

READ = "Microsoft.Security/assessments/read"
MOST_DAYS, MOST_AT_ONCE = 3650, 500
EXEMPTIONS = "Microsoft.Authorization/policyExemptions"
ROWS = 100


def filled(visit: Visit) -> Mapping[str, Any] | Response:
    """The list."""
    if visit.edition is None:
        return {"edition": None}
    tallies = visit.edition.findings.tallies(visit.reach(READ), wanted(visit))
    if not visit.asked("all"):
        tallies = [one for one in tallies if one.unhealthy]
    if visit.asked("format") == "csv":
        return as_csv(
            "recommendations",
            ("Recommendation", "Severity", *(one.value for one in State)),
            map(_tally_row, tallies),
        )
    start = page_start(visit)
    return {
        "edition": visit.edition, "tallies": tallies[start : start + ROWS], "total": len(tallies), "start": start, "rows": ROWS,
        "severities": list(reversed(Severity)), "chosen": visit.several("severity"), "text": visit.asked("q"),
        "all": bool(visit.asked("all")),
    }  # fmt: skip


def one(visit: Visit) -> Mapping[str, Any] | Response:
    """One recommendation."""
    edition, key = visit.edition, visit.parameters["key"].lower()
    if edition is None:
        return {"edition": None}
    if visit.request.method == "POST":
        count = exempt(visit, key)
        return RedirectResponse(visit.here(exempted=count), 303)
    reach = visit.reach(READ)
    about = Wanted(recommendations=frozenset({key}))
    found = edition.listing.get(
        f"/providers/microsoft.security/assessmentmetadata/{key}", visit.caller.reach(READ)
    )
    if found is None:
        raise MissingError(f"there is no recommendation {key[:100]} in what you may see")
    states = visit.several("state") or frozenset({State.NON_COMPLIANT.value})
    asked = Wanted(recommendations=about.recommendations, states=states, text=visit.asked("q"))
    if visit.asked("format") == "csv":
        rows = edition.findings.page(reach, asked, order="resource", most=1_000_000)
        return as_csv(key, ("Resource", "State", "Cause", "Description"), map(_finding_row, rows))
    start = page_start(visit)
    findings = edition.findings.page(reach, asked, order="resource", start=start, most=ROWS)
    return {
        "edition": edition,
        "key": key,
        "known": found["properties"],
        "counts": edition.findings.states(reach, about),
        "findings": findings,
        "total": edition.findings.count(reach, asked),
        "start": start,
        "rows": ROWS,
        "chosen": states,
        "states": SHOWN_STATES,
        "text": visit.asked("q"),
        "exemptable": exemptable(visit, key, findings),
        "exempted": visit.asked("exempted"),
    }


def wanted(visit: Visit) -> Wanted:
    """What the filters of the address ask for."""
    return Wanted(severities=visit.several("severity"), text=visit.asked("q"))


def exempt(visit: Visit, key: str) -> int:
    """Put an exemption from a recommendation for each resource of the form; how many. StateError for a form that says too little."""
    form, scopes = visit.form, [one.lower().rstrip("/") for one in visit.ticked("scope")]
    category, reason, days = form.get("category", ""), form.get("reason", "").strip(), form.get("days", "")
    fit = all(one.startswith("/subscriptions/") for one in scopes)
    if not scopes or not fit or category not in (WAIVER, MITIGATED) or not reason:
        raise StateError("an exemption needs a resource, a category and a reason")
    if len(scopes) > MOST_AT_ONCE:
        raise StateError(f"at most {MOST_AT_ONCE} resources are exempted at once")
    if days and not (days.isdecimal() and 0 < int(days) <= MOST_DAYS):
        raise StateError(f"an exemption lasts 1 to {MOST_DAYS} days, or without an end where none is given")
    for scope in scopes:
        visit.caller.must(WRITE, scope)
        may_exempt(visit.caller, _exempting(scope, key), visit.instance.governing)
    properties: dict[str, Any] = {
        "exemptionCategory": category,
        "displayName": reason[:128],
        "description": reason,
        "metadata": {"nephoscope": {"recommendations": [key]}, "createdBy": visit.caller.name},
    }
    if days:
        properties["expiresOn"] = (visit.instance.now + timedelta(days=int(days))).isoformat()
    for scope in scopes:
        name = str(uuid.uuid4())
        id_ = f"{scope}/providers/{EXEMPTIONS}/{name}"
        body = {"id": id_, "name": name, "type": EXEMPTIONS, "properties": properties}
        Exemption.parse(body)
        visit.instance.put(body, EXEMPTIONS, visit.caller.name, visit.caller.address)
    return len(scopes)


def exemptable(visit: Visit, key: str, findings: Sequence[Finding]) -> frozenset[str]:
    """The failing resources of a page that the visitor may exempt from a recommendation."""
    failing_ones = [one.resource for one in findings if one.state is State.NON_COMPLIANT]
    return frozenset(one for one in failing_ones if _may(visit, key, one))


def _may(visit: Visit, key: str, resource: str) -> bool:
    if not resource.startswith("/subscriptions/") or not visit.caller.may(WRITE, resource):
        return False
    try:
        may_exempt(visit.caller, _exempting(resource, key), visit.instance.governing)
    except DeniedError:
        return False
    return True


def _exempting(scope: str, key: str) -> Exemption:
    """An exemption of a resource from a recommendation, as far as rights to it go."""
    return Exemption(
        f"{scope}/providers/{EXEMPTIONS}/new".lower(), scope, "", WAIVER, recommendations=frozenset({key})
    )


def page_start(visit: Visit) -> int:
    """Where the page of a list begins."""
    given = visit.asked("start", "0")
    return int(given) if given.isdecimal() and len(given) < 9 else 0


def _tally_row(tally: Tally) -> list[Any]:
    return [tally.title, tally.severity.value, *(tally.counts[state] for state in State)]


def _finding_row(finding: Finding) -> list[Any]:
    return [
        finding.resource,
        finding.state.value,
        finding.cause,
        finding.why,
    ]


def failing(visit: Visit) -> int | None:
    """How many recommendations have a failing resource."""
    if visit.edition is None:
        return None
    return sum(1 for tally in visit.edition.findings.tallies(visit.reach(READ)) if tally.unhealthy)


PAGES = (
    Page(
        "/recommendations",
        "Recommendations",
        "recommendations.html",
        READ,
        filled,
        Area.POSTURE,
        0,
        count=failing,
    ),
    Page(
        "/recommendations/{key}", "Recommendation", "recommendation.html", READ, one, methods=("GET", "POST")
    ),
)

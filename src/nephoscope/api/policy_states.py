"""Microsoft.PolicyInsights: policy states, row by row and summed up, and the demand for a new evaluation.

Source: https://learn.microsoft.com/rest/api/policyinsights/policy-states (2019-10-01)
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nephoscope.api.wire.answer import Answer, next_link, resumed
from nephoscope.api.wire.call import Call
from nephoscope.api.wire.fault import bad
from nephoscope.api.wire.operation import Surface
from nephoscope.api.wire.states_filter import Test, matching
from nephoscope.api.wire.states_shape import applied, moment, names_of, ordered, selected

SURFACE = Surface("Policy insights", "Microsoft.PolicyInsights")
QUERY = "Microsoft.PolicyInsights/policyStates/queryResults/action"
SUMMARIZE = "Microsoft.PolicyInsights/policyStates/summarize/action"
TRIGGER = "Microsoft.PolicyInsights/policyStates/triggerEvaluation/action"
_PROVIDER = "{scope}/providers/Microsoft.PolicyInsights/policyStates"
_TYPE = "microsoft.policyinsights/policystates"
MOST = 1000


@SURFACE.ask(f"{_PROVIDER}/{{policyStatesResource}}/queryResults", "PolicyStates_ListQueryResults", QUERY)
def query_results(call: Call) -> Answer:
    """The states below a scope, those that `$filter` picks."""
    _latest(call)
    test = _test(call)
    if call.asked("$apply") or call.asked("$orderby"):
        return _shaped(call, test)
    fields = names_of(call.asked("$select")) if call.asked("$select") else None
    found: list[dict[str, Any]] = []
    after = resumed(call)
    most = call.top(MOST)
    while len(found) < most:
        page = call.edition.listing.page([_TYPE], call.reach, call.below, after=after, most=MOST)
        for at, body in enumerate(page.bodies):
            if test(body["properties"]):
                found.append(_row(call, body["properties"], fields))
                if len(found) == most and (page.after or at + 1 < len(page.bodies)):
                    after = str(body["id"]).lower()
                    break
        else:
            after = page.after
            if not after:
                break
            continue
        break
    return _answer(call, found, after)


def _shaped(call: Call, test: Test) -> Answer:
    """States that are grouped or sorted: all are read, and the page begins where the one before ended."""
    rows = [one["properties"] for one in _every(call) if test(one["properties"])]
    if text := call.asked("$apply"):
        rows = applied(rows, text)
    if text := call.asked("$orderby"):
        rows = ordered(rows, text)
    fields = names_of(call.asked("$select")) if call.asked("$select") else None
    start = resumed(call)
    if start and not start.isdigit():
        raise bad("The $skipToken is not one that this server gave.", "$skipToken", "InvalidSkipToken")
    first, most = int(start or 0), call.top(MOST)
    page = [_row(call, one, fields) for one in rows[first : first + most]]
    return _answer(call, page, str(first + most) if len(rows) > first + most else "")


def _answer(call: Call, found: list[dict[str, Any]], after: str) -> Answer:
    answer: dict[str, Any] = {"@odata.context": _context(call), "@odata.count": len(found), "value": found}
    if after and not call.asked("$top"):
        answer["@odata.nextLink"] = next_link(call, after)
    return Answer(answer)


def _test(call: Call) -> Test:
    """The states that `$filter` picks, of the time from `$from` to `$to`."""
    fits = matching(call.asked("$filter"))
    since, until = (moment(call.asked(name), name) for name in ("$from", "$to"))
    if since is None and until is None:
        return fits

    def timely(row: Mapping[str, Any]) -> bool:
        when = moment(str(row.get("timestamp", "")), "timestamp")
        late = when is None or (since is not None and when < since)
        return not late and (until is None or when is None or when <= until) and fits(row)

    return timely


@SURFACE.ask(f"{_PROVIDER}/{{policyStatesSummaryResource}}/summarize", "PolicyStates_Summarize", SUMMARIZE)
def summarize(call: Call) -> Answer:
    """How many resources and policies do not comply below a scope, by assignment and by policy."""
    test = _test(call)
    states = [one["properties"] for one in _every(call) if test(one["properties"])]
    summary = {
        "@odata.id": None,
        "@odata.context": f"{_context(call)}/$entity",
        "results": _results(states),
        "policyAssignments": list(_assignments(states)),
    }
    return Answer({"@odata.context": _context(call), "@odata.count": 1, "value": [summary]})


@SURFACE.act(f"{_PROVIDER}/latest/triggerEvaluation", "PolicyStates_TriggerEvaluation", TRIGGER)
def trigger(call: Call) -> Answer:
    """Ask for an evaluation of everything; it begins soon."""
    call.instance.assess_soon(call.caller.name, call.caller.address)
    return Answer(None, 202, {"Location": f"{call.base}/readyz", "Retry-After": "30"})


def _latest(call: Call) -> None:
    word = (call["policyStatesResource"] or call["policyStatesSummaryResource"]).lower()
    if word not in ("latest", "default"):
        raise bad(f"'{word}' is neither latest nor default.", "policyStatesResource", "InvalidParameter")


def _every(call: Call) -> Iterable[dict[str, Any]]:
    after = ""
    while True:
        page = call.edition.listing.page([_TYPE], call.reach, call.below, after=after, most=50_000)
        yield from page.bodies
        if not (after := page.after):
            return


def _context(call: Call) -> str:
    return f"{call.base}{call.below}/providers/Microsoft.PolicyInsights/policyStates/$metadata#latest"


def _row(call: Call, properties: dict[str, Any], fields: Sequence[str] | None = None) -> dict[str, Any]:
    shown = properties if fields is None else selected(properties, fields)
    return {"@odata.id": None, "@odata.context": f"{_context(call)}/$entity", **shown}


def _results(states: list[dict[str, Any]]) -> dict[str, Any]:
    failing = [one for one in states if one["complianceState"] == "NonCompliant"]
    resources: dict[str, str] = {}
    for one in states:
        resource, state = one["resourceId"].lower(), one["complianceState"].lower()
        resources[resource] = min(state, resources.get(resource, state), key=_worse)
    policies = {one.get("policyDefinitionId", "") for one in states}
    broken = {one.get("policyDefinitionId", "") for one in failing}
    return {
        "queryResultsUri": None,
        "nonCompliantResources": sum(state == "noncompliant" for state in resources.values()),
        "nonCompliantPolicies": len(broken),
        "resourceDetails": _details(Counter(resources.values())),
        "policyDetails": _details(
            Counter({"noncompliant": len(broken), "compliant": len(policies - broken)})
        ),
    }


_ORDER = ("noncompliant", "error", "unknown", "compliant", "exempt")


def _worse(state: str) -> int:
    return _ORDER.index(state)


def _details(counts: Counter[str]) -> list[dict[str, Any]]:
    return [{"complianceState": state, "count": counts[state]} for state in _ORDER if counts[state]]


def _assignments(states: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    by_assignment: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in states:
        by_assignment[one["policyAssignmentId"]].append(one)
    for id_, several in sorted(by_assignment.items()):
        by_policy: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for one in several:
            by_policy[(one.get("policyDefinitionId", ""), one.get("policyDefinitionReferenceId", ""))].append(
                one
            )
        yield {
            "policyAssignmentId": id_,
            "policySetDefinitionId": several[0].get("policySetDefinitionName", ""),
            "results": _results(several),
            "policyDefinitions": [
                {
                    "policyDefinitionId": definition,
                    "policyDefinitionReferenceId": reference,
                    "effect": each[0].get("policyDefinitionAction", ""),
                    "results": _results(each),
                }
                for (definition, reference), each in sorted(by_policy.items())
            ],
        }

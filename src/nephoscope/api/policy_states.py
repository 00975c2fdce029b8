"""Microsoft.PolicyInsights: policy states, row by row and summed up, and the demand for a new evaluation.

Source: https://learn.microsoft.com/rest/api/policyinsights/policy-states (2019-10-01)
"""

from __future__ import annotations

from itertools import islice
from urllib.parse import quote

from nephoscope.api.wire import edm
from nephoscope.api.wire.answer import Answer
from nephoscope.api.wire.call import Call
from nephoscope.api.wire.fault import bad
from nephoscope.api.wire.operation import Surface
from nephoscope.api.wire.policy_rows import Source, answer, every, picked
from nephoscope.api.wire.policy_summary import Summary

SURFACE = Surface("Policy insights", "Microsoft.PolicyInsights")
READ = "Microsoft.PolicyInsights/policyStates/read"
QUERY = "Microsoft.PolicyInsights/policyStates/queryResults/action"
SUMMARIZE = "Microsoft.PolicyInsights/policyStates/summarize/action"
TRIGGER = "Microsoft.PolicyInsights/policyStates/triggerEvaluation/action"
_PROVIDER = "{scope}/providers/Microsoft.PolicyInsights/policyStates"
STATES = Source("policyStates", "microsoft.policyinsights/policystates", "latest")
MOST = 1000
XML = {"Content-Type": "application/xml"}


@SURFACE.ask(f"{_PROVIDER}/{{policyStatesResource}}/queryResults", "PolicyStates_ListQueryResults", QUERY)
def query_results(call: Call) -> Answer:
    """The states at a scope, those that `$filter` picks."""
    _latest(call)
    return answer(call, STATES)


@SURFACE.ask(f"{_PROVIDER}/{{policyStatesSummaryResource}}/summarize", "PolicyStates_Summarize", SUMMARIZE)
def summarize(call: Call) -> Answer:
    """How many resources and policies do not comply at a scope, by assignment and by policy."""
    _latest(call)
    test = picked(call)
    states = [one for one in every(call, STATES) if test(one)]
    assigned = "/policyassignments/" in call.scope
    summary = Summary(lambda condition: _failing(call, condition), call.asked("api-version"), assigned)
    most = 0 if call.asked("$top") == "0" else call.top(MOST)
    context = STATES.context(call, "summary")
    told = {
        "@odata.id": None,
        "@odata.context": f"{context}/$entity",
        "results": summary.results(states),
        "policyAssignments": list(islice(summary.assignments(states), most)),
    }
    return Answer({"@odata.context": context, "@odata.count": 1, "value": [told]})


@SURFACE.get(f"{_PROVIDER}/$metadata", "PolicyStates_GetMetadata", READ)
def metadata(_: Call) -> Answer:
    """The fields of policy states, as OData describes them."""
    return Answer(edm.description("PolicyState", ("default", "latest")), headers=XML)


@SURFACE.act(f"{_PROVIDER}/latest/triggerEvaluation", "PolicyStates_TriggerEvaluation", TRIGGER)
def trigger(call: Call) -> Answer:
    """Ask for an evaluation of everything; it begins soon."""
    call.instance.assess_soon(call.caller.name, call.caller.address)
    return Answer(None, 202, {"Location": f"{call.base}/readyz", "Retry-After": "30"})


def _latest(call: Call) -> None:
    word = (call["policyStatesResource"] or call["policyStatesSummaryResource"]).lower()
    if word not in ("latest", "default"):
        raise bad(f"'{word[:60]}' is neither latest nor default.", "policyStatesResource", "InvalidParameter")


def _failing(call: Call, condition: str) -> str:
    """The address of the rows that fail, of those that the call asks about."""
    asked = [f"({one})" for one in (call.asked("$filter"),) if one]
    several = " and ".join([*asked, "IsCompliant eq false", *([condition] if condition else [])])
    times = "".join(f"&{name}={quote(call.asked(name))}" for name in ("$from", "$to") if call.asked(name))
    version = quote(call.asked("api-version"))
    return f"{STATES.address(call)}/latest/queryResults?api-version={version}{times}&$filter={quote(several)}"

"""arm_functions: calls of template functions with the value that another implementation asserts, or that they throw."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from template_records import MATCH, SCOPE, Verdict, document, excluded, miss, same

from nephoscope_policy.arm import ArmError
from nephoscope_policy.arm.compiler import compile_node
from nephoscope_policy.arm.template import Unknown, find_unknown
from nephoscope_policy.arm.template.evaluation_frame import EvaluationFrame
from nephoscope_policy.arm.template.expand import build_root_deployment
from nephoscope_policy.arm.template.host_functions import HOSTS
from nephoscope_policy.arm.tree import ArmCall, ArmLiteral, Node
from nephoscope_policy.arm.unknown_propagation import build_partial_registry

#: Functions whose recorded values are no values of Azure, and why.
HASHES = {
    "Guid": "the other implementation has a hash of its own; ours gives what compiled parameters files record",
    "UniqueString": "the other implementation has a hash of its own; ours gives what compiled parameters files record",
}
#: What the calls see around them.
TEMPLATE = {
    "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    "contentVersion": "1.0.0.0",
    "variables": {"vnetName": "vnet1"},
    "resources": [],
}


def assess(record: Mapping[str, Any]) -> Verdict:
    """Whether a call gives what is wanted; what Azure alone can answer is excluded where it is unknown."""
    call = record["call"]
    try:
        value = compile_node(_node(call), HOSTS, build_partial_registry())(_frame())
        for step in record.get("path") or []:
            value = _below(value, step)
    except (ArmError, LookupError, TypeError) as error:
        return MATCH if "throws" in record and isinstance(error, ArmError) else miss(f"{call}: {error}")
    unknown = find_unknown(value)
    if unknown is not None:
        return excluded(f"{call['fn']}: {unknown.reason.partition(' of /')[0]}")
    if "throws" in record:
        return miss(f"{call} gives {value!r}, should fail")
    wanted = record["want"]
    if call["fn"] in HASHES:
        return excluded(f"{call['fn']}: {HASHES[call['fn']]}")
    if isinstance(value, dict | list) and isinstance(wanted, str):
        wanted = json.loads(wanted)
    if isinstance(wanted, dict) and wanted.keys() == {"len"}:
        value, wanted = len(value), wanted["len"]
    return MATCH if same(value, wanted) else miss(f"{call} gives {value!r}, wanted {wanted!r}")


def _below(value: Any, step: Any) -> Any:
    if isinstance(value, Unknown):
        return value
    return len(value) if isinstance(step, dict) else value[step]


@cache
def _frame() -> EvaluationFrame:
    template = document(TEMPLATE, "functions.json")
    assert template is not None
    deployment = build_root_deployment(template, None, scope=SCOPE)
    assert deployment.template is not None
    return deployment.template.frame.make_turn_frame("test1", 0)


def _node(given: Any) -> Node:
    if isinstance(given, dict) and given.keys() == {"fn", "args"}:
        return ArmCall(given["fn"], tuple(map(_node, given["args"] or [])))
    # a text is written as an expression has it: with a quote twice
    return ArmLiteral(given.replace("''", "'") if isinstance(given, str) else given)

"""Check the references of a policy document on PUT: each exists at or above its scope, and the author may exempt it.

Source: https://learn.microsoft.com/azure/governance/policy/concepts/assignment-structure (policy definition id) and
https://learn.microsoft.com/azure/governance/policy/concepts/exemption-structure
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error
from nephoscope.posture.governance.effective_policy import is_outside_scope
from nephoscope.posture.governance.exemption_authorization import may_exempt
from nephoscope_policy.assignment import Assignment, normalize_scope
from nephoscope_policy.catalog_entry import TYPES, Kind
from nephoscope_policy.exemption import Exemption
from nephoscope_policy.initiative import Initiative

if TYPE_CHECKING:
    from nephoscope.api.wire.api_call import ApiCall

_REFERENCE = re.compile(
    r"(?P<scope>(/[^/]+)*)/providers/microsoft\.authorization/policy(?P<set>set)?definitions/(?P<name>[^/]+)"
)
_NAME_OF_AZURE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WORDS: dict[Kind, str] = {"definition": "policy definition", "initiative": "policy set definition"}
_ABOVE = "Policy definitions should be specified only at or above"


def check_assignment(call: ApiCall, body: dict[str, object]) -> None:
    """Fault where an assignment names what is not there or does not lie at or above it; its scope is that of its path."""
    one = Assignment.parse(body)
    kind, scope, name = _parse_reference(one.target, "properties.policyDefinitionId")
    target = "properties.policyDefinitionId"
    if is_outside_scope(scope, call.listing_scope, call.caller.hierarchy):
        text = f"The {_WORDS[kind]} specified in policy assignment '{one.name[:100]}' is out of scope."
        text = f"{text} {_ABOVE} the policy assignment scope."
        raise make_bad_request_error(text, target, "InvalidCreatePolicyAssignmentRequest")
    if not call.load_effective_policy().has_document(kind, one.target):
        raise _make_not_found_error(kind, name, target)


def check_initiative(call: ApiCall, body: dict[str, object]) -> None:
    """Fault where an initiative has a member that is not there or does not lie at or above it.

    A definition that Azure itself brings is taken also where no content here holds it: what it would judge ends Unknown.
    """
    found = Initiative.parse(body)
    names = []
    for one in found.members:
        kind, scope, name = _parse_reference(normalize_scope(one.definition), one.path)
        if kind != "definition":
            text = f"Referenced policy definitions must be of type '{TYPES['definition']}'."
            raise make_bad_request_error(text, one.path, "InvalidCreatePolicySetDefinitionRequest")
        if is_outside_scope(scope, call.listing_scope, call.caller.hierarchy):
            names.append(name)
        elif not _is_azure_name(scope, name) and not call.load_effective_policy().has_document(
            kind, one.definition
        ):
            raise _make_not_found_error(kind, name, one.path)
    if names:
        text = f"{_ABOVE} the policy set definition's scope. The following policy definitions are invalid: '{','.join(names)[:1000]}'."
        raise make_bad_request_error(
            text, "properties.policyDefinitions", "InvalidCreatePolicySetDefinitionRequest"
        )


def check_exemption(call: ApiCall, body: dict[str, object]) -> None:
    """DeniedError where the caller may not exempt from an assignment, Fault where it is not there or holds elsewhere."""
    one = Exemption.parse(body)
    may_exempt(call.caller, one, call.instance.load_governing)
    if not one.assignment:
        return
    found = call.load_effective_policy().assignment(one.assignment)
    target = "properties.policyAssignmentId"
    if found is None:
        text = f"The policy assignment '{one.assignment[:300]}' could not be found."
        raise make_bad_request_error(text, target, "InvalidCreatePolicyExemptionRequest")
    if one.validate_scope and is_outside_scope(found.scope, one.scope, call.caller.hierarchy):
        text = f"The scope of the exemption is not at or under that of the policy assignment, '{found.scope[:300]}'."
        raise make_bad_request_error(text, target, "InvalidCreatePolicyExemptionRequest")


def _parse_reference(id_: str, target: str) -> tuple[Kind, str, str]:
    """Kind, scope ('' = the tenant) and name of the lower-cased id of a definition or initiative; Fault for another text."""
    found = _REFERENCE.fullmatch(id_)
    if found is None:
        text = f"'{id_[:300]}' is not the id of a policy definition or policy set definition."
        raise make_bad_request_error(text, target, "InvalidPolicyDefinitionReference")
    return "initiative" if found["set"] else "definition", found["scope"], found["name"]


def _is_azure_name(scope: str, name: str) -> bool:
    return not scope and _NAME_OF_AZURE.fullmatch(name) is not None


def _make_not_found_error(kind: Kind, name: str, target: str) -> ApiError:
    code = "PolicyDefinitionNotFound" if kind == "definition" else "PolicySetDefinitionNotFound"
    text = f"The {_WORDS[kind]} '{name[:100]}' could not be found."
    if _NAME_OF_AZURE.fullmatch(name):
        text = f"{text} One that Azure brings is here after `nephoscope content import`."
    return ApiError(404, code, text, target=target)

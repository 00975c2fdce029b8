"""Microsoft.Authorization: policy definitions, initiatives, assignments and exemptions, of content, of the estate, and put by people.

Source: https://learn.microsoft.com/rest/api/policy (2023-04-01), exemptions 2022-07-01-preview
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nephoscope.api.wire import arm_documents, policy_filter, policy_lists, policy_references
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_bad_request_error
from nephoscope.api.wire.body_schema import (
    Shape,
    accept_text,
    declare_array,
    declare_enumeration,
    declare_object,
)
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import ApiResponse
from nephoscope_policy.assignment import ENFORCEMENT_MODES
from nephoscope_policy.catalog import PolicyCatalog
from nephoscope_policy.definition import Definition
from nephoscope_policy.errors import PolicyError
from nephoscope_policy.exemption import MITIGATED, WAIVER
from nephoscope_policy.model.source_location import Place

SURFACE = ApiSurface("Policy", "Microsoft.Authorization")


@dataclass(frozen=True, slots=True)
class PolicyDocumentKind:
    """A kind of document: the last part of its type, the word of its operations, what raises for an unusable one, its filters.

    `check` raises PolicyError where the document cannot be read, Fault or DeniedError for what it names; `shape` is that of the
    properties. `inside` says whether a list has what stands below its scope too.
    """

    word: str
    operations: str
    check: Callable[[ApiCall, dict[str, Any]], object]
    filters: policy_filter.PolicyFilters
    shape: Shape
    inside: bool = False

    @property
    def type(self) -> str:
        """The type."""
        return f"Microsoft.Authorization/{self.word}"


def _check_rule(call: ApiCall, body: dict[str, object]) -> None:
    """A definition that can be used."""
    Definition.parse(body)
    _check_definition(call, body)


def _check_definition(_: ApiCall, body: dict[str, object]) -> None:
    """A definition or initiative that can be used."""
    for problem in PolicyCatalog.from_bodies([(body, Place("put"))]).problems:
        raise PolicyError(problem.reason, problem.place.path)


def _check_initiative(call: ApiCall, body: dict[str, object]) -> None:
    """An initiative that can be used, of members that are there."""
    _check_definition(call, body)
    policy_references.check_initiative(call, body)


def _check_assignment(call: ApiCall, body: dict[str, Any]) -> None:
    """An assignment that can be used, at the scope of its path, whatever scope it says."""
    body["properties"] = {
        **{name: one for name, one in body["properties"].items() if name.lower() != "scope"},
        "scope": call.path.rpartition("/providers/")[0] or "/",
    }
    policy_references.check_assignment(call, body)


_TOLD = {"displayName": accept_text(), "description": accept_text(), "metadata": declare_object({})}
_DEFINED = {**_TOLD, "policyType": declare_enumeration("NotSpecified", "BuiltIn", "Custom", "Static")}
_MESSAGE = declare_object({"message": accept_text(least=1)}, {"policyDefinitionReferenceId": accept_text()})

DEFINITIONS = PolicyDocumentKind(
    "policyDefinitions",
    "PolicyDefinitions",
    _check_rule,
    policy_filter.DEFINITIONS,
    declare_object({}, _DEFINED),
)
INITIATIVES = PolicyDocumentKind(
    "policySetDefinitions",
    "PolicySetDefinitions",
    _check_initiative,
    policy_filter.DEFINITIONS,
    declare_object({}, _DEFINED),
)
ASSIGNMENTS = PolicyDocumentKind(
    "policyAssignments",
    "PolicyAssignments",
    _check_assignment,
    policy_filter.ASSIGNMENTS,
    declare_object(
        {},
        {
            **_TOLD,
            "enforcementMode": declare_enumeration(*ENFORCEMENT_MODES),
            "nonComplianceMessages": declare_array(_MESSAGE),
        },
    ),
    inside=True,
)
EXEMPTIONS = PolicyDocumentKind(
    "policyExemptions",
    "PolicyExemptions",
    policy_references.check_exemption,
    policy_filter.EXEMPTIONS,
    declare_object({}, {**_TOLD, "exemptionCategory": declare_enumeration(WAIVER, MITIGATED)}),
    inside=True,
)


def put(call: ApiCall, kind: PolicyDocumentKind) -> ApiResponse:
    """Keep a document; it is judged by in the next assessment, which begins soon."""

    def check(body: dict[str, Any]) -> None:
        body["properties"] = kind.shape(body["properties"], "properties")
        try:
            kind.check(call, body)
        except PolicyError as error:
            raise make_bad_request_error(
                error.message, error.path, f"InvalidPolicy{kind.word.removeprefix('policy')[:-1]}"
            ) from error

    return arm_documents.put(call, kind.type, check)


def _declare_policy_operations(kind: PolicyDocumentKind) -> None:
    """The operations of a kind, at every scope that ARM has."""
    type_, one = f"{{scope}}/providers/{kind.type}", f"{{scope}}/providers/{kind.type}/{{name}}"

    @SURFACE.get(type_, f"{kind.operations}_List", f"{kind.type}/read")
    def _list(call: ApiCall) -> ApiResponse:
        """List the policy objects at a scope and above it, and assignments and exemptions also below it; supports `$filter`."""
        wanted = kind.filters.parse_filter(call, policy_lists.PolicyListFilter(below=kind.inside))
        return policy_lists.list_page(call, kind.type, wanted)

    @SURFACE.get(one, f"{kind.operations}_Get", f"{kind.type}/read")
    def _get(call: ApiCall) -> ApiResponse:
        """Get a policy object."""
        return arm_documents.get_document(call, kind.word)

    @SURFACE.put(one, f"{kind.operations}_CreateOrUpdate", f"{kind.type}/write")
    def _put(call: ApiCall) -> ApiResponse:
        """Create or replace a policy object; an assessment that uses it starts soon."""
        return put(call, kind)

    @SURFACE.delete(one, f"{kind.operations}_Delete", f"{kind.type}/delete")
    def _delete(call: ApiCall) -> ApiResponse:
        """Delete a policy object that was created on this server."""
        return arm_documents.delete_document(call, kind.type)


for _kind in (DEFINITIONS, INITIATIVES, ASSIGNMENTS, EXEMPTIONS):
    _declare_policy_operations(_kind)

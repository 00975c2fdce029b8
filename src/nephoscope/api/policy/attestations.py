"""Microsoft.PolicyInsights/attestations: what people vouch for where a policy cannot see it; the next assessment is judged by it.

Source: https://learn.microsoft.com/rest/api/policyinsights/attestations (2022-09-01)
"""

from __future__ import annotations

from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_bad_request_error
from nephoscope.api.wire.body_schema import accept_text, declare_array, declare_object
from nephoscope.api.wire.document_kinds import (
    ArmDocumentKind,
    Body,
    build_system_data,
    declare_document_operations,
)
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.posture.policies.attestation import PolicyAttestation
from nephoscope_policy.errors import PolicyError

SURFACE = ApiSurface("Attestations", "Microsoft.PolicyInsights")


SHAPE = declare_object(
    {},
    {
        "owner": accept_text(),
        "comments": accept_text(),
        "evidence": declare_array(
            declare_object({}, {"description": accept_text(), "sourceUri": accept_text()})
        ),
        "metadata": declare_object({}),
    },
)


def check(body: Body) -> None:
    """Fault where an attestation cannot be used."""
    try:
        PolicyAttestation.parse(body)
    except PolicyError as error:
        raise make_bad_request_error(error.message, error.path, "InvalidCreateAttestationRequest") from error


def make_attestation(call: ApiCall, body: Body, before: Body | None) -> Body:
    """The attestation with who vouches, and since when."""
    own_properties = {
        "lastComplianceStateChangeAt": call.instance.now.isoformat(),
        "provisioningState": "Succeeded",
    }
    return {
        **body,
        "properties": {**body["properties"], **own_properties},
        "systemData": build_system_data(call, before),
    }


declare_document_operations(
    SURFACE,
    ArmDocumentKind(
        "Microsoft.PolicyInsights/attestations",
        "Attestations",
        "An assessment that uses it starts soon.",
        check=check,
        shape=SHAPE,
        made=make_attestation,
        filtered=True,
        acting=True,
    ),
)

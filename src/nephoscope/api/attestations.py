"""Microsoft.PolicyInsights/attestations: what people vouch for where a policy cannot see it; the next assessment is judged by it.

Source: https://learn.microsoft.com/rest/api/policyinsights/attestations (2022-09-01)
"""

from __future__ import annotations

from typing import Any

from nephoscope.api.wire import documents
from nephoscope.api.wire.answer import Answer
from nephoscope.api.wire.call import Call
from nephoscope.api.wire.fault import bad
from nephoscope.api.wire.operation import Surface
from nephoscope.policy.errors import PolicyError
from nephoscope.posture.attestation import Attestation

SURFACE = Surface("Attestations", "Microsoft.PolicyInsights")
TYPE = "Microsoft.PolicyInsights/attestations"
_LIST = f"{{scope}}/providers/{TYPE}"
_ONE = f"{_LIST}/{{attestationName}}"


@SURFACE.get(_LIST, "Attestations_List", f"{TYPE}/read")
def list_(call: Call) -> Answer:
    """The attestations of a scope and of what is below it."""
    return documents.page(call, [TYPE], call.below)


@SURFACE.get(_ONE, "Attestations_Get", f"{TYPE}/read")
def get(call: Call) -> Answer:
    """One attestation."""
    return documents.get(call, "attestation")


@SURFACE.put(_ONE, "Attestations_CreateOrUpdate", f"{TYPE}/write")
def put(call: Call) -> Answer:
    """Vouch for a resource, or for all of a group or subscription; the next assessment begins soon."""
    return documents.put(call, TYPE, _check)


@SURFACE.delete(_ONE, "Attestations_Delete", f"{TYPE}/delete")
def delete(call: Call) -> Answer:
    """Take one back."""
    return documents.delete(call, TYPE)


def _check(body: dict[str, Any]) -> None:
    try:
        Attestation.parse(body)
    except PolicyError as error:
        raise bad(error.message, error.path, "InvalidCreateAttestationRequest") from error

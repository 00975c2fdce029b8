"""Exemptions of resources from recommendations and assignments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.access.authenticator import Caller
from nephoscope.posture.governance.exemption_authorization import WRITE, may_exempt
from nephoscope.service.arm_documents import put_document, remove_document
from nephoscope.state.estate.arm_documents import build_row_key
from nephoscope_policy.exemption import Exemption

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nephoscope.posture.governance.effective_policy import EffectivePolicy
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.estate.arm_documents import ArmDocument

TYPE = "Microsoft.Authorization/policyExemptions"
READ, DELETE = f"{TYPE}/read", f"{TYPE}/delete"


def require_exemption_permission(
    context: ServiceContext,
    exemption: Exemption,
    governing: Callable[[str], EffectivePolicy],
    place: str = "",
) -> None:
    """Raise DeniedError where the actor may not exempt at the scope, or not from an assignment that the exemption speaks of.

    `place` is the scope with its tenant, '' where it names none.
    """
    context.require(WRITE, place or exemption.scope)
    if isinstance(context.actor, Caller):  # the local user owns the folder
        may_exempt(context.actor, exemption, governing)


def put_exemptions(
    context: ServiceContext,
    bodies: Sequence[dict[str, object]],
    governing: Callable[[str], EffectivePolicy],
    *,
    tenant: str = "",
) -> int:
    """Keep exemptions as ARM documents, all or none, an entry for each; how many. The next assessment is judged by them.

    `tenant` is that of exemptions at a management group of a tenant, '' where the actor's role tells it.
    Raises DeniedError where the actor may not exempt from one of them; PolicyError for what is no exemption.
    """
    exemptions = [Exemption.parse(body) for body in bodies]
    for one in exemptions:
        require_exemption_permission(context, one, governing, build_row_key(tenant, one.scope))
    with context.state.database.nest_transactions():
        for one, body in zip(exemptions, bodies, strict=True):
            put_document(context, build_row_key(tenant, one.scope), body, TYPE)
    return len(bodies)


def end_exemption(context: ServiceContext, document: ArmDocument) -> bool:
    """End an exemption, with all that it exempts from; whether it was there. Raises DeniedError."""
    scope = document.place(Exemption.parse(document.body).scope)
    return remove_document(context, scope, document.row_key, TYPE)

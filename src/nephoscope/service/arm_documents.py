"""ARM documents that people put: policy, assignments, exemptions, attestations, governance, settings and others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.instance import ASSESS_SOON
from nephoscope.state.estate.arm_documents import REMOVED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy.orm import Session

    from nephoscope.service.service_context import ServiceContext

#: Types of documents that people put and that decide an assessment.
DECIDING = (
    "microsoft.authorization/policydefinitions",
    "microsoft.authorization/policysetdefinitions",
    "microsoft.authorization/policyassignments",
    "microsoft.authorization/policyexemptions",
    "microsoft.policyinsights/attestations",
)


def put_document(
    context: ServiceContext,
    scope: str,
    body: Mapping[str, object],
    type_: str,
    *,
    operation: str = "",
    secrets: Mapping[str, str] | None = None,
) -> bool:
    """Keep a document under its id, with its credentials by name; an assessment that it decides is made soon. Whether it is new.

    Raises DeniedError where the actor may not do `operation` ('' = the writing of the type) at the scope.
    """
    context.require(operation or f"{type_}/write", scope)
    key, state = _key(str(body["id"])), context.state
    with state.credentials.seal(secrets or {}) as keep, state.transaction() as session:
        keep(session)
        new = state.arm_documents.put(session, key, type_.lower(), body, context.author)
        context.enter(session, f"{type_}/write", key)
        _assess_soon(context, session, type_)
    return new


def remove_document(
    context: ServiceContext,
    scope: str,
    key: str,
    type_: str,
    *,
    operation: str = "",
    credentials: Collection[str] = (),
) -> bool:
    """Forget a document with its credentials; whether it was there.

    Raises DeniedError where the actor may not do `operation` ('' = the deleting of the type) at the scope.
    """
    context.require(operation or f"{type_}/delete", scope)
    state = context.state
    with state.transaction() as session:
        found = state.arm_documents.remove(session, key)
        if found:
            state.credentials.drop(session, credentials)
            state.checkpoints.keep(session, REMOVED, {key: context.now.isoformat()})
            context.enter(session, f"{type_}/delete", key)
            _assess_soon(context, session, type_)
    return found


def _key(id_: str) -> str:
    return id_.lower().rstrip("/")


def _assess_soon(context: ServiceContext, session: Session, type_: str) -> None:
    if type_.lower() in DECIDING:
        source, key = ASSESS_SOON
        context.state.checkpoints.keep(session, source, {key: context.now.isoformat()})

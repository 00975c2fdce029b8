"""ARM documents that people put: policy, assignments, exemptions, attestations, governance, settings and others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.access.scopes import TENANT, find_group, find_owning_tenant
from nephoscope.instance import ASSESS_SOON, build_hierarchy
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.service.audited_values import describe_difference
from nephoscope.state.estate.arm_documents import FOR_EACH_TENANT, REMOVED, build_row_key, split_row_key

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy.orm import Session

    from nephoscope.access.scopes import Hierarchy
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

    At a management group it is of the tenant that the scope names, else of that of the actor's role. Raises DeniedError where
    the actor may not do `operation` ('' = the writing of the type) at the scope.
    """
    needed = operation or f"{type_}/write"
    context.require(needed, scope)
    key, state = _find_row_key(context, needed, scope, str(body["id"])), context.state
    with state.credentials.seal(secrets or {}) as keep, state.transaction() as session:
        keep(session)
        before = state.arm_documents.find(session, key)
        new = state.arm_documents.put(session, key, type_.lower(), body, context.author)
        if _is_shared_name(context, key):
            state.checkpoints.keep(session, FOR_EACH_TENANT, {key: True})
        difference = describe_difference(before.body if before is not None else None, body)
        context.enter(session, f"{type_}/write", key, **difference)
        _request_assessment(context, session, type_)
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

    `key` is its lower-cased id, or the key of its row. Raises DeniedError where the actor may not do `operation`
    ('' = the deleting of the type) at the scope.
    """
    needed = operation or f"{type_}/delete"
    context.require(needed, scope)
    asked, state = key.lower().rstrip("/"), context.state
    key = _find_row_key(context, needed, scope, asked)
    if key != asked and state.arm_documents.get(key) is None and state.arm_documents.get(asked) is not None:
        context.require(needed, TENANT)  # it is of each tenant, of which one alone was read last
        key = asked
    with state.transaction() as session:
        before = state.arm_documents.find(session, key)
        found = state.arm_documents.remove(session, key)
        if found:
            state.credentials.drop(session, credentials)
            state.checkpoints.keep(session, REMOVED, {key: context.now.isoformat()})
            difference = describe_difference(before.body if before is not None else None, None)
            context.enter(session, f"{type_}/delete", key, **difference)
            _request_assessment(context, session, type_)
    return found


def _find_row_key(context: ServiceContext, operation: str, scope: str, id_: str) -> str:
    """The key of the row of a document: one that the actor put for each tenant, or the one that a tenant has."""
    tenant, key = split_row_key(id_.lower().rstrip("/"))
    tenant = tenant or context.actor.find_tenant(operation, scope)
    if not tenant and find_group(key):  # who acts beside the server knows no tenants
        tenant = find_owning_tenant((), operation, key, _build_hierarchy(context))
    return build_row_key(tenant, key)


def _is_shared_name(context: ServiceContext, key: str) -> bool:
    """Tell whether a key lies below the name of a management group that several tenants have, and names none of them."""
    group = find_group(key)
    return bool(group) and group in _build_hierarchy(context).doubtful


def _build_hierarchy(context: ServiceContext) -> Hierarchy:
    return build_hierarchy(PublishedSnapshotCache(context.data))


def _request_assessment(context: ServiceContext, session: Session, type_: str) -> None:
    if type_.lower() in DECIDING:
        source, key = ASSESS_SOON
        context.state.checkpoints.keep(session, source, {key: context.now.isoformat()})

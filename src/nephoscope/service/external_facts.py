"""External facts: what scanners and agents learned of resources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.access.scopes import ONE_TENANT
from nephoscope.collect.facts import fact_recording
from nephoscope.collect.facts.fact_types import load_fact_types
from nephoscope.collect.facts.report_errors import FactError
from nephoscope.instance import build_hierarchy
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.state.audit.actor import Actor
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.estate.external_facts import ExternalFacts, Receipt, RetractedFacts


def put_facts(context: ServiceContext, facts: Sequence[ExternalFacts]) -> Counter[Receipt]:
    """Keep checked claims, all or none, an entry for each that says something new, and count what became of them.

    Raises DeniedError where the actor may not write a type at what it tells of, or in a tenant that it names for a subscription of
    which nothing was collected; StateError where there are too many.
    """
    for operation, scope in fact_recording.list_recording_permissions(facts):
        context.require(operation, scope)
    _require_named_tenants(context, facts)
    return fact_recording.store_claims(context.state, _build_actor(context), facts, context.now)


def remove_facts(context: ServiceContext, id_: str) -> RetractedFacts:
    """Take back what external facts say of a resource or document and of what lies below it; what Azure tells stays.

    Raises DeniedError where the actor may not delete its type there; FactError for a text that is no resource id.
    """
    try:
        resource = ResourceId.parse(id_)
    except ValueError as error:
        raise FactError("id", str(error)) from error
    known = load_fact_types().get(resource.type)
    context.require(f"{known.type if known else resource.type}/delete", resource.key)
    return fact_recording.remove_external_facts(context.state, _build_actor(context), id_, context.now)


def _require_named_tenants(context: ServiceContext, facts: Sequence[ExternalFacts]) -> None:
    """Raise DeniedError where a claim would move its subscription into a tenant in which the actor may not write its type."""
    named = {
        (f"{load_fact_types()[one.type].type}/write", one.tenant, one.subscription)
        for one in facts
        if one.tenant
    }
    open_ = sorted(one for one in named if not context.actor.is_permitted(one[0], f"{ONE_TENANT}{one[1]}"))
    if not open_:
        return
    known = build_hierarchy(PublishedSnapshotCache(context.data)).tenants
    for operation, tenant, subscription in open_:
        if known.get(subscription) != tenant:
            context.require(
                operation, f"{ONE_TENANT}{tenant}", "the report names this tenant for its subscription"
            )


def _build_actor(context: ServiceContext) -> Actor:
    return Actor(context.actor.name, context.actor.address)

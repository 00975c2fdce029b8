"""Own facts: what scanners and agents learned of resources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.collect.facts import fact_recording
from nephoscope.collect.facts.fact_types import fact_types
from nephoscope.collect.facts.report_errors import FactError
from nephoscope.state.audit.actor import Actor
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence

    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.estate.own_facts import OwnFacts, Receipt, RetractedFacts


def put_facts(context: ServiceContext, facts: Sequence[OwnFacts]) -> Counter[Receipt]:
    """Keep checked claims, all or none, an entry for each that says something new, and count what became of them.

    Raises DeniedError where the actor may not write a type at what it tells of; StateError where there are too many.
    """
    for operation, scope in fact_recording.permissions(facts):
        context.require(operation, scope)
    return fact_recording.keep(context.state, _build_actor(context), facts, context.now)


def remove_facts(context: ServiceContext, id_: str) -> RetractedFacts:
    """Take back what own facts say of a resource or document and of what lies below it; what Azure tells stays.

    Raises DeniedError where the actor may not delete its type there; FactError for a text that is no resource id.
    """
    try:
        resource = ResourceId.parse(id_)
    except ValueError as error:
        raise FactError("id", str(error)) from error
    known = fact_types().get(resource.type)
    context.require(f"{known.type if known else resource.type}/delete", resource.key)
    return fact_recording.remove(context.state, _build_actor(context), id_, context.now)


def _build_actor(context: ServiceContext) -> Actor:
    return Actor(context.actor.name, context.actor.address)

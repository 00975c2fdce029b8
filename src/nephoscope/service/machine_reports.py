"""Machine reports: verdicts on a machine become external facts of its resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.collect.facts import fact_recording
from nephoscope.collect.facts.fact_report import list_claims
from nephoscope.service.external_facts import put_facts, remove_facts
from nephoscope.state.audit.actor import Actor

if TYPE_CHECKING:
    from collections import Counter

    from nephoscope.protect.baseline.machine_report import MachineReport
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.estate.external_facts import Receipt


def keep_machine_report(context: ServiceContext, made: MachineReport) -> Counter[Receipt]:
    """Store a machine's report and take back what it knows no more; count what became of the claims.

    Raises DeniedError where the actor may not write there, FactError for a resource that no fact can be about.
    """
    found = put_facts(context, list_claims(made.report, context.now))
    for id_ in made.withdrawn:
        remove_facts(context, id_)
    return found


def keep_own_verdicts(context: ServiceContext, made: MachineReport) -> Counter[Receipt]:
    """Store what the product itself concluded from what the agent of a machine reported; count what became of the claims.

    The right to report is enough, which the caller has asked for: an agent puts none of these facts itself. Raises FactError.
    """
    actor = Actor(context.actor.name, context.actor.address)
    found = fact_recording.store_claims(
        context.state, actor, list_claims(made.report, context.now), context.now
    )
    for id_ in made.withdrawn:
        fact_recording.remove_external_facts(context.state, actor, id_, context.now)
    return found

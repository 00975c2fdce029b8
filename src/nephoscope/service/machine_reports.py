"""Machine reports: verdicts on a machine become own facts of its resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.collect.facts.fact_report import claims
from nephoscope.service.own_facts import put_facts, remove_facts

if TYPE_CHECKING:
    from collections import Counter

    from nephoscope.protect.baseline.machine_report import MachineReport
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.estate.own_facts import Receipt


def keep_machine_report(context: ServiceContext, made: MachineReport) -> Counter[Receipt]:
    """Store a machine's report and take back what it knows no more; count what became of the claims.

    Raises DeniedError where the actor may not write there, FactError for a resource that no fact can be about.
    """
    found = put_facts(context, claims(made.report, context.now))
    for id_ in made.withdrawn:
        remove_facts(context, id_)
    return found

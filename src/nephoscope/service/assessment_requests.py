"""Assessments of the estate on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.instance import ASSESS_SOON, FAILED
from nephoscope.service.actors import ROOT_SCOPE

if TYPE_CHECKING:
    from datetime import datetime

    from nephoscope.service.service_context import ServiceContext

TRIGGER = "Microsoft.PolicyInsights/policyStates/triggerEvaluation/action"


def request_assessment(context: ServiceContext, scope: str = ROOT_SCOPE) -> datetime:
    """Have the estate assessed soon, by a caller who may ask for it at a scope; when it was asked for. Raises DeniedError."""
    with context.transact(TRIGGER, scope, ROOT_SCOPE):
        return schedule_assessment(context)


def schedule_assessment(context: ServiceContext) -> datetime:
    """Note within an audited change that the estate is to be assessed; that one failed before is over: this one may not."""
    asked, checkpoints = context.now, context.state.checkpoints
    checkpoints.remove(*FAILED)
    checkpoints.put(*ASSESS_SOON, asked.isoformat())
    return asked

"""Run a program that the operator allows, with the event on its standard input."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from nephoscope.automation.action import ActionContext, ActionKind, ActionOutcome
from nephoscope.automation.actions.webhook import to_document
from nephoscope.automation.program_execution import run_program
from nephoscope.state.automation.automation_runs import AutomationRun


class CommandActionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the command action: a name in operator.yaml, which holds the path and arguments."""

    name: Annotated[str, Meta(description="Name under `commands` in operator.yaml.", min_length=1)]


def run(settings: CommandActionSettings, run: AutomationRun, around: ActionContext) -> ActionOutcome:
    """Run it; an exit code of 0 is done, 75 (try again) and a time-out are tried again, others are not."""
    document = {**to_document(run), "begun": run.begun, "cutOff": run.cut_off}
    return ActionOutcome(run_program(settings.name, msgspec.json.encode(document), around))


KIND = ActionKind(
    "command",
    "Run a command allowed in operator.yaml",
    CommandActionSettings,
    run=run,
    receiver=lambda one: one.name,
)

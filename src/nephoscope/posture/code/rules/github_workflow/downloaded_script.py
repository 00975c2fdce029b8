"""Downloaded scripts should not be run unchecked."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.workflow.workflow_model import Workflow
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.shell_downloads import find_powershell_downloads, find_run_downloads
from nephoscope.posture.code.workflow.scripts import list_shell_commands
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="github-downloaded-script",
    title="Downloaded scripts should not be run unchecked",
    severity=Severity.HIGH,
    description=(
        "A script that is piped from the network into a shell runs whatever its server, or an attacker in"
        " between, sends, with the secrets of the job."
    ),
    steps=(
        "Download to a file.",
        "Compare its checksum with one that you keep in the repository, then run it.",
    ),
    equivalents=(
        "scorecard:PinnedDependencies",
        "poutine:unverified_script_exec",
    ),
)


def check(workflow: Workflow) -> Iterator[CodeMatch]:
    """Give each command that runs what the steps of its job downloaded."""
    groups = [job.steps for job in workflow.jobs] or [workflow.steps]
    for steps in groups:
        commands = [command for step in steps for command in list_shell_commands(workflow, step)]
        yield from find_run_downloads(commands)
    for step in workflow.steps:
        if step.run is not None:
            yield from find_powershell_downloads(workflow.source.get_text(step.run.span), step.run.span.start)

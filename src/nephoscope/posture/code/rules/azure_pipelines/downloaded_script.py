"""Downloaded scripts should not be run unchecked."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.pipeline_model import Pipeline
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.pipeline_checks import list_pipeline_commands
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.shell_downloads import find_powershell_downloads, find_run_downloads
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="azure-downloaded-script",
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
        "poutine:unverified_script_exec",
        "scorecard:PinnedDependencies",
    ),
)


def check(pipeline: Pipeline) -> Iterator[CodeMatch]:
    """Give each command that runs what was downloaded."""
    commands = [command for step in pipeline.steps for command in list_pipeline_commands(pipeline, step)]
    yield from find_run_downloads(commands)
    for node in (node for step in pipeline.steps for node in step.scripts):
        yield from find_powershell_downloads(pipeline.source.get_text(node.span), node.span.start)

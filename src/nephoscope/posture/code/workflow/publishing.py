"""Packages that are published with a stored token where the index knows trusted publishing."""

from __future__ import annotations

import re

from nephoscope.collect.templates.shell.command import ShellCommand
from nephoscope.collect.templates.workflow.workflow_model import WorkflowStep
from nephoscope.collect.templates.yaml_tree import YamlNode

_PYTHON_INDEX = re.compile(r"https?://(?:upload|test)\.")
_NPM_REGISTRY = re.compile(r"https?://registry\.npm")
_RUBYGEMS = re.compile(r"https?://(?:www\.)?rubygems\.org")
#: Programs that run others, and how many operands stand before these.
_RUNNERS = {
    ("uv", "run"): 1,
    ("uvx",): 0,
    ("pipx", "run"): 1,
    ("bundle", "exec"): 1,
    ("npx",): 0,
    ("poetry", "run"): 1,
}


def uses_token(step: WorkflowStep) -> bool:
    """Tell whether an action publishes, or prepares to, with a stored token."""
    uses = step.uses
    match uses.name if uses else "":
        case "pypa/gh-action-pypi-publish":
            index = step.get_input("repository-url") or step.get_input("repository_url")
            return step.get_input("password") is not None and _matches_registry(index, _PYTHON_INDEX)
        case "rubygems/release-gem":
            node = step.get_input("setup-trusted-publisher")
            return node is not None and node.text.lower() == "false"
        case "rubygems/configure-rubygems-credentials":
            return step.get_input("api-token") is not None and _matches_registry(
                step.get_input("gem-server"), _RUBYGEMS
            )
        case "actions/setup-node":
            always = step.get_input("always-auth")
            return (
                always is not None
                and always.is_true
                and _matches_registry(step.get_input("registry-url"), _NPM_REGISTRY)
            )
    return False


def _matches_registry(node: YamlNode | None, pattern: re.Pattern[str]) -> bool:
    """Tell whether a registry is the default one, or matches."""
    return node is None or bool(pattern.match(node.text))


def is_publication(command: ShellCommand) -> bool:
    """Tell whether a command publishes a package to an index that knows trusted publishing."""
    operands = [text for text in command.operands if not text.startswith("+")]
    program = command.program.removesuffix(".exe")
    while (length := _RUNNERS.get((program, *operands[:1]), _RUNNERS.get((program,), -1))) >= 0 and len(
        operands
    ) > length:
        program, operands = operands[length], operands[length + 1 :]
    first = operands[:1]
    match program:
        case "cargo":
            return first == ["publish"] and not command.has_flag("dry-run", "n")
        case "npm" | "pnpm" | "bun":
            given = operands[1:2] if first == ["run"] else first
            return given == ["publish"] and not command.has_flag("dry-run", "provenance")
        case "yarn":
            given = operands[1:2] if first == ["npm"] else first
            return given == ["publish"] and not command.has_flag("dry-run")
        case "nuget":
            return first == ["push"]
        case "dotnet":
            return operands[:2] == ["nuget", "push"]
        case "gem":
            return first == ["push"]
        case "twine":
            return first == ["upload"]
        case "uv" | "hatch" | "pdm" | "poetry":
            return first == ["publish"] and not command.has_flag("dry-run")
        case "python" | "python3":
            return command.arguments[:3] == ["-m", "twine", "upload"]
    return False

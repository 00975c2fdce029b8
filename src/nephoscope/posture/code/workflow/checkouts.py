"""Checkouts of pull requests in workflows that have secrets, and what runs their files."""

from __future__ import annotations

import re

from nephoscope.collect.templates.source_text import TextSpan
from nephoscope.collect.templates.workflow.workflow_model import Workflow, WorkflowStep
from nephoscope.collect.templates.yaml_tree import YamlNode
from nephoscope.posture.code.workflow.scripts import list_shell_commands

#: Events that start a workflow of the base branch, with its secrets, for anybody.
PRIVILEGED = (
    "pull_request_target",
    "workflow_run",
    "issue_comment",
    "issues",
    "discussion",
    "discussion_comment",
    "fork",
    "watch",
)
_HEAD = re.compile(
    r"github\.(?:event\.(?:pull_request\.(?:head|merge_commit_sha|number)|workflow_run\.(?:head|pull_requests)|issue\.number|number)|head_ref)"
    r"|refs/pull/",
    re.IGNORECASE,
)
_PULLS = re.compile(
    r"\bgh\s+pr\s+checkout\b|\bgit\s+(?:fetch|pull|checkout)\b[^\n]*(?:refs/pull|pull/|\bpr\b)|\bhub\s+pr\s+checkout\b"
)
#: Programs that read their tasks from files of the checkout.
BUILDERS = frozenset(
    [
        "npm",
        "yarn",
        "pnpm",
        "npx",
        "bun",
        "make",
        "cmake",
        "mvn",
        "mvnw",
        "gradle",
        "gradlew",
        "ant",
        "bazel",
        "tox",
        "pytest",
        "poetry",
        "pip",
        "pip3",
        "pipenv",
        "uv",
        "python",
        "python3",
        "ruby",
        "bundle",
        "rake",
        "gem",
        "composer",
        "php",
        "cargo",
        "go",
        "dotnet",
        "msbuild",
        "docker",
        "docker-compose",
        "terraform",
        "tofu",
        "ansible-playbook",
        "pre-commit",
        "bash",
        "sh",
        "node",
        "deno",
        "eslint",
        "vite",
        "webpack",
        "gomplate",
        "goreleaser",
        "sbt",
        "meson",
        "ninja",
        "just",
        "task",
        "hatch",
        "nox",
    ]
)
_BUILDING_ACTIONS = frozenset(
    {
        "pre-commit/action",
        "bridgecrewio/checkov-action",
        "golangci/golangci-lint-action",
        "docker/build-push-action",
    }
)


def find_head_checkout(step: WorkflowStep) -> YamlNode | None:
    """Return what names the head of a pull request where a step checks it out."""
    uses = step.uses
    if uses is not None and uses.name == "actions/checkout":
        for name in ("ref", "repository"):
            node = step.get_input(name)
            if node is not None and (_HEAD.search(node.text) or _is_output(node.text)):
                return node
        return None
    if step.run is not None and _PULLS.search(step.run.text):
        return step.run
    return None


def _is_output(text: str) -> bool:
    return bool(re.search(r"steps\.[\w-]+\.outputs\.[\w-]*(?:sha|ref|head|branch)", text, re.IGNORECASE))


def find_checkout_run(workflow: Workflow, step: WorkflowStep) -> TextSpan | None:
    """Return the place where a step runs files of the checkout; None where it runs none."""
    uses, node = step.uses, step.get("uses")
    if node is not None and (
        node.text.startswith("./") or (uses is not None and uses.name in _BUILDING_ACTIONS)
    ):
        return node.span
    for command in list_shell_commands(workflow, step):
        if command.program in BUILDERS or command.name.startswith("./"):
            key = step.node.key("run")
            return key.span if key is not None else command.span
    return None

"""pip should keep no cache."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.commands import build_environment, list_cached_folders
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope.posture.code.shell_packages import is_pip_install
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3042",
    title="pip should keep no cache",
    severity=Severity.LOW,
    description="What pip downloaded stays in a layer of the image.",
    steps=("Add --no-cache-dir, or mount a cache at /root/.cache/pip.",),
    equivalents=("hadolint:DL3042",),
)

_OFF = frozenset({"0", "off", "no", "false", ""})


def check(file: Dockerfile) -> Iterator[CodeMatch]:
    """Give each pip install that keeps its cache."""
    for instruction in file.list_instructions("RUN"):
        known = build_environment(file, instruction.stage, instruction.span.start)
        mounted = any(
            ".cache/pip" in folder or folder.endswith("/.cache")
            for folder in list_cached_folders(instruction)
        )
        for command in instruction.commands:
            if command.program in ("export", ""):
                known |= dict(text.partition("=")[::2] for text in command.arguments) | command.assignments
            setting = (known | command.assignments).get("PIP_NO_CACHE_DIR", "")
            kept = not command.has_flag("no-cache-dir") and setting.lower() in _OFF
            if is_pip_install(command) and kept and not mounted:
                yield CodeMatch(command.span, "pip keeps what it downloads in the image: add --no-cache-dir")

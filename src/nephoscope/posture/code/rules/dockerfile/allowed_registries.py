"""Images should come from allowed registries."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from nephoscope.collect.templates.docker.instruction import Instruction
from nephoscope.collect.templates.docker.parser import Dockerfile
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.docker.images import get_image_registry, is_image
from nephoscope.posture.code.rule_match import CodeMatch, CodeOptions
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="DL3026",
    title="Images should come from allowed registries",
    severity=Severity.HIGH,
    description="An image from elsewhere is code that nobody of you has checked.",
    steps=(
        "Use an image of an allowed registry, or mirror it there.",
        "Allow the registry in the settings where it is trusted.",
    ),
    equivalents=("hadolint:DL3026",),
    tags=("DS-6",),
)


def check_with(file: Dockerfile, options: CodeOptions) -> Iterator[CodeMatch]:
    """Give each image of a registry that is not allowed; nothing where none is set."""
    if not options.allowed_registries:
        return
    for stage in file.stages:
        if is_image(file, stage) and not _is_registry_allowed(stage.image, options):
            yield CodeMatch(
                stage.instruction.words[0].span, f"{get_image_registry(stage.image)} is no allowed registry"
            )
    stages = {stage.name.lower() for stage in file.stages if stage.name}
    for instruction in file.list_instructions("RUN", "COPY"):
        for image in _list_images(instruction):
            if (
                image.lower() not in stages
                and not image.isdigit()
                and not _is_registry_allowed(image, options)
            ):
                yield CodeMatch(instruction.span, f"{get_image_registry(image)} is no allowed registry")


def _list_images(instruction: Instruction) -> Iterator[str]:
    for name, value in instruction.flags:
        if name == "from":
            yield value
        elif name == "mount":
            yield from (part.partition("=")[2] for part in value.split(",") if part.startswith("from="))


def _is_registry_allowed(image: str, options: CodeOptions) -> bool:
    registry = get_image_registry(image)
    return any(fnmatchcase(registry, pattern) for pattern in options.allowed_registries)

"""Images that a Dockerfile builds on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nephoscope.collect.inventory.image_reference import split_image, substitute_variables
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

if TYPE_CHECKING:
    from nephoscope.collect.templates.docker.parser import Dockerfile

TITLE = "Dockerfile"
PATTERNS = ("**/Dockerfile", "**/Dockerfile.*", "**/*.Dockerfile", "**/*.dockerfile", "**/Containerfile")
MAX_SIZE = 4_000_000


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the image of each FROM that is no earlier stage and not empty; raises UnreadableInventoryError."""
    # the parser is loaded where there is such a file
    from nephoscope.collect.templates.docker.parser import parse_dockerfile
    from nephoscope.collect.templates.source_text import SourceText

    source = SourceText(file.path, file.text)
    parsed = parse_dockerfile(source)
    arguments = dict(_read_arguments(parsed))
    for stage in parsed.stages:
        line = source.find_position(stage.instruction.offset)[0]
        if stage.image == "scratch" or parsed.find_base_stage(stage.index) is not None:
            continue
        image = substitute_variables(stage.image, arguments)
        named = split_image(image) if image else None
        if named is None:
            file.record_left_out_entry(line, f"the image {stage.image[:80]!r} is not known before the build")
            continue
        yield Package(
            type="docker", name=named[0], version=named[1], path=file.path, line=line, relationship="declared"
        )


def _read_arguments(parsed: Dockerfile) -> Iterator[tuple[str, str]]:
    for instruction in parsed.list_instructions("ARG"):
        if instruction.stage < 0:
            for word in instruction.words:
                name, equals, value = word.text.partition("=")
                if equals:
                    yield name, value

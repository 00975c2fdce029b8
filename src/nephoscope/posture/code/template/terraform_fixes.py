"""Fixes in the files of Terraform: the attribute that makes what a rule wants, at its literal or as a new line of its block."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from nephoscope.collect.templates.terraform.inverse_mapping import solve_attribute_values
from nephoscope.collect.templates.terraform.planned_resource import TerraformResource, fold_path
from nephoscope.posture.code.finding import Edit

if TYPE_CHECKING:
    from nephoscope.collect.templates.terraform.attribute_mapper import BuiltFrom
    from nephoscope.posture.code.template.source_locations import BodyPath, ValueLocator
    from nephoscope.posture.code.template.template_resource import WrittenResource
    from nephoscope_policy.arm.template.document import Path, WrittenValue

_LITERAL = re.compile(r"true|false|-?\d+(?:\.\d+)?|\"(?:[^\"\\$%]|\\.|[$%](?!\{))*\"")
_BLOCK = re.compile(r"[a-z_]\w*[^{}=\n]*\{")
_LINE_ENDS = re.compile(r"[ \t]*(?:\r?\n|#|//)")
_DYNAMIC = "dynamic"


def build_attribute_edit(
    places: ValueLocator, resource: WrittenResource, at: BodyPath, value: object
) -> Edit | None:
    """The edit that gives a part of a resource's body a value; None where no literal of a file decides it."""
    if not isinstance(resource, TerraformResource) or resource.source is None:
        return None
    built = _find_origin(resource, at)
    for names, wanted in solve_attribute_values(built, value) if built is not None else ():
        path = built.attributes.descend_names(*names).path if built is not None else ()
        edit = _make_edit(places, resource.source.find_trail(path), path, wanted)
        if edit is not None:
            return edit
    return None


def _find_origin(resource: TerraformResource, at: BodyPath) -> BuiltFrom | None:
    """Return what a part of the body is made from, its path in any case."""
    wanted = fold_path(at)
    return next((built for path, built in resource.rules.items() if fold_path(path) == wanted), None)


def _make_edit(
    places: ValueLocator, trail: tuple[WrittenValue, ...], path: Path, value: object
) -> Edit | None:
    name = str(path[-1])
    if any(one.path and one.path[-1] == name for one in trail[1:]):
        return next(
            (edit for one in reversed(trail[1:]) if (edit := _replace_value(places, one, value))), None
        )
    # the blocks on the way have to be written for a new line to stand in the right one
    blocks = sum(isinstance(step, str) for step in path[4:-1]) if path[0] == "resource_changes" else -1
    written = sum(isinstance(step, str) for step in trail[-1].path[3:]) if trail else -2
    return _insert_value(places, trail[-1], name, value) if blocks == written else None


def _replace_value(places: ValueLocator, written: WrittenValue, value: object) -> Edit | None:
    start, end = written.span
    if not _LITERAL.fullmatch(written.document.text, start, end):
        return None
    return Edit(places.region(written.document, start, end), format_terraform_literal(value))


def _insert_value(places: ValueLocator, block: WrittenValue, name: str, value: object) -> Edit | None:
    text, (start, _) = block.document.text, block.span
    opening = _BLOCK.match(text, start)
    if opening is None or text.startswith(_DYNAMIC, start):
        return None
    at = opening.end()
    line = text[text.rfind("\n", 0, start) + 1 : start]
    margin = line if not line.strip() else ""
    region = places.region(block.document, at, at)
    end = "" if _LINE_ENDS.match(text, at) else f"\n{margin}"
    return Edit(region, f"\n{margin}  {name} = {format_terraform_literal(value)}{end}")


def format_terraform_literal(value: object) -> str:
    """A value as a file of Terraform has it."""
    return json.dumps(value).replace("${", "$${").replace("%{", "%%{")

"""Plans and states of Terraform and OpenTofu, as `terraform show -json` writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.collect.templates.terraform.plan_document import MAX_SIZE, is_plan, parse_plan

if TYPE_CHECKING:
    from nephoscope.collect.templates.source_text import SourceText
    from nephoscope.collect.templates.terraform.plan import TerraformPlan

__all__ = ["MAX_SIZE", "PRECEDENCE", "TITLE", "read", "recognizes"]
TITLE = "Terraform plan (`terraform show -json`)"
PRECEDENCE = 20


def recognizes(name: str, head: str) -> bool:
    """Claim JSON files with the format version and the members of a plan."""
    return is_plan(name, head)


def read(source: SourceText) -> TerraformPlan:
    """Map the resources of a plan; raises UnreadableFileError."""
    # only a plan needs the engine
    from nephoscope.collect.templates.terraform.plan_mapper import map_plan

    return map_plan(parse_plan(source.text, source.name))

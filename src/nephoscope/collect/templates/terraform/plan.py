"""A plan of Terraform: its planned resources as resources of Azure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from nephoscope.collect.templates.terraform.planned_resource import SourceOfPlan, TerraformResource
from nephoscope_policy.arm.template.document import Path, TemplateDocument


class Unmapped(NamedTuple):
    """A resource of Azure that the plan makes and no table or reference says what it is in ARM."""

    address: str
    type: str
    path: Path
    reason: str


@dataclass(slots=True)
class TerraformPlan:
    """The resources that will be there after the apply, those that no table knows, and the addresses that are deleted.

    `source` leads to the files that the plan was made from, where they are known.
    """

    document: TemplateDocument
    resources: list[TerraformResource] = field(default_factory=list)
    unmapped: list[Unmapped] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    source: SourceOfPlan | None = None

    def list_resources_at(self, address: str) -> list[TerraformResource]:
        """Return the resources of an address: the one itself first, then what Terraform keeps in its blocks."""
        return [resource for resource in self.resources if resource.address == address]

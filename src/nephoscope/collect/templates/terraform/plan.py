"""A plan of Terraform: its planned resources as resources of Azure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from nephoscope.collect.templates.terraform.planned import SourceOfPlan, TerraformResource
from nephoscope_policy.arm.template.document import Document, Path


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

    document: Document
    resources: list[TerraformResource] = field(default_factory=list)
    unmapped: list[Unmapped] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    source: SourceOfPlan | None = None

    def at(self, address: str) -> list[TerraformResource]:
        """Return the resources of an address: the one itself first, then what Terraform keeps in its blocks."""
        return [resource for resource in self.resources if resource.address == address]


def map_plan(
    document: Document, subscription: str = "", *, before: bool = False, source: SourceOfPlan | None = None
) -> TerraformPlan:
    """Map the resources of a plan (or a state) of `terraform show -json`, or those that are there `before` the apply.

    Ids are of `subscription` where it is given, else of the one that the plan's provider names. `source` leads to the files that the
    plan was made from.
    """
    # the mapper needs the tables, which a plan that is only named does not
    from nephoscope.collect.templates.terraform.plan_mapper import PlanMapper

    root: dict[str, Any] = document.value if isinstance(document.value, dict) else {}
    return PlanMapper(TerraformPlan(document, source=source), root, subscription, before=before).run()

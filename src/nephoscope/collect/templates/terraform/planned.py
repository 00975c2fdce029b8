"""A resource of Azure as a Terraform plan makes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nephoscope_policy.arm.template.document import Document, Path, Written
from nephoscope_policy.model.place import Place


@dataclass(slots=True)
class TerraformResource:
    """A planned resource: its address in Terraform, its ARM id (unknown parts in braces) and body; what is not known is an Unknown.

    `places` maps paths of the body to paths of the plan; `path` is the place of the whole.
    """

    address: str
    terraform_type: str
    id: str
    name: str
    type: str
    container: str
    body: dict[str, Any]
    document: Document
    path: Path
    places: dict[Path, Path] = field(default_factory=dict)

    @property
    def id_known(self) -> bool:
        """Whether no part of the id is unknown."""
        return "{" not in self.id

    @property
    def place(self) -> Place:
        """Where the resource stands in the plan."""
        return self.document.place(self.path)

    def trace(self, *steps: str | int) -> tuple[Written, ...]:
        """Return the places of a part of the body, by its keys and indexes: the resource, then what decides the part."""
        found = [Written(self.document, self.path)]
        for length in range(len(steps), 0, -1):
            path = self.places.get(steps[:length])
            if path is not None:
                return (*found, Written(self.document, path))
        return tuple(found)

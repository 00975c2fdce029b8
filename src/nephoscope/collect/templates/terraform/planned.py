"""A resource of Azure as a Terraform plan makes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from nephoscope.collect.templates.terraform.mapper import merge
from nephoscope_policy.arm.patterns import is_open, shown_pattern
from nephoscope_policy.arm.template.document import Document, Path, Written

if TYPE_CHECKING:
    from nephoscope.collect.templates.terraform.mapper import BodyBuilder, BuiltFrom
    from nephoscope_policy.model.place import Place


class SourceOfPlan(Protocol):
    """Where the configuration of a plan is written."""

    def trail(self, path: Path) -> tuple[Written, ...]:
        """Return the places of a part of the plan: its resource's block first, what decides last; none where they are not known."""

    def sets(self, path: Path, name: str) -> bool | None:
        """Return whether the block of a resource, by its path in the plan, sets an attribute or block; None where no file has it."""


@dataclass(slots=True, eq=False)
class TerraformResource:
    """A planned resource: its address in Terraform, and its id, name and body in ARM; what is not known is an Unknown.

    `key_text` and `full_name` are patterns. `places` maps paths of the body to paths of the plan, `rules` to what the part is made
    from; `path` is the place of the whole. `source` leads to the files that the plan was made from.
    """

    address: str
    terraform_type: str
    key_text: str
    full_name: str
    type: str
    container_key: str
    body: dict[str, Any]
    document: Document
    path: Path
    places: dict[Path, Path] = field(default_factory=dict)
    rules: dict[Path, BuiltFrom] = field(default_factory=dict)
    source: SourceOfPlan | None = None
    _folded: dict[Path, Path] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The full id, unknown parts in braces."""
        return shown_pattern(self.key_text)

    @property
    def id_known(self) -> bool:
        """Whether no part of the id is unknown."""
        return not is_open(self.key_text)

    @property
    def name(self) -> str:
        """The full name with the parents' names, unknown parts in braces."""
        return shown_pattern(self.full_name)

    @property
    def container(self) -> str:
        """The id of the resource or scope that it stands in, unknown parts in braces."""
        return shown_pattern(self.container_key)

    @property
    def label(self) -> str:
        """What people know it by: the address."""
        return self.address

    @property
    def api_version(self) -> None:
        """A provider's version of the API is not in a plan."""
        return

    @property
    def condition(self) -> bool:
        """A plan has what will be there."""
        return True

    @property
    def existing(self) -> bool:
        """What is only read (a data source) is not among the resources."""
        return False

    @property
    def place(self) -> Place:
        """Where the resource stands in the plan."""
        return self.document.place(self.path)

    @property
    def written(self) -> Written:
        """Where the whole is written: its block, else the plan."""
        found = self.source.trail(self.path) if self.source is not None else ()
        return found[0] if found else Written(self.document, self.path)

    def member(self, name: str) -> tuple[str, Any] | None:  # noqa: ARG002 - as for other planned resources
        """A plan keeps no metadata of a resource."""
        return None

    def trace(self, *steps: str | int) -> tuple[Written, ...]:
        """Return the places of a part of the body, by its keys and indexes: the resource, then what decides the part."""
        within = self._within(steps)
        found = self.source.trail(within or self.path) if self.source is not None else ()
        if found:
            return found
        whole = Written(self.document, self.path)
        return (whole, Written(self.document, within)) if within is not None else (whole,)

    def _within(self, steps: Path) -> Path | None:
        """Return the path in the plan of a part of the body, or of the nearest part around it that has one."""
        if steps == ("id",):
            steps = ("name",)
        if len(self._folded) != len(self.places):
            self._folded = {folded_path(path): place for path, place in self.places.items()}
        for length in range(len(steps), 0, -1):
            found = self._folded.get(folded_path(steps[:length]))
            if found is not None:
                return (*found, *steps[length:])
        return (*self.path, "name") if steps == ("name",) else None

    def take(self, more: dict[str, Any], builder: BodyBuilder) -> None:
        """Take in a part that Terraform keeps as a resource of its own: objects are merged, lists follow each other."""
        moved = {path: _after(self.body, path) for path in (*builder.places, *builder.rules)}
        merge(self.body, more)
        self.places.update({moved[path]: place for path, place in builder.places.items()})
        self.rules.update({moved[path]: rule for path, rule in builder.rules.items()})

    def repeat(self, at: Path, other: TerraformResource) -> None:
        """Know where the parts of another resource stand that is repeated in the body."""
        self.places[at] = other.path
        self.places.update({(*at, *path): place for path, place in other.places.items()})
        self.rules.update({(*at, *path): rule for path, rule in other.rules.items()})


def folded_path(path: Path) -> Path:
    """Return a path of a body in lower case, as ARM compares names."""
    return tuple(step.lower() if isinstance(step, str) else step for step in path)


def _after(body: Mapping[str, Any], path: Path) -> Path:
    """Return the path that a part has once the lists on its way follow those of a body."""
    here: Any = body
    for index, step in enumerate(path):
        if isinstance(here, list) and isinstance(step, int):
            return (*path[:index], step + len(here), *path[index + 1 :])
        here = here.get(step) if isinstance(here, dict) else None
    return path

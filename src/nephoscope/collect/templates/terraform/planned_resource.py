"""A resource of Azure as a Terraform plan makes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from nephoscope.collect.templates.terraform.attribute_mapper import merge
from nephoscope_policy.arm.template.document import Path, TemplateDocument, WrittenValue
from nephoscope_policy.arm.text_patterns import format_pattern, is_open

if TYPE_CHECKING:
    from nephoscope.collect.templates.terraform.attribute_mapper import BodyBuilder, BuiltFrom
    from nephoscope.collect.templates.terraform.plan_differences import PlanDifference
    from nephoscope_policy.model.source_location import Place

Names = tuple[str, ...]
AZAPI_TYPES = frozenset({"azapi_resource", "azapi_data_plane_resource", "azapi_update_resource"})
"""The types of the provider azapi, whose bodies are those of ARM."""


class SourceOfPlan(Protocol):
    """Source of a plan: its Terraform configuration."""

    def find_trail(self, path: Path) -> tuple[WrittenValue, ...]:
        """Return the places of a part of the plan: its resource's block first, what decides last; none where they are not known."""

    def is_set(self, path: Path, name: str) -> bool | None:
        """Return whether the block of a resource, by its path in the plan, sets an attribute or block; None where no file has it."""

    def list_folders(self) -> frozenset[str]:
        """Return the folders of the root module and of the modules that it calls by a path."""

    def differences(self) -> list[PlanDifference]:
        """List what the files say otherwise than the plan was made from."""


@dataclass(slots=True, eq=False)
class TerraformResource:
    """A planned resource: its address in Terraform, and its id, name and body in ARM; what is not known is an Unknown.

    `key_text` and `full_name` are patterns. `places` maps paths of the body to paths of the plan, `rules` to what the part is made
    from, `unset` to whether that lies in blocks that are not there; `path` is the place of the whole. `source` leads to the files that
    the plan was made from. `is_whole`: the table reads all that the plan sets, so that Azure makes the rest.
    """

    address: str
    terraform_type: str
    key_text: str
    full_name: str
    type: str
    container_key: str
    body: dict[str, Any]
    document: TemplateDocument
    path: Path
    places: dict[Path, Path] = field(default_factory=dict)
    rules: dict[Path, BuiltFrom] = field(default_factory=dict)
    unset: dict[Path, bool] = field(default_factory=dict)
    source: SourceOfPlan | None = None
    is_whole: bool = False
    _folded: dict[Path, Path] = field(default_factory=dict)
    _told: dict[Names, bool] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The full id, unknown parts in braces."""
        return format_pattern(self.key_text)

    @property
    def is_id_known(self) -> bool:
        """Return whether no part of the id is unknown."""
        return not is_open(self.key_text)

    @property
    def name(self) -> str:
        """The full name with the parents' names, unknown parts in braces."""
        return format_pattern(self.full_name)

    @property
    def container(self) -> str:
        """The id of the resource or scope that it stands in, unknown parts in braces."""
        return format_pattern(self.container_key)

    @property
    def label(self) -> str:
        """Return what people know it by: the address."""
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
    def repeated(self) -> None:
        """Each copy is a resource of its own."""
        return

    @property
    def existing(self) -> bool:
        """Return what is only read (a data source) is not among the resources."""
        return False

    @property
    def place(self) -> Place:
        """Return where the resource stands in the plan."""
        return self.document.find_place(self.path)

    @property
    def source_location(self) -> WrittenValue:
        """Return the location of the resource's block, or its place in the plan where no source is known."""
        found = self.source.find_trail(self.path) if self.source is not None else ()
        return found[0] if found else WrittenValue(self.document, self.path)

    def member(self, name: str) -> tuple[str, object] | None:  # noqa: ARG002 - as for other planned resources
        """A plan keeps no metadata of a resource."""
        return None

    def trace(self, *steps: str | int) -> tuple[WrittenValue, ...]:
        """Return the places of a part of the body, by its keys and indexes: the resource, then what decides the part."""
        within = self._plan_path(steps)
        found = self.source.find_trail(within or self.path) if self.source is not None else ()
        if found:
            return found
        whole = WrittenValue(self.document, self.path)
        return (whole, WrittenValue(self.document, within)) if within is not None else (whole,)

    def _plan_path(self, steps: Path) -> Path | None:
        """Return the path in the plan of a part of the body, or of the nearest part around it that has one."""
        if steps == ("id",):
            steps = ("name",)
        known = self._index_folded_places()
        for length in range(len(steps), 0, -1):
            found = known.get(fold_path(steps[:length]))
            if found is not None:
                return (*found, *steps[length:])
        return (*self.path, "name") if steps == ("name",) else None

    @property
    def unread_scope(self) -> None:
        """A plan deploys no template of its own."""
        return

    @property
    def partial_body(self) -> TerraformResource | None:
        """Return what its table maps; None for azapi, whose bodies are those of ARM."""
        return None if self.terraform_type in AZAPI_TYPES else self

    def has_part(self, path: Names) -> bool:
        """Return whether the plan tells a part of the body, by lower-cased keys: its table maps the part, or all that is set."""
        return self.is_whole or any(path[: len(one)] == one for one in self._index_mapped_names())

    def list_absent_parts(self, path: Names) -> Iterator[Names]:
        """The mapped parts at and below a path of lower-cased keys, and what is around them where its blocks are not there."""
        if self.has_part(path):
            yield path
            return
        below = {one: unset for one, unset in self._index_mapped_names().items() if one[: len(path)] == path}
        yield from below
        around = {one[:length] for one in below for length in range(len(path), len(one))}
        for container in around:
            if all(unset for one, unset in below.items() if one[: len(container)] == container):
                yield container

    def _index_mapped_names(self) -> dict[Names, bool]:
        if len(self._told) != len(self.unset):
            self._told = self._index_mapped_paths()
        return self._told

    def _index_mapped_paths(self) -> dict[Names, bool]:
        """The mapped paths of the body without those in lists, and whether all of each is made from blocks that are not there."""
        return {
            tuple(str(step) for step in fold_path(path)): unset
            for path, unset in self.unset.items()
            if not any(isinstance(step, int) for step in path)
        }

    def _index_folded_places(self) -> dict[Path, Path]:
        if len(self._folded) != len(self.places):
            self._folded = {fold_path(path): place for path, place in self.places.items()}
        return self._folded

    def merge_part(self, more: dict[str, object], builder: BodyBuilder) -> None:
        """Take in a part that Terraform keeps as a resource of its own: objects are merged, lists follow each other."""
        moved = {
            path: _find_path_after_sorting(self.body, path) for path in (*builder.places, *builder.rules)
        }
        merge(self.body, more)
        self.places.update({moved[path]: place for path, place in builder.places.items()})
        self.rules.update({moved[path]: rule for path, rule in builder.rules.items()})
        for path, unset in builder.unset.items():
            self.unset[path] = unset and self.unset.get(path, True)


def fold_path(path: Path) -> Path:
    """Return a path of a body in lower case, as ARM compares names."""
    return tuple(step.lower() if isinstance(step, str) else step for step in path)


def _find_path_after_sorting(body: Mapping[str, object], path: Path) -> Path:
    """Return the path that a part has once the lists on its way follow those of a body."""
    here: object = body
    for index, step in enumerate(path):
        if isinstance(here, list) and isinstance(step, int):
            return (*path[:index], step + len(here), *path[index + 1 :])
        here = here.get(step) if isinstance(here, dict) else None
    return path

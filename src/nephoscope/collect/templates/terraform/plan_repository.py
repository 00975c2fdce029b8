"""The plans of a repository, each with the files that it was made from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from nephoscope.collect.templates.discovery import UnreadableFileError
from nephoscope.collect.templates.terraform.plan_document import is_plan, parse_plan

if TYPE_CHECKING:
    from nephoscope.collect.templates.arm.template_repository import Repository
    from nephoscope.collect.templates.terraform.plan import TerraformPlan
    from nephoscope.collect.templates.terraform.plan_configuration import ConfigurationFiles
    from nephoscope_policy.arm.template import TemplateDocument

TERRAFORM = (".tf", ".tfvars")
_MEMBERS = (b'"format_version":', b'"terraform_version":', b'"resource_changes":')
"""Members of a plan wherever they stand: a program that sorts them puts the configuration first."""
_ARCHIVE = b"PK\x03\x04"
_AS_JSON = "convert it to JSON and scan that file: terraform show -json {name} > {name}.json"


class PlanFiles(Protocol):
    """The files that a plan is read with."""

    def load(self, name: str) -> bytes | None:
        """Return what a file holds, None where there is none."""
        ...

    def list_file_names(self, folder: str) -> Iterable[str]:
        """The names of the files right in a folder ('' = the root)."""
        ...


def list_plan_names(repository: Repository, names: Iterable[str]) -> list[str]:
    """The names of the plans among files, in order: by their head, and archives that are named as plans."""
    return [name for name in sorted(names) if _is_plan(repository, name)]


def _is_plan(repository: Repository, name: str) -> bool:
    if not name.lower().endswith((".json", ".tfplan")) and name.rpartition("/")[2] != "tfplan":
        return False
    head = repository.read_head(name)
    if head.startswith(_ARCHIVE) or is_plan(name, head.decode("utf-8", "replace")):
        return True
    return repository.is_cut(name) and repository.has_file(name, _MEMBERS)


def read_plan(
    repository: PlanFiles, name: str, names: Sequence[str], subscription: str = "", *, before: bool = False
) -> TerraformPlan:
    """Map a plan, its resources with their places in files; raises UnreadableFileError.

    The files are those beside the plan, else those of the folder among `names` that declares most of what it makes.
    """
    from nephoscope.collect.templates.terraform.plan_mapper import map_plan

    data = repository.load(name)
    if data is None:
        raise UnreadableFileError("the plan could not be read")
    if data.startswith(_ARCHIVE):
        raise UnreadableFileError(f"a binary Terraform plan: {_AS_JSON.format(name=name)}")
    document = parse_plan(data, name)
    source = _find_configuration(repository, document, names)
    return map_plan(document, subscription, before=before, source=source)


def _find_configuration(
    repository: PlanFiles, document: TemplateDocument, names: Iterable[str]
) -> ConfigurationFiles | None:
    """The files that a plan was made from; None where none declares what it makes."""
    from nephoscope.collect.templates.terraform.plan_configuration import ConfigurationFiles

    beside = document.file.rpartition("/")[0]
    others = {name.rpartition("/")[0] for name in names if name.endswith(".tf")} - {beside}
    best: tuple[tuple[int, int], ConfigurationFiles | None] = ((0, 0), None)
    for folder in (beside, *sorted(others, key=lambda one: (one.count("/"), one))):
        files = ConfigurationFiles(document, folder, repository.list_file_names, repository.load)
        declared = files.count_declared_resources()
        rank = (declared, -len(files.differences()) if declared >= max(best[0][0], 1) else 0)
        if declared and (best[1] is None or rank > best[0]):
            best = (rank, files)
        if declared and folder == beside:
            break
    return best[1]

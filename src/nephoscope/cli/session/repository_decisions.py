"""Decisions of a repository: where its exemptions and assignments are, and which files of them cannot be used."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nephoscope.collect.templates.arm.template_repository import make_absolute
from nephoscope.collect.templates.source_text import SourceText
from nephoscope.content.loader import load_documents
from nephoscope.posture.code.finding import Region, UnreadFile
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope_policy.arm.template import TemplateDocument, TemplateError
from nephoscope_policy.arm.template.document import parse_shown_path
from nephoscope_policy.arm.text_encoding import convert_to_utf8
from nephoscope_policy.catalog import PolicyCatalog
from nephoscope_policy.catalog_entry import DEFINITION_TYPE, INITIATIVE_TYPE, ContentProblem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from nephoscope.posture.policies.policy_packs import Packs
    from nephoscope_policy.exemption import Exemption

DECISIONS = Path(".nephoscope") / "decisions"
"""Path of a repository's exemptions with their expiry."""
_PATH = re.compile(r"((?:[\w$]+|\[\d+\])(?:\.[\w$]+|\[\d+\])*): ")
_OTHER_FORMATS = frozenset({".bicep", ".json5", ".jsonc", ".yaml", ".yml"})
_NOT_COUNTED = "the decision does not count until the file is corrected"


def find_decisions(targets: Iterable[str]) -> tuple[str, ...]:
    """The files of decisions that the repositories of targets keep; a link that leads out of its repository is none."""
    found = ((folder, path) for folder in _list_folders(targets) for path in _list_files(folder))
    return tuple(dict.fromkeys(str(path) for folder, path in found if _is_inside(path, folder)))


def list_unusable_decisions(given: Iterable[str], targets: Iterable[str]) -> Iterator[UnreadFile]:
    """Give each decision that cannot be used, with its place: of the files that are given, and of the folders of targets."""
    for name in given:
        for document in load_documents(Path(name)):
            plan = EvaluationPlan(PolicyCatalog([])).reading([document])
            for problem in plan.problems:
                if problem.error or not _is_policy(document.json()):
                    yield _to_unread_file(problem, _NOT_COUNTED)
    for folder in _list_folders(targets):
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in _OTHER_FORMATS:
                reason = (
                    "decisions are read as JSON alone: write the file as JSON (its decisions do not count)"
                )
                yield UnreadFile(Region(_choose_relative_path(path), 1), reason)
        for path in _list_files(folder):
            if not _is_inside(path, folder):
                reason = f"the link leads out of the repository and is not followed: {_NOT_COUNTED}"
                yield UnreadFile(Region(_choose_relative_path(path), 1), reason)


class KnownNames(Protocol):
    """Names that exemptions in a repository may refer to."""

    def list_recommendation_names(self) -> Iterable[str]:
        """The names of the recommendations that findings can be of."""

    def map_assignment_members(self) -> Mapping[str, frozenset[str]]:
        """Return the lower-cased references by the lower-cased id of each assignment that judges."""


def find_misnamed_exemptions(given: Iterable[str], known: KnownNames) -> Iterator[UnreadFile]:
    """Give each name in an exemption that is none of those that are known: a recommendation, an assignment, a member of one."""
    for document in (one for name in given for one in load_documents(Path(name))):
        for exemption in EvaluationPlan(PolicyCatalog([])).reading([document]).exemptions:
            for text, reason in _find_misnamed_references(exemption, known):
                yield UnreadFile(_find_text(Path(document.place.file), text), reason)


def _find_misnamed_references(exemption: Exemption, known: KnownNames) -> Iterator[tuple[str, str]]:
    """Yield the names that are not known, with what follows from that."""
    if exemption.recommendations:
        names = {one.lower() for one in known.list_recommendation_names()}
        for one in sorted(exemption.recommendations - names):
            yield one, f"no recommendation is named {one}: the exemption does not excuse it"
        return
    members = known.map_assignment_members().get(exemption.assignment)
    if members is None:
        problem = (
            f"the assignment {exemption.assignment} does not judge these files: the exemption excuses nothing. Put the assignment "
            "into the decisions, or name recommendations (metadata.nephoscope.recommendations)"
        )
        yield exemption.assignment, problem
        return
    for one in sorted(exemption.references - members):
        yield one, f"{exemption.assignment} has no member {one}: the exemption does not excuse it"


def _find_text(file: Path, text: str) -> Region:
    """Return where a text stands in a file, in any case; its beginning where it does not."""
    source = SourceText(
        _choose_relative_path(file), convert_to_utf8(file.read_bytes()).decode("utf-8", "replace")
    )
    at = source.text.lower().find(text)
    return Region(source.name, *source.find_position(max(at, 0)))


def _list_folders(targets: Iterable[str]) -> Iterable[Path]:
    found = (_find_decisions_folder(Path(target)) for target in targets)
    return dict.fromkeys(one for one in found if one is not None)


def _list_files(folder: Path) -> Iterator[Path]:
    return (Path(document.place.file) for document in load_documents(folder))


def _is_inside(path: Path, folder: Path) -> bool:
    """Return whether a file of a folder of decisions lies in the repository around it."""
    top = next((one for one in folder.parents if (one / ".git").exists()), folder.parent.parent)
    return path.resolve().is_relative_to(top.resolve())


def list_unusable_policies(folders: Iterable[str], packs: Packs) -> Iterator[UnreadFile]:
    """Give each policy of folders that judges nothing, as it cannot be used."""
    for folder in folders:
        for problem in packs.folder(Path(folder)).problems:
            if problem.error:
                yield _to_unread_file(problem, "the policy judges nothing until the file is corrected")


def _to_unread_file(problem: ContentProblem, consequence: str) -> UnreadFile:
    place = problem.place
    said = f"{place.path}: {problem.reason}" if place.path else problem.reason
    region = Region(_choose_relative_path(Path(place.file)), place.line or 1, place.column or 1)
    path = _PATH.match(said)
    if path and not place.line:
        region = _find_region(Path(place.file), path[1]) or region
    return UnreadFile(region, f"{said}: {consequence}")


def _find_region(file: Path, path: str) -> Region | None:
    try:
        place = TemplateDocument.parse(file.read_bytes(), str(file)).find_place(parse_shown_path(path))
    except (OSError, TemplateError):
        return None
    return Region(_choose_relative_path(file), place.line or 1, place.column or 1)


def _is_policy(value: object) -> bool:
    """Return whether a document of decisions is a definition or an initiative, which may stand beside them."""
    type_ = str(value.get("type", "")).lower() if isinstance(value, dict) else ""
    return type_ in (DEFINITION_TYPE, INITIATIVE_TYPE)


def _choose_relative_path(path: Path) -> str:
    """A path as findings have it: relative to the working folder where it lies in it."""
    full = make_absolute(path)
    return full.relative_to(Path.cwd()).as_posix() if full.is_relative_to(Path.cwd()) else str(path)


def _find_decisions_folder(target: Path) -> Path | None:
    """The nearest folder of decisions around a target: in its folder or above, up to the top of its repository.

    Outside of a repository of git, the working folder is the top where the target lies in it.
    """
    full = make_absolute(target)
    here = full if full.is_dir() else full.parent
    folders = [here, *here.parents]
    tops = [one for one in folders if (one / ".git").exists()] or [
        one for one in folders if one == Path.cwd()
    ]
    for folder in folders[: folders.index(tops[0]) + 1] if tops else [here]:
        if (folder / DECISIONS).is_dir():
            return folder / DECISIONS
    return None

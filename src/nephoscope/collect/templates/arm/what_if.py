"""Results of what-if: what will be there, as Azure says it before the deployment.

Source: https://learn.microsoft.com/rest/api/resources/deployments/what-if (WhatIfOperationResult), which `az deployment ... what-if
--no-pretty-print` prints without its `properties`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nephoscope.collect.templates.discovery import UnreadableFileError
from nephoscope_policy.arm.template.document import TemplateDocument, WrittenValue, member
from nephoscope_policy.arm.template.errors import TemplateError, TemplateProblem
from nephoscope_policy.arm.unknown import Unknown

if TYPE_CHECKING:
    from nephoscope_policy.arm.template.document import Path

MAX_SIZE = 16 * 1024 * 1024
_CHANGES = re.compile(r'"(?:changes|potentialChanges)"\s*:\s*\[\s*\{')
_NO_CHANGES = re.compile(r'"changes"\s*:\s*(?:\[\s*\]|null)')
_STATUS = re.compile(r'"status"\s*:\s*"(?:Succeeded|Failed|Canceled)"', re.IGNORECASE)
_CHANGE = re.compile(r'"changeType"\s*:')
_EXPRESSION = re.compile(r"\[[A-Za-z][\w.]*\(.*\)[^\]]*\]", re.DOTALL)
_MADE = frozenset({"create", "deploy", "modify", "nochange"})
"""Changes of what a template deploys."""
_NOTHING = frozenset({"delete", "ignore", "noeffect"})
"""Changes that deploy nothing; what is of neither kind, such as `unsupported`, is not assessed."""
_SUCCEEDED = "succeeded"
_NOTES = frozenset({"info"})
_LISTS = ("changes", "potentialChanges", "diagnostics")
"""Lists of a result; as Azure answers it they stand in its `properties`."""


def is_what_if(name: str, head: str) -> bool:
    """Return whether a file by its name and text is the JSON of a what-if result: it says changes, or that there are none."""
    if not name.lower().endswith(".json"):
        return False
    if _NO_CHANGES.search(head) and _STATUS.search(head):
        return True
    return bool(_CHANGES.search(head)) and bool(_CHANGE.search(head))


@dataclass(frozen=True, slots=True, eq=False)
class WhatIfResource:
    """A resource as a what-if result says that it will be, or, of a result that is read so, as it was.

    `path` leads to its body in the document. An expression that what-if leaves as it is written is an Unknown.
    """

    document: TemplateDocument
    path: Path
    id: str
    body: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The full name with the parents' names."""
        return "/".join(self._id_segments[2::2])

    @property
    def type(self) -> str:
        """The type as the id has it."""
        return "/".join([self._id_segments[0], *self._id_segments[1::2]])

    @property
    def container(self) -> str:
        """The id of the resource or scope that it stands in."""
        nested = len(self._id_segments) > 3
        return self.id.rsplit("/", 2)[0] if nested else self.id.rpartition("/providers/")[0]

    @property
    def label(self) -> str:
        """Return what people know it by beside its id: nothing."""
        return ""

    @property
    def api_version(self) -> object:
        """The version of the API that it is sent to."""
        return self.body.get("apiVersion")

    @property
    def condition(self) -> bool:
        """A result has what will be there."""
        return True

    @property
    def repeated(self) -> None:
        """Each copy is a resource of its own."""
        return

    @property
    def existing(self) -> bool:
        """Return what is only read is not among the changes."""
        return False

    @property
    def unread_scope(self) -> None:
        """A result has what nested deployments make."""
        return

    @property
    def partial_body(self) -> None:
        """A result tells all that is sent."""
        return

    @property
    def source_location(self) -> WrittenValue:
        """Return where the whole is written."""
        return WrittenValue(self.document, self.path)

    def member(self, name: str) -> tuple[str, Any] | None:
        """A member of the body, with its name as it is spelled."""
        return member(self.body, name)

    def trace(self, *steps: str | int) -> tuple[WrittenValue, ...]:
        """The places of a part of the body: the whole, then the part or the nearest one around it."""
        here, path = self._find_value(), self.path
        for step in steps:
            found = _read_member(here, step)
            if found is None:
                break
            path, here = (*path, found[0]), found[1]
        return (
            (self.source_location,)
            if path == self.path
            else (self.source_location, WrittenValue(self.document, path))
        )

    @property
    def _id_segments(self) -> list[str]:
        return self.id.rpartition("/providers/")[2].split("/")

    def _find_value(self) -> object:
        here: Any = self.document.value
        for step in self.path:
            here = here[step]
        return here


@dataclass(slots=True)
class WhatIfResult:
    """Content of a what-if result: what it says will be there (or was), and the parts of a deployment that it leaves open."""

    resources: list[WhatIfResource]
    problems: list[TemplateProblem]


def parse_what_if(text: str | bytes, name: str, *, before: bool = False) -> WhatIfResult:
    """Read what a result says will be there (with `before`, what was); raises UnreadableFileError with the place."""
    try:
        document = TemplateDocument.parse(text, name, MAX_SIZE)
    except TemplateError as error:
        place = error.problem.place
        raise UnreadableFileError(error.problem.message, place.line or 1, place.column or 1) from error
    found = list(_read_resources(document, "before" if before else "after", before=before))
    return WhatIfResult(found, list(_read_problems(document)))


def _read_resources(document: TemplateDocument, state: str, *, before: bool) -> Iterator[WhatIfResource]:
    for path, change in _list_members(document.value, "changes"):
        if _read_text(change, "changeType").lower() not in _MADE:
            continue
        body, own = member(change, state), member(change, "resourceId")
        if body is not None and isinstance(body[1], dict) and own is not None and isinstance(own[1], str):
            yield WhatIfResource(
                document, (*path, body[0]), own[1], _open_expressions({**body[1], "id": own[1]}, own[1])
            )
        elif not before:
            place = document.find_place(path)
            said = "says changes without bodies: ask for them, --result-format FullResourcePayloads"
            raise UnreadableFileError(f"the what-if result {said}", place.line or 1, place.column or 1)


def _read_problems(document: TemplateDocument) -> Iterator[TemplateProblem]:
    """Give what of the deployment the result does not tell: it failed, or Azure could not foresee a change."""
    status, error = _read_text(document.value, "status"), member(document.value, "error")
    if (status and status.lower() != _SUCCEEDED) or (error is not None and error[1]):
        said = ": ".join(
            one for key in ("code", "message") if (one := _read_text(error[1] if error else None, key))
        )
        problem = f"what-if ended as {status or 'failed'}" + (f" ({said})" if said else "")
        yield TemplateProblem(document.find_place(()), f"{problem}: mend the deployment and run it again")
    for path, change in _list_members(document.value, "changes"):
        kind = _read_text(change, "changeType")
        if kind.lower() not in _MADE | _NOTHING:
            reason = _read_text(change, "unsupportedReason")
            problem = f"what-if cannot foresee this change ({kind or 'no changeType'})" + (
                f": {reason}" if reason else ""
            )
            yield TemplateProblem(document.find_place(path), f"{_read_text(change, 'resourceId')}: {problem}")
    for path, change in _list_members(document.value, "potentialChanges"):
        problem = "the change depends on what is known at deployment only (potentialChanges)"
        yield TemplateProblem(document.find_place(path), f"{_read_text(change, 'resourceId')}: {problem}")
    for path, note in _list_members(document.value, "diagnostics"):
        if _read_text(note, "level").lower() not in _NOTES:
            problem = f"what-if left out a part of the deployment ({_read_text(note, 'code')}): {_read_text(note, 'message')}"
            yield TemplateProblem(document.find_place(path), problem)


def _list_members(value: object, name: str) -> Iterator[tuple[Path, object]]:
    """The members of a list of a result, as Azure answers it or as the command prints it, with their paths."""
    path: Path = ()
    inner = member(value, "properties")
    if inner is not None and any(member(inner[1], one) is not None for one in _LISTS):
        path, value = (inner[0],), inner[1]
    found = member(value, name)
    for index, one in enumerate(found[1] if found is not None and isinstance(found[1], list) else ()):
        if found is not None:
            yield (*path, found[0], index), one


def _read_text(value: object, name: str) -> str:
    """A member that is text; '' where there is none."""
    found = member(value, name)
    return found[1] if found is not None and isinstance(found[1], str) else ""


def _open_expressions(value: object, id_: str) -> Any:
    """A value in which expressions that Azure answers at deployment are unknown."""
    if isinstance(value, dict):
        return {key: _open_expressions(one, id_) for key, one in value.items()}
    if isinstance(value, list):
        return [_open_expressions(one, id_) for one in value]
    if isinstance(value, str) and _EXPRESSION.fullmatch(value):
        return Unknown("any", "runtime", "what-if leaves the expression as it is written", f"{id_}{value}")
    return value


def _read_member(value: object, step: str | int) -> tuple[str | int, object] | None:
    if isinstance(step, str):
        return member(value, step)
    return (step, value[step]) if isinstance(value, list) and 0 <= step < len(value) else None

"""Answers that `gh api`, `glab api`, `az rest` or curl wrote into a folder, one file a request, named by its path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nephoscope.collect.devops.rest_listing import build_recording_name
from nephoscope.collect.devops.rest_response import NOT_RECORDED, OK, RestAnswer, extract_error_message
from nephoscope.files.json_text import iterate_json_documents
from nephoscope.model.nesting_limit import DEEPEST, is_nested_deeper

MOST_BYTES = 64 << 20
#: Members that only a refusal has: of GitHub, of Azure DevOps, of GitLab.
_REFUSALS = ("documentation_url", "typeKey", "innerException", "error")
#: A refusal of GitLab begins with its status.
_STATUS = re.compile(r"([45]\d\d) ")


class RecordingError(Exception):
    """A recorded file that cannot be read: the message says which, and why."""


@dataclass(frozen=True, slots=True)
class RecordedAnswers:
    """The recording in a folder."""

    folder: Path

    def iterate_pages(self, path: str, service: str, what: str) -> Iterator[RestAnswer]:
        """Answer a path by its file; RecordingError where the file is no JSON."""
        file = self.folder / build_recording_name(path, service)
        if not file.resolve().is_relative_to(self.folder.resolve()):
            raise RecordingError(f"{file}: outside of the recording")
        if not file.is_file():
            yield RestAnswer(
                NOT_RECORDED, message=f"{what} is not in the recording ({file.relative_to(self.folder)})"
            )
            return
        for document in _read_documents(file):
            yield _read_answer(document)


def _read_documents(file: Path) -> Iterator[object]:
    """The JSON values of a file: `gh api --paginate` writes a page behind the other, `--slurp` a list of pages."""
    if file.stat().st_size > MOST_BYTES:
        raise RecordingError(f"{file}: it has more than {MOST_BYTES >> 20} MiB")
    documents = list(iterate_json_documents(file.read_bytes()))
    if not documents:
        yield {}
    for one in documents:
        if one.wrong:
            raise RecordingError(f"{file}, line {one.line}, column {one.column}: {one.wrong}")
        yield from _flatten_answers(one.value, file)


def _flatten_answers(value: object, file: Path) -> Iterator[object]:
    if is_nested_deeper(value):
        raise RecordingError(f"{file}: it nests deeper than {DEEPEST} objects and arrays")
    if isinstance(value, list) and value and all(isinstance(one, list) for one in value):
        yield from value
    else:
        yield value


def _read_answer(document: object) -> RestAnswer:
    if not isinstance(document, dict):
        return RestAnswer(OK, {"value": document if isinstance(document, list) else [document]})
    message = extract_error_message(document)
    numbered = _STATUS.match(message)
    if message and (any(name in document for name in _REFUSALS) or (numbered and len(document) == 1)):
        status = str(document.get("status", "")) or (numbered[1] if numbered else "")
        return RestAnswer(int(status) if status.isdecimal() else 400, {}, message=message)
    return RestAnswer(OK, document)

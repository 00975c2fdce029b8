"""Pipeline upload: send tool results to a server or store them in the data folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from nephoscope.cli.session.ci_environment import CiRun, detect_ci_run
from nephoscope.cli.session.service_context import open_context
from nephoscope.cli.terminal.messages import exit_with_usage_error
from nephoscope.files.json_text import JsonTextError, decode_json

TOKEN = "NEPHOSCOPE_TOKEN"  # noqa: S105 - a variable's name
MOST_BYTES = 20 << 20
_TIMEOUT = 120.0
_WANTED = {"repository": "--repository", "branch": "--branch", "commit": "--commit", "run_id": "--run-id"}


class RunUpload(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of the API's operation; `document` is what the tool wrote, the text of it where it is XML."""

    repository: str
    repository_url: str
    branch: str
    commit: str
    run_id: str
    url: str
    pull_request: str
    default_branch: str
    category: str
    partial: bool
    document: object


class UploadedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A stored run: `note` says why it changed no work items."""

    id: str
    counts: dict[str, int]
    note: str


class UploadAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A run that was taken; `repeated` says that it was sent before."""

    run: UploadedRun
    repeated: bool


def prepare_run_upload(
    file: Path,
    environment: Mapping[str, str],
    given: Mapping[str, str | None],
    category: str,
    *,
    partial: bool,
) -> RunUpload:
    """Return the body of the API's operation; a usage error names what neither an option nor the CI server tells."""
    detected = detect_ci_run(environment)
    values: dict[str, str] = {
        name: given.get(name) or getattr(detected, name) for name in CiRun.__dataclass_fields__
    }
    for name, option in _WANTED.items():
        if not values[name].strip("."):
            exit_with_usage_error(f"{option} is missing, and no CI environment provides it")
    document = read_document(file)
    return RunUpload(**values, category=category, partial=partial, document=document)


def read_document(file: Path) -> object:
    """Return decoded JSON, or the text of XML; a usage error where a file is neither, or too large."""
    if file.stat().st_size > MOST_BYTES:
        exit_with_usage_error(f"{file}: more than {MOST_BYTES >> 20} MB")
    raw = file.read_bytes()
    if raw.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            exit_with_usage_error(f"{file}: not UTF-8: {error}")
    try:
        return decode_json(raw)
    except JsonTextError as error:
        exit_with_usage_error(f"{file}: neither JSON nor XML: {error}")


def store_locally(data: Path, body: RunUpload) -> UploadAnswer:
    """Keep a run in the data folder."""
    from nephoscope.posture.pipelines.repository_name import RepositoryNameError
    from nephoscope.posture.pipelines.results.result_reader import read_results
    from nephoscope.posture.pipelines.results.tool_results import ResultsError
    from nephoscope.service.pipelines import NewPipelineRun, RunConflictError, record_run

    try:
        new = NewPipelineRun(
            repository=body.repository, branch=body.branch, commit_id=body.commit, run_id=body.run_id,
            results=read_results(body.document), url=body.url, pull_request=body.pull_request,
            default_branch=body.default_branch, category=body.category, repository_url=body.repository_url,
            partial=body.partial,
        )  # fmt: skip
        with open_context(data, keeps=True) as service:
            receipt = record_run(service, new)
    except (ResultsError, RepositoryNameError, RunConflictError) as error:
        exit_with_usage_error(str(error))
    run = receipt.run
    return UploadAnswer(
        run=UploadedRun(id=run.id, counts=run.counts, note=run.note), repeated=receipt.repeated
    )


def upload_run(server: str, body: RunUpload) -> UploadAnswer:
    """Send a run to a server; a usage error has its answer where it takes none."""
    import httpx

    token = os.environ.get(TOKEN, "")
    if not token:
        exit_with_usage_error(
            f"{TOKEN} is not set: set it to the token of a program with the role Pipeline Publisher"
        )
    if not server.startswith("https://"):
        exit_with_usage_error(
            f"--server must be an https:// address, because the request contains the token (got {server})"
        )
    try:
        answer = httpx.put(
            f"{server.rstrip('/')}/admin/v1/pipelines/runs",
            content=msgspec.json.encode(body),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            timeout=_TIMEOUT,
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        exit_with_usage_error(f"{server}: {error}")
    if answer.status_code != httpx.codes.OK:
        exit_with_usage_error(f"{server} answered {answer.status_code}: {answer.text[:500]}")
    return msgspec.json.decode(answer.content, type=UploadAnswer)

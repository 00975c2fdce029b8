"""The repository, commit and run that a CI server tells its jobs of, in environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, slots=True)
class CiRun:
    """A run of a pipeline; '' for what is not told."""

    repository: str = ""
    repository_url: str = ""
    branch: str = ""
    commit: str = ""
    run_id: str = ""
    url: str = ""
    pull_request: str = ""
    default_branch: str = ""


def detect_ci_run(environment: Mapping[str, str]) -> CiRun:
    """Return the run of GitHub Actions, Azure Pipelines or GitLab CI that the environment tells of; an empty one outside of them."""
    get = environment.get
    if get("GITHUB_ACTIONS"):
        return _read_github(environment)
    if get("TF_BUILD"):
        return _read_azure_pipelines(environment)
    if get("GITLAB_CI"):
        return _read_gitlab(environment)
    return CiRun()


def _read_github(environment: Mapping[str, str]) -> CiRun:
    get = environment.get
    address = f"{get('GITHUB_SERVER_URL', 'https://github.com')}/{get('GITHUB_REPOSITORY', '')}"
    parts = get("GITHUB_REF", "").split("/")
    return CiRun(
        repository=_extract_name(address),
        repository_url=address,
        branch=get("GITHUB_HEAD_REF") or get("GITHUB_REF_NAME", ""),
        commit=get("GITHUB_SHA", ""),
        run_id=f"{get('GITHUB_RUN_ID', '')}.{get('GITHUB_RUN_ATTEMPT', '1')}",
        url=f"{address}/actions/runs/{get('GITHUB_RUN_ID', '')}",
        pull_request=parts[2] if parts[:2] == ["refs", "pull"] and len(parts) > 2 else "",
    )


def _read_azure_pipelines(environment: Mapping[str, str]) -> CiRun:
    get = environment.get
    address = get("BUILD_REPOSITORY_URI", "")
    project = f"{get('SYSTEM_COLLECTIONURI', '')}{get('SYSTEM_TEAMPROJECT', '')}"
    return CiRun(
        repository=_extract_name(address),
        repository_url=_strip_user(address),
        branch=get("SYSTEM_PULLREQUEST_SOURCEBRANCH") or get("BUILD_SOURCEBRANCH", ""),
        commit=get("BUILD_SOURCEVERSION", ""),
        run_id=f"{get('BUILD_BUILDID', '')}.{get('SYSTEM_JOBATTEMPT', '1')}",
        url=f"{project}/_build/results?buildId={get('BUILD_BUILDID', '')}",
        pull_request=get("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER")
        or get("SYSTEM_PULLREQUEST_PULLREQUESTID", ""),
    )


def _read_gitlab(environment: Mapping[str, str]) -> CiRun:
    get = environment.get
    address = get("CI_PROJECT_URL", "")
    return CiRun(
        repository=_extract_name(address),
        repository_url=address,
        branch=get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME") or get("CI_COMMIT_REF_NAME", ""),
        commit=get("CI_COMMIT_SHA", ""),
        run_id=f"{get('CI_PIPELINE_ID', '')}.{get('CI_JOB_ID', '')}",
        url=get("CI_PIPELINE_URL", ""),
        pull_request=get("CI_MERGE_REQUEST_IID", ""),
        default_branch=get("CI_DEFAULT_BRANCH", ""),
    )


def _extract_name(address: str) -> str:
    """Return the name of the repository at an address: its host and path, without `.git`."""
    parts = urlsplit(address)
    return f"{parts.hostname or ''}{unquote(parts.path)}".removesuffix("/").removesuffix(".git")


def _strip_user(address: str) -> str:
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

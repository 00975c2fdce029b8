"""DevOps collection: collect the posture of an organization live or from a recording."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message

if TYPE_CHECKING:
    from nephoscope.collect.devops.posture_collector import DevOpsCollection
    from nephoscope.collect.devops.rest_listing import DevOpsPlatform
    from nephoscope.collect.devops.rest_response import RestAnswers
    from nephoscope.connect.credentials import CredentialSource

#: Of each platform the variables that may hold a token, the first that is set counts.
TOKENS = {
    "github": ("GITHUB_TOKEN", "GH_TOKEN"),
    "gitlab": ("GITLAB_TOKEN",),
    "azure-devops": ("SYSTEM_ACCESSTOKEN", "AZURE_DEVOPS_TOKEN"),
}
_SHOWN = 20


class DevOpsRequest(NamedTuple):
    """Parsed options of a DevOps collection command."""

    platform: str
    organization: str
    connector: str
    recording: Path | None
    endpoint: str | None
    repositories: tuple[str, ...]
    tenant: str
    credential: str


def find_platform(name: str) -> DevOpsPlatform:
    """Give a platform by its name."""
    from nephoscope.collect.devops.azure_devops import AZURE_DEVOPS
    from nephoscope.collect.devops.github import GITHUB
    from nephoscope.collect.devops.gitlab import GITLAB

    return {one.name: one for one in (GITHUB, GITLAB, AZURE_DEVOPS)}[name]


def collect_devops(asked: DevOpsRequest, out: Path) -> DevOpsCollection:
    """Collect into a new folder and give what came together; a mistake of the caller ends the process."""
    from nephoscope.collect.devops.devops_snapshot import write_snapshot
    from nephoscope.collect.devops.live_responses import RateLimitError
    from nephoscope.collect.devops.posture_collector import DevOpsCollectError, PostureCollector
    from nephoscope.collect.devops.recorded_responses import RecordingError
    from nephoscope.connect.credentials import SignInError

    if out.exists() and any(out.iterdir()):
        exit_with_usage_error(f"{out} is not empty: use a new folder for --out")
    platform = find_platform(asked.platform)
    only = frozenset(name.lower() for name in asked.repositories)
    collector = PostureCollector(platform, _open_answers(platform, asked), only)
    try:
        found = collector.collect(asked.connector, asked.organization)
    except (DevOpsCollectError, RateLimitError, RecordingError, SignInError) as error:
        exit_with_usage_error(str(error))
    write_snapshot(out, found, asked.tenant, datetime.now(UTC))
    return found


def report_collection(found: DevOpsCollection) -> None:
    """Say what was read and what was not."""
    from nephoscope.collect.azure.collection_gaps import format_gap_lines

    print_message(f"{found.requests.total():,} answers, {len(found.documents):,} documents")
    lines = format_gap_lines(found.gaps.sorted_gaps)
    for line in lines[:_SHOWN]:
        print_message(f"not read: {line}")
    if len(lines) > _SHOWN:
        print_message(f"and {len(lines) - _SHOWN} more: see gaps in coverage.json")


def _open_answers(platform: DevOpsPlatform, asked: DevOpsRequest) -> RestAnswers:
    from nephoscope.collect.devops.live_responses import LiveAnswers
    from nephoscope.collect.devops.recorded_responses import RecordedAnswers
    from nephoscope.connect.credentials import TokenProvider
    from nephoscope.connect.read_only_client import RestClient

    if asked.recording is not None:
        return RecordedAnswers(asked.recording)
    source = _choose_credential(platform, asked.credential)
    clients = {}
    for service, origin in platform.origins.items():
        base = asked.endpoint.rstrip("/") + (f"/{service}" if service else "") if asked.endpoint else origin
        whole = base.replace("{" + platform.variable + "}", asked.organization)
        clients[service] = RestClient(whole, TokenProvider(source, platform.scope))
    return LiveAnswers(clients)


def _choose_credential(platform: DevOpsPlatform, kind: str) -> CredentialSource:
    """Sign in with a token of the environment, else, where Entra ID gives tokens, as `nephoscope collect` does."""
    from nephoscope.collect.devops.live_responses import build_static_credential
    from nephoscope.connect.cloud import CLOUDS
    from nephoscope.connect.credentials import SignInError, create_credential_source

    token = next((os.environ[name] for name in TOKENS[platform.name] if os.environ.get(name)), "")
    if token:
        return build_static_credential(token)
    if not platform.scope:
        exit_with_usage_error(
            f"set {' or '.join(TOKENS[platform.name])} to a token that can read the organization"
        )
    try:
        return create_credential_source(kind, CLOUDS["public"])
    except SignInError as error:
        exit_with_usage_error(str(error))

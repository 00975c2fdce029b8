"""What a collection keeps, claims and tells: recorded and asked for, and from answers that somebody made up."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from nephoscope.collect.devops.devops_snapshot import build_manifest
from nephoscope.collect.devops.github import GITHUB
from nephoscope.collect.devops.live_responses import LiveAnswers, RateLimitError, build_static_credential
from nephoscope.collect.devops.posture_collector import DevOpsCollectError, PostureCollector
from nephoscope.collect.devops.projection import project_members
from nephoscope.collect.devops.recorded_responses import RecordedAnswers, RecordingError
from nephoscope.collect.devops.rest_listing import build_recording_name
from nephoscope.connect.credentials import TokenProvider
from nephoscope.connect.read_only_client import RestClient
from nephoscope.estate.devops_documents import extract_repository_name

REPO = "repos/contoso/shop"
CONNECTOR = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Security/securityConnectors/c"


@pytest.mark.parametrize("platform", ["github", "gitlab", "azure-devops"])
def test_no_value_of_a_secret_is_kept(collect_recorded: Any, platform: str) -> None:
    kept = json.dumps(collect_recorded(platform).documents)
    assert "hunter2" not in kept
    assert "ghs_" not in kept
    assert "ssh-ed25519" not in kept
    assert "money@" not in kept


@pytest.mark.parametrize(
    ("body", "keep", "kept"),
    [
        ({"a": 1, "b": 2}, ("a",), {"a": 1}),
        ({"a": {"b": {"c": 1, "d": 2}}}, ("a.b.c",), {"a": {"b": {"c": 1}}}),
        ({"a": [{"b": 1, "c": 2}, {"c": 3}]}, ("a.b",), {"a": [{"b": 1}, {}]}),
        ({"v": {"x": {"value": "s", "isSecret": True}, "y": {"value": "t"}}}, ("v.*.isSecret",),
         {"v": {"x": {"isSecret": True}, "y": {}}}),
        ({"c": {"secret": "********"}}, ("c.secret?",), {"c": {"secret": True}}),
        ({"c": {}}, ("c.secret?",), {"c": {"secret": False}}),
        ({"c": {"url": "https://u:p@h.example:8443/x?t=1"}}, ("c.url@",), {"c": {"url": "https://h.example:8443"}}),
        ({"c": {"url": "http://[bad"}}, ("c.url@",), {"c": {"url": ""}}),
        ({"a": None}, ("a.b",), {"a": None}),
        ([1], ("a",), {}),
    ],
)  # fmt: skip
def test_projection(body: Any, keep: tuple[str, ...], kept: Any) -> None:
    assert project_members(body, keep) == kept


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("orgs/contoso/hooks?per_page=100", "orgs/contoso/hooks.json"),
        ("orgs/contoso/members?role=admin&per_page=100", "orgs/contoso/members--role-admin.json"),
        ("P/_apis/x?resourceId=../../8&api-version=7.1", "P/_apis/x--resourceId-..%2F..%2F8.json"),
    ],
)
def test_names_of_recorded_answers(url: str, file: str) -> None:
    assert build_recording_name(url) == file


def test_a_claim_is_of_its_own_resource_alone(collect_recorded: Any) -> None:
    found = build_manifest(collect_recorded("github", {f"{REPO}/actions/secrets.json": None}), "", _now())
    scopes = found["tenants"][""]["scopes"]
    org = f"{CONNECTOR}/devops/default/gitHubOwners/contoso".lower()
    assert any(entry.endswith("/nephoscope.devops/secrets") for entry in scopes[org])
    assert not any(entry.endswith("/nephoscope.devops/secrets") for entry in scopes[f"{org}/repos/shop"])
    assert "secrets" in found["tenants"][""]["gaps"]["nephoscope.devops/secrets"]


def test_a_refusal_names_the_permission(collect_recorded: Any) -> None:
    refused = {"message": "Resource not accessible by integration", "documentation_url": "x", "status": "403"}
    found = collect_recorded("github", {f"{REPO}/keys.json": refused})
    (gap,) = found.gaps.sorted_gaps
    assert (gap.type, gap.permission) == ("nephoscope.devops/deploykeys", "repository Administration: read")
    assert "not accessible" in gap.reason


def test_repositories_by_name_do_not_vouch_for_the_others(record: Any) -> None:
    answers = RecordedAnswers(record("github"))
    some = PostureCollector(GITHUB, answers, frozenset({"other"})).collect(CONNECTOR, "contoso")
    assert not [one for one in some.documents if "/repos/" in one]
    assert not [entry for types in some.scopes.values() for entry in types if entry.endswith("/repos")]


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [({"message": "403 Forbidden"}, "403", "403 Forbidden"), ({"message": "404 Project Not Found"}, "404", "Project"),
     ({"error": "insufficient_scope", "error_description": "x"}, "400", "insufficient_scope"),
     ({"message": "500 Internal Server Error"}, "500", "Internal")],
)  # fmt: skip
def test_a_refusal_of_gitlab_is_a_gap(collect_recorded: Any, body: Any, status: str, reason: str) -> None:
    found = collect_recorded("gitlab", {"projects/7/push_rule.json": body})
    (gap,) = found.gaps.sorted_gaps
    assert gap.type == "nephoscope.devops/pushrules"
    assert gap.reason.startswith(status)
    assert reason in gap.reason
    assert (gap.permission != "") == (status in {"403", "404"})


def test_what_an_edition_of_gitlab_does_not_have_is_none(collect_recorded: Any) -> None:
    found = collect_recorded("gitlab", {"projects/7/push_rule.json": {"message": "404 Not Found"}})
    assert not found.gaps.sorted_gaps
    project = f"{CONNECTOR}/devops/default/gitLabGroups/contoso/projects/contoso%2Fweb%2Fshop".lower()
    assert any(entry.endswith("/nephoscope.devops/pushrules") for entry in found.scopes[project])
    assert not [one for one in found.documents if "pushrules" in one]


def test_a_message_in_a_body_with_other_members_is_no_refusal(collect_recorded: Any) -> None:
    body = {"message": "403 things", "inbound_enabled": True}
    assert not collect_recorded("gitlab", {"projects/7/job_token_scope.json": body}).gaps.sorted_gaps


@pytest.mark.parametrize(
    ("id_", "name"),
    [(f"{CONNECTOR}/devops/default/gitHubOwners/contoso/repos/shop", "contoso/shop"),
     (f"{CONNECTOR}/devops/default/gitLabGroups/contoso/projects/contoso%2Fweb%2Fshop", "contoso/web/shop"),
     (f"{CONNECTOR}/devops/default/gitLabGroups/a%2Fb/providers/Nephoscope.DevOps/settings/default", "a/b"),
     (f"{CONNECTOR}/devops/default/azureDevOpsOrgs/fabrikam/projects/p/repos/r", "fabrikam/p/r"),
     (CONNECTOR, "")],
)  # fmt: skip
def test_names_of_repositories(id_: str, name: str) -> None:
    assert extract_repository_name(id_) == extract_repository_name(id_.lower()) == name


@pytest.mark.parametrize(
    "pages", ["[[{0}], [{1}]]", "[{0}]\n[{1}]", "[{0}, {1}]"], ids=["slurped", "joined", "one"]
)
def test_recorded_pages(record: Any, pages: str) -> None:
    folder = record("github")
    hooks = [json.dumps({"id": number, "name": "web"}) for number in (1, 2)]
    (folder / REPO / "hooks.json").write_text(pages.format(*hooks), encoding="utf-8")
    found = PostureCollector(GITHUB, RecordedAnswers(folder)).collect(CONNECTOR, "contoso")
    assert len([one for one in found.documents if "/repos/shop/" in one and "webhooks" in one]) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [("[" * 5000, "JSON"), ("{", "JSON"), ("[" * 100 + "]" * 100, "nests"), ("[]".encode("utf-16"), "JSON")],
    ids=["brackets", "cut", "deep", "not UTF-8"],
)  # fmt: skip
def test_hostile_recordings_are_refused_by_name(record: Any, text: str | bytes, reason: str) -> None:
    folder = record("github")
    file = folder / REPO / "hooks.json"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(RecordingError, match=reason) as error:
        PostureCollector(GITHUB, RecordedAnswers(folder)).collect(CONNECTOR, "contoso")
    assert "hooks.json" in str(error.value)


def test_a_link_out_of_a_recording_is_not_followed(record: Any, tmp_path: Path) -> None:
    folder = record("github")
    (tmp_path / "elsewhere.json").write_text("[]")
    (folder / REPO / "hooks.json").unlink()
    (folder / REPO / "hooks.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(RecordingError, match="outside"):
        PostureCollector(GITHUB, RecordedAnswers(folder)).collect(CONNECTOR, "contoso")


def test_names_from_answers_stay_segments(collect_recorded: Any) -> None:
    repos = [{"id": 1, "name": "../../x", "default_branch": "a/b"}, {"id": 2, "name": ".."}, {"name": {}}, 7]
    found = collect_recorded("github", {"orgs/contoso/repos.json": repos})
    named = [one for one in found.documents if one.count("/repos/") and "/providers/nephoscope" not in one]
    assert sorted(one.rsplit("/", 1)[-1] for one in named) == ["%2e%2e", "..%2f..%2fx"]


@pytest.mark.parametrize(
    "connector", ["", "x", "/subscriptions/1/resourceGroups/rg/providers/Microsoft.Web/sites/a"]
)
def test_a_connector_that_is_none(record: Any, connector: str) -> None:
    with pytest.raises(DevOpsCollectError, match="--connector"):
        PostureCollector(GITHUB, RecordedAnswers(record("github"))).collect(connector, "contoso")


def test_an_organization_that_answers_nothing(tmp_path: Path) -> None:
    with pytest.raises(DevOpsCollectError, match="no data of contoso could be read"):
        PostureCollector(GITHUB, RecordedAnswers(tmp_path)).collect(CONNECTOR, "contoso")


class Platform(ThreadingHTTPServer):
    """A loopback GitHub that replays a recording, two items a page."""

    folder: Path
    asked: list[tuple[str, str]]
    limited = False


class Handler(BaseHTTPRequestHandler):
    """Answers a path by its file."""

    server: Platform

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Authorization", "")))
        file = self.server.folder / build_recording_name(
            re.sub(r"&?page=\d+", "", self.path.removeprefix("/api/v3/"))
        )
        if self.server.limited:
            self._send(
                403, {"message": "limit"}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1780000000"}
            )
        elif not file.is_file():
            self._send(404, {"message": "Not Found", "documentation_url": "x"}, {})
        else:
            self._page(json.loads(file.read_text()))

    def _page(self, body: Any) -> None:
        if not isinstance(body, list):
            self._send(200, body, {})
            return
        query = parse_qs(urlsplit(self.path).query)
        number = int(query.pop("page", ["1"])[0])
        rest = len(body) > 2 * number
        base = f"http://127.0.0.1:{self.server.server_port}{urlsplit(self.path).path}"
        following = f"{base}?{urlencode({**query, 'page': number + 1}, doseq=True)}"
        links = {"Link": f'<{following}>; rel="next"'} if rest else {}
        self._send(200, body[2 * number - 2 : 2 * number], links)

    def _send(self, status: int, body: Any, headers: dict[str, str]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server(record: Any) -> Iterator[Platform]:
    members = [{"login": f"user{number}", "id": number} for number in range(5)]
    found = Platform(("127.0.0.1", 0), Handler)
    found.folder, found.asked = record("github", {"orgs/contoso/members--role-admin.json": members}), []
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


def live(server: Platform) -> LiveAnswers:
    origin = f"http://127.0.0.1:{server.server_port}/api/v3"
    return LiveAnswers(
        {"": RestClient(origin, TokenProvider(build_static_credential("t0ken"), ""), sleep=lambda _: None)}
    )


def test_what_is_asked_for_equals_what_was_recorded(server: Platform) -> None:
    answers = live(server)
    asked = PostureCollector(GITHUB, answers).collect(CONNECTOR, "contoso")
    answers.clients[""].close()
    recorded = PostureCollector(GITHUB, RecordedAnswers(server.folder)).collect(CONNECTOR, "contoso")
    assert asked.documents == recorded.documents
    assert asked.scopes == recorded.scopes
    assert asked.requests["administrators"] == 3
    assert {token for _, token in server.asked} == {"Bearer t0ken"}
    assert all(path.startswith("/api/v3/") for path, _ in server.asked)


def test_a_used_up_rate_limit_ends_the_collection(server: Platform) -> None:
    server.limited = True
    answers = live(server)
    with pytest.raises(RateLimitError, match="run again at"):
        PostureCollector(GITHUB, answers).collect(CONNECTOR, "contoso")
    answers.clients[""].close()


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime(2026, 6, 1, tzinfo=UTC)

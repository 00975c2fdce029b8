"""A stolen identity by the official clients: a detection, a risky user, a plan that another person approves, changes in
Graph as a replay server records them, a password change, and a remediated user.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from tests.automation.recorded_graph import RecordedGraph
from tests.running import forked_commands
from tests.sdk.conftest import Clients, make_clients
from tests.sdk.graph_client import run_with_graph
from tests.sdk.test_az import PROGRAM, Az
from tests.serve.starting import note_rules_as_run, serving

from nephoscope.access.tokens import NO_TENANT
from nephoscope.identity.leaked.password_hashes import hash_sha1

pytestmark = [pytest.mark.system, pytest.mark.full, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
PASSWORD = "of-the-journey-1"
RISKY = "/v1.0/identityProtection/riskyUsers"
MINUTES = 4.0


class ReplayServer:
    """A Graph on this machine, and the endpoint of a managed identity whose tokens it takes."""

    def __init__(self) -> None:
        self.graph = recorded = RecordedGraph()
        recorded.users = {}

        class Handler(BaseHTTPRequestHandler):
            def _do(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else {}
                if self.path.startswith("/token"):
                    until = str(int(time.time()) + 3600)
                    status, answer = (
                        200,
                        {
                            "access_token": "of-the-replay",
                            "expires_on": until,
                            "resource": "",
                            "token_type": "Bearer",
                        },
                    )
                else:
                    status, answer = recorded.answer(
                        self.command, self.path, body, self.headers["Authorization"]
                    )
                content = b"" if status == 204 else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = _do  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def allow(self, data: Path) -> None:
        """Let the server change this Graph."""
        names = ("resourceManager", "authority", "graph", "audience")
        (data / "cloud.json").write_text(json.dumps({"name": "replay", **dict.fromkeys(names, self.origin)}))
        accounts = {"sign_in": "managed-identity", "cloud": str(data / "cloud.json")}
        (data / "responses").mkdir(parents=True)
        (data / "responses" / "operator.yaml").write_text(yaml.safe_dump({"accounts": accounts}))


@dataclass
class Journey:
    """A server of its own with its replay server; `clients` makes the clients of a program that has roles."""

    address: str
    authority: str
    data: Path
    graph: RecordedGraph
    clients: Callable[..., Clients]


@pytest.fixture(scope="module")
def journey(tmp_path_factory, sample) -> Iterator[Journey]:
    data, replay = tmp_path_factory.mktemp("journey"), ReplayServer()
    note_rules_as_run(data)
    replay.allow(data)
    environment = {"IDENTITY_ENDPOINT": f"{replay.origin}/token", "IDENTITY_HEADER": "replay"}
    with (
        pytest.MonkeyPatch.context() as patched,
        serving(data, "--demo", link=True, environment=environment) as found,
    ):
        patched.setenv("REQUESTS_CA_BUNDLE", found.authority)
        patched.setenv("SSL_CERT_FILE", found.authority)

        def clients(*roles: tuple[str, str]) -> Clients:
            return make_clients(found.address, found.authority, data, sample, roles)

        yield Journey(found.address, found.authority, data, replay.graph, clients)
    replay.server.shutdown()
    replay.server.server_close()


#: Asks the server as a principal: method, path, body -> (status, document).
Ask = Callable[..., tuple[int, Any]]


def by_sdk(journey: Journey, program: Clients, folder: Path) -> Ask:
    """Ask with the token of azure-identity."""

    def ask(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        token = program.credential.get_token(*program.scopes).token
        told = httpx.request(
            method,
            journey.address + path,
            json=body,
            verify=journey.authority,
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
        )
        return told.status_code, told.json() if told.content else None

    return ask


def by_az(journey: Journey, program: Clients, folder: Path) -> Ask:
    """Ask with `az rest`, signed in as the principal."""
    assert PROGRAM.exists(), f"{PROGRAM} is missing: make setup-az"
    az = Az(folder / program.name, journey.authority)
    az("cloud", "register", "--name", "nephoscope", "--endpoint-resource-manager", journey.address)
    az("cloud", "set", "--name", "nephoscope")
    az("config", "set", "core.instance_discovery=false")
    az(
        *("login", "--service-principal", "--allow-no-subscriptions", "--username", program.name),
        *("--password", program.secret, "--tenant", NO_TENANT),
    )

    def ask(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        words = [
            "rest",
            "--method",
            method.lower(),
            "--url",
            journey.address + path,
            "--resource",
            journey.address,
        ]
        done = az.run(*words, *(("--body", json.dumps(body)) if body is not None else ()))
        if done.returncode:
            return 403 if "Forbidden" in done.stderr else 400, done.stderr
        return 200, json.loads(done.stdout) if done.stdout.strip() else None

    return ask


def soon(ask: Callable[[], Any], enough: Callable[[Any], Any]) -> Any:
    """What is answered when it is enough; the test fails with what was answered instead."""
    until = time.monotonic() + 60 * MINUTES
    while not enough(found := ask()):
        assert time.monotonic() < until, found
        time.sleep(0.5)
    return found


@pytest.mark.parametrize("means", [by_sdk, by_az], ids=["msgraph-sdk", "az-rest"])
def test_a_leaked_password_is_noticed_answered_and_ended(journey: Journey, means, tmp_path) -> None:
    requester, approver = (means(journey, journey.clients(("Owner", "/")), tmp_path) for _ in range(2))
    reader = means(journey, journey.clients(("Security Reader", "/")), tmp_path)
    publisher = journey.clients(("Monitoring Metrics Publisher", "/workspaces/default"))
    user = str(uuid.uuid4())
    journey.graph.users[user] = True
    journey.graph.changes.clear()

    policy = {"name": f"Secure {user}", "level": "high"}
    assert reader("POST", "/admin/v1/riskPolicies", policy)[0] == 403
    assert requester("POST", "/admin/v1/riskPolicies", policy)[0] in (200, 201)
    _detect(journey.data, tmp_path, user)

    _, risky = soon(lambda: requester("GET", f"{RISKY}/{user}"), lambda told: told[0] == 200)
    assert (risky["riskLevel"], risky["riskState"]) == ("high", "atRisk")
    run = soon(lambda: _waiting(requester, user), bool)
    assert journey.graph.changes == [], "nothing before an approval"
    approve = f"/admin/v1/responseRuns/{run['id']}/approve"
    assert reader("POST", approve, {})[0] == 403
    assert requester("POST", approve, {})[0] in (400, 403, 409), "who asked for it does not approve it"
    assert approver("POST", approve, {})[0] in (200, 202)
    soon(lambda: list(journey.graph.changes), lambda found: len(found) == 2)
    assert journey.graph.changes == [
        ("PATCH", user, {"passwordProfile": {"forceChangePasswordNextSignInWithMfa": True}}),
        ("POST", f"{user}/revokeSignInSessions", {}),
    ]
    assert journey.graph.tokens == {"Bearer of-the-replay"}

    _change_password(publisher, user)

    def remediated() -> Any:
        _run(journey.data, "identity", "risk", "run")
        return requester("GET", f"{RISKY}/{user}")[1]

    risky = soon(remediated, lambda one: one["riskState"] == "remediated")
    assert risky["riskDetail"] == "userPerformedSecuredPasswordChange"
    _, history = requester("GET", f"{RISKY}/{user}/history")
    assert [one["riskState"] for one in history["value"]] == ["atRisk", "remediated"]


def test_a_dismissal_cascades_and_is_read_at_once(journey: Journey, tmp_path) -> None:
    from msgraph.generated.identity_protection.risky_users.dismiss.dismiss_post_request_body import (
        DismissPostRequestBody,
    )
    from msgraph.generated.models.o_data_errors.o_data_error import ODataError

    owners = [journey.clients(("Owner", "/")) for _ in range(2)]
    reader = journey.clients(("Security Reader", "/"))
    several = [str(uuid.uuid4()) for _ in range(2)]
    for user in several:
        _detect(journey.data, tmp_path, user)

    def dismiss(user: str) -> Any:
        async def work(client: Any) -> tuple[str, set[str]]:
            risky = client.identity_protection.risky_users
            await risky.dismiss.post(DismissPostRequestBody(user_ids=[user]))
            state = (await risky.by_risky_user_id(user).get()).risk_state
            found = await client.identity_protection.risk_detections.get()
            return state.value, {one.risk_state.value for one in found.value if one.user_id == user}

        return work

    async def refused(client: Any) -> int:
        with pytest.raises(ODataError) as told:
            await client.identity_protection.risky_users.dismiss.post(
                DismissPostRequestBody(user_ids=[several[0]])
            )
        return int(told.value.response_status_code)

    def run(program: Clients, work: Any) -> Any:
        return run_with_graph(journey.address, journey.authority, program, work)

    assert run(reader, refused) == 403
    answers: list[Any] = [None, None]

    def decide(turn: int) -> None:
        answers[turn] = run(owners[turn], dismiss(several[turn]))

    both = [threading.Thread(target=decide, args=(turn,)) for turn in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert answers == [("dismissed", {"dismissed"})] * 2


def _change_password(publisher: Clients, user: str) -> None:
    row = {
        "TimeGenerated": (datetime.now(UTC) + timedelta(seconds=5)).isoformat(), "OperationName": "Change user password",
        "Result": "success", "Id": str(uuid.uuid4()), "Category": "UserManagement", "TargetResources": [{"id": user}],
    }  # fmt: skip
    publisher.ingestion.upload("default", "Microsoft-AuditLogs", [row])


def _detect(data: Path, folder: Path, user: str) -> None:
    """Check the exported hash of a user."""
    leaked, exported = folder / "leaked.txt", folder / f"{user}.txt"
    leaked.write_text(f"{hash_sha1(PASSWORD).hex()}:9\n")
    exported.write_text(f"{user}:{hash_sha1(PASSWORD).hex()}\n")
    _run(data, "identity", "leaked", "import", str(leaked))
    _run(data, "identity", "leaked", "check", "--hashes", str(exported), fails=1)


def _run(data: Path, *words: str, fails: int = 0) -> str:
    command = [sys.executable, "-m", "nephoscope.cli.main", "--data", str(data), *words]
    done = forked_commands.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == fails, done.stderr
    return done.stdout


def _waiting(ask: Ask, user: str) -> Any:
    """The run that waits for an approval about a user."""
    _, found = ask("GET", "/admin/v1/responseRuns?status=approve")
    return next((one for one in found["value"] if user in json.dumps(one)), None)

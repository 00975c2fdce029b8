"""Application control by the kernel: what the guard can refuse, what it cannot, and that it fails open."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.agent.served import Host, Server

from nephoscope.protect.applications.learned_group import TYPE
from nephoscope.service.arm_documents import put_document
from nephoscope_agent.execution_policy import PREFIX, ExecutionPolicyError, load_policy, store_policy
from nephoscope_agent.server_connection import ServerConnection

pytestmark = pytest.mark.system
POLICY = "/admin/v1/agents/applicationPolicy"
#: Way to execute -> whether it is refused where no rule allows what is executed; docs/guides/applications.md has the same table.
WAYS = {
    "a program of a path rule": "ran",
    "another program": "EPERM",
    "a script given to an interpreter": "ran",
    "a script by its own name": "EPERM",
    "a renamed program": "EPERM",
    "another program renamed over the path of a rule": "ran",
    "a copy of a program of a path rule": "EPERM",
    "a hard link to a program of a path rule": "EPERM",
    "a symbolic link to a program of a path rule": "ran",
    "a program of a hash rule": "ran",
    "a copy of a program of a hash rule": "ran",
    "a hard link to a program of a hash rule": "ran",
    "a changed program of a hash rule": "EPERM",
    "ld.so FILE": "EPERM",
    "a program in memory (memfd)": "EPERM",
    "a program in memory (memfd) without a loader": "ran",
    "a command given to an interpreter": "ran",
    "a program without a loader": "EPERM",
    "another program by its descriptor": "EPERM",
    "another program by its descriptor, deleted": "EPERM",
    "another program through a bind mount": "EPERM",
    "a program of a path rule through a bind mount": "EPERM",
    "another program in a mount namespace of its own": "EPERM",
    "a library that no rule names, loaded by a program of a path rule": "ran",
    "a program of a file system that was mounted later": "EPERM",
    "a program without a loader of such a file system": "ran",
    "a program of an image that was mounted later, with its own loader": "ran",
    "a program that the agent itself starts": "ran",
}
FAILURES: dict[str, Any] = {
    "the process that answers is stopped": ["EPERM", "ran", True],
    "the process that answers is killed": ["EPERM", "ran", True],
    "the process that watches is killed": ["EPERM", "ran", True],
    "an error": ["ran", "an execution could not be judged"],
    "a program too large to be hashed": ["ran", ["is", "too", "large", "to", "be", "hashed"]],
    "the mode Audit": ["ran", [["other", False, ""]]],
    "the agent is killed": ["EPERM", "ran", "ran"],
    "the agent is stopped": ["EPERM", "ran", "EPERM"],
    "a full queue": ["ran", "0"],
}
MACHINE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.HybridCompute/machines/web1"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the program in a mount namespace of its own found."""
    program = Path(__file__).parent / "guarded_place.py"
    agent = Path(__file__).parents[2] / "agent"
    done = subprocess.run(
        ["unshare", "--mount", "--kill-child", sys.executable, str(program), str(tmp_path_factory.mktemp("place"))],
        capture_output=True, text=True, check=False, timeout=120, env={**os.environ, "PYTHONPATH": str(agent)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_what_can_be_refused_and_what_cannot(guarded: dict[str, Any]) -> None:
    assert guarded["ways"] == WAYS
    assert len(guarded["reports"]) == list(WAYS.values()).count("EPERM")
    assert all(blocked and not problem for _, blocked, problem in guarded["reports"])


def test_a_guard_that_fails_refuses_nothing(guarded: dict[str, Any]) -> None:
    assert guarded["failures"] == FAILURES


def test_a_blocked_hash_is_refused_by_any_name_whoever_starts_it_and_whatever_the_policy(
    guarded: dict[str, Any],
) -> None:
    # the program, its copy, a hard link to another file of the same content, another program, and the first by the agent itself
    refused = ["EPERM", "EPERM", "EPERM", "ran", "EPERM", 4]
    assert guarded["blocked"] == {"without a policy": refused, "in the mode Audit": refused}


def envelope(key: Ed25519PrivateKey, prefix: bytes = PREFIX, **changes: object) -> dict[str, str]:
    document = {
        "machine": MACHINE,
        "mode": "Enforce",
        "changed": "2026-11-02",
        "rules": [{"kind": "File", "value": "/opt/*"}],
        **changes,
    }
    content = json.dumps(document)
    return {"content": content, "signature": key.sign(prefix + content.encode()).hex()}


def test_only_a_policy_that_the_server_signed_for_this_machine_is_kept(tmp_path: Path) -> None:
    key, other = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw().hex()
    store_policy(tmp_path, envelope(key), public, MACHINE.upper())
    refused = {
        "the signature": envelope(other),
        "the signature of": envelope(key, b""),
        "another machine": envelope(key, machine=f"{MACHINE}2"),
        "older": envelope(key, changed="2026-11-01"),
        "cannot be read": {"content": "{}"},
    }
    for words, one in refused.items():
        with pytest.raises(ExecutionPolicyError, match=words):
            store_policy(tmp_path, one, public, MACHINE)
    kept = load_policy(tmp_path, public, MACHINE)
    assert (kept.mode, kept.folders, kept.paths) == ("Enforce", ("/opt/",), frozenset())
    store_policy(tmp_path, envelope(key, changed="2026-11-03", mode="None"), public, MACHINE)
    assert load_policy(tmp_path, public, MACHINE).mode == "None"


def test_an_agent_gets_the_policy_of_its_machine_alone(server: Server, host: Host) -> None:
    host.call("enrol", server.address, code=server.code())
    settings = json.loads((host.folder / "agent.json").read_text())
    connection = ServerConnection(server.address, (host.folder / "key").read_text().strip())
    modes = []
    for machine in (f"{settings['resource']}2", settings["resource"]):
        accept(server, machine)
        store_policy(
            host.folder, connection.send("GET", POLICY), settings["update_key"], settings["resource"]
        )
        modes.append(load_policy(host.folder, settings["update_key"], settings["resource"]).mode)
    assert modes == ["None", "Enforce"]


def accept(server: Server, machine: str) -> None:
    """Accept a policy that names a machine, as a client of Azure puts it."""
    id_ = f"{'/'.join(machine.split('/')[:3])}/providers/{TYPE.replace('locations', 'locations/centralus')}/g"
    body = {
        "id": id_,
        "properties": {
            "enforcementMode": "Enforce", "vmRecommendations": [{"resourceId": machine}],
            "pathRecommendations": [{"path": "/usr/*"}],
        },
    }  # fmt: skip
    put_document(server.service, "/", body, TYPE)

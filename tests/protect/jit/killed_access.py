"""A guarded machine whose server, agent and enforcing command are processes of their own, which can be killed at any step."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.agent.isolated_machine import IsolatedMachine, isolated_machine
from tests.agent.served import GROUP, make_host
from tests.running import forked_commands
from tests.waiting import wait_until

from nephoscope.access.authenticator import Guard
from nephoscope.access.scopes import Hierarchy
from nephoscope.service.access_requests import TYPE
from nephoscope.service.agents import create_enrolment
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import State

ROOT = Path(__file__).parents[3]
MACHINE = f"{GROUP}/providers/Microsoft.HybridCompute/machines/web01"
POLICY_ID = f"{GROUP}/providers/{TYPE.replace('locations', 'locations/westeurope')}/p"
PORT = {
    "number": 22,
    "protocol": "TCP",
    "maxRequestAccessDuration": "PT1H",
    "allowedSourceAddressPrefix": "10.9.0.0/24",
}
POLICY: dict[str, Any] = {
    "id": POLICY_ID,
    "properties": {"virtualMachines": [{"id": MACHINE, "ports": [PORT]}]},
}
#: A server at a socket that it inherits; requests and approvals are made within its process.
SERVER = textwrap.dedent(
    """
    import socket, sys
    from datetime import datetime, timedelta
    from pathlib import Path
    from tests.agent.served import serving_at
    from tests.protect.jit.access_scene import Person
    from nephoscope.service.access_requests import AskedPort, decide_request, find_policy, request_access
    from nephoscope.service.service_context import ServiceContext

    data, listener, policy, machine = Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])), *sys.argv[3:]
    with serving_at(data, listener) as server:
        print("ready", flush=True)
        for line in sys.stdin:
            name, argument = line.split()
            acts = lambda who: ServiceContext(Person(who), server.instance.state, data)
            if name == "request":
                context = acts("requester")
                port = AskedPort(machine, 22, "10.9.0.2", context.now + timedelta(seconds=float(argument)))
                made = request_access(context, find_policy(context, policy), [port], "maintenance")
            else:
                made = decide_request(acts("approver"), argument, "approve", "fine")
            print(made.id, flush=True)
    """
)
#: The command that enforces; told so, it is killed once the kernel has the ruleset and before anything else has it.
APPLY = textwrap.dedent(
    """
    import os, signal, sys
    from pathlib import Path
    from nephoscope.cli.protections.jit import command
    from nephoscope.service import access_requests

    if sys.argv[3] == "killed":
        access_requests.record_enforcement = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    command.main(["apply", sys.argv[2]], obj=Path(sys.argv[1]))
    """
)


class KilledAccess:
    """The machine, its server at the machine's loopback, its agent, and a neighbor who wants in."""

    def __init__(self, machine: IsolatedMachine, folder: Path) -> None:
        self.machine, self.data = machine, folder / "data"
        with State.open_folder(self.data) as state:
            with state.transaction() as session:
                state.arm_documents.put(session, POLICY_ID.lower(), TYPE.lower(), POLICY, "owner")
            context, guard = (
                ServiceContext(LocalUser.current(), state, self.data),
                Guard(state, lambda: Hierarchy({})),
            )
            self._code = create_enrolment(context, guard, "jit", GROUP)[1]
        self.server = self._start_server()
        self.host = make_host(folder / "machine")
        self.host.prefix = machine.prefix
        self.host.enrol(self, sensors=["heartbeat"])  # type: ignore[arg-type]
        self.host.start()

    @property
    def address(self) -> str:
        """Where the agent finds its server."""
        return f"http://127.0.0.1:{self.machine.listener.getsockname()[1]}"

    def code(self) -> str:
        """The code by which the agent enrols."""
        return self._code

    def ask(self, line: str) -> str:
        """Have the server's process do something, and return the ID of the request."""
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        self.server.stdin.write(f"{line}\n")
        self.server.stdin.flush()
        return self.server.stdout.readline().strip()

    def apply(self, ending: str = "regular") -> int:
        """Run the command that enforces on the machine, and return how it ended."""
        command = [*self.machine.prefix, sys.executable, "-c", APPLY, str(self.data), MACHINE, ending]
        return subprocess.run(command, check=False, capture_output=True, cwd=ROOT).returncode

    def kill(self) -> None:
        """Kill the agent and the server with SIGKILL."""
        if self.host.process is not None:
            self.host.kill()
        self.server.kill()
        self.server.communicate()

    def restart(self) -> None:
        """Start the server over what the killed one left, and the agent."""
        self.server = self._start_server()
        self.host.start()

    def kernel_seconds(self) -> list[int]:
        """The seconds that the kernel gives each address of a grant."""
        listed = subprocess.run(
            [*self.machine.prefix, "nft", "list", "table", "inet", "nephoscope_jit"], check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        return [int(one) for one in re.findall(r"10\.9\.0\.2 timeout (\d+)s", listed)]

    def wait_until_closed(self) -> None:
        """Wait until the neighbor is refused."""
        wait_until(lambda: not self.machine.is_reached(), lambda: self.kernel_seconds())

    def _start_server(self) -> subprocess.Popen[str]:
        number = self.machine.listener.fileno()
        server = forked_commands.Popen(
            [sys.executable, "-c", SERVER, str(self.data), str(number), POLICY_ID, MACHINE],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=[number], cwd=ROOT,
        )  # fmt: skip
        assert server.stdout is not None
        assert server.stdout.readline().strip() == "ready"
        return server


@contextlib.contextmanager
def killed_access(folder: Path) -> Iterator[KilledAccess]:
    """A machine whose port is guarded, until the end of the block."""
    with isolated_machine(folder) as machine:
        made = KilledAccess(machine, folder)
        try:
            yield made
        finally:
            made.kill()

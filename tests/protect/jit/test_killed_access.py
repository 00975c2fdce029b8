"""The server, the agent and the enforcing command killed around a grant: a port is open no longer than its grant, whatever is left."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from tests.protect.jit.killed_access import KilledAccess, killed_access
from tests.waiting import wait_until

from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import State
from nephoscope.state.hosts.access_requests import AccessRequest, AccessStatus

pytestmark = [pytest.mark.system, pytest.mark.full]
SECONDS = 15


def find_request(scene: KilledAccess) -> AccessRequest:
    with State.open_folder(scene.data) as state:
        (found,) = state.access_requests.list_requests("", may_read=lambda _: True, most=10)
    return found


def wait_for_the_end(scene: KilledAccess) -> None:
    """Wait until the grant is over by the clock that the product reads."""
    ends = find_request(scene).ports[0].ends
    with State.open_folder(scene.data) as state:
        context = ServiceContext(LocalUser.current(), state, scene.data)
        wait_until(lambda: context.now > ends, lambda: ends)


def test_killed_while_the_command_enforces(tmp_path: Path) -> None:
    """The kernel has the grant and nothing else knows of it: the kernel alone ends it."""
    with killed_access(tmp_path) as scene:
        before = scene.machine.is_reached()
        assert scene.apply() == 0
        guarded = scene.machine.is_reached()
        scene.ask(f"approve {scene.ask(f'request {SECONDS}')}")
        approved = scene.machine.is_reached()
        assert scene.apply("killed") == -signal.SIGKILL
        scene.kill()
        during, seconds = scene.machine.is_reached(), scene.kernel_seconds()
        scene.wait_until_closed()
        assert (before, guarded, approved, during) == (True, False, False, True)
        assert [0 < one <= SECONDS for one in seconds] == [True]
        # whatever starts again does not open it again
        scene.restart()
        wait_for_the_end(scene)
        assert scene.apply() == 0
        assert (scene.machine.is_reached(), scene.kernel_seconds()) == (False, [])


@pytest.mark.full
@pytest.mark.parametrize("step", ["request", "approve"])
def test_killed_before_the_command_enforces(tmp_path: Path, step: str) -> None:
    """What was asked and decided outlasts the kill, opens nothing by itself, and nothing at all once its time is over."""
    with killed_access(tmp_path) as scene:
        assert scene.apply() == 0
        request = scene.ask(f"request {SECONDS}")
        if step == "approve":
            scene.ask(f"approve {request}")
        scene.kill()
        killed = scene.machine.is_reached()
        kept = find_request(scene)
        scene.restart()
        restarted = scene.machine.is_reached()
        assert kept.id == request
        assert kept.status is (AccessStatus.PENDING if step == "request" else AccessStatus.APPROVED)
        wait_for_the_end(scene)
        assert scene.apply() == 0
        assert (killed, restarted, scene.machine.is_reached()) == (False, False, False)


@pytest.mark.full
def test_enforced_after_a_kill_it_is_open_for_the_rest_of_its_time(tmp_path: Path) -> None:
    seconds = 40
    with killed_access(tmp_path) as scene:
        assert scene.apply() == 0
        scene.ask(f"approve {scene.ask(f'request {seconds}')}")
        scene.kill()
        scene.restart()
        assert scene.apply() == 0
        scene.kill()
        during, rest = scene.machine.is_reached(), scene.kernel_seconds()
        scene.wait_until_closed()
        assert (during, [0 < one < seconds for one in rest]) == (True, [True])

"""A fault or a kill at every step of a call leaves the change with its entry, or neither."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, select
from tests.arrangement import strictly
from tests.service.calls import CALLS
from tests.service.house import arranged

from nephoscope.lake.lake import Lake
from nephoscope.service.local_user import LocalUser
from nephoscope.service.service_context import ServiceContext
from nephoscope.state import State, StateError
from nephoscope.state.database.audit_enforcement import is_decision_table
from nephoscope.state.database.concept_registry import load_tables

pytestmark = pytest.mark.system

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: What changes no table that people decide in.
BESIDE = {
    "find suppression",
    "request replay",
    "request advice to be applied",
    "stop trial",
    "import pack",
    "remove pack",
    "delete own rule",
    "resume rules",
    "refresh objects",
    "list runs",
    "read run",
}
KILLED = (
    "create suppression",
    "set rule settings",
    "switch rules",
    "put bookmark",
    "put automation",
    "merge incidents",
)
_MOST = 200


class _FaultError(Exception):
    """The fault of a step."""


class _Steps:
    """Calls `end` before the wanted write of a state, or commit of what was written."""

    def __init__(self, state: State, end: Callable[[], None]) -> None:
        self._end, self.wanted, self.seen, self._wrote = end, 0, 0, False
        event.listen(state.database.engine, "before_cursor_execute", self._write)
        event.listen(state.database.engine, "commit", self._commit)

    def begin(self, wanted: int) -> None:
        """Count from now on; 0 = end nothing."""
        self.wanted, self.seen, self._wrote = wanted, 0, False

    def _write(self, *given: Any) -> None:
        if given[2].lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")):
            self._wrote = True
            self._step()

    def _commit(self, _: Any) -> None:
        if self._wrote:
            self._wrote = False
            self._step()

    def _step(self) -> None:
        self.seen += 1
        if self.seen == self.wanted:
            self._end()


def _fail() -> None:
    raise _FaultError


def _die() -> None:
    os._exit(9)


def _standing(state: State) -> tuple[dict[str, list[str]], int]:
    """What people decided, and how many entries there are; StateError where the chain is broken."""
    assert state.audit.find_broken_entry() is None
    with state.reading() as session:
        decided = {
            one.name: sorted(str(row) for row in session.execute(select(one)))
            for one in load_tables()
            if is_decision_table(one.name)
        }
    return decided, len(state.audit.entries(most=10_000))


def _is_both_or_neither(before: tuple[dict[str, list[str]], int], state: State) -> None:
    after = _standing(state)
    changed = [name for name in after[0] if after[0][name] != before[0][name]]
    assert bool(changed) == (after[1] > before[1]), changed


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", [one for one in CALLS if one not in BESIDE])
def test_a_fault_at_every_step(tmp_path: Path, name: str) -> None:
    wanted, done = 0, False
    while not done:
        # where a part was committed before the fault, the next step is tried with a new house
        with arranged(tmp_path / str(wanted)) as (state, lake, data), strictly():
            context = ServiceContext(LocalUser.current(), state, data)
            wanted, done = _fault_from(wanted + 1, context, lambda: CALLS[name].do(context, lake))  # noqa: B023
    assert wanted > 2


def test_what_is_beside_changes_nothing_that_people_decide(tmp_path: Path) -> None:
    with arranged(tmp_path) as (state, lake, data), strictly():
        context = ServiceContext(LocalUser.current(), state, data)
        decided = _standing(state)[0]
        for name in sorted(BESIDE):
            CALLS[name].do(context, lake)
            assert _standing(state)[0] == decided, name


def _fault_from(first: int, context: ServiceContext, call: Callable[[], Any]) -> tuple[int, bool]:
    """Fault at one step after another until something was committed; the step, and whether the call came to its end."""
    steps, before = _Steps(context.state, _fail), _standing(context.state)
    for wanted in range(first, _MOST):
        steps.begin(wanted)
        done = _is_done(call)
        steps.begin(0)
        _is_both_or_neither(before, context.state)
        if done or _standing(context.state) != before:
            return wanted, done
    raise AssertionError("the call does not end")


def _is_done(call: Callable[[], Any]) -> bool:
    try:
        call()
    except _FaultError:
        return False
    return True


@pytest.mark.parametrize("name", KILLED)
def test_a_kill_at_every_step(tmp_path: Path, name: str) -> None:
    with arranged(tmp_path) as (state, _, data):
        standing = _standing(state)
    for wanted in range(1, _MOST):
        killed = _in_a_process(data, name, wanted)
        with State.open_folder(data) as state:
            _is_both_or_neither(standing, state)
            standing = _standing(state)
        if not killed:
            break
    assert 2 < wanted < _MOST - 1


def _in_a_process(data: Path, name: str, wanted: int) -> bool:
    """Make the call in a process of its own that dies at a step; whether it died there."""
    child = os.fork()
    if child == 0:
        try:
            with State.open_folder(data) as state, Lake.open(data, state) as lake, strictly():
                _Steps(state, _die).begin(wanted)
                CALLS[name].do(ServiceContext(LocalUser.current(), state, data), lake)
        except StateError:
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9

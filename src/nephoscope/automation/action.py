"""Define actions: kinds with settings, found by scanning the folder `actions`, each with a function that runs it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.automation.machine_orders import MachineOrders
    from nephoscope.automation.operator_policy import OperatorPolicy
    from nephoscope.state import State
    from nephoscope.state.automation.automation_runs import AutomationRun

_FOLDER = Path(__file__).parent / "actions"


class ActionError(Exception):
    """An action that did not come about; `again` says whether it is worth another try. Holds no secret."""

    def __init__(self, reason: str, *, again: bool = True) -> None:
        super().__init__(reason)
        self.again = again


@dataclass(frozen=True, slots=True)
class ActionContext:
    """Context that an action runs in, besides its settings and its event."""

    data: Path
    operator: OperatorPolicy
    now: datetime
    secret: Callable[[str], str] = field(repr=False)
    watchlist: Callable[[str], list[str]] = lambda _: []
    standing: Callable[[str], Sequence[AutomationRun]] = lambda _: ()
    """The runs of an action, in every workspace, whose plans hold or may yet."""
    pages: str = ""
    """Where the pages of the server are, '' where that is not known."""
    machines: MachineOrders | None = None
    """The agents of machines, None outside of the engine."""


@dataclass(frozen=True, slots=True)
class ActionOutcome:
    """Outcome of an action: a sentence, and for an action that needs approval the plan and when its effect ends.

    `approved_by` names the policy that approves the plan at once ('' = a person must approve it).
    """

    detail: str
    plan: dict[str, object] | None = None
    until: datetime | None = None
    approved_by: str = ""


@dataclass(frozen=True, slots=True)
class ActionKind:
    """A kind of action.

    `run` does something outside (its result is noted after it); `change` changes the state within the transaction that notes it.
    With `plan` a person is asked first; `approve` and `undo` are then what follows. `receiver` names whom runs with some settings
    speak to: one at a time does. `scopes` are those that an approved plan touches, by its settings ("/" is all of them). A run
    takes up to `batch` published documents; one of a `digest` takes all of a look, as a summary.
    """

    name: str
    title: str
    settings: type[msgspec.Struct]
    run: Callable[[Any, AutomationRun, ActionContext], ActionOutcome] | None = None
    change: Callable[[Any, AutomationRun, State, Session, datetime], ActionOutcome] | None = None
    plan: Callable[[Any, AutomationRun, ActionContext], ActionOutcome] | None = None
    approve: Callable[[Any, AutomationRun, ActionContext], ActionOutcome] | None = None
    undo: Callable[[Any, AutomationRun, ActionContext], ActionOutcome] | None = None
    receiver: Callable[[Any], str] = lambda _: ""
    scopes: Callable[[Any], tuple[str, ...]] = lambda _: ("/",)
    batch: int = 1
    digest: bool = False

    def parse(self, given: Mapping[str, object]) -> Any:
        """Return the settings of a rule's action; ValueError names the setting and what it must be."""
        try:
            return msgspec.convert(
                {key: value for key, value in given.items() if key != "action"}, self.settings
            )
        except msgspec.ValidationError as error:
            raise ValueError(f"{self.name}: {error}") from error


@cache
def load_action_kinds() -> Mapping[str, ActionKind]:
    """Every kind by name."""
    found = {}
    for path in sorted(_FOLDER.glob("*.py")):
        if path.stem != "__init__":
            kind: ActionKind = importlib.import_module(f"nephoscope.automation.actions.{path.stem}").KIND
            found[kind.name] = kind
    return found


def find_action_kind(name: str) -> ActionKind:
    """Return the kind of a name; ValueError that lists them where there is none."""
    if name not in load_action_kinds():
        raise ValueError(f"unknown action '{name}': expected one of {', '.join(load_action_kinds())}")
    return load_action_kinds()[name]


@cache
def list_lasting_actions() -> tuple[str, ...]:
    """The names of those whose runs have a time after which they are over."""
    return tuple(name for name, kind in load_action_kinds().items() if kind.plan is not None)

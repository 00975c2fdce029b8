"""Service context: permission check, change and audit entry of a service call in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.state.audit.actor import Actor

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

    from nephoscope.service.actors import AuthorizedActor
    from nephoscope.state import State


def get_utc_now() -> datetime:
    """Return the time of this host, aware and in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """Context of a service call: the actor, the state and the data folder; `clock` is for tests."""

    actor: AuthorizedActor
    state: State
    data: Path
    clock: Callable[[], datetime] = field(default=get_utc_now, repr=False)

    @property
    def now(self) -> datetime:
        """The time, aware and in UTC."""
        return self.clock()

    @property
    def author(self) -> str:
        """The name that what is made carries as its author."""
        return self.actor.author

    def require(self, operation: str, scope: str = ROOT_SCOPE, why: str = "") -> None:
        """Raise DeniedError where the actor may not do an operation at a scope; `why` names what needs it."""
        self.actor.require(operation, scope, why)

    @contextmanager
    def change(
        self, operation: str, scope: str, targets: str | Iterable[str], **detail: object
    ) -> Iterator[None]:
        """Check the permission, then audit what is changed within the block, an entry for each target.

        The entry is in the transaction of the first change: both are committed or neither. Details that are None are left out.
        Raises DeniedError before anything is changed.
        """
        self.require(operation, scope)
        with self.state.audit_change(self._audit_actor, operation, targets, _to_audit_detail(detail)):
            yield

    @contextmanager
    def transact(
        self,
        operation: str,
        scope: str,
        targets: str | Iterable[str],
        *,
        keeps_secret: bool = False,
        **detail: object,
    ) -> Iterator[None]:
        """Change as `change` does, with everything within the block and its entries in one transaction.

        Others who write wait for it, so files and the network belong behind it. `keeps_secret`: a credential is among the changes.
        """
        with (
            self.state.credentials.hold_key() if keeps_secret else nullcontext(),
            self.change(operation, scope, targets, **detail),
            self.state.database.nest_transactions(),
        ):
            yield

    @contextmanager
    def change_files(self, operation: str, scope: str, target: str, **detail: object) -> Iterator[None]:
        """Check the permission, then audit what is changed outside of the database: an entry `Started`, and one of the outcome."""
        self.require(operation, scope)
        with self.state.announce_change(self._audit_actor, operation, target, _to_audit_detail(detail)):
            yield

    def enter(
        self, session: Session, operation: str, target: str, *, outcome: str = "Succeeded", **detail: object
    ) -> None:
        """Add the audit entry of a change to the transaction that makes it; the permission was checked by `require`."""
        by, audit_detail = self._audit_actor, _to_audit_detail(detail)
        self.state.audit.add(
            session, by.name, operation, target, outcome=outcome, address=by.address, detail=audit_detail
        )

    @property
    def _audit_actor(self) -> Actor:
        return Actor(self.actor.name, self.actor.address)


def get_workspace_scope(workspace: str) -> str:
    """Return the scope at which the permissions of a workspace are checked."""
    return f"/workspaces/{workspace}"


def _to_audit_detail(detail: dict[str, object]) -> dict[str, object]:
    given = {name: value for name, value in detail.items() if value is not None}
    found: dict[str, object] = msgspec.to_builtins(given, str_keys=True, enc_hook=str)
    return found

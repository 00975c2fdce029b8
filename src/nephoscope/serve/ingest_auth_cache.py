"""Ingestion auth cache: requests that may be accepted at once, from a recently authorized sender to a known table."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from nephoscope.access.authenticator import FRESH, DeniedError
from nephoscope.access.scopes import WORKSPACE
from nephoscope.ingest.live.ingestion.streams import OWN, PUBLISH, get_stream_table
from nephoscope.state.access.principals import SecretKind

if TYPE_CHECKING:
    from nephoscope.access.authenticator import Caller, Guard
    from nephoscope.access.tokens import AccessTokenIssuer
    from nephoscope.lake.schema.table import LakeTable
    from nephoscope.model.resource_binding import ResourceBinding
    from nephoscope.state import State

_MOST = 10_000


@dataclass(frozen=True, slots=True)
class IngestTarget:
    """Target of a stream's records, and the resource that their sender is bound to (None = none)."""

    workspace: str
    table: str
    sender: ResourceBinding | None = None


@dataclass
class IngestAuthCache:
    """Looks up who sends what where, and takes it for true for FRESH seconds: a token that is revoked sends no longer than that."""

    state: State
    guard: Guard
    tokens: AccessTokenIssuer
    tables: Callable[[str], LakeTable | None]
    _known: OrderedDict[tuple[bytes, str, str], tuple[float, asyncio.Future[IngestTarget | None]]] = field(
        default_factory=OrderedDict
    )

    async def place(self, authorization: bytes, rule: str, stream: str, address: str) -> IngestTarget | None:
        """Return where records may go, None where the credential, the rule, the stream or the role for it does not exist."""
        key = hashlib.sha256(authorization).digest(), rule, stream
        now = time.monotonic()
        found = self._known.get(key)
        if found is None or now - found[0] > FRESH:
            looked = asyncio.ensure_future(
                run_in_threadpool(self._look_up_target, authorization, rule, stream, address)
            )
            found = self._known[key] = now, looked
            self._known.move_to_end(key)
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        return found[1].result() if found[1].done() else await asyncio.shield(found[1])

    def _look_up_target(
        self, authorization: bytes, rule: str, stream: str, address: str
    ) -> IngestTarget | None:
        caller = self._authenticate_caller(authorization.decode("latin-1"), address)
        workspace = self.state.workspaces.find(rule) if caller is not None else None
        if caller is None or workspace is None:
            return None
        table = self.tables(get_stream_table(stream))
        if table is None or table.name in OWN or not workspace.accepts_table(table.name):
            return None
        try:
            caller.require(PUBLISH, f"{WORKSPACE}{workspace.name}")
        except DeniedError:
            return None
        return IngestTarget(workspace.name, table.name, caller.principal.binding)

    def _authenticate_caller(self, authorization: str, address: str) -> Caller | None:
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            return None
        if token.count(".") != 2:
            return self.guard.authenticate_secret(token, [SecretKind.TOKEN], address)
        principal = self.tokens.verify(token)
        return self.guard.build_caller(principal, "", address) if principal is not None else None

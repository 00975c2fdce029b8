"""A running nephoscope, as its API and its pages see it."""

from __future__ import annotations

import hashlib
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import msgspec

from nephoscope.access.authenticator import Guard
from nephoscope.access.management_group_tenants import name_tenants
from nephoscope.access.query_pool import QueryPool
from nephoscope.access.query_queue import QueryLimits
from nephoscope.access.scopes import Hierarchy
from nephoscope.access.sign_in import SignIn
from nephoscope.access.tenant_scope import limit_to_tenant
from nephoscope.access.tokens import NO_TENANT, AccessTokenIssuer
from nephoscope.entity_context import EntityContexts
from nephoscope.ingest.live.ingestion.endpoints import IngestionEndpoints
from nephoscope.lake.lake import Lake
from nephoscope.live_security_resources import find_removed_keys_since
from nephoscope.posture.governance.effective_policy import TYPES, EffectivePolicy
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.resource_graph import open_lake_with_estate
from nephoscope.state import State
from nephoscope.state.estate.arm_documents import split_row_key
from nephoscope.state.incidents.incidents import IncidentStatus

#: Checkpoints: when somebody asked for an assessment, and why the last one failed ('' = it did not).
ASSESS_SOON, FAILED = ("assess", "asked"), ("assess", "failed")
#: Checkpoint: how far an assessment that is under way is (what, done, total; began and at in seconds since 1970).
PROGRESS = ("assess", "progress")
#: Checkpoint: the last backup (at, file, files, bytes, keys).
BACKED_UP = ("backup", "last")
#: Seconds that a query may take where the server is not told otherwise, and the most that a client may ask for.
QUERY_SECONDS = 60.0


@dataclass(frozen=True)
class Instance:
    """The data folder, its state and lake, what was published, the guard; `tenant` is the id that tokens and answers carry.

    `managed_identity` is the name of what local programs get a token as ('' = nobody).
    """

    data: Path
    state: State
    lake: Lake
    snapshots: PublishedSnapshotCache
    guard: Guard
    tokens: AccessTokenIssuer
    tenant: str = NO_TENANT
    query_seconds: float = QUERY_SECONDS
    managed_identity: str = ""
    query_limits: QueryLimits = field(default_factory=QueryLimits)

    def command(self, *words: str) -> str:
        """The command line that does something with this data folder, as this installation runs it."""
        beside = Path(sys.executable).with_name("nephoscope")
        program = "nephoscope" if shutil.which("nephoscope") == str(beside) else str(beside)
        return shlex.join([program, "--data", str(self.data.resolve()), *words])

    @property
    def now(self) -> datetime:
        """The time."""
        return datetime.now(UTC)

    @cached_property
    def queries(self) -> QueryPool:
        """Return the pool in which queries of principals run, each in its turn."""
        return QueryPool(self.query_limits)

    @cached_property
    def entity_contexts(self) -> EntityContexts:
        """Return what the estate and the last evaluation know of the entities of alerts and incidents."""
        return EntityContexts(self.data, self.snapshots)

    @cached_property
    def doors(self) -> IngestionEndpoints:
        """Return where records come in at the server's own port."""
        return IngestionEndpoints(self.lake, self.state)

    @cached_property
    def sign_in(self) -> SignIn:
        """Return how people sign in by a provider."""
        return SignIn(self.state, self.guard)

    def list_keys_removed_since(self, when: datetime) -> frozenset[str]:
        """The keys of rows of documents that were removed after a time: what was published then may still hold them."""
        return find_removed_keys_since(self.state, when)

    def list_removed_since(self, tenant: str, when: datetime) -> frozenset[str]:
        """The lower-cased ids of documents that were removed after a time in a tenant ('' = in any)."""
        removed = map(split_row_key, self.list_keys_removed_since(when))
        return frozenset(key for owner, key in removed if not tenant or owner in ("", tenant))

    def load_governing(self, tenant: str = "") -> EffectivePolicy:
        """Return what can be assigned now and what is, in a tenant ('' = in all); made once for what people put and was published."""
        documents = self.state.arm_documents.by_tenant(TYPES)
        put = documents.of(tenant) if tenant else documents.list_all()
        snapshot = self.snapshots.load_newest()
        if snapshot is None:
            return EffectivePolicy.of(self.data, None, frozenset(), put)
        gone = self.list_removed_since(tenant, snapshot.build_info.when)
        text = hashlib.blake2b(msgspec.json.encode(put, order="sorted")).digest()
        key = ("governing", Packs(self.data).stamp, tenant, gone, text)
        reach = limit_to_tenant(tenant, build_hierarchy(self.snapshots))
        return snapshot.get_or_compute(key, lambda: EffectivePolicy.of(self.data, snapshot, gone, put, reach))

    def open_incidents(self) -> int:
        """Count how many incidents are not closed, over all workspaces."""
        return self.state.incidents.count((IncidentStatus.NEW, IncidentStatus.ACTIVE))

    @classmethod
    @contextmanager
    def open(
        cls,
        data: Path,
        url: str | None,
        tenant: str,
        query_seconds: float,
        managed_identity: str = "",
        query_limits: QueryLimits | None = None,
    ) -> Iterator[Instance]:
        """The instance of a data folder, until the end of the block."""
        snapshots = PublishedSnapshotCache(data)
        with (
            State.open_folder(data, url) as state,
            open_lake_with_estate(data, state, tenant, snapshots) as lake,
        ):
            guard = Guard(state, lambda: build_hierarchy(snapshots))
            name_tenants(state, lambda: build_hierarchy(snapshots))
            made = cls(
                data, state, lake, snapshots, guard, AccessTokenIssuer(state, data / "keys", tenant), tenant, query_seconds,
                managed_identity, query_limits or QueryLimits(),
            )  # fmt: skip
            try:
                yield made
            finally:
                made.queries.close()


def build_hierarchy(snapshots: PublishedSnapshotCache) -> Hierarchy:
    """Return what lies where, by what was published last."""
    found = snapshots.load_newest()
    if found is None:
        return Hierarchy({})
    return Hierarchy(
        found.build_info.ancestors, frozenset(found.build_info.subscriptions), found.build_info.tenants
    )

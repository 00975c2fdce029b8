"""The front door of the state: one attribute a concept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from nephoscope.state.access.key_file import KeyFile
from nephoscope.state.audit.actor import Actor
from nephoscope.state.audit.audit_anchor import AuditAnchor
from nephoscope.state.database.audit_enforcement import allow_unaudited_transactions, as_product
from nephoscope.state.database.concept_registry import CONCEPTS
from nephoscope.state.database.database import Database, DiskFullError
from nephoscope.state.database.migration import migrate_database
from nephoscope.state.database.state_errors import StateError
from nephoscope.state.database.transaction_hooks import Keep, change_only_if, defer_to_transaction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.state.access.credentials import Credentials
    from nephoscope.state.access.principals import Principals
    from nephoscope.state.access.sign_in_attempts import SignInAttempts
    from nephoscope.state.access.sign_in_providers import SignInProviders
    from nephoscope.state.audit.audit import Audit
    from nephoscope.state.automation.automation_runs import AutomationRuns
    from nephoscope.state.automation.run_status import RunStandings
    from nephoscope.state.estate.arm_documents import ArmDocuments
    from nephoscope.state.estate.external_facts import ExternalFactStore
    from nephoscope.state.estate.pipelines import Pipelines
    from nephoscope.state.estate.tenants import Tenants
    from nephoscope.state.hosts.access_requests import AccessRequests
    from nephoscope.state.hosts.agents import Agents
    from nephoscope.state.hosts.response_orders import ResponseOrders
    from nephoscope.state.identity.identity_risks import IdentityRisks
    from nephoscope.state.incidents.alert_counts import AlertTallies
    from nephoscope.state.incidents.alerts import Alerts
    from nephoscope.state.incidents.bookmarks import Bookmarks
    from nephoscope.state.incidents.incidents import Incidents
    from nephoscope.state.ingestion.checkpoints import Checkpoints
    from nephoscope.state.ingestion.counted_segments import CountedSegments
    from nephoscope.state.ingestion.ingest_stats import Arrivals
    from nephoscope.state.ingestion.ingested_files import IngestedFiles
    from nephoscope.state.ingestion.outbox import Outbox
    from nephoscope.state.ingestion.producers import Producers
    from nephoscope.state.ingestion.repeated_loads import RepeatedLoads
    from nephoscope.state.ingestion.schema_changes import SchemaChanges
    from nephoscope.state.ingestion.source_errors import SourceErrors
    from nephoscope.state.ingestion.source_health import SourceHealths
    from nephoscope.state.ingestion.sources import Sources
    from nephoscope.state.ingestion.table_usage import Usages
    from nephoscope.state.ingestion.threat_intelligence import Intels
    from nephoscope.state.inventory.image_examinations import ImageExaminations
    from nephoscope.state.inventory.inventories import Inventories
    from nephoscope.state.inventory.vulnerabilities import Vulnerabilities
    from nephoscope.state.leases.leases import Leases
    from nephoscope.state.registries.image_requests import ImageRequests
    from nephoscope.state.registries.registry_images import RegistryImages
    from nephoscope.state.registries.watched_registries import WatchedRegistries
    from nephoscope.state.rules.behavior_settings import StoredBehaviorSettings
    from nephoscope.state.rules.hunting_runs import HuntingRuns
    from nephoscope.state.rules.learned_entities import LearnedEntities
    from nephoscope.state.rules.rule_runs import RuleRuns
    from nephoscope.state.rules.rule_settings import RuleSettings
    from nephoscope.state.rules.rule_state import RuleStandings
    from nephoscope.state.rules.rule_switches import RuleSwitches
    from nephoscope.state.rules.suppressions import Suppressions
    from nephoscope.state.rules.tuning_changes import TuningChanges
    from nephoscope.state.workspaces.saved_functions import SavedFunctions
    from nephoscope.state.workspaces.saved_queries import SavedQueries
    from nephoscope.state.workspaces.watchlists import StoredWatchlists
    from nephoscope.state.workspaces.workspaces import Workspaces

#: The environment variable that names the state's URL.
URL_VARIABLE = "NEPHOSCOPE_STATE"
FILE_NAME = "state.db"


class State:
    """The state of a data folder; every method of a concept is one transaction, times are aware and in UTC.

    Safe for threads and for several processes at once. Raises StateError (with what to do) from every method.
    """

    if TYPE_CHECKING:
        workspaces: Workspaces
        producers: Producers
        counted_segments: CountedSegments
        leases: Leases
        sources: Sources
        tenants: Tenants
        checkpoints: Checkpoints
        saved_functions: SavedFunctions
        source_health: SourceHealths
        schema_changes: SchemaChanges
        source_errors: SourceErrors
        usage: Usages
        ingested_files: IngestedFiles
        repeated_loads: RepeatedLoads
        credentials: Credentials
        outbox: Outbox
        rule_runs: RuleRuns
        rule_switches: RuleSwitches
        saved_queries: SavedQueries
        rule_standings: RuleStandings
        alerts: Alerts
        alert_tallies: AlertTallies
        principals: Principals
        audit: Audit
        sign_in_providers: SignInProviders
        sign_in_attempts: SignInAttempts
        arm_documents: ArmDocuments
        external_facts: ExternalFactStore
        incidents: Incidents
        hunting_runs: HuntingRuns
        bookmarks: Bookmarks
        suppressions: Suppressions
        rule_settings: RuleSettings
        learned: LearnedEntities
        tuning_changes: TuningChanges
        intel: Intels
        automation_runs: AutomationRuns
        run_standings: RunStandings
        pipelines: Pipelines
        inventories: Inventories
        image_examinations: ImageExaminations
        vulnerabilities: Vulnerabilities
        watched_registries: WatchedRegistries
        registry_images: RegistryImages
        identity_risks: IdentityRisks
        access_requests: AccessRequests
        image_requests: ImageRequests
        agents: Agents
        response_orders: ResponseOrders
        behavior_settings: StoredBehaviorSettings
        watchlists: StoredWatchlists

    def __init__(self, database: Database, keys: KeyFile, anchor: AuditAnchor | None = None) -> None:
        self.database = database
        self._keys = keys
        self._anchor = anchor

    def __getattr__(self, name: str) -> object:
        """Open a concept when it is first asked for: a command pays for the tables that it reads."""
        module = CONCEPTS.get(name)
        if module is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        made = getattr(import_module(f"nephoscope.state.{module[0]}"), module[1])(
            *self._store_arguments(name)
        )
        # two threads that ask at once get the same
        return self.__dict__.setdefault(name, made)

    def _store_arguments(self, name: str) -> tuple[object, ...]:
        match name:
            case "schema_changes":
                return ()
            case "saved_functions":
                return self.database, self.checkpoints
            case "credentials":
                return self.database, self._keys
            case "audit":
                return self.database, self._anchor
        return (self.database,)

    @staticmethod
    def open(url: str, keys: Path | None = None, *, clock: Callable[[], datetime] | None = None) -> State:
        """Connect to `sqlite:///FILE` or `postgresql://...` and bring its tables up to date.

        `keys` is the folder of the key file of the credentials (default: `keys` beside the SQLite file, or in the working folder);
        `clock` is for tests.
        """
        database = Database.open(url, clock)
        beside = database.file.parent if database.file else Path.cwd()
        # the working folder belongs to no state in particular
        return State._from_database(database, keys or beside / "keys", anchored=bool(keys or database.file))

    @staticmethod
    def open_folder(data: Path, url: str | None = None, *, copy: bool = False) -> State:
        """The state of a data folder: at the URL, else at NEPHOSCOPE_STATE, else `state.db` in the folder.

        With `copy` the state of a full disk, which cannot even be read, is read from a copy in memory: for what is soon over, since
        that stays as it is and nothing is kept in it.
        """
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        wanted = url or os.environ.get(URL_VARIABLE)
        file = (data / FILE_NAME).absolute()
        try:
            return State._from_database(
                Database.open(wanted) if wanted else Database.open_file(file), data / "keys"
            )
        except DiskFullError:
            found = Database.open_copy(file) if copy and not wanted else None
            if found is None:
                raise
            return State._from_database(found, data / "keys")

    @staticmethod
    def _from_database(database: Database, keys: Path, *, anchored: bool = True) -> State:
        try:
            migrate_database(database)
        except BaseException:
            database.close()
            raise
        return State(database, KeyFile(keys), AuditAnchor(keys) if anchored else None)

    @contextmanager
    def transaction(self, *, brief: bool = False, product: str = "", joins: bool = True) -> Iterator[Session]:
        """A transaction for a change that has rows in the outbox: all of it is kept, or nothing; `brief` as of Database.write.

        `product` names the part of the product that makes the change by itself, as of `as_product`; '' = somebody makes it. Without
        `joins` it only prepares the change of an audited block, whose entry waits for the next transaction.
        """
        whose = as_product(product) if product else nullcontext()
        with whose, self.database.write(brief=brief, joins=joins) as session:
            yield session

    @contextmanager
    def save_with_change(self, keep: Keep) -> Iterator[None]:
        """Keep something with the first change within the block, in its transaction; in one of its own where there was none."""
        with defer_to_transaction(keep) as waiting:
            yield
            self._run_pending_keeps(waiting)

    def _run_pending_keeps(self, waiting: list[Keep]) -> None:
        if waiting:
            with self.transaction():
                pass

    @contextmanager
    def audit_change(
        self,
        by: Actor,
        operation: str,
        targets: str | Iterable[str],
        detail: Mapping[str, object] | None = None,
    ) -> Iterator[None]:
        """Audit what is changed within the block, an entry for each target, in the transaction of its first change.

        A change of several transactions has its entry with the first: whatever becomes of the others, none is without an entry. Where
        the entry cannot be kept, neither is the change.
        """
        several = (targets,) if isinstance(targets, str) else tuple(targets)

        def enter(session: Session) -> None:
            for target in several:
                self.audit.add(
                    session, by.name, operation, target, address=by.address, detail=dict(detail or {})
                )

        with defer_to_transaction(enter) as waiting, allow_unaudited_transactions(waiting):
            yield
            self._run_pending_keeps(waiting)

    @contextmanager
    def announce_change(
        self, by: Actor, operation: str, target: str, detail: Mapping[str, object] | None = None
    ) -> Iterator[None]:
        """Audit what is changed outside of the database, such as files: an entry that it started, and one of how it ended.

        No transaction covers a file, so the first entry is kept before anything is changed, and where it cannot be kept nothing is.
        A process that dies in between leaves `Started` without an end: what it names may be changed or not, and is to be looked at.
        What is raised within the block, or ends the command, is `Failed`.
        """
        self._enter_audit_entry(by, operation, target, "Started", detail)
        try:
            with allow_unaudited_transactions([]):
                yield
        except BaseException:
            with suppress(StateError):  # why it failed is told, and an entry without an end says enough
                self._enter_audit_entry(by, operation, target, "Failed", detail)
            raise
        self._enter_audit_entry(by, operation, target, "Succeeded", detail)

    def _enter_audit_entry(
        self, by: Actor, operation: str, target: str, outcome: str, detail: Mapping[str, object] | None
    ) -> None:
        with self.transaction() as session:
            self.audit.add(
                session,
                by.name,
                operation,
                target,
                outcome=outcome,
                address=by.address,
                detail=dict(detail or {}),
            )

    @staticmethod
    def as_product(reason: str) -> AbstractContextManager[None]:
        """Let the product change by itself what people decide, without an entry: `reason` names what of it, such as `detection`."""
        return as_product(reason)

    @contextmanager
    def change_only_if(self, check: Keep) -> Iterator[None]:
        """Let the first change within the block be made only where `check`, called in its transaction before it, raises nothing."""
        with change_only_if(check):
            yield

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that changes nothing: it sees one moment, whoever is writing."""
        with self.database.read() as session:
            yield session

    def count(self, session: Session, several: Sequence[Arrivals]) -> None:
        """Count what arrived within the transaction that notes it: for Usage, and for the health of the sources that there are."""
        if several:
            there = self.sources.names(session)
            self.source_health.count(session, [one for one in several if one.source in there])
            self.usage.count(session, several)

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

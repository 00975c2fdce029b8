"""One collection: the containers, the tables of Resource Graph, the lists of Resource Manager, Microsoft Graph, the snapshot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from nephoscope.collect.azure import manifest, snapshot_writer
from nephoscope.collect.azure.arm_get import ArmGet
from nephoscope.collect.azure.checkpoint import Checkpoint, build_request_key
from nephoscope.collect.azure.collected_ids import CollectedIds
from nephoscope.collect.azure.collection_gaps import CollectionGap, CollectionGaps
from nephoscope.collect.azure.collection_plan import CollectionPlan, ListJob
from nephoscope.collect.azure.collection_scope import find_scope
from nephoscope.collect.azure.collection_settings import CollectError, CollectionSettings, Progress
from nephoscope.collect.azure.content_requirements import ContentNeeds
from nephoscope.collect.azure.microsoft_graph import (
    ALWAYS_READ,
    GROUPS,
    GraphClient,
    GraphRefusedError,
)
from nephoscope.collect.azure.readable_scopes import PermissionCheck
from nephoscope.collect.azure.resource_graph import (
    OF_THE_ESTATE,
    GraphTableQuery,
    QueryArea,
    ResourceGraph,
    build_table_queries,
)
from nephoscope.collect.azure.tenant_clients import ArmRequest, TenantClients
from nephoscope.collect.azure.visible_scopes import (
    TABLE,
    VisibleScope,
    add_missing_scopes,
    build_group_id,
    find_visible_scope,
    list_scopes,
)
from nephoscope.collect.resource_sources import ANY, TypeSources
from nephoscope.connect.credentials import TokenProvider
from nephoscope.connect.read_only_client import RequestError, RestClient
from nephoscope_policy.model.resource_id import MANAGEMENT_GROUP_TYPE, SUBSCRIPTION_TYPE

ROLES = "microsoft.authorization/roledefinitions"
_ROLES_URL = "/providers/Microsoft.Authorization/roleDefinitions?$filter=type%20eq%20'BuiltInRole'&api-version=2022-04-01"
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class CollectionResult:
    """A finished collection: the snapshot folder, the requests by what they asked for, tries again, and what is not in it."""

    path: Path
    resources: int
    requests: Counter[str]
    retried: Counter[str]
    reused: int
    gaps: tuple[CollectionGap, ...]
    unread: dict[str, str] = field(default_factory=dict)
    subscriptions: int = 0


class Collector:
    """Collects one snapshot into a folder; see `run`."""

    def __init__(
        self,
        settings: CollectionSettings,
        needs: ContentNeeds,
        out: Path,
        progress: Progress = lambda *_: None,
    ) -> None:
        self._settings, self._out, self._progress = settings, out, progress
        self._reading = (
            TypeSources.load_builtin().load_server_sources()
            if settings.cloud.is_nephoscope
            else TypeSources.load_builtin()
        )
        self._plan = CollectionPlan.of(needs, self._reading)
        self._holdings, self._gaps = CollectedIds(), CollectionGaps()
        types = (*self._plan.tables_by_type, *(job.list.type for job in self._plan.jobs))
        self._bounds = PermissionCheck(types, self._get_read_action, self._gaps)
        self._unread = dict(self._plan.unread)
        self._requests: Counter[str] = Counter()
        self._retried: Counter[str] = Counter()
        self._taken: set[str] = set()
        self._graph_read: set[str] = set()
        self._groups: list[dict[str, object]] = []

    def run(self) -> CollectionResult:
        """Collect; raises CollectError, CheckpointError, SignInError. What was answered before an error is kept for --resume."""
        started = datetime.now(UTC).isoformat(timespec="seconds")
        checkpoint = Checkpoint.begin(
            self._out, self._compute_request_key(), started, resume=self._settings.resume
        )
        tenants: list[TenantClients] = []
        try:
            tenants.extend(
                self._find_visible_tenant(id_, checkpoint) for id_ in self._settings.scope.tenants or ("",)
            )
            for tenant in tenants:
                self._read_containers(tenant)
            self._check_overlapping_tenants(tenants)
            with ThreadPoolExecutor(self._settings.workers, "collect") as pool:
                self._read_tenants(tenants, pool)
            return self._finish_collection(tenants, checkpoint)
        except RequestError as error:
            raise CollectError(
                f"{error.message}; finished requests are stored: run again with --resume"
            ) from error
        finally:
            for tenant in tenants:
                tenant.close()
            checkpoint.close()

    def _compute_request_key(self) -> str:
        settings, plan = self._settings, self._plan
        tables = {table: sorted(types) for table, types in plan.tables.items()}
        names = {type_: sorted(found) for type_, found in (*plan.items.items(), *plan.names.items())}
        jobs = [(job.list.type, sorted(job.parents), job.list.path, job.list.api) for job in plan.jobs]
        scope = settings.scope
        asked = [scope.subscriptions, scope.management_groups, scope.resource_groups, scope.tenants]
        cloud = [settings.cloud.resource_manager, settings.cloud.graph]
        return build_request_key(
            cloud,
            asked,
            settings.graph,
            tables,
            names,
            jobs,
            sorted(plan.lacks),
            sorted(plan.graph),
            plan.whole,
        )

    def _find_visible_tenant(self, id_: str, checkpoint: Checkpoint) -> TenantClients:
        source, cloud = self._settings.find_credential(id_), self._settings.cloud
        manager = RestClient(cloud.resource_manager, TokenProvider(source, cloud.resource_manager_scope))
        directory = RestClient(cloud.graph, TokenProvider(source, cloud.graph_scope))
        for client in (manager, directory):
            client.sent, client.retried = self._requests, self._retried
        take = self._holdings.add_body
        return TenantClients(
            VisibleScope(id_),
            ResourceGraph(manager, checkpoint, take),
            ArmGet(manager, checkpoint, take),
            GraphClient(directory, checkpoint, id_),
        )

    def _read_containers(self, tenant: TenantClients) -> None:
        self._progress("containers", 0, 1)
        types = self._plan.tables[TABLE]
        found = find_visible_scope(
            tenant.seen.tenant, self._settings.scope, types, tenant.resource_graph, self._holdings, self._gaps
        )
        # What two tenants' sign-ins see (a delegated subscription) is read by the first.
        tenant.seen.subscriptions |= found.subscriptions - self._taken
        tenant.seen.groups |= {one for one in found.groups if one.split("/", 1)[0] not in self._taken}
        self._taken |= found.subscriptions | {one.split("/", 1)[0] for one in found.groups}
        self._progress("containers", 1, 1)

    def _check_overlapping_tenants(self, tenants: Sequence[TenantClients]) -> None:
        """Several tenants see different subscriptions: a refusal by one says nothing where another answers."""
        scope = self._settings.scope
        seen = {one for tenant in tenants for one in tenant.seen.list_scopes(scope)}
        self._gaps.forget(seen)
        add_missing_scopes(scope, [tenant.seen for tenant in tenants], self._gaps)
        if not seen:
            gaps = "; ".join(str(gap) for gap in self._gaps.sorted_gaps) or "no subscription is visible"
            raise CollectError(f"nothing to collect: {gaps}. The account needs the role Reader there")

    def _read_tenants(self, tenants: Sequence[TenantClients], pool: ThreadPoolExecutor) -> None:
        self._run_for_each_item(pool, "permissions", list(self._list_scopes(tenants)), self._verify_scope)
        self._run_for_each_item(
            pool, "permissions", list(self._list_groups_of_unreadable(tenants)), self._extend_permission_check
        )
        self._run_for_each_item(pool, "Resource Graph", list(self._run_queries(tenants)), self._run_query)
        self._run_for_each_item(
            pool, "details", list(self._list_detail_requests(tenants)), self._fetch_detail
        )
        for depth in sorted({job.depth for job in self._plan.jobs}):
            jobs = [job for job in self._plan.jobs if job.depth == depth]
            self._run_for_each_item(
                pool, "Resource Manager", list(self._list_list_requests(tenants, jobs)), self._fetch_detail
            )
        self._collect_roles(tenants)
        self._collect_directory(tenants, pool)

    def _run_for_each_item(
        self, pool: ThreadPoolExecutor, what: str, items: Sequence[_Item], do: Callable[[_Item], None]
    ) -> None:
        """Do something for every item, some at a time; the first error ends it and is raised."""
        futures = [pool.submit(do, item) for item in items]
        waiting = set(futures)
        while waiting:
            self._progress(what, len(futures) - len(waiting), len(futures))
            done, waiting = wait(waiting, timeout=0.5, return_when=FIRST_EXCEPTION)
            failed = next((error for future in done if (error := future.exception())), None)
            if failed is not None:
                for future in waiting:
                    future.cancel()
                raise failed
        self._progress(what, len(futures), len(futures))

    def _list_scopes(self, tenants: Sequence[TenantClients]) -> Iterator[tuple[TenantClients, str]]:
        return (
            (tenant, scope) for tenant in tenants for scope in tenant.seen.list_scopes(self._settings.scope)
        )

    def _verify_scope(self, item: tuple[TenantClients, str]) -> None:
        tenant, scope = item
        self._bounds.check_scope(tenant.arm, scope)

    def _list_groups_of_unreadable(
        self, tenants: Sequence[TenantClients]
    ) -> Iterator[tuple[TenantClients, str, str]]:
        """The resource groups that are seen in subscriptions which may not be read whole: (tenant, subscription, group)."""
        if self._settings.scope.resource_groups:
            return
        lacking = {gap.scope for gap in self._gaps.sorted_gaps}
        for tenant in tenants:
            for group in sorted(tenant.seen.groups):
                subscription = f"/subscriptions/{group.split('/', 1)[0]}"
                if subscription in lacking:
                    yield tenant, subscription, group

    def _extend_permission_check(self, item: tuple[TenantClients, str, str]) -> None:
        tenant, subscription, group = item
        if self._bounds.widen(tenant.arm, subscription, build_group_id(group)):
            tenant.seen.apart.add(group)

    def _get_read_action(self, type_: str) -> str:
        return f"{self._reading.spell(type_)}/read"

    def _run_queries(
        self, tenants: Sequence[TenantClients]
    ) -> Iterator[tuple[TenantClients, GraphTableQuery, QueryArea]]:
        for tenant in tenants:
            for area in tenant.seen.list_areas(self._settings.scope):
                for table, types in self._plan.tables.items():
                    if table != TABLE:
                        yield from ((tenant, query, area) for query in self._build_queries(table, types))

    def _build_queries(self, table: str, types: frozenset[str]) -> Iterator[GraphTableQuery]:
        """The queries for the types of a table."""
        also = (OF_THE_ESTATE,) if self._settings.cloud.is_nephoscope else ()
        return build_table_queries(self._plan, self._reading, table, types, also)

    def _run_query(self, item: tuple[TenantClients, GraphTableQuery, QueryArea]) -> None:
        tenant, query, area = item
        for refused in tenant.resource_graph.read(query, area, ""):
            for type_ in query.types:
                for scope in list_scopes(refused.area):
                    permission = refused.permission
                    if not permission and refused.reason.startswith(("401", "403")):
                        permission = self._get_read_action(type_)
                    self._gaps.add(type_, scope, refused.reason, permission)

    def _list_detail_requests(self, tenants: Sequence[TenantClients]) -> Iterator[ArmRequest]:
        """Bodies that Resource Graph holds only in part, and named resources that its table leaves out."""
        for type_, lack in self._plan.lacks.items():
            yield from self._list_requests(tenants, type_, type_, "", lack.api)
        for type_, names in self._plan.items.items():
            parent, _, segment = self._reading.spell(type_).rpartition("/")
            for name in sorted(names):
                path = f"/{segment}/{name}"
                yield from self._list_requests(
                    tenants, parent.lower(), type_, path, self._reading.items[type_]
                )

    def _list_list_requests(
        self, tenants: Sequence[TenantClients], jobs: Iterable[ListJob]
    ) -> Iterator[ArmRequest]:
        for job in jobs:
            row = job.list
            for parent in sorted(job.parents):
                for ask in self._list_requests(tenants, parent, row.type, f"/{row.path}", row.api):
                    if not (job.spared and ask.at in self._holdings.connected):
                        yield ask

    def _list_requests(
        self, tenants: Sequence[TenantClients], parent: str, type_: str, path: str, api: str
    ) -> Iterator[ArmRequest]:
        """A request under every resource of the parent's type, but not where the type is known to be refused."""
        by_scope = {scope: tenant for tenant, scope in self._list_scopes(tenants)}
        for key, id_ in (
            self._holdings.list_extensible() if parent == ANY else self._holdings.list_ids(parent)
        ):
            scope = find_scope(key, by_scope)
            if scope and not self._gaps.is_missing(type_, scope):
                yield ArmRequest(by_scope[scope], scope, key, f"{id_}{path}?api-version={api}", api, type_)

    def _fetch_detail(self, ask: ArmRequest) -> None:
        if self._gaps.is_missing(ask.type, ask.scope):
            return
        failed = ask.tenant.arm.read(ask.url, ask.api, ask.type, self._get_read_action(ask.type))
        if failed is not None:
            self._gaps.add(ask.type, ask.scope, f"{failed.reason} at {ask.at}", failed.permission)

    def _collect_roles(self, tenants: Sequence[TenantClients]) -> None:
        """Built-in roles lie in the tenant, where a query for subscriptions does not see them."""
        if ROLES not in self._plan.tables_by_type or self._settings.scope.resource_groups:
            return
        for tenant in tenants:
            failed = tenant.arm.read(_ROLES_URL, "2022-04-01", ROLES, self._get_read_action(ROLES))
            if failed is not None:
                self._gaps.add(ROLES, "", failed.reason, failed.permission)

    def _collect_directory(self, tenants: Sequence[TenantClients], pool: ThreadPoolExecutor) -> None:
        kinds = sorted(self._plan.graph | ALWAYS_READ if self._plan.graph else ())
        reason = "" if self._settings.graph else "Microsoft Graph was left out (--no-graph)"
        if self._settings.scope.resource_groups:
            reason = "the snapshot was limited to resource groups"
        if reason:
            self._unread.update(dict.fromkeys(kinds, reason))
            return
        self._graph_read.update(kinds)
        self._run_for_each_item(
            pool,
            "Microsoft Graph",
            [(tenant, kind) for tenant in tenants for kind in kinds],
            self._collect_objects,
        )

    def _collect_objects(self, item: tuple[TenantClients, str]) -> None:
        tenant, kind = item
        try:
            if kind == GROUPS:
                assigned = None if self._plan.whole else self._holdings.assigned_groups.values()
                self._groups += tenant.graph.read_groups(assigned)
            else:
                tenant.graph.read_objects(kind)
        except GraphRefusedError as error:
            self._gaps.add(kind, "", error.reason, error.permission)

    def _finish_collection(
        self, tenants: Sequence[TenantClients], checkpoint: Checkpoint
    ) -> CollectionResult:
        scopes = [scope for _, scope in self._list_scopes(tenants)]
        self._explain_left_out_resources()
        covered = manifest.list_complete_scopes(self._plan, self._reading, scopes, self._holdings, self._gaps)
        whole = self._complete_tenant_types(scopes)
        by_tenant: dict[str, dict[str, list[str]]] = {
            tenant.find_guid(): {"": sorted(whole)} if whole else {} for tenant in tenants
        }
        for tenant, scope in self._list_scopes(tenants):
            by_tenant[tenant.find_guid()][scope] = covered[scope]
        collected = {
            "started": checkpoint.started,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "cloud": self._settings.cloud.name,
            "requests": dict(sorted(self._requests.items())),
        }
        document = manifest.build_manifest(by_tenant, self._gaps, self._unread, collected)
        snapshot_writer.write(self._out, checkpoint, self._plan.derived, self._groups, document)
        checkpoint.remove()
        return CollectionResult(
            self._out,
            self._holdings.count,
            self._requests,
            self._retried,
            checkpoint.reused,
            tuple(self._gaps.sorted_gaps),
            self._unread,
            len({scope.split("/")[2] for scope in scopes}),
        )

    def _complete_tenant_types(self, scopes: Sequence[str]) -> set[str]:
        """The types of the tenant itself that were read in full, in every tenant that was signed in to."""
        whole = {kind for kind in self._graph_read if not self._gaps.is_missing(kind, "")}
        asked = self._settings.scope
        if not any((asked.subscriptions, asked.management_groups, asked.names)):
            above = self._plan.tables[TABLE] & {MANAGEMENT_GROUP_TYPE}
            whole |= {
                type_ for type_ in above if not any(self._gaps.is_missing(type_, one) for one in scopes)
            }
        return whole

    def _explain_left_out_resources(self) -> None:
        """Say why what lies outside resource groups was not read where only such were asked for."""
        if not self._settings.scope.resource_groups:
            return
        outside = [job.list.type for job in self._plan.jobs if job.list.of == {SUBSCRIPTION_TYPE}]
        for type_ in (*outside, *self._plan.derived, SUBSCRIPTION_TYPE):
            self._unread.setdefault(type_, "the snapshot was limited to resource groups")

"""The context of the entities of alerts and incidents: every tenant's estate, the last evaluation and the attack paths together.

An entity is looked up in the tenant that its rows name: by its `AadTenantId`, by the subscription of its resource id, or by the
resources in the same alerts. Where they name none it is looked up in all tenants, and the answer says in which it is. Indexes over
an estate are built once per tenant and snapshot; assessments and paths come from the newest edition, which keeps its answers.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.alerts.investigation.application_ids import map_applications
from nephoscope.alerts.investigation.entity_context import (
    EntityAttackPath,
    EntityContext,
    EntityFact,
    EntityWeakness,
    build_unknown_fact,
)
from nephoscope.alerts.investigation.estate_context import (
    KINDS,
    EstateContext,
    find_service_id,
    get_resource_id,
)
from nephoscope.alerts.investigation.estate_index import TYPES, EstateIndex, join_names
from nephoscope.alerts.investigation.estate_reader import BEYOND, WHOLE, EstateReader
from nephoscope.alerts.investigation.managed_identities import WORDS
from nephoscope.estate.estate_view import EstateView
from nephoscope.estate.tenant_stores import open_tenant_stores
from nephoscope.model.tenant_name import describe_tenant
from nephoscope.posture.published.attack_paths import WantedPaths
from nephoscope.posture.recommendations.score_controls import Controls
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from nephoscope.alerts.investigation.participants import InvolvedEntity
    from nephoscope.estate.estate_store import EstateStore
    from nephoscope.model.entity import Entity
    from nephoscope.posture.published.findings import ListedFinding
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot
    from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache

_GRAPH = "/providers/microsoft.graph/"


class EntityContexts:
    """Gives the contexts of entities from what a data folder holds; safe for threads."""

    def __init__(self, data: Path, snapshots: PublishedSnapshotCache) -> None:
        self._data, self._snapshots = data, snapshots
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[int, EstateIndex]] = {}
        self._refreshed = False

    def describe(
        self, involved: Sequence[InvolvedEntity], reader: EstateReader = WHOLE
    ) -> list[EntityContext | None] | None:
        """The context of each entity, None for kinds that no estate holds; None where the reader reaches no collected estate.

        Raises StoreError or LakeError where the estate or the edition cannot be read.
        """
        several = [EstateContext(one, reader) for one in self.list_indexes(reader)]
        if not several:
            return None
        found = EntityContextSearch(several, reader).describe(involved)
        return _with_results(found, self._snapshots.load_newest(), reader)

    def list_indexes(self, reader: EstateReader = WHOLE) -> list[EstateIndex]:
        """The index of the newest estate of every tenant of which the reader may read anything."""
        every = [self._get_index(store) for store in open_tenant_stores(self._data)]
        return [
            one for one in every if one is not None and reader.can_read_tenant(one.tenant, one.subscriptions)
        ]

    def applications(self) -> Mapping[str, str]:
        """Lower-cased object id -> application id of the service principals of every tenant."""
        return {id_: app for one in self.list_indexes() for id_, app in map_applications(one.view).items()}

    def refresh(self) -> None:
        """Build the indexes of what was stored meanwhile; from the first call on, readers are given the last one and never wait.

        A server calls it again and again from a thread of its own.
        """
        self._refreshed = True
        for store in open_tenant_stores(self._data):
            known = self._known.get(store.path)
            if known is None or known[0] != store.version:
                self._build_index(store)

    def _get_index(self, store: EstateStore) -> EstateIndex | None:
        known = self._known.get(store.path)
        if known is not None and (self._refreshed or known[0] == store.version):
            return known[1]
        return self._build_index(store)

    def _build_index(self, store: EstateStore) -> EstateIndex | None:
        with self._lock:
            version = store.version
            known = self._known.get(store.path)
            if known is not None and known[0] == version:
                return known[1]
            if not store.list_snapshots():
                return None
            estate = store.select_types(TYPES)
            view = EstateView(estate, datetime.now(UTC))
            made = EstateIndex(
                view,
                estate.tenant,
                store.list_subscriptions(),
                store.find_resources,
                lambda: store.find_mentions(WORDS),
            )
            made.prepare()
            self._known[store.path] = version, made
            return made


@dataclass(frozen=True)
class EntityContextSearch:
    """Looks entities up in the estates of several tenants, of which a reader reaches something in each."""

    contexts: Sequence[EstateContext]
    reader: EstateReader

    def describe(self, involved: Sequence[InvolvedEntity]) -> list[EntityContext | None]:
        """The context of each entity, without assessments and attack paths."""
        self._prefetch_entities(involved)
        tenants = self._map_tenants_by_source(involved)
        return [
            self._find_entity_context(one.entity, {t for id_ in one.sources for t in tenants.get(id_, ())})
            for one in involved
        ]

    def _prefetch_entities(self, involved: Sequence[InvolvedEntity]) -> None:
        ids = [id_ for one in involved if (id_ := _parse_resource_id(one.entity)) is not None]
        for context in self.contexts:
            own = (one for one in ids if one.subscription in context.index.subscriptions)
            context.index.prefetch(key for one in own for key in (one.key, find_service_id(one)))

    def _map_tenants_by_source(self, involved: Iterable[InvolvedEntity]) -> dict[str, set[str]]:
        """Id of an alert -> the tenants of the resources that it names."""
        found: dict[str, set[str]] = {}
        for one in involved:
            id_ = _parse_resource_id(one.entity)
            for context in self._find_in_subscription(id_.subscription) if id_ is not None else ():
                for source in one.sources:
                    found.setdefault(source, set()).add(context.index.tenant)
        return found

    def _find_in_subscription(self, subscription: str) -> list[EstateContext]:
        return [one for one in self.contexts if subscription and subscription in one.index.subscriptions]

    def _find_entity_context(self, entity: Entity, near: Collection[str]) -> EntityContext | None:
        if entity.kind not in KINDS:
            return None
        id_ = _parse_resource_id(entity)
        if id_ is not None and id_.subscription:
            return self._find_by_id(entity, id_)
        if named := entity.get("AadTenantId").lower():
            return self._find_in_tenant(entity, named)
        preferred = [one for one in self.contexts if one.index.tenant in near]
        if preferred and (found := self._combine_contexts(entity, preferred)).is_in_estate:
            return found
        return self._combine_contexts(entity, self.contexts)

    def _find_by_id(self, entity: Entity, id_: ResourceId) -> EntityContext:
        own = self._find_in_subscription(id_.subscription)
        if own and self.reader.can_read_resource(id_):
            return self._combine_contexts(entity, own)
        if own and self.reader.can_read_results(id_):
            beyond = EntityContext(
                entity, id_.key, (build_unknown_fact("resource", BEYOND),), tenant=own[0].index.tenant
            )
            return self._add_tenant(beyond)
        why = "its subscription was not collected" if self.reader.can_read_resource(id_) else BEYOND
        return EntityContext(entity, "", (build_unknown_fact("resource", why),))

    def _find_in_tenant(self, entity: Entity, tenant: str) -> EntityContext:
        own = [one for one in self.contexts if one.index.tenant == tenant]
        if own:
            return self._combine_contexts(entity, own)
        why = "was not collected" if self.reader.whole else "is not one that your roles reach"
        return EntityContext(entity, "", (build_unknown_fact("account", f"its tenant {tenant} {why}"),))

    def _combine_contexts(self, entity: Entity, contexts: Sequence[EstateContext]) -> EntityContext:
        """One context of what the tenants say: that of the one which holds the entity, else of all that might."""
        described = [one for each in contexts if (one := each.describe(entity)) is not None]
        found = [one for one in described if one.is_in_estate]
        if len(found) == 1:
            return self._add_tenant(found[0])
        if found:
            return _merge_entity_contexts(
                entity,
                found,
                f"{join_names([_get_tenant_name(one) for one in found])}: its rows name neither",
            )
        unsure = [one for one in described if not all(fact.known for fact in one.facts)]
        if len(unsure) > 1:
            return _merge_entity_contexts(entity, unsure, "")
        if unsure or len(described) == 1:
            return self._add_tenant((unsure or described)[0])
        return replace(described[0], tenant="")  # nobody holds it, and all tenants were read

    def _add_tenant(self, context: EntityContext) -> EntityContext:
        """A context that says its tenant, where the reader reaches several."""
        if len(self.contexts) == 1:
            return context
        return replace(context, facts=(EntityFact("tenant", _get_tenant_name(context)), *context.facts))


def _merge_entity_contexts(entity: Entity, several: Sequence[EntityContext], doubt: str) -> EntityContext:
    """One context of several tenants', each fact with its tenant; `doubt` says why none of them is chosen ('' = nothing is)."""
    facts = [
        replace(fact, name=f"{fact.name} in {_get_tenant_name(one)}") for one in several for fact in one.facts
    ]
    head = [EntityFact("tenant", doubt, known=False)] if doubt else []
    candidates = [key for one in several for key in (one.resource, *one.candidates) if key]
    return EntityContext(entity, "", (*head, *facts), tuple(candidates))


def _get_tenant_name(context: EntityContext) -> str:
    return describe_tenant(context.tenant)


def _parse_resource_id(entity: Entity) -> ResourceId | None:
    try:
        return ResourceId.parse(text) if (text := get_resource_id(entity)) else None
    except ValueError:
        return None


# --- what the last evaluation found --------------------------------------------------------------------------------


def _with_results(
    contexts: Sequence[EntityContext | None], snapshot: PublishedSnapshot | None, reader: EstateReader
) -> list[EntityContext | None]:
    """The contexts with the unhealthy assessments of their resources and the attack paths through them."""
    keys = {
        one.resource for one in contexts if one is not None and one.resource.startswith("/subscriptions/")
    }
    assessed = _find_assessments(snapshot, reader, keys) if snapshot is not None and keys else {}
    return [
        None if one is None else _add_result(one, assessed.get(one.resource), snapshot, reader)
        for one in contexts
    ]


def _add_result(
    context: EntityContext,
    findings: Sequence[ListedFinding] | None,
    snapshot: PublishedSnapshot | None,
    reader: EstateReader,
) -> EntityContext:
    if not context.resource:
        return context
    facts, weaknesses = context.facts, context.weaknesses
    if context.resource.startswith("/subscriptions/"):
        facts = (*facts, _describe_assessments(findings, snapshot, reader))
        weaknesses = None if findings is None else _list_weaknesses(findings)
    return replace(
        context,
        facts=facts,
        weaknesses=weaknesses,
        paths=_list_attack_paths(snapshot, reader, context.resource),
    )


def _describe_assessments(
    findings: Sequence[ListedFinding] | None, snapshot: PublishedSnapshot | None, reader: EstateReader
) -> EntityFact:
    if findings is None:
        return build_unknown_fact("assessments", _explain_unassessed_resource(snapshot, reader))
    states = Counter(one.state for one in findings)
    unjudged = states[ComplianceState.UNKNOWN] + states[ComplianceState.ERROR]
    more = f", {unjudged} not assessed" if unjudged else ""
    return EntityFact(
        "assessments", f"{states[ComplianceState.NON_COMPLIANT]} of {len(findings)} unhealthy{more}"
    )


def _explain_unassessed_resource(snapshot: PublishedSnapshot | None, reader: EstateReader) -> str:
    if snapshot is None:
        return "no assessment exists yet: run `nephoscope scan`"
    if reader.assessments.is_empty:
        return "your roles do not reach assessments"
    return "the last evaluation did not assess it"


def _find_assessments(
    snapshot: PublishedSnapshot, reader: EstateReader, keys: Collection[str]
) -> dict[str, list[ListedFinding]]:
    """Lower-cased resource id -> its assessments, the gravest first; ids without any are left out."""
    found: dict[str, list[ListedFinding]] = {}
    for one in snapshot.findings.list_for_resources(reader.assessments, keys):
        found.setdefault(one.resource, []).append(one)
    return found


def _list_weaknesses(findings: Iterable[ListedFinding]) -> tuple[EntityWeakness, ...]:
    unhealthy = (one for one in findings if one.state is ComplianceState.NON_COMPLIANT)
    return tuple(
        EntityWeakness(one.title, one.severity.value, _find_control(one.recommendation), one.recommendation)
        for one in unhealthy
    )


@cache
def _load_controls() -> Controls:
    return Controls.load()


def _find_control(recommendation: str) -> str:
    found = _load_controls().find_control(recommendation)
    return found.name if found is not None else ""


def _list_attack_paths(
    snapshot: PublishedSnapshot | None, reader: EstateReader, key: str
) -> tuple[EntityAttackPath, ...] | None:
    """The attack paths through a resource or a principal, the gravest first; None where they are not to be had."""
    if snapshot is None or reader.attack_paths.is_empty:
        return None
    through = key.rsplit("/", 1)[-1] if key.startswith(_GRAPH) else key
    several = snapshot.attack_paths.list_wanted(reader.attack_paths, WantedPaths(through=through))
    return tuple(EntityAttackPath(one.id, one.title, one.level.value) for one in several)

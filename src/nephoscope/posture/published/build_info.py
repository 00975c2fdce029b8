"""Build info of a published evaluation: time, inputs, versions and problems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from nephoscope.posture.published.document_rows import PROMOTED
from nephoscope.posture.published.excluded_subscriptions import NOTHING, find_left_out
from nephoscope.posture.reports.multi_tenant_report import CombinedReport
from nephoscope.posture.reports.resource_graph_tables import COLUMNS, EVALUATION, list_unread_types

if TYPE_CHECKING:
    from nephoscope.model.read_scope import Reach
    from nephoscope.posture.reports.report import Report

MOST_PROBLEMS = 500
EDITION = 6
"""Which edition of documents is written: raised by one whenever documents of the same evaluation come out otherwise than before.

What an older one wrote is judged and published anew when a server starts.
"""


class BuildInfo(msgspec.Struct, frozen=True):
    """One evaluation. `states` and `causes` count assessments; `problems` and `quarantine` are (place, reason), the first of them all.

    `percentage` is None where nothing could be scored; `ancestors` maps a subscription to its management groups, nearest first.
    `path_gaps` are what attack paths needed and was not read: (lower-cased GUID of a subscription, or of the tenant; '' = of a tenant
    without a name; what).
    `exposed` are the lower-cased ids of the resources that the Internet reaches.
    `tenants` maps a subscription to its tenant ('' = not known).
    `group_names` maps a tenant to the names of its management groups, each by its lower-cased id.
    `tenant_gaps` are the gaps of each tenant, `gaps` those of all.
    `unread_types` are, for each tenant, the lower-cased types of map_tables_to_types of which nothing was read anywhere in it.
    `left_out` is what was not read in a subscription although the tenant was read otherwise (excluded_subscriptions.find_left_out).
    `edition` is EDITION as it was when the documents were written, 0 of those from before it was noted.
    """

    when: datetime
    scope: str
    resources: int
    percentage: float | None
    current: float
    max: float
    states: Mapping[str, int]
    causes: tuple[tuple[str, str, int], ...]
    gaps: Mapping[str, str]
    problems: tuple[tuple[str, str], ...]
    quarantine: tuple[tuple[str, str], ...]
    quarantined: int
    subscriptions: Mapping[str, str]
    ancestors: Mapping[str, tuple[str, ...]]
    path_gaps: tuple[tuple[str, str], ...] = ()
    exposed: tuple[str, ...] = ()
    edition: int = 0
    tenants: Mapping[str, str] = msgspec.field(default_factory=dict)
    tenant_gaps: Mapping[str, Mapping[str, str]] = msgspec.field(default_factory=dict)
    group_names: Mapping[str, Mapping[str, str]] = msgspec.field(default_factory=dict)
    unread_types: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    left_out: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)

    def explain_gap(self, type_: str, subscription: str = "") -> str:
        """Return why a type was not read in the tenant of a subscription, '' where it was; of several tenants none is
        told without one."""
        tenant = self.tenants.get(subscription)
        if tenant is None:
            return self.gaps.get(type_, "") if len(self.tenant_gaps) < 2 else ""
        return self.tenant_gaps.get(tenant, self.gaps).get(type_, "")

    def list_visible_gaps(self, reach: Reach) -> list[tuple[str, str]]:
        """Return what attack paths needed and was not read, of the subscriptions that a reach sees and of their tenants."""
        alone = not any(self.tenants.values())
        return [
            (where, what)
            for where, what in self.path_gaps
            if reach.can_read(where) or where in reach.tenants or (not where and alone and not reach.is_empty)
        ]

    def list_unread_types(self, reach: Reach) -> frozenset[str]:
        """Return the types that were read in no tenant, or in no subscription, of which a reach sees something."""
        within = [frozenset(self.unread_types.get(one, ())) for one in self.list_visible_tenants(reach)]
        unread = frozenset[str].intersection(*within) if within else frozenset[str]()
        seen = self._list_visible_subscriptions(reach)
        if not seen or not seen <= self.left_out.keys():
            return unread
        return frozenset[str].intersection(
            *(
                frozenset(self.left_out[one]).union(self.unread_types.get(self.tenants[one], ()))
                for one in seen
            )
        )

    def is_left_out(self, reach: Reach) -> bool:
        """Return whether no resource was read in any of the subscriptions that a reach sees."""
        seen = self._list_visible_subscriptions(reach)
        return bool(seen) and all(NOTHING in self.left_out.get(one, ()) for one in seen)

    def list_visible_left_out(self, reach: Reach) -> frozenset[str]:
        """Return the subscriptions of which something was left out and of which a reach sees something."""
        return self._list_visible_subscriptions(reach) & self.left_out.keys()

    def list_visible_tenants(self, reach: Reach) -> frozenset[str]:
        """Return the tenants whose unread types are known and of which a reach sees something."""
        if reach.everything:
            return frozenset(self.unread_types)
        named = {one for one in _list_named_subscriptions(reach) if one in self.tenants}
        seen = {self.tenants[one] for one in named}
        return (reach.tenants | reach.whole_tenants | seen) & self.unread_types.keys()

    def _list_visible_subscriptions(self, reach: Reach) -> frozenset[str]:
        named = _list_named_subscriptions(reach)
        return frozenset(
            one
            for one, tenant in self.tenants.items()
            if reach.everything or one in named or tenant in reach.whole_tenants
        )

    @property
    def is_outdated(self) -> bool:
        """Return whether an older release wrote the documents, which this one writes otherwise."""
        return self.edition < EDITION


def _list_named_subscriptions(reach: Reach) -> frozenset[str]:
    return reach.subscriptions | {one.split("/")[2] for one in reach.groups}


def make_build_info(reports: Sequence[Report]) -> BuildInfo:
    """Return what the reports of tenants were made from."""
    report = reports[0] if len(reports) == 1 else CombinedReport(tuple(reports))
    estates = [one.run.estate for one in reports]
    score = report.score
    unread = {one.tenant: list_unread_types(one.coverage) for one in estates}
    return BuildInfo(
        when=report.now,
        scope=report.scope,
        resources=report.resources,
        percentage=score.percentage if score.is_scored else None,
        current=score.current,
        max=score.max,
        states={state.value: count for state, count in report.states.items()},
        causes=tuple((state.value, cause, count) for (state, cause), count in report.causes.items()),
        gaps={name: str(reason) for name, reason in report.coverage.gaps.items()},
        tenant_gaps={
            one.tenant: {name: str(reason) for name, reason in one.coverage.gaps.items()} for one in reports
        },
        problems=tuple((str(one.place), one.reason) for one in report.errors if one.error)[:MOST_PROBLEMS],
        quarantine=tuple((str(one.place), one.reason) for one in report.quarantine)[:MOST_PROBLEMS],
        quarantined=len(report.quarantine),
        subscriptions={
            id_.rsplit("/", 1)[-1]: estate.subscription_names.get(id_.rsplit("/", 1)[-1], "")
            for estate in estates
            for id_ in estate.subscriptions
        },
        ancestors={
            id_.rsplit("/", 1)[-1]: groups
            for estate in estates
            for id_, groups in estate.management_groups.items()
        },
        group_names={estate.tenant: estate.management_group_names for estate in estates},
        unread_types=unread,
        left_out={
            subscription: types
            for one in estates
            for subscription, types in find_left_out(one, unread[one.tenant]).items()
        },
        path_gaps=tuple(
            (where or one.tenant, what) for one in reports for where, what in one.attack_paths.gaps
        ),
        exposed=tuple(sorted(id_ for one in reports for id_ in one.attack_paths.exposed)),
        tenants={id_.rsplit("/", 1)[-1]: estate.tenant for estate in estates for id_ in estate.subscriptions},
    )


def build_evaluation_row(evaluation: BuildInfo) -> dict[str, object]:
    """The one row that says what the documents were made from."""
    evaluation = replace(evaluation, edition=EDITION)
    empty = dict.fromkeys([name for name, _ in COLUMNS] + list(PROMOTED), "")
    return {"_table": EVALUATION, **empty, "_body": msgspec.json.encode(evaluation).decode()}


def read(body: str) -> BuildInfo:
    """The evaluation of a row's body."""
    return msgspec.json.decode(body, type=BuildInfo)

"""Live security resources of Resource Graph: alerts and user-defined assessments, which change between evaluations.

An alert that names resources of several subscriptions is a row in each of them, as Microsoft.Security lists it in each; one that
names none is no row. Its properties stand under the names that Resource Graph gives them (`Status`), and under those of
Microsoft.Security (`status`): clients ask for either.

Source: https://learn.microsoft.com/azure/defender-for-cloud/resource-graph-samples
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.alerts.incidents import defender_alert
from nephoscope.alerts.incidents.alert_visibility import READ, AlertVisibility, find_alert_visibility
from nephoscope.files.json_tree import get_tree
from nephoscope.posture.published.live_rows import LiveRows, LiveRowSource, build_row_table
from nephoscope.posture.published.resource_graph_spelling import capitalize_word
from nephoscope.state.estate.arm_documents import REMOVED
from nephoscope.state.incidents.alert_filter import AlertFilter
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from nephoscope.access.authenticator import Caller
    from nephoscope.lake.queries.estate_scope import Reaches
    from nephoscope.model.read_scope import Reach
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot
    from nephoscope.state import State
    from nephoscope.state.estate.arm_documents import ArmDocument
    from nephoscope.state.incidents.alerts import StoredAlert

ASSESSMENTS = "microsoft.security/assessments"
ALERTS = defender_alert.TYPE.lower()
READ_ASSESSMENTS = "Microsoft.Security/assessments/read"
_PAGE = 1_000
#: Alerts of a workspace that are shown, the newest: as many as Microsoft.Security lists.
MOST = 10_000


def find_removed_keys_since(state: State, when: datetime) -> frozenset[str]:
    """The keys of rows of documents that were removed after a time: what was published then may still hold them."""
    removed = state.checkpoints.all(REMOVED)
    return frozenset(key for key, at in removed.items() if datetime.fromisoformat(at) >= when)


@dataclass(frozen=True)
class LiveReader:
    """Reader of live rows: `reach` says where an operation may be done, `sight` which parts of a workspace's alerts are visible
    ('' = of none)."""

    reach: Callable[[str], Reach]
    sight: Callable[[str], AlertVisibility]

    @staticmethod
    def for_caller(caller: Caller, reach: Callable[[str], Reach]) -> LiveReader:
        """A caller, of the scope that was chosen."""
        return LiveReader(reach, lambda workspace: find_alert_visibility(caller, workspace))

    @staticmethod
    def for_reaches(reaches: Reaches, subscriptions: frozenset[str]) -> LiveReader:
        """Whoever reaches some of the estate, in which there are these subscriptions; of an alert no more than that is told."""

        def reach(operation: str) -> Reach:
            return reaches([operation])[operation]

        return LiveReader(reach, lambda _: AlertVisibility(reach(READ), subscriptions))


@dataclass(frozen=True)
class LiveResources:
    """Live rows that a reader sees beside a published snapshot; `base` is the address of the pages."""

    state: State
    tenant: str
    snapshot: PublishedSnapshot
    reader: LiveReader
    base: str = ""

    def get_live_row_source(self) -> LiveRowSource:
        """Return where the rows come from."""
        key = (
            self._stamp,
            self._alerts,
            self._assessments,
            self._alert_visibility,
            self._whole_workspaces,
            self.base,
        )
        return LiveRowSource(key, self._list_made)

    @cached_property
    def _alerts(self) -> Reach:
        return self.reader.reach(READ)

    @cached_property
    def _assessments(self) -> Reach:
        return self.reader.reach(READ_ASSESSMENTS)

    @cached_property
    def _alert_visibility(self) -> AlertVisibility:
        """Return what the reader may be told of an alert: all that is reached, not only what of it was asked for."""
        return self.reader.sight("")

    @cached_property
    def _workspaces(self) -> list[str]:
        return self.state.workspaces.names()

    @cached_property
    def _whole_workspaces(self) -> frozenset[str]:
        """The workspaces of which the reader is told all that an alert says."""
        return frozenset(one for one in self._workspaces if self.reader.sight(one).reach.everything)

    @cached_property
    def _put(self) -> list[ArmDocument]:
        return self.state.arm_documents.all([ASSESSMENTS, ALERTS])

    @cached_property
    def _stamp(self) -> str:
        """Return what is another as soon as an alert or an assessment is."""
        put = [(one.key, one.changed.isoformat()) for one in self._put]
        versions = (self.state.alerts.list_versions(), put)
        return hashlib.blake2b(msgspec.json.encode(versions), digest_size=16).hexdigest()

    def _list_made(self) -> LiveRows:
        put = {one.key: one.body for one in self._put if one.type == ASSESSMENTS}
        mine = [body for key, body in put.items() if _can_see(self._assessments, key)]
        found = build_row_table(
            [*mine, *self._list_raised_alerts(), *self._list_collected_alerts()], self.tenant
        )
        return LiveRows(found, frozenset({ALERTS}), frozenset(put))

    def _list_raised_alerts(self) -> Iterator[dict[str, object]]:
        """The alerts that were raised here."""
        looked = AlertFilter(held=True, within=None if self._alerts.everything else self._alerts)
        for workspace in self._workspaces:
            sight = self.reader.sight(workspace)
            for alert in self.state.alerts.list_alerts(workspace, looked, most=MOST):
                yield from self._to_resources(alert, sight)

    def _to_resources(self, alert: StoredAlert, sight: AlertVisibility) -> Iterator[dict[str, object]]:
        first: dict[str, ResourceId] = {}
        for resource in defender_alert.find_visible_resources(alert, self._alerts):
            first.setdefault(resource.subscription, resource)
        for resource in first.values():
            row = _build_alert(defender_alert.build_alert_body(alert, resource, sight, self.base))
            yield row | {"resourceGroup": resource.resource_group}

    def _list_collected_alerts(self) -> Iterator[dict[str, object]]:
        """The alerts that Azure raised, with what was decided of them here."""
        decided = {one.key: one.body for one in self._put if one.type == ALERTS}
        gone = find_removed_keys_since(self.state, self.snapshot.build_info.when)
        after = ""
        shown = [one for key, one in decided.items() if _can_see(self._alerts, key)]
        while True:
            page = self.snapshot.listing.page([ALERTS], self._alerts, after=after, most=_PAGE, collected=True)
            passed = decided.keys() | gone
            shown += [one for one in page.bodies if str(one["id"]).lower() not in passed]
            if not (after := page.after):
                break
        for one in shown:
            yield _build_alert(
                {**one, "properties": self._alert_visibility.redact_properties(get_tree(one, "properties"))}
            )


def _can_see(reach: Reach, key: str) -> bool:
    id_ = ResourceId.parse(key)
    return reach.can_read(id_.subscription, id_.resource_group_id)


def _build_alert(body: Mapping[str, Any]) -> dict[str, object]:
    """An alert as Resource Graph has it."""
    location = str(body["id"]).lower().partition("/locations/")[2].partition("/")[0]
    properties = body["properties"]
    return {
        **body,
        "location": location,
        "properties": {**properties, **_capitalize_property_names(properties)},
    }


def _capitalize_property_names(properties: Mapping[str, object]) -> dict[str, object]:
    found = {capitalize_word(name): value for name, value in properties.items()}
    resources = found.get("ResourceIdentifiers")
    if isinstance(resources, list):
        found["ResourceIdentifiers"] = [
            {capitalize_word(name): value for name, value in one.items()}
            for one in resources
            if isinstance(one, dict)
        ]
    return found

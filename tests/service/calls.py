"""The calls of the services of security operations, each with the operation that it needs and where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from nephoscope.alerts.investigation.optimistic_update import IncidentUpdate
from nephoscope.alerts.library.hunting import HuntingRange
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.alerts.suppression.condition import SuppressionCondition
from nephoscope.alerts.tuning.rule_case import LearnStep
from nephoscope.alerts.tuning.trial import RuleTrial, TrialKind
from nephoscope.lake.watchlists.watchlist_service import NewWatchlistItem
from nephoscope.service import (
    alerts,
    automation_responses,
    automations,
    bookmarks,
    content,
    incidents,
    own_rules,
    rules,
    saved_queries,
    suppressions,
    threat_intelligence,
    tuning,
    watchlists,
)
from nephoscope.state.database.etag import to_etag
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope.state.incidents.bookmarks import Bookmark
from nephoscope.state.incidents.incidents import Incident, IncidentNote, IncidentStatus, NoteKind
from nephoscope.state.rules.rule_switches import RULE

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.service.service_context import ServiceContext

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
RULE_OF = next(one for one in load_shipped_rules().rules if one.enabled)
ALERT = "0a000000-0000-0000-0000-000000000001"
BOOKMARK = "0b000000-0000-0000-0000-000000000001"
ADDRESS = SuppressionCondition("entities.ip.address", "in", ("192.0.2.7",))
HIDDEN = suppressions.NewSuppression("hide the address", "*", (ADDRESS,), "FalsePositive", "ours")
AUTOMATION = {
    "id": "/providers/Microsoft.Security/automations/b",
    "properties": {
        "sources": [{"eventSource": "Alerts"}],
        "actions": [
            {
                "actionType": "EventHub",
                "eventHubResourceId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventHub/namespaces/ns/eventhubs/h",
                "connectionString": "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=c2VjcmV0",
            }
        ],
    },
}
OWN_RULE = {
    "id": "mine", "kind": "Scheduled", "displayName": "Mine", "severity": "Low", "enabled": True, "query": "SigninLogs | take 1",
    "queryFrequency": "PT1H", "queryPeriod": "PT1H", "triggerOperator": "GreaterThan", "triggerThreshold": 0,
    "suppressionEnabled": False, "suppressionDuration": "PT5H",
}  # fmt: skip
SECURITY = "Microsoft.SecurityInsights"
#: Roles that may do what security administrators do, what only contributors may, what only owners may, and what readers may.
ADMINISTRATORS = frozenset({"Security Admin", "Contributor", "Owner"})
CONTRIBUTORS = frozenset({"Contributor", "Owner"})
OWNERS = frozenset({"Owner"})
READERS = ADMINISTRATORS | {"Reader", "Security Reader"}


@dataclass(frozen=True, slots=True)
class Call:
    """A call: `roles` may make it, at everything and, where it is of a `workspace`, at that."""

    do: Callable[[ServiceContext, Lake], Any]
    roles: frozenset[str] = ADMINISTRATORS
    workspace: bool = True


def alert(id_: str = ALERT, incident: int | None = None) -> StoredAlert:
    """An alert that names no resource."""
    document = {
        "AlertName": "Keys were read", "AlertSeverity": "High", "Status": "New", "SystemAlertId": id_, "Entities": "[]",
        "Tactics": "", "Techniques": "[]", "TimeGenerated": NOON.isoformat(), "Description": "Somebody read keys.",
        "RemediationSteps": "[]", "StartTime": NOON.isoformat(), "EndTime": NOON.isoformat(), "AlertType": "rule",
        "ExtendedProperties": '{"Query": "print 1", "Query Period": "1h", "Custom Details": "{}", "Total Events": "1"}',
    }  # fmt: skip
    return StoredAlert(id_, "default", RULE_OF.id, "New", "High", NOON, NOON, NOON, NOON, incident, document)


def incident(number: int = 0) -> Incident:
    """An incident that is new."""
    return Incident("default", "An incident", "", "High", NOON, NOON, NOON, NOON, number=number)


def bookmark() -> Bookmark:
    """A bookmark that is in no incident."""
    return Bookmark(
        BOOKMARK, "default", "A row", "T", "q", NOON, NOON, NOON, {"a": 1}, "kim", NOON, "kim", NOON
    )


def _note(context: ServiceContext) -> IncidentNote:
    with context.state.reading() as session:
        found = context.state.incidents.notes(session, 1)
    return found[0] if found else IncidentNote(1, NoteKind.COMMENT, "kim", "seen", False, NOON, "")


def _store(context: ServiceContext, lake: Lake) -> watchlists.WatchlistStore:
    return watchlists.WatchlistStore(context, lake, "default")


def _responder(lake: Lake, context: ServiceContext) -> Any:
    from nephoscope.automation.engine import AutomationEngine

    return AutomationEngine(lake, context.state, "default", [])


def _trial(what: TrialKind) -> RuleTrial:
    return RuleTrial("default", RULE_OF.id, what, NOON - timedelta(days=1), NOON, "kim", NOON)


def _row() -> Any:
    return SimpleNamespace(
        list_times=lambda: [NOON], document=lambda: {"a": 1}, get_text=lambda _: "", columns={}
    )


def _advice() -> Any:
    step = LearnStep(("an entity",))
    return SimpleNamespace(
        id="a", rule=RULE_OF, proposal=SimpleNamespace(text="learn it", evidence="often", step=step)
    )


CALLS: Mapping[str, Call] = {
    "create suppression": Call(lambda c, _: suppressions.create_suppression(c, "default", HIDDEN)),
    "change suppression": Call(
        lambda c, _: suppressions.change_suppression(c, "default", "known", comment="x")
    ),
    "end suppression": Call(lambda c, _: suppressions.end_suppression(c, "default", "known")),
    "delete suppression": Call(lambda c, _: suppressions.delete_suppression(c, "default", "known")),
    "find suppression": Call(lambda c, _: suppressions.find_suppression(c, "default", "known"), READERS),
    "switch rules": Call(lambda c, _: rules.switch_rules(c, "default", {RULE: [RULE_OF.id]}, enabled=False)),
    "switch rules unchanged": Call(
        lambda c, _: rules.switch_rules_unchanged(
            c, "default", RULE, [RULE_OF.id], c.state.rule_switches.load_switches("default"), enabled=False
        )
    ),
    "set rule settings": Call(
        lambda c, _: rules.set_rule_settings(c, "default", RULE_OF, {"triggerThreshold": 9999})
    ),
    "reset rule settings": Call(
        lambda c, _: rules.reset_rule_settings(c, "default", RULE_OF, ["severity"], forget=True)
    ),
    "put own rule": Call(
        lambda c, lake: own_rules.put_own_rule(c, lake, "default", "mine", "Mine", OWN_RULE)
    ),
    "delete own rule": Call(lambda c, _: own_rules.delete_own_rule(c, "default", "mine")),
    "apply advice": Call(lambda c, _: tuning.apply_advice(c, "default", _advice(), NEVER)),
    "undo advice": Call(lambda c, _: tuning.undo_advice(c, "default", "an advice")),
    "request replay": Call(lambda c, _: tuning.request_trial(c, _trial(TrialKind.REPLAY)), READERS),
    "request advice to be applied": Call(lambda c, _: tuning.request_trial(c, _trial(TrialKind.APPLY))),
    "stop trial": Call(lambda c, _: tuning.stop_trial(c, _trial(TrialKind.REPLAY)), READERS),
    "import pack": Call(
        lambda c, _: content.import_pack(c, "default", "p", cast("Any", _imported), origin="o"),
        workspace=False,
    ),
    "remove pack": Call(lambda c, lake: content.remove_pack(c, lake, cast("Any", _pack())), workspace=False),
    "set alert status": Call(lambda c, _: alerts.set_alert_status(c, [(alert(), None)], "dismiss")),
    "set status by id": Call(lambda c, _: alerts.set_status_by_id(c, "default", [ALERT], "Resolved")),
    "decide incident": Call(
        lambda c, _: incidents.decide_incident(
            c, "default", 1, _etag(c), IncidentUpdate({"status": IncidentStatus.ACTIVE}), "status"
        )
    ),
    "change incidents": Call(
        lambda c, _: incidents.change_incidents(c, "default", [1, 2], "set", {"owner": "kim"})
    ),
    "create incident": Call(lambda c, _: incidents.create_incident(c, "default", incident())),
    "update incident": Call(lambda c, _: incidents.update_incident(c, "default", 1, {"severity": "Low"})),
    "delete incident": Call(lambda c, _: incidents.delete_incident(c, "default", 1)),
    "merge incidents": Call(lambda c, _: incidents.merge_incidents(c, "default", 1, [2])),
    "add comment": Call(lambda c, _: incidents.add_note(c, "default", 1, NoteKind.COMMENT, "seen")),
    "add task": Call(lambda c, _: incidents.add_note(c, "default", 1, NoteKind.TASK, "ask Kim")),
    "complete task": Call(lambda c, _: incidents.complete_task(c, "default", 1, 1)),
    "change note": Call(lambda c, _: incidents.change_note(c, "default", 1, _note(c))),
    "delete note": Call(lambda c, _: incidents.delete_note(c, "default", 1, _note(c))),
    "create watchlist": Call(
        lambda c, lake: watchlists.create_watchlist(
            _store(c, lake), "Mine", "Address", ["Address"], [NewWatchlistItem({"Address": "192.0.2.9"})]
        )
    ),
    "update watchlist": Call(
        lambda c, lake: watchlists.update_watchlist(
            _store(c, lake), "Known", [NewWatchlistItem({"Address": "192.0.2.9"})], whole=True
        )
    ),
    "add item": Call(
        lambda c, lake: watchlists.add_item(
            _store(c, lake), "Known", NewWatchlistItem({"Address": "192.0.2.9"})
        )
    ),
    "put item": Call(
        lambda c, lake: watchlists.put_item(_store(c, lake), "Known", BOOKMARK, {"Address": "192.0.2.9"})
    ),
    "delete item": Call(lambda c, lake: watchlists.delete_item(_store(c, lake), "Known", BOOKMARK)),
    "drop items": Call(lambda c, lake: watchlists.drop_items(_store(c, lake), "Known", ["192.0.2.7"])),
    "delete watchlist": Call(lambda c, lake: watchlists.delete_watchlist(_store(c, lake), "Known")),
    "put locations": Call(
        lambda c, lake: watchlists.put_locations(_store(c, lake), "KnownEgress", [_location()], "add")
    ),
    "sync locations": Call(
        lambda c, lake: watchlists.sync_locations(_store(c, lake), "KnownEgress", [_location()], "estate")
    ),
    "keep row": Call(
        lambda c, _: bookmarks.keep_row(c, "default", RULE_OF, _row(), HuntingRange(NOON, NOON), mark="m")
    ),
    "put bookmark": Call(lambda c, _: bookmarks.put_bookmark(c, "default", bookmark(), incident(1))),
    "change bookmark": Call(lambda c, _: bookmarks.change_bookmark(c, "default", BOOKMARK, notes="x")),
    "promote bookmarks": Call(lambda c, _: bookmarks.promote_bookmarks(c, "default", [BOOKMARK])),
    "import objects": Call(
        lambda c, _: threat_intelligence.import_objects(c, "default", "feed", [_item("2")])
    ),
    "refresh objects": Call(lambda c, _: threat_intelligence.refresh_objects(c, "default")),
    "put object": Call(lambda c, _: threat_intelligence.put_object(c, "default", "feed", _item("2"))),
    "revoke objects": Call(lambda c, _: threat_intelligence.revoke_objects(c, "default", [_item().id])),
    "approve run": Call(
        lambda c, lake: automation_responses.approve_run(c, _responder(lake, c), "waiting"),
        CONTRIBUTORS,
        workspace=False,
    ),
    "list runs": Call(lambda c, _: automation_responses.list_runs(c, "default"), CONTRIBUTORS | {"Reader"}),
    "read run": Call(
        lambda c, _: automation_responses.read_run(c, "default", "waiting"), CONTRIBUTORS | {"Reader"}
    ),
    "deny run": Call(
        lambda c, lake: automation_responses.deny_run(c, _responder(lake, c), "waiting"), CONTRIBUTORS
    ),
    "undo run": Call(
        lambda c, lake: automation_responses.undo_run(c, _responder(lake, c), "applied"),
        CONTRIBUTORS,
        workspace=False,
    ),
    "retry run": Call(
        lambda c, lake: automation_responses.retry_run(c, _responder(lake, c), "dead"),
        CONTRIBUTORS,
        workspace=False,
    ),
    "put secret": Call(
        lambda c, _: automation_responses.put_secret(c, "hook", "s3cret"), OWNERS, workspace=False
    ),
    "remove secret": Call(
        lambda c, _: automation_responses.remove_secret(c, "hook"), OWNERS, workspace=False
    ),
    "resume rules": Call(lambda c, _: rules.resume_rules(c, "default", [RULE_OF], RULE_OF.name)),
    "share a query": Call(
        lambda c, _: saved_queries.save_query(c, "default", "q", "print 1", "p", shared=True)
    ),
    "remove a query of another": Call(lambda c, _: saved_queries.remove_query(c, *_shared(c))),
    "put search": Call(
        lambda c, _: saved_queries.put_search(
            c, "default", saved_queries.SharedSearch("s", "s", "print 1", {"id": "s"}), "p"
        )
    ),
    "remove search": Call(
        lambda c, _: saved_queries.remove_search(
            c, "default", c.state.saved_queries.list_shared("default")[0]
        )
    ),
    "put automation": Call(
        lambda c, _: automations.put_automation(c, AUTOMATION),
        workspace=False,
    ),
    "remove automation": Call(
        lambda c, _: automations.remove_automation(c, "/automations/a"), workspace=False
    ),
}


def _etag(context: ServiceContext) -> str:
    found = context.state.incidents.get(1)
    return found.etag if found else ""


def _shared(context: ServiceContext) -> tuple[str, str, str, str]:
    """The place, the id, who asks and the etag of a query that somebody else shared."""
    found = context.state.saved_queries.list_shared("default")[0]
    return "default", found.id, "p", to_etag(found.changed)


def _location() -> dict[str, str]:
    return {"Address": "198.51.100.0/24", "Name": "office", "Tags": "estate"}


def _pack() -> Any:
    from nephoscope.alerts.library.content_packs import RulePack

    return RulePack("checkout", "/srv/checkout", NOON, "default", ())


def _imported() -> Any:
    return SimpleNamespace(pack=SimpleNamespace(name="p", pieces=()))


def _item(digit: str = "1") -> Any:
    from nephoscope.ingest.threat_intelligence.indicator import read_item

    document = {
        "type": "indicator", "spec_version": "2.1", "id": f"indicator--0c000000-0000-4000-8000-00000000000{digit}",
        "created": NOON.isoformat(), "modified": NOON.isoformat(), "pattern": "[ipv4-addr:value = '192.0.2.7']",
        "pattern_type": "stix", "valid_from": NOON.isoformat(),
    }  # fmt: skip
    return read_item(document, NOON)

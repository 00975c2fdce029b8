"""Microsoft.SecurityInsights/alertRules, the rules that are run, and alertRuleTemplates, what there is to choose.

A shipped or imported rule is switched on and off here; what it asks is not changed
(its settings are: `nephoscope tuning`). A rule that is put becomes a piece of the pack `api`.

Source: https://learn.microsoft.com/rest/api/securityinsights/alert-rules (2023-11-01)
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from nephoscope.alerts.library.content_item import ContentKind
from nephoscope.alerts.library.content_packs import RulePacks, StoredPiece
from nephoscope.alerts.library.content_status import RuleAvailability
from nephoscope.alerts.library.own_rules import API, OwnRules
from nephoscope.alerts.library.rule_selection import load_rules
from nephoscope.alerts.rules.rule import AnalyticRule, AnalyticRuleError, RuleKind
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.api.wire import alert_rule_schemas, arm_documents
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error
from nephoscope.api.wire.document_kinds import ArmDocumentKind, Body, list_documents_at_scope
from nephoscope.api.wire.document_kinds import delete_kept_document as forget_one
from nephoscope.api.wire.document_kinds import put as keep_one
from nephoscope.api.wire.document_kinds import require_document as kept_one
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import ApiResponse, answer_list, read_page_place
from nephoscope.api.wire.workspace_lookup import WORKSPACE, build_workspace_path, require_workspace
from nephoscope.service.own_rules import UnusableRuleError, delete_own_rule, put_own_rule
from nephoscope.service.rules import DELETE, READ, WRITE, switch_rules
from nephoscope.state.rules.rule_switches import RULE
from nephoscope_policy.model.source_location import Place

SURFACE = ApiSurface("Alert rules", "Microsoft.SecurityInsights")
TYPE, TEMPLATES = "Microsoft.SecurityInsights/alertRules", "Microsoft.SecurityInsights/alertRuleTemplates"
_LIST, _TEMPLATES = f"{WORKSPACE}/providers/{TYPE}", f"{WORKSPACE}/providers/{TEMPLATES}"
_ONE = f"{_LIST}/{{ruleId}}"
_OPERATORS = {"gt": "GreaterThan", "lt": "LessThan", "eq": "Equal", "ne": "NotEqual"}
#: Columns that a rule can take the tactics and the severity of an alert from.
_NOT_OVERRIDDEN = {"alertTacticsColumnName": None, "alertSeverityColumnName": None}


@SURFACE.get(_LIST, "AlertRules_List", READ)
def list_(call: ApiCall) -> ApiResponse:
    """List the rules of a workspace: built-in rules, enabled imported rules, and rules that were created here."""
    workspace = require_workspace(call, READ)
    own = {one.id: one for one in _load_own_rules(call).pieces}
    run = [
        build_body(call, workspace, one, own.get(one.id)) for one in _load_rules_of_workspace(call, workspace)
    ]
    others = [
        _to_client_version(call, one) for one in list_documents_at_scope(call, _OTHER, call.path).values()
    ]
    return _slice_page(call, [*others, *run])


@SURFACE.get(_ONE, "AlertRules_Get", READ)
def get(call: ApiCall) -> ApiResponse:
    """Get a rule."""
    workspace = require_workspace(call, READ)
    found = _find_rule(call, workspace)
    if found is None:
        return ApiResponse(kept_one(call, _OTHER))
    return ApiResponse(build_body(call, workspace, found, _find_own_rule(call, found.id)))


@SURFACE.put(_ONE, "AlertRules_CreateOrUpdate", WRITE)
def put(call: ApiCall) -> ApiResponse:
    """Enable or disable a rule of the content, or create or replace a Scheduled or NRT rule."""
    workspace = require_workspace(call, WRITE)
    properties = call.body.get("properties")
    if not isinstance(properties, dict):
        raise make_bad_request_error("The request content has no 'properties'.", "properties")
    switched = is_enabled(properties)
    known = _find_rule(call, workspace)
    kind = _normalize_rule_kind(call.body.get("kind"))
    if known is None and kind in OTHERS:
        return keep_one(call, _OTHER, {**call.body, "kind": kind})
    if known is None or _find_own_rule(call, known.id) is not None:
        _save_own_rule(call, workspace, kind, {**properties, "enabled": switched})
    else:
        _switch_rule(call, workspace, known, properties, enabled=switched)
    changed = _find_rule(call, workspace)
    assert changed is not None
    return ApiResponse(
        build_body(call, workspace, changed, _find_own_rule(call, changed.id)), 200 if known else 201
    )


@SURFACE.delete(_ONE, "AlertRules_Delete", DELETE)
def delete(call: ApiCall) -> ApiResponse:
    """Delete a created rule; built-in and imported rules can only be disabled; 204 if it does not exist."""
    workspace = require_workspace(call, DELETE)
    known = _find_rule(call, workspace)
    if known is None:
        return forget_one(call, _OTHER)
    if _find_own_rule(call, known.id) is None:
        raise ApiError(409, "Conflict", f"The rule {known.id} is part of the content: disable it instead.")
    delete_own_rule(call.service, workspace, known.id)
    return ApiResponse(None)


@SURFACE.get(_TEMPLATES, "AlertRuleTemplates_List", READ)
def list_templates(call: ApiCall) -> ApiResponse:
    """List the rule templates: every built-in rule and every rule of an imported pack, enabled or not."""
    workspace = require_workspace(call, READ)
    return _slice_page(call, [_build_template(call, workspace, one) for one in _list_rules(call)])


@SURFACE.get(f"{_TEMPLATES}/{{alertRuleTemplateId}}", "AlertRuleTemplates_Get", READ)
def get_template(call: ApiCall) -> ApiResponse:
    """Get a rule template: built in, imported, or collected from Azure."""
    workspace, wanted = require_workspace(call, READ), call["alertRuleTemplateId"].lower()
    for one in _list_rules(call):
        if one.id == wanted:
            return ApiResponse(_build_template(call, workspace, one))
    return arm_documents.get_document(call, "alert rule template")


def _check_shape(body: Body) -> None:
    """Fault where a rule of a kind that is not run here is none of that kind."""
    body["properties"] = alert_rule_schemas.NOT_RUN[body["kind"]](body["properties"], "properties")


def _make_rule(call: ApiCall, body: Body, _: Body | None) -> Body:
    """A rule of a kind that is not run here, with what it does not say."""
    properties: Body = {
        "alertRuleTemplateName": None,
        "description": None,
        "lastModifiedUtc": call.instance.now.isoformat(),
    }
    return {
        **body,
        "properties": {
            **properties,
            **OTHERS[body["kind"]],
            **body["properties"],
            "enabled": is_enabled(body["properties"]),
            "lastModifiedUtc": properties["lastModifiedUtc"],
        },
    }


def _build_template_properties(name: str, tactics: str) -> dict[str, object]:
    """Return what a rule takes from the one template of its kind, which Azure lets nobody write."""
    return {
        "displayName": name,
        "description": "A detection of Azure's own: it is kept here and not run.",
        "severity": "High",
        "tactics": tactics.split(),
    }


#: Kinds of rules that Sentinel runs from its own products: kept and given back, and not run here -> what one says that is not put.
#: Source: https://learn.microsoft.com/azure/sentinel/configure-fusion-rules, https://learn.microsoft.com/azure/sentinel/fusion
OTHERS: Mapping[str, dict[str, object]] = {
    "Fusion": _build_template_properties(
        "Advanced Multistage Attack Detection",
        "InitialAccess Execution Persistence PrivilegeEscalation DefenseEvasion CredentialAccess Discovery LateralMovement "
        "Collection Exfiltration CommandAndControl Impact",
    ),
    "MicrosoftSecurityIncidentCreation": {"severitiesFilter": None, "displayNamesFilter": None},
    "MLBehaviorAnalytics": _build_template_properties("Anomalous sign-ins", "InitialAccess"),
    "ThreatIntelligence": _build_template_properties(
        "Microsoft Defender Threat Intelligence Analytics", "Persistence LateralMovement"
    ),
}


def is_enabled(properties: Mapping[str, object]) -> bool:
    """Return whether a rule is switched on; Azure takes a text for the truth value too."""
    given = properties.get("enabled")
    found = {"true": True, "false": False}.get(given.lower(), given) if isinstance(given, str) else given
    if not isinstance(found, bool):
        raise make_bad_request_error("'properties.enabled' must be true or false.", "properties.enabled")
    return found


def _to_client_version(call: ApiCall, body: Body) -> Body:
    """A rule as the version of the client has it: the first told tactics of every kind."""
    first = call.get_query_value("api-version") == "2019-01-01-preview"
    return {**body, "properties": {"tactics": [], **body["properties"]}} if first else body


_OTHER = ArmDocumentKind(
    TYPE,
    "AlertRules",
    "It is stored and not run.",
    WORKSPACE,
    _check_shape,
    _make_rule,
    etag=True,
    shown=_to_client_version,
)


def _slice_page(call: ApiCall, bodies: list[dict[str, object]]) -> ApiResponse:
    start, most = read_page_place(call), call.read_requested_count(1000)
    more = len(bodies) > start + most
    return answer_list(call, bodies[start : start + most], str(start + most) if more else "")


def _load_rules_of_workspace(call: ApiCall, workspace: str) -> tuple[AnalyticRule, ...]:
    return load_rules(call.instance.data, call.instance.state, workspace).rules


def _find_rule(call: ApiCall, workspace: str) -> AnalyticRule | None:
    wanted = call["ruleId"].lower()
    return next((one for one in _load_rules_of_workspace(call, workspace) if one.id == wanted), None)


def _list_rules(call: ApiCall) -> list[AnalyticRule]:
    """Shipped rules and those of packs that can be read, each id once."""
    found = {one.id: one for one in load_shipped_rules().rules}
    for pack in RulePacks(call.instance.data).all():
        for stored in pack.list_pieces(ContentKind.RULE):
            if pack.name != API and stored.standing != RuleAvailability.REFUSED:
                try:
                    rule = AnalyticRule.parse(
                        stored.document, Place(f"{pack.name}:{stored.source}", path=stored.path)
                    )
                except AnalyticRuleError:
                    continue  # `content list` and `content test` tell of it
                found.setdefault(rule.id, rule)
    return list(found.values())


def _load_own_rules(call: ApiCall) -> OwnRules:
    return OwnRules(call.instance.state, call.instance.data)


def _find_own_rule(call: ApiCall, id_: str) -> StoredPiece | None:
    return next((one for one in _load_own_rules(call).pieces if one.id == id_), None)


def _switch_rule(
    call: ApiCall, workspace: str, known: AnalyticRule, properties: dict[str, object], *, enabled: bool
) -> None:
    shown = build_body(call, workspace, known, None)["properties"]
    other = [
        one for one in ("query", "queryFrequency", "queryPeriod", "triggerThreshold") if one in properties
    ]
    changed = next((one for one in other if one in shown and properties[one] != shown[one]), None)
    if changed is not None:
        raise make_bad_request_error(
            f"The rule {known.id} comes with content: {changed} is not changed here, `nephoscope tuning` does; put a rule of "
            "your own under another id.",
            f"properties.{changed}",
        )
    switch_rules(call.service, workspace, {RULE: [known.id]}, enabled=enabled)


def _normalize_rule_kind(given: object) -> object:
    """A kind as it is spelled, whatever case it was given in; what is no kind as it is."""
    return next(
        (
            one
            for one in (RuleKind.SCHEDULED.value, RuleKind.NRT.value, *OTHERS)
            if one.lower() == str(given).lower()
        ),
        given,
    )


def _save_own_rule(call: ApiCall, workspace: str, kind: object, properties: dict[str, object]) -> None:
    id_ = call["ruleId"].lower()
    if kind not in (RuleKind.SCHEDULED, RuleKind.NRT):
        raise make_bad_request_error(
            f"Rules of kind {kind!r} are not supported: use Scheduled or NRT.", "kind"
        )
    properties = alert_rule_schemas.RUN(properties, "properties")
    document = {**properties, "id": id_, "kind": kind}
    name = str(properties.get("displayName") or id_)
    try:
        put_own_rule(call.service, call.instance.lake, workspace, id_, name, document)
    except UnusableRuleError as error:
        if error.lacks:
            raise make_bad_request_error(
                f"{error}.", f"properties.{error.lacks[0]}", "InvalidRule"
            ) from error
        raise make_bad_request_error(str(error), "properties", "InvalidRule") from error


def build_body(call: ApiCall, workspace: str, one: AnalyticRule, own: StoredPiece | None) -> dict[str, Any]:
    """A rule in the shape of the API; one that was put as it was put (`own`)."""
    if own is None:
        properties, etag = (
            {**_describe_rule(one), "enabled": one.enabled, "alertRuleTemplateName": one.id},
            f"{one.version}-{'on' if one.enabled else 'off'}",
        )
    else:
        properties = {name: value for name, value in own.document.items() if name not in ("id", "kind")}
        properties = {"alertRuleTemplateName": None, "lastModifiedUtc": _find_last_change(call), **properties}
        if isinstance(properties.get("alertDetailsOverride"), dict):
            properties["alertDetailsOverride"] = {**_NOT_OVERRIDDEN, **properties["alertDetailsOverride"]}
        etag = own.hash[:16]
    return {
        "id": f"{build_workspace_path(call, workspace)}/alertRules/{one.id}",
        "name": one.id,
        "type": TYPE,
        "kind": one.kind.value,
        "etag": f'"{etag}"',
        "properties": properties,
    }


def _find_last_change(call: ApiCall) -> str:
    """Return when the rules of the API last changed."""
    pack = _load_own_rules(call).pack
    return (pack.imported if pack is not None else call.instance.now).isoformat()


def _build_template(call: ApiCall, workspace: str, one: AnalyticRule) -> dict[str, object]:
    properties = {**_describe_rule(one), "status": "Available", "version": one.version}
    id_ = f"{build_workspace_path(call, workspace)}/alertRuleTemplates/{one.id}"
    return {"id": id_, "name": one.id, "type": TEMPLATES, "kind": one.kind.value, "properties": properties}


def _describe_rule(one: AnalyticRule) -> dict[str, Any]:
    found: dict[str, object] = {
        "displayName": one.name,
        "description": one.description,
        "severity": one.severity.value,
        "query": one.query,
        "tactics": list(one.tactics),
        "techniques": list(one.techniques),
        "suppressionEnabled": one.suppression is not None,
        "suppressionDuration": format_iso_duration(one.suppression or timedelta(hours=5)),
        "entityMappings": [
            {
                "entityType": each.kind,
                "fieldMappings": [{"identifier": key, "columnName": column} for key, column in each.fields],
            }
            for each in one.mappings
            if each.kind
        ],
        "sentinelEntitiesMappings": [
            {"columnName": each.fields[0][1]} for each in one.mappings if not each.kind
        ]
        or None,
        "customDetails": dict(one.custom_details),
        "incidentConfiguration": {"createIncident": one.incidents.create},
        "eventGroupingSettings": {
            "aggregationKind": "AlertPerResult" if one.one_alert_a_row else "SingleAlert"
        },
    }
    if one.kind is RuleKind.SCHEDULED:
        found |= {
            "queryFrequency": format_iso_duration(one.frequency),
            "queryPeriod": format_iso_duration(one.period),
            "triggerOperator": _OPERATORS[one.operator],
            "triggerThreshold": one.threshold,
        }
    return found


def format_iso_duration(span: timedelta) -> str:
    """A span as ISO 8601 has it."""
    hours, rest = divmod(span.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    day = f"{span.days}D" if span.days else ""
    time = "".join(
        f"{count}{unit}" for count, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if count
    )
    return f"P{day}{f'T{time}' if time else ''}" if day or time else "PT0S"

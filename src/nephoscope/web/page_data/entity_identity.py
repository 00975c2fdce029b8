"""Entity identity: risk with its history, sign-ins by place, roles and blast radius of a user or application; risk at an address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nephoscope.access.authenticator import DeniedError
from nephoscope.geolocation.address_databases import GeolocationError
from nephoscope.geolocation.place import NOWHERE, PHRASES, Geolocation
from nephoscope.geolocation.provider import Geolocator
from nephoscope.identity.administrators import HeldRole
from nephoscope.identity.risk_reader import RiskReader, quote_kql_text
from nephoscope.identity.risk_rows import query_lake
from nephoscope.lake.errors import LakeError
from nephoscope.lake.queries.time_span import RowSpan
from nephoscope.model.identity_risk import IdentityKind, RiskDetection, RiskHistoryItem, RiskyIdentity
from nephoscope.service.administrators import list_all_administrators
from nephoscope.service.identity_risk import open_risk_reader
from nephoscope.web.page_data.alert_timeline import STEPS
from nephoscope.web.page_data.sign_in_timeline import SignInPlace, SignInStrip, draw_strip, group_places
from nephoscope.web.visits.request_context import LOGS
from nephoscope_kql.errors import KqlError

if TYPE_CHECKING:
    from nephoscope.web.page_data.named_entity import NamedEntity
    from nephoscope.web.visits.request_context import Visit

#: An account that an alert names is taken for a user's, and may be an application's.
KINDS = {
    "user": tuple(IdentityKind), "application": (IdentityKind.SERVICE_PRINCIPAL, IdentityKind.AGENT), "address": tuple(IdentityKind),
}  # fmt: skip
MOST = 20
_SIGN_INS = """
union isfuzzy=true
    (SigninLogs
    | project TimeGenerated, Id = UserId, Name = UserPrincipalName, IPAddress, Location, AutonomousSystemNumber, ResultType,
        Client = strcat(tostring(DeviceDetail.browser), ' ', tostring(DeviceDetail.operatingSystem))),
    (AADNonInteractiveUserSignInLogs | project TimeGenerated, Id = UserId, Name = UserPrincipalName, IPAddress, Location,
        AutonomousSystemNumber, ResultType, Client = ''),
    (AADServicePrincipalSignInLogs | project TimeGenerated, Id = ServicePrincipalId, Name = ServicePrincipalName, IPAddress, Location,
        AutonomousSystemNumber, ResultType, Client = '')
| where {condition}
| summarize SignIns = count(), Failed = countif(ResultType != '0'), Last = max(TimeGenerated),
    Clients = make_set_if(trim(' ', Client), Client != '', 3), Addresses = make_set(IPAddress, 100)
    by Location, AutonomousSystemNumber, Slot = bin_at(TimeGenerated, {step}s, datetime(1970-01-01))
| top 5000 by Last desc
"""
_BLAST = """
IdentityInfo
| where tolower(AccountObjectId) in ({ids})
| summarize arg_max(TimeGenerated, BlastRadius) by AccountObjectId
"""


@dataclass(frozen=True, slots=True)
class EntityIdentity:
    """Identity facts of an entity, or of the identities that use an address; `error` says what could not be read."""

    risks: Sequence[RiskyIdentity] = ()
    detections: Sequence[RiskDetection] = ()
    history: Sequence[RiskHistoryItem] = ()
    sign_ins: Sequence[SignInPlace] = ()
    strip: SignInStrip | None = None
    roles: Sequence[HeldRole] = ()
    blast: str = ""
    place: Geolocation = NOWHERE
    error: str = ""

    @property
    def origin(self) -> str:
        """Return whose network an address is, in words."""
        return PHRASES.get(self.place.origin, "")


def read_identity(visit: Visit, entity: NamedEntity) -> EntityIdentity | None:
    """Read the identity of an entity; None for a machine, and for who may not read risks or logs."""
    workspace = visit.get_query_value("workspace").lower() or visit.home(LOGS)
    if entity.kind not in KINDS or not workspace or workspace not in visit.workspaces(LOGS):
        return None
    try:
        readable = open_risk_reader(visit.service, visit.instance.lake, workspace)
    except DeniedError:
        return None
    reader = replace(readable, timeout=visit.instance.query_seconds)
    try:
        found = _read_risks(reader, entity)
        places = _read_sign_ins(visit, workspace, entity, found.detections)
        strip = draw_strip(places, visit.since, visit.instance.now, STEPS[visit.span]) if places else None
        return replace(
            found, sign_ins=places, strip=strip, roles=_read_roles(visit, workspace, entity),
            blast=_read_blast(visit, workspace, entity, found.risks), place=_find_geolocation(visit, entity),
        )  # fmt: skip
    except (KqlError, LakeError, GeolocationError) as error:
        return EntityIdentity(error=str(error))


def _read_risks(reader: RiskReader, entity: NamedEntity) -> EntityIdentity:
    kinds, values = KINDS[entity.kind], {one.lower() for one in entity.values}
    if entity.kind == "address":
        several = [
            one for kind in kinds for one in reader.read_detections(kind).values() if one.address in values
        ]
        return EntityIdentity(detections=_sort_newest_first(several))
    risks = [
        one
        for kind in kinds
        for one in reader.read_identities(kind).values()
        if values & {one.key, one.name.lower(), one.app_id.lower()} - {""}
    ]
    several = [one for risk in risks for one in reader.read_detections(risk.kind, [risk.id]).values()]
    history = [one for risk in risks for one in reader.read_history(risk.kind, risk.id)]
    history.sort(key=lambda one: one.identity.updated, reverse=True)
    return EntityIdentity(risks, _sort_newest_first(several), history[:MOST])


def _sort_newest_first(several: Sequence[RiskDetection]) -> list[RiskDetection]:
    return sorted(several, key=lambda one: one.happened, reverse=True)[:MOST]


def _read_sign_ins(
    visit: Visit, workspace: str, entity: NamedEntity, detections: Sequence[RiskDetection]
) -> list[SignInPlace]:
    values = ", ".join(quote_kql_text(one.lower()) for one in entity.values)
    columns = ("IPAddress",) if entity.kind == "address" else ("Id", "Name")
    condition = " or ".join(f"tolower({one}) in ({values})" for one in columns)
    step = round(STEPS[visit.span].total_seconds())
    rows = query_lake(
        visit.instance.lake, _SIGN_INS.format(condition=condition, step=step), workspace,
        span=RowSpan(visit.since, visit.instance.now), timeout=visit.instance.query_seconds,
    )  # fmt: skip
    return group_places(rows, detections, visit.since)


def _read_roles(visit: Visit, workspace: str, entity: NamedEntity) -> list[HeldRole]:
    if entity.kind == "address":
        return []
    values = {one.lower() for one in entity.values}
    listed = list_all_administrators(visit.service, workspace).administrators
    return [
        role
        for one in listed
        if values & {one.id.lower(), one.name.lower(), one.app_id.lower()} - {""}
        for role in one.roles
    ]


def _read_blast(visit: Visit, workspace: str, entity: NamedEntity, risks: Sequence[RiskyIdentity]) -> str:
    if entity.kind != "user":
        return ""
    ids = ", ".join(
        quote_kql_text(one)
        for one in sorted({one.lower() for one in entity.values} | {one.key for one in risks})
    )
    text, timeout = _BLAST.format(ids=ids), visit.instance.query_seconds
    rows = query_lake(visit.instance.lake, text, workspace, timeout=timeout)
    return str(rows[0]["BlastRadius"] or "") if rows else ""


def _find_geolocation(visit: Visit, entity: NamedEntity) -> Geolocation:
    return Geolocator.open(visit.instance.data).locate(entity.name) if entity.kind == "address" else NOWHERE

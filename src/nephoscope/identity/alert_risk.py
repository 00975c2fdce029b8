"""Risk detections from alerts: the identities that an alert names, each with the sign-in that it is about."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from nephoscope.identity.risk_mapping import RiskMapping, RuleMapping
from nephoscope.model.entity import Entity
from nephoscope.model.identity_risk import IdentityKind, RiskDetection

if TYPE_CHECKING:
    from nephoscope.identity.sign_in_lookup import LoggedSignIn, SignInLookup
    from nephoscope.state.incidents.alerts import StoredAlert

_SPACE = uuid.UUID("0d3f0b63-9d0d-5ce1-8c0a-2f1d1b9f6a57")
#: How much longer than its alert an attack is looked for: a rule names the time of its last event.
MARGIN = timedelta(hours=1)
#: Key of the additional information that names the alert of a detection.
_ALERT = "alertUrl"
_NO_AGENT = frozenset({"", "notagentic", "unknownfuturevalue", "0"})


@dataclass(frozen=True, slots=True)
class AlertedIdentity:
    """An identity that an alert names: what the alert is as a detection, the names or ids, and the addresses beside it."""

    alert: StoredAlert
    mapping: RuleMapping
    name: str
    object_id: str
    addresses: frozenset[str]
    app_id: str = ""

    @property
    def span(self) -> tuple[datetime, datetime]:
        """Return when the sign-in was: near the alert, and before its rule ran."""
        return self.alert.started - MARGIN, min(self.alert.ended + MARGIN, self.alert.raised)

    @property
    def detection(self) -> str:
        """Return the id of its detection: of what the alert says alone, so that it is the same when more sign-ins are logged."""
        return compute_detection_id(self.alert.id, self.object_id or self.app_id or self.name)


def find_identities(alerts: Iterable[StoredAlert], mapping: RiskMapping) -> Iterator[AlertedIdentity]:
    """Yield the identities of alerts that are risk detections; alerts that were held back are none."""
    for alert in alerts:
        fitting = () if alert.held_by else mapping.find_rules(alert.rule, alert.severity)
        if not fitting:
            continue
        entities = [Entity.read(one) for one in msgspec.json.decode(alert.document["Entities"] or "[]")]
        addresses = frozenset(one.get("Address") for one in entities if one.kind == "IP")
        # a mapping of applications beside one of users: each has its own entities
        apart = len({one.identity for one in fitting}) > 1
        for found in fitting:
            for one in _select_entities(entities, found.identity, apart=apart):
                name, object_id = _read_name(one), one.get("AadUserId")
                if name or object_id:
                    yield AlertedIdentity(alert, found, name, object_id, addresses, one.get("AppId"))


def _select_entities(entities: list[Entity], kind: IdentityKind, *, apart: bool) -> list[Entity]:
    """Return the entities that are identities of a kind: an alert on an application names its users, too."""
    applications = [one for one in entities if one.kind == "CloudApplication"]
    accounts = [one for one in entities if one.kind == "Account"]
    if apart:
        return accounts if kind is IdentityKind.USER else applications
    return [*accounts, *applications] if kind is IdentityKind.USER else applications or accounts


def make_detection(one: AlertedIdentity, sign_ins: SignInLookup, now: datetime) -> RiskDetection:
    """Return the detection on an identity that an alert names; what no sign-in tells of it stays empty."""
    wanted = one.object_id or one.name
    sign_in = sign_ins.find(wanted, one.addresses, *one.span) if one.mapping.activity != "user" else None
    known = sign_in or sign_ins.identify(wanted)
    identity = one.object_id or (known.identity if known else "") or one.app_id or one.name.lower()
    kind = one.mapping.identity
    if known is not None and kind is IdentityKind.SERVICE_PRINCIPAL and is_agent(known):
        kind = IdentityKind.AGENT
    document = one.alert.document
    address = sign_in.address if sign_in else next(iter(sorted(one.addresses)), "")
    found = RiskDetection(
        id=one.detection, kind=kind, identity=identity, event_type=one.mapping.risk_event_type,
        level=one.mapping.level, timing=one.mapping.timing, activity=one.mapping.activity, address=address,
        happened=sign_in.time if sign_in else min(one.alert.ended, one.alert.raised), detected=one.alert.raised, updated=now,
        techniques=_read_techniques(document.get("Techniques")), reasons=[str(document.get("Description") or one.mapping.name)],
        additional=[{"Key": _ALERT, "Value": f"/alerts/{one.alert.id}"}], name=known.name if known else one.name,
        display_name=known.display if known else "", app_id=known.app_id if known else "",
    )  # fmt: skip
    return add_sign_in(found, sign_in)


def read_alert_path(one: RiskDetection) -> str:
    """Return the path of the alert that a detection is from; '' where it is from none."""
    return next((str(each["Value"]) for each in one.additional if each.get("Key") == _ALERT), "")


def drop_repeated_detections(
    found: Iterable[RiskDetection], kept: Iterable[RiskDetection]
) -> list[RiskDetection]:
    """Return the detections that no other says already: an alert may name an identity twice, as a name and as an id."""
    known = {(read_alert_path(one), one.kind, one.identity.lower()) for one in kept}
    several: list[RiskDetection] = []
    for one in found:
        key = read_alert_path(one), one.kind, one.identity.lower()
        if key not in known:
            known.add(key)
            several.append(one)
    return several


def is_agent(one: LoggedSignIn) -> bool:
    """Return whether a sign-in of a service principal is one of an agent."""
    return one.agent.lower() not in _NO_AGENT


def add_sign_in(one: RiskDetection, sign_in: LoggedSignIn | None) -> RiskDetection:
    """Return a detection with what its sign-in says of it."""
    if sign_in is None:
        return one
    return replace(
        one,
        request=sign_in.id,
        correlation=sign_in.correlation,
        location=sign_in.location or one.location,
        tenant=sign_in.tenant,
    )


def compute_detection_id(*parts: str) -> str:
    """Return the id of a detection: the same of the same parts, so that it is kept once."""
    return str(uuid.uuid5(_SPACE, "\x1f".join(one.lower() for one in parts)))


def _read_name(one: Entity) -> str:
    if one.kind == "CloudApplication":
        return one.get("Name") or one.get("AppId")
    suffix = one.get("UPNSuffix")
    return f"{one.get('Name')}@{suffix}" if suffix else one.get("Name") or one.get("FullName")


def _read_techniques(given: object) -> list[str]:
    """Return the techniques of an alert, whose document holds them as JSON text."""
    if isinstance(given, str) and given.startswith("["):
        given = msgspec.json.decode(given)
    return [str(one) for one in given] if isinstance(given, list) else []

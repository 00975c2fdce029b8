"""An account, a machine, an application or an address that accounts for many alerts of a rule, none of them true."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from nephoscope.alerts.suppression.condition import FIRST, SuppressionCondition
from nephoscope.alerts.tuning.alert_history import PastAlert
from nephoscope.alerts.tuning.rule_case import (
    Proposal,
    SuppressStep,
    TuningCase,
    count_days,
    describe_verdicts,
    format_hours,
)
from nephoscope.model.entity import Entity

LEAST, LEAST_DAYS = 3, 2
"""Alerts, on so many days, that make an entity worth to be left out."""
WHO, PLACES = ("Account", "CloudApplication", "Mailbox"), ("IP", "AzureResource")
MANY, MANY_DAYS = 10, 5
"""Those of an entity that comes from everywhere."""
CROWD = 20
"""Alerts of an address that many people share, as an own way out to the internet: ten of them, on five days."""
FEW = 8
"""Values of another kind, beside the entity itself, that are told in the condition: it is held back only together with them."""
SUBJECTS = ("Account", "Host", "CloudApplication", "Mailbox", "IP", "AzureResource")
#: What an entity of a kind is told by.
FIELDS = {
    "Account": "entities.account.fullName",
    "Host": "entities.host.fullName",
    "CloudApplication": "entities.cloudapplication.appId",
    "Mailbox": "entities.mailbox.mailboxPrimaryAddress",
    "IP": "entities.ip.address",
    "AzureResource": "entities.azureresource.resourceId",
    "Process": "entities.process.commandLine",
}


def advise(case: TuningCase) -> Iterable[Proposal]:
    """The entities, those with the most alerts first; what an earlier one covers is not proposed again."""
    covered: set[str] = set()
    groups = _group_by_entity(case.alerts)
    for entity in sorted(groups, key=lambda one: (-len(groups[one]), SUBJECTS.index(one.kind), one.key)):
        alerts = [one for one in groups[entity] if one.id not in covered]
        found = _propose_suppression(case, entity, alerts)
        if found is not None:
            covered.update(one.id for one in found.hides)
            yield found


def _group_by_entity(alerts: Iterable[PastAlert]) -> dict[Entity, list[PastAlert]]:
    """The alerts by the first entity of each kind in them."""
    groups: dict[Entity, list[PastAlert]] = defaultdict(list)
    for one in alerts:
        for kind in SUBJECTS:
            several = [each for each in one.subject.entities if each.kind == kind]
            # one alert of many rows names one after the other, not one beside the other
            if several and get_entity_value(several[0]) and (len(several) == 1 or one.events == 1):
                groups[several[0]].append(one)
    return groups


def _propose_suppression(case: TuningCase, entity: Entity, alerts: Sequence[PastAlert]) -> Proposal | None:
    harmless = [one for one in alerts if not one.is_untouchable]
    if len(harmless) < LEAST or count_days(harmless) < LEAST_DAYS:
        return None
    beside = _list_shared_conditions(entity, harmless)
    if (
        not beside
        and _has_roaming_account(entity, harmless)
        and (len(harmless) < MANY or count_days(harmless) < MANY_DAYS)
    ):
        return None
    if (
        not beside
        and entity.kind in PLACES
        and _names_actor(harmless)
        and not _is_shared_address(entity, harmless)
    ):
        return None
    conditions = [
        SuppressionCondition(_choose_field(entity, harmless), "equals", (get_entity_value(entity),)),
        *beside,
    ]
    if any(one.is_untouchable and _matches_all(one, conditions) for one in case.alerts):
        return None
    hides = [one for one in case.touchable if _matches_all(one, conditions)]
    name = f"{entity.kind} {entity.title}"
    narrowed = "".join(f", only with {one}" for one in conditions[1:])
    return Proposal(
        SuppressStep(tuple(conditions)),
        f"leave out {name}{narrowed}",
        f"{name} accounts for {len(hides)} of {len(case.alerts)} alerts on {count_days(hides)} days{format_hours(hides)}: "
        f"{describe_verdicts(hides)}",
        tuple(hides),
    )


def _list_shared_conditions(entity: Entity, alerts: Sequence[PastAlert]) -> list[SuppressionCondition]:
    """Return what else all of the alerts speak of, where it is few: the same account from elsewhere is another matter."""
    found = []
    for kind, field in FIELDS.items():
        if kind == entity.kind:
            continue
        several = [[one for one in past.subject.entities if one.kind == kind] for past in alerts]
        values = {get_entity_value(one) for each in several for one in each}
        if all(several) and "" not in values and len(values) <= FEW and len(values) < max(2, len(alerts)):
            found.append(SuppressionCondition(field, "in", tuple(sorted(values))))
    return found


def _choose_field(entity: Entity, alerts: Sequence[PastAlert]) -> str:
    """The field that tells the entity; the first of its kind where the alerts name several."""
    field = FIELDS[entity.kind]
    kind, _, identifier = field.rpartition(".")
    alone = all(sum(one.kind == entity.kind for one in past.subject.entities) == 1 for past in alerts)
    return field if alone else f"{kind}{FIRST}.{identifier}"


def _names_actor(alerts: Sequence[PastAlert]) -> bool:
    """Return whether the alerts say who acts: whoever else comes by an address, or acts on a resource, is another matter."""
    return any(one.kind in WHO for past in alerts for one in past.subject.entities)


def _is_shared_address(entity: Entity, alerts: Sequence[PastAlert]) -> bool:
    """Return whether it is an address that many people come from, day by day, so that the rule takes them for one."""
    people = {one.key for past in alerts for one in past.subject.entities if one.kind in WHO}
    return (
        entity.kind == "IP"
        and len(alerts) >= CROWD
        and len(people) >= MANY
        and count_days(alerts) >= MANY_DAYS
    )


def _has_roaming_account(entity: Entity, alerts: Sequence[PastAlert]) -> bool:
    """Return whether the alerts come from anywhere: one from a new address may be somebody else."""
    return entity.kind != "IP" and any(one.kind == "IP" for past in alerts for one in past.subject.entities)


def _matches_all(one: PastAlert, conditions: Sequence[SuppressionCondition]) -> bool:
    return all(each.is_met(one.subject) for each in conditions)


def get_entity_value(entity: Entity) -> str:
    """Return the value of the field that an entity is told by, '' where it has none."""
    field = FIELDS[entity.kind].rpartition(".")[2]
    if field == "fullName":
        return entity.title
    return next((value for name, value in entity.identifiers if name.lower() == field.lower()), "")

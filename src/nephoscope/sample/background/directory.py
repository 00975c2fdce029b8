"""The directory changes: starters and leavers, passwords, guests, devices, groups, roles through PIM, secrets that are renewed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from nephoscope.sample.company_calendar import draw_random_moment, get_change_window, get_day_name, is_weekend
from nephoscope.sample.log_entry import SampleEntry
from nephoscope.sample.records.entra import write_directory_audit
from nephoscope.sample.staff_presence import list_leavers, list_starters, plan_presence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from nephoscope.sample.company import Company, Person
    from nephoscope.sample.seeded_random import Dice


def generate_day(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """The changes of a day."""
    desk = company.locate_office("Rotterdam").address
    helper = _choose_helper(company, day)
    for person in list_starters(company, day):
        yield from _write_starter_events(company, person, helper, desk, day, dice)
    for person in list_leavers(company, day):
        moment = draw_random_moment(day, dice, 16.5, 18)
        for operation in ("Disable account", "Remove member from group", "Update user"):
            yield write_directory_audit(
                company,
                dice,
                moment,
                operation=operation,
                category="UserManagement",
                user=helper,
                address=desk,
                target=person.upn,
                target_id=person.id,
            )
            moment += timedelta(seconds=30)
    yield from _generate_self_service(company, day, dice)
    if is_weekend(day):
        return
    for _ in range(dice.times(3)):
        person = dice.choice(company.people)
        yield write_directory_audit(
            company, dice, draw_random_moment(day, dice, 8, 17), operation="Reset user password", category="UserManagement",
            user=helper, address=desk,
            target=person.upn, target_id=person.id,
        )  # fmt: skip
    for _ in range(dice.times(6)):
        yield write_directory_audit(
            company, dice, draw_random_moment(day, dice, 8, 17), operation="Add member to group", category="GroupManagement",
            user=helper, address=desk,
            target=dice.choice(company.people).upn, changes={"Group.DisplayName": "sg-booking-desk"},
        )  # fmt: skip
    yield from _list_administrators(company, day, dice)


def _choose_helper(company: Company, day: date) -> Person:
    """Return who sits at the service desk: the administrators of identities take turns."""
    return company.person(f"adm-id-{1 + day.toordinal() % 2}")


def _write_starter_events(
    company: Company, person: Person, helper: Person, desk: str, day: date, dice: Dice
) -> Iterator[SampleEntry]:
    moment = draw_random_moment(day, dice, 7, 8.2)
    for operation, category in (
        ("Add user", "UserManagement"),
        ("Add member to group", "GroupManagement"),
        ("Update user", "UserManagement"),
    ):
        yield write_directory_audit(
            company,
            dice,
            moment,
            operation=operation,
            category=category,
            user=helper,
            address=desk,
            target=person.upn,
            target_id=person.id,
        )
        moment += timedelta(seconds=20)
    moment += timedelta(minutes=50)
    for operation in ("Add device", "Add registered owner to device", "Register device"):
        yield write_directory_audit(company, dice, moment, operation=operation, category="Device", user=person,
        address=company.locate_office(person.office).address,
                    target=f"LAPTOP-{person.device[:6].upper()}", target_id=person.device, kind="Device")  # fmt: skip
    yield write_directory_audit(
        company, dice, moment + timedelta(minutes=2), operation="User registered security info", category="UserManagement",
        user=person,
        address=company.locate_office(person.office).address, target=person.upn, target_id=person.id,
    )  # fmt: skip


def _generate_self_service(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """People change passwords and phones themselves."""
    for _ in range(dice.times(8)):
        person = dice.choice(company.people)
        where = plan_presence(company, person, day)
        if where is None:
            continue
        operation = dice.choice(
            (
                "Change user password",
                "Change user password",
                "Reset password (self-service)",
                "User registered security info",
            )
        )
        yield write_directory_audit(
            company, dice, draw_random_moment(day, dice, 8, 18, company.get_zone(person.office)), operation=operation,
            category="UserManagement", user=person,
            address=where.desk.address, target=person.upn, target_id=person.id,
        )  # fmt: skip


def _list_administrators(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    for person in company.people:
        where = plan_presence(company, person, day) if person.kind == "administrator" else None
        if where is None or not dice.is_chosen(0.45):
            continue
        moment = draw_random_moment(day, dice, 8, 16, company.get_zone(person.office))
        for operation in (
            "Add member to role requested (PIM activation)",
            "Add member to role completed (PIM activation)",
        ):
            yield write_directory_audit(
                company, dice, moment, operation=operation, category="RoleManagement", user=person,
                address=where.desk.address, target="Contributor",
                kind="Role", changes={"RoleDefinitionOriginType": "BuiltInRole"}, reason="platform work",
            )  # fmt: skip
            moment += timedelta(seconds=4)
    if dice.is_chosen(0.4):
        yield write_directory_audit(
            company, dice, draw_random_moment(day, dice, 9, 16), operation="Invite external user", category="UserManagement",
            user=company.person("adm-booking-1"),
            address=company.locate_office("Rotterdam").address,
            target=f"clerk{dice.randrange(400)}_{company.facts['partner']}#EXT#@{company.facts['domain']}",
        )  # fmt: skip
    window = get_change_window(company, day)
    if window and get_day_name(day) == "Tue":
        app = dice.choice(company.applications)
        yield write_directory_audit(
            company, dice, draw_random_moment(day, dice, *window),
            operation="Update application - Certificates and secrets management",
            category="ApplicationManagement", user=company.person("adm-id-1"), address=company.vpn.address, target=app.name,
            target_id=app.id,
            kind="Application", changes={"KeyDescription": "renewed"},
        )  # fmt: skip

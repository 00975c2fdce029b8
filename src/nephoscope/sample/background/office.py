"""People work with documents and mail; now and then something is shared with a partner or sorted by a rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.sample.company_calendar import draw_random_moment
from nephoscope.sample.log_entry import SampleEntry
from nephoscope.sample.records.office import write_file_operation, write_mailbox_operation
from nephoscope.sample.staff_presence import plan_presence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from nephoscope.sample.company import Company
    from nephoscope.sample.seeded_random import Dice

_ITEMS = (
    "schedule.xlsx",
    "tariff-2026.xlsx",
    "customs-form.docx",
    "stowage.pdf",
    "minutes.docx",
    "claims.xlsx",
    "yard-plan.vsdx",
)


def generate_day(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """Yield what was done with documents and mail on a day."""
    for person in company.people:
        where = plan_presence(company, person, day) if person.kind == "employee" else None
        if where is None:
            continue
        zone, address = company.get_zone(person.office), where.desk.address
        for _ in range(dice.times(2.5)):
            operation = dice.choices(
                ("FileAccessed", "FileModified", "FileDownloaded", "FileUploaded"), (60, 25, 10, 5)
            )[0]
            yield write_file_operation(
                company, dice, draw_random_moment(day, dice, 8, 17.5, zone), user=person, address=address, operation=operation,
                site=person.department, item=dice.choice(_ITEMS),
            )  # fmt: skip
        if dice.is_chosen(0.3):
            yield write_mailbox_operation(
                company, dice, draw_random_moment(day, dice, 8, 17.5, zone), user=person, address=address
            )
        if person.department in ("booking", "sales") and dice.is_chosen(0.04):
            target = f"clerk{dice.randrange(40)}_{company.facts['partner']}#EXT#"
            yield write_file_operation(
                company, dice, draw_random_moment(day, dice, 9, 17, zone), user=person, address=address,
                operation="SharingInvitationCreated",
                site=person.department, item=dice.choice(_ITEMS), target=target,
            )  # fmt: skip
        if dice.is_chosen(0.004):
            rule = {"Name": "Newsletters", "SubjectContainsWords": "newsletter", "MoveToFolder": "Archive"}
            yield write_mailbox_operation(
                company,
                dice,
                draw_random_moment(day, dice, 9, 17, zone),
                user=person,
                address=address,
                operation="New-InboxRule",
                parameters=rule,
            )
        if dice.is_chosen(0.01):
            # who leaves a project takes its folder along
            for number in range(dice.randrange(15, 60)):
                yield write_file_operation(
                    company, dice, draw_random_moment(day, dice, 14, 14.3, zone), user=person, address=address,
                    operation="FileDownloaded",
                    site=person.department, item=f"project-{number}.docx",
                )  # fmt: skip

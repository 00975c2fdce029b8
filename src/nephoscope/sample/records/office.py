"""The audit log of Microsoft 365, as its Management Activity interface gives it.

Source: https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-schema
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.sample.log_entry import SampleEntry

if TYPE_CHECKING:
    from nephoscope.sample.company import Company, Person
    from nephoscope.sample.seeded_random import Dice

_SITE = "https://brackwater.sharepoint.com/sites/"


def write_file_operation(
    company: Company,
    dice: Dice,
    time: datetime,
    *,
    user: Person,
    address: str,
    operation: str = "FileAccessed",
    site: str = "booking",
    item: str = "schedule.xlsx",
    target: str = "",
    agent: str = "",
) -> SampleEntry:
    """Return what somebody did with a document; `target` is whom it was shared with."""
    folder = f"{_SITE}{site}/Shared Documents"
    more: dict[str, object] = (
        {"TargetUserOrGroupName": target, "TargetUserOrGroupType": "Guest"} if target else {}
    )
    record = _build_common_fields(company, dice, time, user, address, operation) | {
        "RecordType": 14 if target else 6,
        "Workload": "SharePoint",
        "ObjectId": f"{folder}/{item}",
        "SiteUrl": f"{_SITE}{site}/",
        "SourceRelativeUrl": "Shared Documents",
        "SourceFileName": item,
        "SourceFileExtension": item.rpartition(".")[2],
        "UserAgent": agent or user.agent,
        "EventSource": "SharePoint",
        "ItemType": "File",
    }
    return SampleEntry(time, "office", record | more)


def write_mailbox_operation(
    company: Company,
    dice: Dice,
    time: datetime,
    *,
    user: Person,
    address: str,
    operation: str = "MailItemsAccessed",
    parameters: dict[str, str] | None = None,
) -> SampleEntry:
    """Return what somebody did with a mailbox; `parameters` are those of the command."""
    record = _build_common_fields(company, dice, time, user, address, operation) | {
        "RecordType": 1 if parameters else 2,
        "Workload": "Exchange",
        "ObjectId": user.upn,
        "MailboxOwnerUPN": user.upn,
        "OrganizationName": company.facts["domain"],
        "ExternalAccess": False,
        "Parameters": [{"Name": name, "Value": value} for name, value in (parameters or {}).items()],
    }
    return SampleEntry(time, "office", record)


def _build_common_fields(
    company: Company, dice: Dice, time: datetime, user: Person, address: str, operation: str
) -> dict[str, object]:
    return {
        "CreationTime": f"{time:%Y-%m-%dT%H:%M:%S}",
        "Id": dice.guid(),
        "Operation": operation,
        "OrganizationId": company.tenant,
        "ResultStatus": "Succeeded",
        "UserKey": user.id,
        "UserType": 0,
        "Version": 1,
        "ClientIP": address,
        "UserId": user.upn,
    }


RECORDS = {"file": write_file_operation, "mailbox": write_mailbox_operation}

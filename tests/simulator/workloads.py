"""What programs and administrators do: service principals and agents sign in, administrators change the directory and Azure."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.simulator import networks
from tests.simulator.calendar import Calendar
from tests.simulator.daily_life import office_spot
from tests.simulator.networks import locate
from tests.simulator.organization import Organization, Person, Workload, stream
from tests.simulator.records import Recorder, as_user, target

DIRECTORY = (
    ("Update user", "UserManagement", "User"),
    ("Reset user password", "UserManagement", "User"),
    ("Add member to group", "GroupManagement", "Group"),
    ("Remove member from group", "GroupManagement", "Group"),
    ("Add user", "UserManagement", "User"),
)
RESOURCES = (
    (
        "Microsoft.Compute/virtualMachines/write",
        "/resourceGroups/apps/providers/Microsoft.Compute/virtualMachines/web-{}",
    ),
    (
        "Microsoft.Resources/deployments/write",
        "/resourceGroups/apps/providers/Microsoft.Resources/deployments/deploy-{}",
    ),
    (
        "Microsoft.Network/networkSecurityGroups/write",
        "/resourceGroups/net/providers/Microsoft.Network/networkSecurityGroups/nsg-{}",
    ),
    (
        "Microsoft.Storage/storageAccounts/listKeys/action",
        "/resourceGroups/data/providers/Microsoft.Storage/storageAccounts/store{}",
    ),
)


def run_workload(
    organization: Organization, calendar: Calendar, start: datetime, workload: Workload, day: int
) -> Recorder:
    """Give the sign-ins of a service principal or an agent on a day."""
    recorder = Recorder(organization, "workload", workload.id, day)
    rng = stream(organization.seed, "workload", workload.id, day)
    first, moved = calendar.relocations.get(workload.id, (calendar.days, workload.network))
    network = moved if day >= first else workload.network
    hour = rng.random() * workload.every_hours
    while hour < 24:
        spot = locate(network, workload.id, rng.randrange(workload.addresses))
        recorder.workload(
            start + timedelta(days=day, hours=hour), workload, spot, rng.choice(workload.resources)
        )
        hour += workload.every_hours * rng.uniform(0.8, 1.2)
    return recorder


def administer(
    organization: Organization, calendar: Calendar, start: datetime, admin: Person, day: int
) -> Recorder:
    """Give what an administrator changes on a day in the directory and in Azure."""
    recorder = Recorder(organization, "admin", admin.id, day)
    rng = stream(organization.seed, "admin", admin.id, day)
    if (start + timedelta(days=day)).weekday() >= 5 or calendar.is_away(admin.upn, day):
        return recorder
    spot = office_spot(calendar, admin.office, admin, day)
    for _ in range(rng.randint(0, 6)):
        when = start + timedelta(days=day, hours=rng.uniform(9.5, 16.5) - admin.utc_offset)
        if rng.random() < 0.5:
            operation, category, kind = rng.choice(DIRECTORY)
            other = rng.choice(organization.people)
            entry = target(kind, other.id, other.name, upn=other.upn if kind == "User" else "")
            recorder.audit(when, operation, category, as_user(admin, spot), [entry])
        else:
            operation, resource = rng.choice(RESOURCES)
            recorder.activity(when, admin, spot, operation, resource.format(rng.randrange(8)))
    if day == calendar.reset and admin is organization.admins[0]:
        _expire_passwords(organization, recorder, start + timedelta(days=day, hours=1), admin)
    _rotate_secrets(organization, calendar, recorder, start, admin, day)
    return recorder


def _expire_passwords(organization: Organization, recorder: Recorder, when: datetime, admin: Person) -> None:
    """Record a mass reset: one entry for each user within minutes."""
    spot = locate(networks.OFFICES[admin.office], "egress", 0)
    for number, person in enumerate(organization.employees):
        recorder.audit(
            when + timedelta(seconds=2 * number),
            "Reset user password",
            "UserManagement",
            as_user(admin, spot),
            [target("User", person.id, person.name, {"ForceChangePassword": [True]}, person.upn)],
        )


def _rotate_secrets(
    organization: Organization,
    calendar: Calendar,
    recorder: Recorder,
    start: datetime,
    admin: Person,
    day: int,
) -> None:
    """Record the owner of a workload renewing its secret each fourth week."""
    owner = organization.admins[1]
    for number, workload in enumerate(organization.workloads):
        if admin is owner and day % 28 == number * 3 % 28:
            recorder.audit(
                start + timedelta(days=day, hours=10 + number * 0.1 - admin.utc_offset),
                "Update application – Certificates and secrets management ",
                "ApplicationManagement",
                as_user(admin, office_spot(calendar, admin.office, admin, day)),
                [target("Application", workload.app_id, workload.name, {"KeyDescription": ["rotated"]})],
            )

"""The platform is worked on: pipelines deploy, machines stop and start, administrators change rules in their windows, jobs run."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from nephoscope.sample.company import Application, SampleResource
from nephoscope.sample.company_calendar import (
    build_local_moment,
    draw_random_moment,
    get_change_window,
    is_patch_night,
    is_weekend,
    release_day,
    repeat_moments,
)
from nephoscope.sample.log_entry import SampleEntry
from nephoscope.sample.records.azure import write_activity
from nephoscope.sample.staff_presence import plan_presence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from nephoscope.sample.company import Company, Person
    from nephoscope.sample.seeded_random import Dice

_OWNED = {"pipeline-booking": "booking", "pipeline-erp": "erp", "pipeline-data": "data"}
_DEPLOYED = {
    "microsoft.web/sites": "Microsoft.Web/sites/config/write",
    "microsoft.storage/storageaccounts": "Microsoft.Storage/storageAccounts/write",
    "microsoft.containerservice/managedclusters": "Microsoft.ContainerService/managedClusters/write",
    "microsoft.keyvault/vaults": "Microsoft.KeyVault/vaults/write",
    "microsoft.servicebus/namespaces": "Microsoft.ServiceBus/namespaces/queues/write",
    "microsoft.sql/servers/databases": "Microsoft.Sql/servers/databases/write",
}


def generate_day(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """Yield what was done with resources on a day."""
    yield from _list_pipelines(company, day, dice)
    yield from _generate_nightly_copy(company, day, dice)
    yield from _generate_automation_runs(company, day, dice)
    yield from _generate_policy_events(company, day, dice)
    if not is_weekend(day):
        yield from _list_administrators(company, day, dice)
    window = get_change_window(company, day)
    if window:
        yield from _generate_approved_change(company, day, window, dice)


def _list_pipelines(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    agents = company.facts["agents"]["address"]
    for app in company.applications:
        word = _OWNED[app.name]
        mine = [one for one in company.resources if one.type in _DEPLOYED and word in one.group]
        runs = dice.times(2 if is_weekend(day) else 24 if release_day(company, day) else 9)
        for _ in range(runs):
            moment = draw_random_moment(day, dice, 7, 19)
            group = f"/subscriptions/{mine[0].subscription}/resourceGroups/{mine[0].group}"
            deployment = f"{group}/providers/Microsoft.Resources/deployments/release-{dice.randrange(10**6)}"
            yield from _write_operation(
                company, app, "Microsoft.Resources/deployments/write", deployment, moment, agents, dice
            )
            for one in dice.sample(mine, min(len(mine), dice.randrange(1, 5))):
                moment += timedelta(seconds=dice.randrange(3, 40))
                yield from _write_operation(company, app, _DEPLOYED[one.type], one.id, moment, agents, dice)
            accounts = [one for one in mine if one.type == "microsoft.storage/storageaccounts"]
            if accounts and dice.is_chosen(0.5):
                account = dice.choice(accounts)
                yield write_activity(
                    company,
                    dice,
                    moment,
                    caller=app,
                    operation="Microsoft.Storage/storageAccounts/listKeys/action",
                    resource=account.id,
                    address=agents,
                )


def _write_operation(
    company: Company,
    who: Application | Person,
    operation: str,
    resource: str,
    moment: datetime,
    address: str,
    dice: Dice,
    body: str = "",
) -> Iterator[SampleEntry]:
    """An operation as the log has it: its start and its end under one correlation id."""
    correlation = dice.guid()
    yield write_activity(
        company,
        dice,
        moment,
        caller=who,
        operation=operation,
        resource=resource,
        address=address,
        result="Start",
        body=body,
        correlation=correlation,
    )
    end = moment + timedelta(seconds=dice.randrange(1, 20))
    yield write_activity(
        company,
        dice,
        end,
        caller=who,
        operation=operation,
        resource=resource,
        address=address,
        body=body,
        correlation=correlation,
    )


def _generate_nightly_copy(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """Each night a pipeline makes a copy of the booking system for its tests, and deletes it again."""
    if is_weekend(day):
        return
    app, agents = company.applications[0], company.facts["agents"]["address"]
    subscription = company.resources_by_name["aks-dev"].subscription
    group = f"/subscriptions/{subscription}/resourceGroups/rg-e2e-{day:%m%d}"
    made = {
        "Microsoft.Storage/storageAccounts": f"ste2e{day:%m%d}",
        "Microsoft.Web/sites": f"app-e2e-{day:%m%d}",
        "Microsoft.Network/virtualNetworks": f"vnet-e2e-{day:%m%d}",
        "Microsoft.Sql/servers": f"sql-e2e-{day:%m%d}",
    }
    moment = draw_random_moment(day, dice, 1, 1.5)
    yield from _write_operation(
        company, app, "Microsoft.Resources/subscriptions/resourceGroups/write", group, moment, agents, dice
    )
    for kind, name in made.items():
        yield from _write_operation(
            company,
            app,
            f"{kind}/write",
            f"{group}/providers/{kind}/{name}",
            moment + timedelta(minutes=2),
            agents,
            dice,
        )
    moment += timedelta(minutes=dice.randrange(40, 80))
    for kind, name in made.items():
        moment += timedelta(seconds=dice.randrange(4, 30))
        yield from _write_operation(
            company, app, f"{kind}/delete", f"{group}/providers/{kind}/{name}", moment, agents, dice
        )
    yield from _write_operation(
        company,
        app,
        "Microsoft.Resources/subscriptions/resourceGroups/delete",
        group,
        moment + timedelta(minutes=1),
        agents,
        dice,
    )


def _generate_automation_runs(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """The automation account stops machines of development in the evening and starts them again; backups run at night."""
    one = company.resources_by_name["aa-bwf-operations"]
    robot = Application(one.principal, one.principal, one.name)
    address = "20.86.12.88"
    for machine in company.machines:
        if "-dev-" in machine.name or "-test-" in machine.name:
            for hour, word in ((6.5, "start"), (20.0, "deallocate")):
                moment = build_local_moment(day, hour) + timedelta(seconds=dice.randrange(300))
                operation = f"Microsoft.Compute/virtualMachines/{word}/action"
                yield from _write_operation(
                    company, robot, operation, machine.resource.id, moment, address, dice
                )
    if is_patch_night(company, day):
        for machine in company.machines:
            if machine.resource.type == "microsoft.compute/virtualmachines":
                moment = build_local_moment(day, 22) + timedelta(seconds=dice.randrange(7200))
                for word in ("assessPatches", "installPatches"):
                    operation = f"Microsoft.Compute/virtualMachines/{word}/action"
                    yield from _write_operation(
                        company, robot, operation, machine.resource.id, moment, address, dice
                    )
    for vault in company.list_resources("microsoft.recoveryservices/vaults"):
        moment = draw_random_moment(day, dice, 22.5, 23.8)
        operation = "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/backup/action"
        yield from _write_operation(company, robot, operation, vault.id, moment, address, dice)


def _generate_policy_events(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """Yield what Azure Policy notes of deployments, and what the platform reports."""
    watcher = Application(
        "00000000-0000-0000-0000-000000000000", "1d78a85d-813d-46f0-b496-dd72f50a3ec0", "Azure Policy"
    )
    for moment in repeat_moments(day, 20, dice, 1):
        one = dice.choice(company.resources)
        yield write_activity(
            company, dice, moment, caller=watcher, operation="Microsoft.Authorization/policies/auditIfNotExists/action",
            resource=one.id, address="",
            category="Policy",
        )  # fmt: skip


def _list_administrators(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """Administrators of a subscription look and change by day: tags, sizes, alert rules, tickets; a few are refused."""
    for person in company.people:
        where = plan_presence(company, person, day) if person.kind in ("administrator", "developer") else None
        if where is None:
            continue
        mine = _list_assigned_resources(company, person)
        for _ in range(dice.times(2.5)):
            one = dice.choice(mine)
            moment = draw_random_moment(day, dice, 8, 17, company.get_zone(person.office))
            operation = dice.choice(
                ("Microsoft.Resources/tags/write", "Microsoft.Insights/metricAlerts/write",
                "Microsoft.Support/supportTickets/write",
                 "Microsoft.Portal/dashboards/write", "Microsoft.Web/sites/restart/action",
                 "Microsoft.Compute/virtualMachines/restart/action")
            )  # fmt: skip
            yield from _write_operation(company, person, operation, one.id, moment, where.desk.address, dice)
        if dice.is_chosen(0.06):
            yield write_activity(
                company, dice, draw_random_moment(day, dice, 9, 17), caller=person, operation="Microsoft.KeyVault/vaults/write",
                resource=company.resources_by_name["kv-bwf-cmk"].id,
                address=where.desk.address, result="Failure", role="Reader",
            )  # fmt: skip


def _list_assigned_resources(company: Company, person: Person) -> list[SampleResource]:
    """The resources that somebody works on, by the second word of the account."""
    word = [*person.account.split("-"), "dev"][1]
    known = {"mgmt": "mgmt", "net": "hub", "id": "-id", "lab": "sbx"}
    found = [one for one in company.resources if known.get(word, word) in one.group]
    return found or [one for one in company.resources if "dev" in one.group]


def _generate_approved_change(
    company: Company, day: date, window: tuple[float, float], dice: Dice
) -> Iterator[SampleEntry]:
    """Yield what the change board allowed: rules of networks, roles, settings; by the two network administrators and one owner."""
    network, owner = company.person(f"adm-net-{1 + day.toordinal() % 2}"), company.person("adm-mgmt-1")
    address = company.vpn.address
    for _ in range(dice.randrange(1, 4)):
        acl = dice.choice(company.list_resources("microsoft.network/networksecuritygroups"))
        rule = f"{acl.id}/securityRules/allow-chg-{dice.randrange(10000)}"
        body = (
            '{"properties":{"access":"Allow","direction":"Inbound",'
            '"sourceAddressPrefix":"10.20.0.0/16","destinationPortRange":"443"}}'
        )
        operation = "Microsoft.Network/networkSecurityGroups/securityRules/write"
        yield from _write_operation(
            company, network, operation, rule, draw_random_moment(day, dice, *window), address, dice, body
        )
    if dice.is_chosen(0.4):
        scope = dice.choice(company.list_resources("microsoft.keyvault/vaults"))
        assignment = f"{scope.id}/providers/Microsoft.Authorization/roleAssignments/{dice.guid()}"
        body = (
            '{"properties":{"roleDefinitionId":"/providers/Microsoft.Authorization/roleDefinitions/'
            '4633458b-17de-408a-b874-0445c86b69e6","principalId":"'
            + dice.guid()
            + '","principalType":"Group"}}'
        )
        yield from _write_operation(
            company,
            owner,
            "Microsoft.Authorization/roleAssignments/write",
            assignment,
            draw_random_moment(day, dice, *window),
            address,
            dice,
            body,
        )

"""Logs of machines: logons to the domain, services and processes, cron and sudo, the terminals' firewall, the clusters."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from nephoscope.sample.company_calendar import (
    build_local_moment,
    draw_random_moment,
    is_patch_night,
    is_weekend,
    release_day,
    repeat_moments,
)
from nephoscope.sample.log_entry import SampleEntry
from nephoscope.sample.records.hosts import (
    DOMAIN,
    write_appliance_connection,
    write_kubernetes_request,
    write_logon,
    write_process_event,
    write_syslog_message,
    write_windows_event,
)
from nephoscope.sample.staff_presence import list_starters, plan_presence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from nephoscope.sample.company import Company, Machine
    from nephoscope.sample.seeded_random import Dice

_SERVICES = r"C:\Windows\System32\services.exe"
_SCHEDULER = r"C:\Windows\System32\svchost.exe"
"""The process that runs scheduled tasks: a shell that the service control manager starts is an attack."""
_EXPLORER = r"C:\Windows\explorer.exe"
_PROCESSES = (
    (_SCHEDULER, r"C:\Windows\System32\svchost.exe -k netsvcs -p", _SERVICES),
    (r"C:\Windows\System32\taskhostw.exe", "taskhostw.exe", _SCHEDULER),
    (r"C:\Program Files\Brackwater\Erp\worker.exe", "worker.exe --queue invoices", _SERVICES),
    (
        r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe",
        r"powershell.exe -NoProfile -File C:\ops\inventory.ps1",
        _SCHEDULER,
    ),
    (r"C:\Windows\System32\cmd.exe", r"cmd.exe /c C:\ops\rotate-logs.cmd", _SCHEDULER),
    (r"C:\Windows\System32\robocopy.exe", r"robocopy D:\edi \\vm-erp-archive-01\in /MIR", _SCHEDULER),
)
_CRON = (
    "(root) CMD (/usr/lib/apt/apt.systemd.daily install)",
    "(root) CMD (run-parts /etc/cron.hourly)",
    "(edi) CMD (/opt/edi/poll.sh)",
)


def generate_day(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """Yield what machines wrote on a day."""
    yield from _generate_domain_logons(company, day, dice)
    for machine in company.machines:
        yield from (
            _list_windows(company, machine, day, dice)
            if machine.windows
            else _generate_linux_logs(company, machine, day, dice)
        )
    yield from _generate_jump_host_attack(company, day, dice)
    yield from _list_terminals(company, day, dice)
    yield from _generate_cluster_logs(company, day, dice)


def _generate_domain_logons(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """Everybody logs on at the controllers in the morning."""
    for person in company.people:
        where = plan_presence(company, person, day) if person.kind != "guest" else None
        if where is None:
            continue
        controller = company.machine(dice.choice(("vm-dc-01", "vm-dc-02")))
        moment = draw_random_moment(day, dice, 7, 10, company.get_zone(person.office))
        address = (
            f"10.{120 + sum(person.office.encode()) % 100}.{dice.randrange(1, 20)}.{dice.randrange(10, 250)}"
        )
        for _ in range(dice.choice((1, 2)) if dice.is_chosen(0.04) else 0):
            yield write_logon(
                company, dice, moment, machine=controller, user=person.account, address=address, failed=True
            )
            moment += timedelta(seconds=15)
        yield write_logon(company, dice, moment, machine=controller, user=person.account, address=address)
    for person in list_starters(company, day):
        data = {
            "TargetUserName": person.account,
            "TargetDomainName": DOMAIN,
            "SubjectUserName": "svc-sync",
            "SubjectDomainName": DOMAIN,
        }
        yield write_windows_event(
            company,
            dice,
            draw_random_moment(day, dice, 7, 7.5),
            machine=company.machine("vm-dc-01"),
            event=4720,
            data=data,
        )


def _list_windows(company: Company, machine: Machine, day: date, dice: Dice) -> Iterator[SampleEntry]:
    for moment in repeat_moments(day, 30, dice, 1):
        yield write_logon(
            company,
            dice,
            moment,
            machine=machine,
            user="svc-backup" if dice.is_chosen(0.2) else "svc-erp",
            kind=5,
        )
        image, line, parent = dice.choice(_PROCESSES)
        yield write_process_event(
            company,
            dice,
            moment + timedelta(seconds=2),
            machine=machine,
            user="svc-erp",
            image=image,
            line=line,
            parent=parent,
        )
    if not is_weekend(day) and dice.is_chosen(0.3):
        person = company.person(dice.choice(("adm-erp-1", "adm-erp-2", "adm-mgmt-1")))
        moment = draw_random_moment(day, dice, 9, 16)
        yield write_logon(
            company, dice, moment, machine=machine, user=person.account, address="10.10.2.8", kind=10
        )
        image = r"C:\Windows\System32\mmc.exe"
        yield write_process_event(
            company,
            dice,
            moment + timedelta(minutes=1),
            machine=machine,
            user=person.account,
            image=image,
            line="mmc.exe services.msc",
            parent=_EXPLORER,
        )
    if is_patch_night(company, day):
        moment = build_local_moment(day, 22) + timedelta(minutes=dice.randrange(120))
        line = r"C:\Windows\servicing\TrustedInstaller.exe"
        yield write_process_event(
            company, dice, moment, machine=machine, user=f"{machine.name.upper()}$", image=line
        )
        yield write_windows_event(
            company,
            dice,
            moment + timedelta(minutes=9),
            machine=machine,
            event=1100,
            data={},
            provider="Microsoft-Windows-Eventlog",
        )


def _generate_linux_logs(company: Company, machine: Machine, day: date, dice: Dice) -> Iterator[SampleEntry]:
    for moment in repeat_moments(day, 60, dice, 1):
        yield write_syslog_message(
            company, dice, moment, host=machine.name, process="CRON", text=dice.choice(_CRON), priority=78
        )
    for moment in repeat_moments(day, 360, dice, 1):
        yield write_syslog_message(
            company, dice, moment, host=machine.name, process="sshd",
            text=f"Accepted publickey for svc-deploy from 10.10.2.9 port {dice.randrange(30000, 60000)} ssh2: ED25519",
        )  # fmt: skip
        yield write_syslog_message(
            company,
            dice,
            moment,
            host=machine.name,
            process="sudo",
            text="svc-deploy : TTY=unknown ; PWD=/opt ; USER=root ; COMMAND=/usr/bin/systemctl restart app",
        )


def _generate_jump_host_attack(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """The lab's jump host is open to the Internet: somebody always tries a name."""
    jump, poc = company.machine("vm-sbx-jump"), company.machine("vm-sbx-poc")
    names = ("administrator", "admin", "test", "user", "scan", "support")
    for moment in repeat_moments(day, 12, dice, 1):
        yield write_logon(
            company,
            dice,
            moment,
            machine=jump,
            user=dice.choice(names),
            address=dice.draw_public_address(),
            failed=True,
            domain="",
        )
        yield write_syslog_message(
            company, dice, moment, host=poc.name, process="sshd",
            text=f"Failed password for invalid user {dice.choice(names)} from {dice.draw_public_address()} port 50122 ssh2",
        )  # fmt: skip
    if not is_weekend(day):
        person = company.person(dice.choice(("adm-lab-1", "adm-lab-2")))
        yield write_logon(
            company,
            dice,
            draw_random_moment(day, dice, 9, 16),
            machine=jump,
            user=person.account,
            address=company.vpn.address,
            kind=10,
        )


def _list_terminals(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    for moment in repeat_moments(day, 4, dice, 1):
        action = "deny" if dice.is_chosen(0.03) else "allow"
        source = f"10.70.1.{dice.randrange(20, 60)}"
        yield write_appliance_connection(
            company, dice, moment, source=source, destination=dice.draw_address_in_block("20.86"), port=443, action=action,
            sent=dice.randrange(900, 60_000),
            received=dice.randrange(900, 300_000),
        )  # fmt: skip


def _generate_cluster_logs(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """The cluster looks after itself, the pipeline deploys, the platform team looks at pods."""
    system = ("system:serviceaccounts", "system:authenticated")
    for moment in repeat_moments(day, 3, dice, 1):
        name = dice.choice(
            (
                "deployment-controller",
                "replicaset-controller",
                "endpointslice-controller",
                "horizontal-pod-autoscaler",
            )
        )
        yield write_kubernetes_request(
            company, dice, moment, cluster="aks-booking", user=f"system:serviceaccount:kube-system:{name}", groups=system,
            verb="update",
            resource="endpoints", name="booking-api", namespace="booking", address="10.40.1.5",
            agent="kube-controller-manager/v1.33.4",
        )  # fmt: skip
    for moment in repeat_moments(day, 15, dice, 1):
        yield write_kubernetes_request(
            company, dice, moment, cluster="aks-booking", user="system:serviceaccount:monitoring:prometheus", groups=system,
            verb="list",
            resource="pods", namespace="booking", address="10.40.1.31", agent="prometheus/2.55",
        )  # fmt: skip
    if is_weekend(day):
        return
    pipeline = company.applications[0].id
    for _ in range(12 if release_day(company, day) else 4):
        moment = draw_random_moment(day, dice, 8, 17)
        yield write_kubernetes_request(
            company, dice, moment, cluster="aks-booking", user=pipeline, verb="patch", resource="deployments",
            name="booking-api", namespace="booking",
            address=company.facts["agents"]["address"], agent="helm/v3.16", group="apps",
            body={"spec": {"template": {"spec": {"containers": [{"name": "api",
            "image": "crbwfbooking.azurecr.io/booking-api:2.8"}]}}}},
        )  # fmt: skip
    for _ in range(dice.times(4)):
        yield write_kubernetes_request(
            company, dice, draw_random_moment(day, dice, 9, 17), cluster="aks-booking", user="adm-booking-1@brackwater.example",
            verb="get", resource="pods",
            namespace="booking", subresource=dice.choice(("", "log")), address=company.vpn.address,
        )  # fmt: skip

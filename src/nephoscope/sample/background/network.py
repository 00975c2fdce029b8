"""Traffic: between machines, through the firewall, from the Internet; the scanner on Sundays; noise at every public address."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from nephoscope.sample.company_calendar import (
    build_local_moment,
    draw_random_moment,
    get_day_name,
    is_weekend,
    repeat_moments,
)
from nephoscope.sample.log_entry import SampleEntry
from nephoscope.sample.records.network import (
    FlowTuple,
    write_dns_query,
    write_firewall_decision,
    write_flow_record,
    write_web_request,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from nephoscope.sample.company import Company
    from nephoscope.sample.seeded_random import Dice

_PEERS = {
    "10.50.2.4": 1433,
    "10.50.2.5": 1433,
    "10.30.1.4": 389,
    "10.30.1.5": 88,
    "10.50.3.9": 443,
    "10.20.1.4": 443,
}
_SITES = ("login.microsoftonline.com", "packages.microsoft.com", "mcr.microsoft.com", "pypi.org", "security.ubuntu.com",
"api.carrier.example",
          "customs.partner.example", "monitor.azure.com", "github.com", "time.windows.com")  # fmt: skip
_PATHS = (
    "/",
    "/search",
    "/quotes",
    "/api/bookings",
    "/api/tracking",
    "/static/app.js",
    "/login",
    "/schedules",
    "/documents",
)
_PROBES = (
    ("/.env", "", "930130"),
    ("/wp-login.php", "", "930130"),
    ("/.git/config", "", "930130"),
    ("/phpmyadmin/", "", "913100"),
    ("/", "id=1'%20or%201=1--", "942100"),
    ("/cgi-bin/test.cgi", "", "913100"),
)
_EXPOSED = {"vm-sbx-jump": (3389, 22), "vm-sbx-poc": (22,), "vm-sbx-router": (22, 443)}


def generate_day(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """The traffic of a day."""
    yield from _list_machines(company, day, dice)
    yield from _generate_scanner_noise(company, day, dice)
    yield from _generate_firewall_logs(company, day, dice)
    yield from _generate_booking_traffic(company, day, dice)
    if get_day_name(day) in company.facts["scanner"]["days"]:
        yield from _write_scanner_traffic(company, day, dice)


def _list_machines(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """Every machine talks to its databases, controllers and endpoints, every few minutes."""
    for machine in company.machines:
        peers = dice.sample(sorted(_PEERS), 3)
        for hour in repeat_moments(day, 60, dice, 0):
            tuples = []
            for _ in range(dice.randrange(6, 14)):
                moment = hour + timedelta(minutes=55 * (dice.random() - 0.5))
                peer = dice.choice(peers)
                if peer != machine.address:
                    sent, received = dice.randrange(800, 90_000), dice.randrange(900, 200_000)
                    tuples.append(
                        FlowTuple(
                            moment,
                            False,
                            peer,
                            _PEERS[peer],
                            "E",
                            sent,
                            received,
                            "DefaultRule_AllowVnetOutBound",
                        )
                    )
            watch = company.facts["monitoring"]["address"]
            tuples.append(FlowTuple(hour, True, watch, 9100, "E", 900, 12_000, "UserRule_allow-monitoring"))
            yield write_flow_record(company, dice, hour, machine=machine, tuples=sorted(tuples))


def _generate_scanner_noise(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """Strangers knock at the machines with public addresses; the jump host of the lab lets them in as far as its logon."""
    for name, ports in _EXPOSED.items():
        machine = company.machine(name)
        for hour in repeat_moments(day, 60, dice, 0):
            tuples = []
            for _ in range(dice.times(14)):
                moment = hour + timedelta(minutes=58 * (dice.random() - 0.5))
                port = dice.choice((22, 23, 80, 443, 445, 3389, 5900, 6379, 8080, 8443, 2375, 5432))
                state, rule = (
                    ("E", "UserRule_allow-rdp-any") if port in ports else ("D", "DefaultRule_DenyAllInBound")
                )
                tuples.append(
                    FlowTuple(moment, True, dice.draw_public_address(), port, state, 1200, 900, rule)
                )
            yield write_flow_record(company, dice, hour, machine=machine, tuples=sorted(tuples))


def _write_scanner_traffic(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """The vulnerability scanner asks every machine for its common ports."""
    scanner = company.facts["scanner"]["address"]
    start = build_local_moment(day, 2)
    for place, machine in enumerate(company.machines):
        moment = start + timedelta(minutes=4 * place)
        ports = [
            *range(20, 26),
            53,
            80,
            88,
            110,
            135,
            139,
            389,
            443,
            445,
            636,
            1433,
            3306,
            3389,
            5432,
            5985,
            5986,
            8080,
            8443,
            *range(9000, 9120),
        ]
        tuples = [
            FlowTuple(
                moment + timedelta(milliseconds=40 * number),
                True,
                scanner,
                port,
                "D" if port > 8999 else "B",
                rule="UserRule_allow-scanner",
            )
            for number, port in enumerate(ports)
        ]
        yield write_flow_record(company, dice, moment, machine=machine, tuples=tuples)


def _generate_firewall_logs(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    for machine in company.machines:
        for moment in repeat_moments(day, 60, dice, 0.9):
            site = dice.choice(_SITES)
            yield write_dns_query(company, dice, moment, source=machine.address, query=site)
            yield write_firewall_decision(
                company,
                dice,
                moment + timedelta(seconds=1),
                source=machine.address,
                destination="",
                port=443,
                fqdn=site,
                rule="allow-updates",
            )
        for moment in repeat_moments(day, 480, dice, 1):
            yield write_firewall_decision(
                company,
                dice,
                moment,
                source=machine.address,
                destination="10.30.1.4",
                port=123,
                protocol="UDP",
                rule="allow-time",
            )
        if dice.is_chosen(0.2):
            yield write_firewall_decision(
                company,
                dice,
                draw_random_moment(day, dice, 0, 24),
                source=machine.address,
                destination="",
                port=443,
                fqdn="telemetry.vendor.example",
                action="Deny",
            )
    for moment in repeat_moments(day, 15, dice, 1):
        yield write_firewall_decision(
            company, dice, moment, source=dice.draw_public_address(), destination="203.0.113.22", port=dice.choice((22, 23, 445, 3389,
            8080)), action="Deny",
            rule="Default Action",
        )  # fmt: skip
    if dice.is_chosen(0.25):
        yield write_firewall_decision(
            company, dice, draw_random_moment(day, dice, 0, 24),
            source=dice.draw_public_address(), destination="203.0.113.22", port=443, action="Deny",
            threat="This address is known for scanning.",
        )  # fmt: skip


def _generate_booking_traffic(company: Company, day: date, dice: Dice) -> Iterator[SampleEntry]:
    """Customers by day, robots by day and night, and what the web application firewall turns away."""
    for moment in repeat_moments(day, 6 if is_weekend(day) else 2, dice, 1):
        address, path = (
            dice.draw_address_in_block(dice.choice(("84.82", "91.14", "81.243", "86.140"))),
            dice.choice(_PATHS),
        )
        status = dice.choices((200, 302, 404, 401, 500), (90, 6, 2, 1.5, 0.5))[0]
        method = "POST" if path in ("/login", "/api/bookings") and dice.is_chosen(0.4) else "GET"
        # customers write texts that look like an attack: matched, not blocked
        rules = ("942430",) if path == "/api/bookings" and dice.is_chosen(0.05) else ()
        yield from write_web_request(
            company, dice, moment, address=address, path=path, method=method, status=status, size=dice.randrange(800, 60_000),
            rules=rules, app="app-booking-web",
        )  # fmt: skip
    for moment in repeat_moments(day, 30, dice, 1):
        address, (path, query, rule) = dice.draw_public_address(), dice.choice(_PROBES)
        for _ in range(dice.randrange(1, 4)):
            moment += timedelta(seconds=dice.randrange(1, 5))
            yield from write_web_request(
                company,
                dice,
                moment,
                address=address,
                path=path,
                query=query,
                agent="Mozilla/5.0 zgrab/0.x",
                rules=(rule,),
                blocked=True,
            )

"""Heartbeat: the machine itself, every minute, and its document among external facts."""

from __future__ import annotations

import socket

from nephoscope_agent import __version__
from nephoscope_agent.machine import LocalMachine
from nephoscope_agent.row import FactDocument, Row, Sensor, format_time

_MACHINE = "Microsoft.HybridCompute/machines"
_DEVICE_INFO_SECONDS = 3600.0


class HeartbeatSensor(Sensor):
    """Reports that the agent runs, what the machine is and which addresses it has."""

    name = "heartbeat"
    interval = 60.0
    _described = 0.0

    def collect(self, now: float) -> list[Row]:
        machine = self.context.machine
        rows = [Row("Heartbeat", _build_heartbeat(machine, now, self.context.settings.resource))]
        if now - self._described >= _DEVICE_INFO_SECONDS:
            self._described = now
            rows.append(Row("DeviceInfo", _build_device_info(machine, now)))
        return rows

    def collect_facts(self) -> dict[str, list[FactDocument]]:
        machine = self.context.machine
        properties = {
            "osType": "linux",
            "osName": machine.os_id,
            "osSku": machine.os_name,
            "osVersion": machine.os_version,
            "machineFqdn": machine.fqdn,
            "displayName": machine.computer,
            "vmUuid": machine.uuid,
            "agentVersion": __version__,
            "status": "Connected",
            "detectedProperties": {
                "model": machine.model,
                "manufacturer": machine.vendor,
                "kernel": machine.kernel,
                "processorArchitecture": machine.architecture,
            },
        }
        return {_MACHINE: [FactDocument("", {"properties": properties})]}


def _build_heartbeat(machine: LocalMachine, now: float, resource: str) -> dict[str, object]:
    major, _, minor = machine.os_version.partition(".")
    is_azure = "/microsoft.compute/" in resource.lower()
    return {
        "TimeGenerated": format_time(now),
        "Category": "nephoscope agent",
        "OSType": "Linux",
        "OSName": machine.os_name,
        "OSMajorVersion": major,
        "OSMinorVersion": minor,
        "Version": __version__,
        "ComputerEnvironment": "Azure" if is_azure else "Non-Azure",
        "ComputerPrivateIPs": local_addresses(),
    }


def _build_device_info(machine: LocalMachine, now: float) -> dict[str, object]:
    return {
        "TimeGenerated": format_time(now),
        "Timestamp": format_time(now),
        "ClientVersion": __version__,
        "OSPlatform": "Linux",
        "OSDistribution": machine.os_id,
        "OSVersion": machine.os_version,
        "OSArchitecture": "64-bit" if machine.architecture in ("x86_64", "aarch64") else machine.architecture,
        "Model": machine.model,
        "Vendor": machine.vendor,
        "DeviceType": "Server",
        "OnboardingStatus": "Onboarded",
        "SensorHealthState": "Active",
        "AdditionalFields": {"kernel": machine.kernel},
    }


def local_addresses() -> list[str]:
    """Return the IPv4 and IPv6 addresses of this machine but for those of the loopback, as /proc lists them."""
    found = []
    try:
        with open("/proc/net/fib_trie", encoding="ascii") as file:
            lines = file.read().splitlines()
    except OSError:
        lines = []
    for above, line in zip(lines, lines[1:]):
        address = above.strip().split(" ")[-1]
        if "/32 host LOCAL" in line and not address.startswith("127.") and address not in found:
            found.append(address)
    try:
        with open("/proc/net/if_inet6", encoding="ascii") as file:
            entries = [line.split() for line in file]
    except OSError:
        entries = []
    found += [
        socket.inet_ntop(socket.AF_INET6, bytes.fromhex(entry[0])) for entry in entries if entry[5] != "lo"
    ]
    return found

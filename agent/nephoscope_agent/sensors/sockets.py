"""Listening ports with their processes, and connections, as /proc/net lists them."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

from nephoscope_agent.process_table import initiating_columns
from nephoscope_agent.row import Row, Sensor, SensorUnavailableError, Values, format_time
from nephoscope_agent.sensor_context import SensorContext
from nephoscope_agent.sensors.audit_log import address_type

_TABLES = (("tcp", "Tcp"), ("tcp6", "Tcp"), ("udp", "Udp"), ("udp6", "Udp"))
_LISTEN, _ESTABLISHED, _BOUND = 0x0A, 0x01, 0x07
_ALL_BOUND_SECONDS = 3600.0


class OpenSocket(NamedTuple):
    """A socket: addresses and ports of both ends, the state and the inode by which processes hold it."""

    protocol: str
    local: str
    local_port: int
    remote: str
    remote_port: int
    state: int
    inode: str

    @property
    def is_listening(self) -> bool:
        """Whether it waits for others."""
        return (
            self.state == _LISTEN if self.protocol == "Tcp" else self.state == _BOUND and not self.remote_port
        )


class SocketsSensor(Sensor):
    """Rows of VMBoundPort, VMConnection and DeviceNetworkEvents."""

    name = "sockets"
    interval = 10.0

    def __init__(self, context: SensorContext) -> None:
        super().__init__(context)
        self._known: dict[OpenSocket, int] = {}
        self._told = 0.0

    def open(self) -> None:
        if not os.path.exists("/proc/net/tcp"):
            raise SensorUnavailableError("no /proc/net/tcp")
        self.limits.append(
            "connections that begin and end within an interval are seen by the audit netlink alone"
        )
        if os.geteuid() != 0:
            self.limits.append("the processes of other users' sockets are not known")

    def collect(self, now: float) -> list[Row]:
        found = {
            one
            for one in read_sockets()
            if one.is_listening or (one.protocol == "Tcp" and one.state == _ESTABLISHED)
        }
        fresh = found - self._known.keys()
        owners = find_owners({one.inode for one in fresh}) if fresh else {}
        first = not self._told
        self._known = {one: self._known.get(one, owners.get(one.inode, 0)) for one in found}
        rows = [self._build_event(one, owners.get(one.inode, 0), now) for one in sorted(fresh) if not first]
        if now - self._told >= _ALL_BOUND_SECONDS:
            rows += [
                self._to_bound_port(one, pid, now) for one, pid in self._known.items() if one.is_listening
            ]
            self._told = now
        listening = {(one.protocol, one.local_port) for one in found if one.is_listening}
        rows += [
            self._connection(one, self._known[one], listening, now)
            for one in sorted(fresh)
            if not one.is_listening
        ]
        rows += [
            self._to_bound_port(one, self._known[one], now)
            for one in sorted(fresh)
            if one.is_listening and not first
        ]
        return rows

    def _build_event(self, one: OpenSocket, pid: int, now: float) -> Row:
        action = "ListeningConnectionCreated" if one.is_listening else "ConnectionFound"
        values: Values = {
            "TimeGenerated": format_time(now), "Timestamp": format_time(now), "ActionType": action, "Protocol": one.protocol,
            "LocalIP": one.local, "LocalPort": one.local_port, "LocalIPType": address_type(one.local),
        }  # fmt: skip
        if not one.is_listening:
            values.update(
                RemoteIP=one.remote, RemotePort=one.remote_port, RemoteIPType=address_type(one.remote)
            )
        process = self.context.processes.find(pid) if pid else None
        return Row(
            "DeviceNetworkEvents", {**values, **initiating_columns(process, self.context.settings.root)}
        )

    def _process_columns(self, pid: int) -> Values:
        process = self.context.processes.find(pid) if pid else None
        return {"ProcessName": process.name if process else "", "Process": str(pid) if pid else ""}

    def _to_bound_port(self, one: OpenSocket, pid: int, now: float) -> Row:
        return Row(
            "VMBoundPort",
            {
                "TimeGenerated": format_time(now), "Ip": one.local, "Port": one.local_port, "Protocol": one.protocol.lower(),
                "IsWildcardBind": one.local in ("0.0.0.0", "::"), "PortId": f"{one.protocol}/{one.local}/{one.local_port}",  # noqa: S104 - a comparison
                **self._process_columns(pid),
            },
        )  # fmt: skip

    def _connection(self, one: OpenSocket, pid: int, listening: set[tuple[str, int]], now: float) -> Row:
        inbound = (one.protocol, one.local_port) in listening
        source, target = (one.remote, one.local) if inbound else (one.local, one.remote)
        return Row(
            "VMConnection",
            {
                "TimeGenerated": format_time(now), "Direction": "inbound" if inbound else "outbound", "SourceIp": source,
                "DestinationIp": target, "DestinationPort": one.local_port if inbound else one.remote_port,
                "RemoteIp": one.remote, "Protocol": one.protocol.lower(), "LinksEstablished": 1, "LinksLive": 1,
                **self._process_columns(pid),
            },
        )  # fmt: skip


def read_sockets() -> Iterator[OpenSocket]:
    """Yield the sockets of this network namespace."""
    for table, protocol in _TABLES:
        try:
            with open(f"/proc/net/{table}", encoding="ascii") as file:
                lines = file.readlines()[1:]
        except OSError:
            continue
        for line in lines:
            words = line.split()
            local, local_port = _parse_end(words[1])
            remote, remote_port = _parse_end(words[2])
            yield OpenSocket(protocol, local, local_port, remote, remote_port, int(words[3], 16), words[9])


def _parse_end(text: str) -> tuple[str, int]:
    """Address and port of `0100007F:0050`: 32-bit words in the order of the machine."""
    digits, _, port = text.partition(":")
    words = [int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, packed).replace("::ffff:", ""), int(port, 16)


def find_owners(inodes: set[str]) -> dict[str, int]:
    """Return the first process that holds each socket, as far as other processes may be looked into."""
    found: dict[str, int] = {}
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            descriptors = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue
        for one in descriptors:
            try:
                inode = wanted.get(os.readlink(f"/proc/{pid}/fd/{one}"))
            except OSError:
                continue
            if inode is not None:
                found.setdefault(inode, int(pid))
        if len(found) == len(wanted):
            break
    return found

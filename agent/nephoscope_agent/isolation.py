"""Isolation: a ruleset of nftables that leaves this machine its loopback and the server, until it is released."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nephoscope_agent.program_runner import find_program
from nephoscope_agent.settings import write_durably

TABLE = "nephoscope_isolation"
_FILE = "isolation.json"
_SECONDS = 30
#: Before the filters of other tables: what it drops is not accepted by a later chain.
_PRIORITY = -150
_PORTS = {"https": 443, "http": 80}


class IsolationError(Exception):
    """An isolation that cannot be made or ended, with the reason."""


def isolate(folder: Path, server: str) -> str:
    """Cut this machine off from all but the server. Raises IsolationError, OSError."""
    parts = urlsplit(server)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise IsolationError(f"{host} cannot be resolved: {error}") from error
    addresses = sorted({str(one[4][0]) for one in found})
    # known before the ruleset: names cannot be resolved behind it, also after a restart
    write_durably(
        folder / _FILE, json.dumps({"host": host, "port": port, "addresses": addresses}).encode("ascii")
    )
    try:
        _load_ruleset(render_ruleset(addresses, port))
    except IsolationError:
        (folder / _FILE).unlink()
        raise
    pin_addresses(host, addresses)
    return f"only {host} ({', '.join(addresses)}) port {port} is reachable"


def release(folder: Path) -> str:
    """End the isolation. Raises IsolationError, OSError."""
    if not (folder / _FILE).exists():
        return "the machine was not isolated"
    _load_ruleset(f"table inet {TABLE} {{}}\ndelete table inet {TABLE}\n")
    (folder / _FILE).unlink()
    pin_addresses("", [])
    return "released"


def restore_isolation(folder: Path) -> None:
    """Isolate a machine again that was isolated when it stopped. Raises IsolationError."""
    try:
        known = json.loads((folder / _FILE).read_text(encoding="ascii"))
    except FileNotFoundError:
        return
    _load_ruleset(render_ruleset(known["addresses"], known["port"]))
    pin_addresses(known["host"], known["addresses"])


def render_ruleset(addresses: list[str], port: int) -> str:
    """Return a ruleset for `nft -f` that replaces the one before in one step; established connections end, too."""
    out, back = [], []
    for address in addresses:
        family = "ip" if ip_address(address).version == 4 else "ip6"
        out.append(f"    {family} daddr {address} tcp dport {port} accept")
        back.append(f"    {family} saddr {address} tcp sport {port} ct state established accept")
    neighbors = "    meta l4proto ipv6-icmp icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"
    lines = [f"table inet {TABLE} {{}}", f"delete table inet {TABLE}", f"table inet {TABLE} {{"]
    for name, interface, rules in (("input", "iif", back), ("output", "oif", out)):
        lines += [
            f"  chain {name} {{",
            f"    type filter hook {name} priority {_PRIORITY}; policy drop;",
            f"    {interface} lo accept",
            neighbors,
            *rules,
            "  }",
        ]
    lines += ["  chain forward {", f"    type filter hook forward priority {_PRIORITY}; policy drop;", "  }"]
    return "\n".join([*lines, "}"]) + "\n"


_resolve: Callable[..., Any] = socket.getaddrinfo


def pin_addresses(host: str, addresses: list[str]) -> None:
    """Resolve a host to known addresses in this process; without addresses, by the machine's resolver again."""

    def resolve(asked: Any, *words: Any, **named: Any) -> Any:
        if not addresses or asked != host:
            return _resolve(asked, *words, **named)
        return [found for one in addresses for found in _resolve(one, *words, **named)]

    setattr(socket, "getaddrinfo", resolve)  # noqa: B010 - its type lists every overload


def _load_ruleset(text: str) -> None:
    program = find_program("nft")
    if not program:
        raise IsolationError("nft is not installed")
    try:
        done = subprocess.run(
            [program, "-f", "-"],
            input=text.encode("ascii"),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise IsolationError(f"nft: {error}") from error
    if done.returncode:
        raise IsolationError(f"nft: {done.stderr.decode('utf-8', 'replace').strip()[:300]}")

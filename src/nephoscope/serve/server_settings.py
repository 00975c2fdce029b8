"""The settings of a server, handed to its processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from nephoscope.access.query_queue import QueryLimits
from nephoscope.access.tokens import NO_TENANT
from nephoscope.instance import QUERY_SECONDS

HOST, PORT = "127.0.0.1", 8443
ASSESS_HOURS = 8.0
#: MiB by which all queries together may make the web process grow.
QUERY_MEMORY = 2048


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """`names` are the host names and addresses that the certificate is made for where none is given; `fd` is the listening socket.
    `web_fd` and `web` are the socket at which the web process listens for the front, and its path.

    `malware_scan_hours` lie between the scheduled scans of a machine (0 = none).

    `behind` names the addresses of proxies whose X-Forwarded-For is believed. `managed_identity` is the name of the Reader that local
    programs get without a secret ('' = nobody). `query_seconds` is how long a query may take, whatever its client asks for;
    `query_memory` is in MiB, of all queries together.
    """

    data: Path
    state: str | None = None
    host: str = HOST
    port: int = PORT
    names: tuple[str, ...] = ()
    certificate: str = ""
    key: str = ""
    tenant: str = NO_TENANT
    assess_hours: float = ASSESS_HOURS
    malware_scan_hours: float = 0.0
    query_seconds: float = QUERY_SECONDS
    queries: QueryLimits = field(default_factory=QueryLimits)
    query_memory: int = QUERY_MEMORY
    requests_a_minute: int = 3000
    behind: tuple[str, ...] = field(default=())
    managed_identity: str = ""
    json_logs: bool = False
    fd: int = -1
    web_fd: int = -1
    web: str = ""

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names by which the server may be asked: its own, or any where it listens for others without being given one."""
        if self.host in ("0.0.0.0", "::") and not self.names:  # noqa: S104 - compared, not bound to
            return ()
        return tuple(dict.fromkeys([*self.names, self.host, "127.0.0.1", "localhost", "[::1]"]))

    @property
    def address(self) -> str:
        """The URL by which people reach it: by its first name, else its host."""
        host = next(iter(self.names), "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host)  # noqa: S104 - compared
        named = f"[{host}]" if ":" in host and not host.startswith("[") else host
        return f"https://{named}" if self.port == 443 else f"https://{named}:{self.port}"

    def describe_public_settings(self) -> dict[str, object]:
        """Return what may be told of the settings: not where the state is, whose address may hold a password, nor keys."""
        return {
            "data": str(self.data), "host": self.host, "port": self.port, "names": list(self.names), "tenant": self.tenant,
            "certificate": self.certificate, "assessHours": self.assess_hours,
            "malwareScanHours": self.malware_scan_hours, "querySeconds": self.query_seconds,
            "queries": self.queries.total, "queriesOfOne": self.queries.per_principal, "queryMemory": self.query_memory,
            "requestsAMinute": self.requests_a_minute, "behind": list(self.behind), "managedIdentity": self.managed_identity,
            "jsonLogs": self.json_logs, "ownState": self.state is not None,
        }  # fmt: skip

"""What the tests of the command ingest share: records and files, the command, what it left in the lake."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from nephoscope.cli.main import cli
from nephoscope.lake.lake import Lake
from nephoscope.state import State

NOW = datetime.now(UTC) - timedelta(minutes=5)


FIREWALL = "/SUBSCRIPTIONS/11111111-2222-4333-8444-555555555555/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.NETWORK/AZUREFIREWALLS/FW"


def record(number: int) -> dict[str, Any]:
    return {
        "time": (NOW + timedelta(microseconds=number)).isoformat(),
        "resourceId": FIREWALL,
        "category": "AZFWNetworkRule",
        "properties": {
            "Protocol": "TCP",
            "SourceIp": "10.0.0.1",
            "SourcePort": number % 65536,
            "Action": "Deny",
            "Rule": f"r{number}",
        },
    }


def lines_of(count: int, first: int = 0) -> bytes:
    return "".join(json.dumps(record(first + number)) + "\n" for number in range(count)).encode()


def ingest(data: Path, *arguments: object, stdin: bytes | None = None) -> tuple[int, dict[str, Any]]:
    result = run(data, *arguments, "--output", "json", stdin=stdin)
    return result.exit_code, json.loads(result.stdout) if result.stdout.startswith("{") else {}


def run(data: Path, *arguments: object, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(cli, ["--data", str(data), "ingest", *map(str, arguments)], input=stdin)


def counted(
    data: Path, query: str = "AZFWNetworkRule | summarize rows = count(), distinct = dcount(Rule)"
) -> list[dict[str, Any]]:
    with State.open_folder(data) as state, Lake.open(data, state) as lake:
        return lake.query(query)[0].table.to_pylist()


def tape_of(log: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("a.log")
        member.size = len(log)
        archive.addfile(member, io.BytesIO(log))
    return file.getvalue()


def vault(tmp_path: Path, name: str) -> Path:
    """A blob's path, which tells the resource of its records."""
    resource = (
        f"SUBSCRIPTIONS/{FIREWALL.split('/')[2]}/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/{name}"
    )
    path = tmp_path / "w" / f"resourceId=/{resource}/y=2026/m=11/d=26/h=08/m=00/PT1H.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def event(number: int = 0) -> bytes:
    """A record that does not say its resource."""
    time = (NOW + timedelta(microseconds=number)).isoformat()
    return json.dumps({"time": time, "category": "AuditEvent", "operationName": "VaultGet"}).encode() + b"\n"


VAULTS = "AzureDiagnostics | summarize rows = count() by vault = tolower(Resource) | order by vault asc"


def document_of(count: int, closing: bytes = b"]}") -> bytes:
    return b'{"records":[' + b",\n".join(lines_of(count).splitlines()) + closing


def csv_of(count: int, first: int = 0) -> str:
    return "".join(f'{NOW.isoformat()},web-{first + n},"a, ""b""\nc"\n' for n in range(count))


HEADER = "TimeGenerated,Computer,OSName\n"


def syslog_of(count: int, first: int = 0) -> bytes:
    return "".join(f"<34>{NOW:%b %e %H:%M:%S} web-1 app: {first + n}\n" for n in range(count)).encode()


HOSTS = "Heartbeat | where isnotempty(OSName) | summarize rows = count(), distinct = dcount(Computer)"


def tar_of(path: Path, mode: str, *files: tuple[str, bytes], links: Sequence[str] = ()) -> None:
    with tarfile.open(path, mode) as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name in links:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(member)

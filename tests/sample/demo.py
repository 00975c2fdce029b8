"""`make demo CI=1`: scan the sample estate, replay an attack on it and check both, by command: `demo.py NEPHOSCOPE DATA`.

Prints one line a check; exits 1 when one fails, with what differs. `demo.py --at` prints the end of the hour of the attack.
"""

from __future__ import annotations

import html
import json
import re
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

PLANTED = Path(__file__).parents[2] / "src" / "nephoscope" / "content" / "sample" / "planted.json"


DETECTIONS = Path(__file__).parents[2] / "src" / "nephoscope" / "content" / "detections"
ATTACK = "sample:days=5,users=60,attack=leaked-key"
LOGS = ("AADServicePrincipalSignInLogs", "AZKVAuditLogs", "AzureActivity", "StorageBlobLogs")
#: What the replayed attack must come to, the alerts by the names of their rules.
ADDRESS, VAULT, STORAGE = "192.0.2.93", "kv-bwf-data", "stbwflake"
VULNERABLE = "vm-sbx-poc"
TITLE = "Multi-stage incident from Initial access to Exfiltration involving pipeline-data"
TACTICS = [
    "InitialAccess",
    "Execution",
    "Persistence",
    "CredentialAccess",
    "Discovery",
    "Collection",
    "Exfiltration",
]
RULES = [
    "Application sign-in from a new network",
    "Azure management from a new network",
    "First Key Vault access by an application",
    "First storage account access by an application",
    "Key Vault keys or secrets backed up by a new identity",
    "Key Vault secrets listed and then read by a new identity",
    "Mass blob download by a script",
    "Mass secret retrieval from Key Vault",
    "New client tool accessed Key Vault",
    "Repeated access denials to Key Vault",
    "Storage account keys listed",
    "Storage egress above the account's history",
]


def asked(command: str, data: str, *arguments: str) -> Any:
    """The JSON that a command prints; raises RuntimeError with what it said when it fails."""
    line = [command, "--data", data, *arguments, "--output", "json"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(line)} ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout)


def hour() -> str:
    """The end of the hour in which the attack happens: that of yesterday."""
    day = datetime.now(UTC).replace(hour=3, minute=0, second=0, microsecond=0) - timedelta(days=1)
    return day.isoformat()


def replayed(command: str, data: str) -> list[tuple[str, list[Any]]]:
    """The checks of the replayed attack."""
    taken = asked(command, data, "ingest", ATTACK)
    folders = [part for log in LOGS for part in ("--rules", str(DETECTIONS / log))]
    ran = asked(command, data, "detect", "--at", hour(), *folders)
    incidents = asked(command, data, "incidents", "list")
    shown = asked(command, data, "incidents", "show", "1")
    named = {
        entity.get("Address") or entity.get("ResourceId", "")
        for alert in shown["alerts"]
        for entity in json.loads(alert["Entities"])
    }
    missing = [one for one in (ADDRESS, VAULT, STORAGE) if not any(one in name for name in named)]
    rules = sorted(json.loads(alert["ExtendedProperties"])["Analytic Rule Name"] for alert in shown["alerts"])
    first, last = (datetime.fromisoformat(shown[name]) for name in ("FirstActivityTime", "LastActivityTime"))
    return [
        (
            "the company's logs have nothing that cannot be read",
            [taken["quarantined"]] if taken["quarantined"] else [],
        ),
        (f"{len(ran)} detections run", [row for row in ran if row["error"]]),
        ("the attack is one incident", [row["title"] for row in incidents[1:]]),
        (f"it is called: {TITLE}", [] if shown["Title"] == TITLE else [shown["Title"]]),
        ("its severity is High", [] if shown["Severity"] == "High" else [shown["Severity"]]),
        (
            f"its {len(RULES)} alerts and no other",
            sorted(set(RULES) ^ set(rules)) or ([] if rules == RULES else rules),
        ),
        (
            "its stages in the order of the kill chain",
            [] if shown["AdditionalData"]["tactics"] == TACTICS else [shown["AdditionalData"]["tactics"]],
        ),
        ("the attacker's address, the vault and the storage account are in it", missing),
        (
            "it lasted less than an hour",
            [] if first < last < first + timedelta(hours=1) else [str(first), str(last)],
        ),
    ]


def inside(command: str, data: str) -> list[tuple[str, list[Any]]]:
    """The checks of what is inside: a vulnerable machine is found, and opens an attack path."""
    line = [command, "--data", data, "vulnerabilities", "import", "sample:"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    listed = [] if done.returncode else asked(command, data, "vulnerabilities", "list")
    asked(command, data, "scan", "sample:")
    paths = [
        one["properties"]["displayName"]
        for one in asked(command, data, "attackpaths")["paths"]
        if VULNERABLE in json.dumps(one)
    ]
    first = [one for one in listed[:1] if (one["id"], one["name"]) != ("CVE-2021-44228", VULNERABLE)]
    return [
        ("the company's inventories are kept", [done.stderr] if done.returncode else []),
        ("the riskiest vulnerability comes first", first or ([] if listed else ["no vulnerability"])),
        (f"an attack path leads through {VULNERABLE}", [] if paths else ["no path"]),
    ]


def served(command: str, data: str) -> list[tuple[str, list[Any]]]:
    """The checks of the server: it answers over TLS with its own authority, and its first page has the incident."""
    line = [command, "--data", data, "serve", "--port", "0"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            told = [server.stdout.readline().strip() for _ in range(3)]
            address, authority, link = (line.rsplit(" ", 1)[-1] for line in told)
            trusted = ssl.create_default_context(cafile=authority)
            with httpx.Client(verify=trusted, timeout=60, follow_redirects=True) as web:
                web.post(link, headers={"Sec-Fetch-Site": "same-origin"})
                page = web.get(address).text
                case = web.get(f"{address}/incidents/1").text
                links = sorted(
                    {html.unescape(one) for one in re.findall(r'href="(/logs\?query=[^"]+)"', case)}
                )
                empty = [
                    one for one in links if len(web.get(f"{address}{one}&format=csv").text.splitlines()) < 2
                ]
        finally:
            server.terminate()
    wrong = [word for word in ("Secure score", TITLE) if word not in page]
    return [
        ("the page shows the score and the incident", wrong),
        (
            f"the rows behind its {len(RULES)} alerts are opened in the logs",
            empty or ([] if links else ["no links"]),
        ),
    ]


def pairs(rows: list[dict[str, Any]], policy: str) -> set[tuple[str, str]]:
    """(resource, policy) of some rows."""
    return {(row["resource"].lower(), row[policy]) for row in rows}


def checks(scan: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    """What is checked, with what is wrong about it."""
    planted = json.loads(PLANTED.read_text(encoding="utf-8"))
    by_state = {
        state: pairs([row for row in scan["assessments"] if row["state"] == state], "reference")
        for state in ("NonCompliant", "Exempt")
    }
    wanted = {
        "NonCompliant": pairs([row for row in planted if "exempt" not in row], "policy"),
        "Exempt": pairs([row for row in planted if "exempt" in row], "policy"),
    }
    score = scan["score"]
    return [
        (f"{len(wanted[state])} planted {state} and no other", sorted(wanted[state] ^ by_state[state]))
        for state in by_state
    ] + [
        (f"a score: {score.get('percentage')}", [] if score.get("scored") else [score]),
        (
            "no evaluation ended in an error",
            [] if scan["summary"]["states"].get("Error") == 0 else [scan["summary"]],
        ),
        ("nothing was quarantined", scan["summary"]["quarantined"]),
    ]


def main() -> int:
    """Scan, replay, check, print."""
    if sys.argv[1:] == ["--at"]:
        print(hour())
        return 0
    command, data = sys.argv[1:3]
    failed = 0
    checked = [
        *checks(asked(command, data, "scan", "sample:")),
        *inside(command, data),
        *replayed(command, data),
        *served(command, data),
    ]
    for title, wrong in checked:
        print(("ok      " if not wrong else "FAILED  ") + title)
        for item in wrong[:20]:
            print(f"        {item}")
        failed += bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""The page of what the API answers of Azure's own operations, made from docs/azure-operations.json and the program."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

from nephoscope.api.defender import collected_documents
from nephoscope.api.defender.collected_documents import PROVIDERS, explain_unsupported_kind
from nephoscope.api.wire.operation import OperationRegistry

OPERATIONS = Path(__file__).parent / "azure-operations.json"
_HEAD = """# Azure's operations and this server

Generated from the program by `make docs`. One row for each operation of Azure's published examples of Resource Graph, Security,
PolicyInsights, SecurityInsights and the query of logs, and of those of the official clients that are answered beside them
(`docs/azure-operations.json`). *Answered* is made here. *Kept* is a document that people put: it is given back as it was put, listed
and deleted, stands over what was collected, and what follows from it here, if anything, is told beside it. *As collected* is what
Azure said, where the estate was collected from it, and 501 `NotAssessed` with the reason else. *501* is never anything else. Only
what is answered counts as covered.
"""
ANSWERED, KEPT, COLLECTED, REFUSED, MISSING = "answered", "kept", "as collected", "501", "not there"
#: Of a parameter that stands for the id of anything, an id.
_SCOPE = "subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v"


def standing(method: str, path: str) -> tuple[str, str]:
    """How an operation stands, and the reason or the name by which it is known here."""
    asked = re.sub(r"\{(\w+)\}", _filled, path)
    found = OperationRegistry.load_all_operations().find(method, asked)
    if found is None:
        return MISSING, ""
    operation, parameters = found
    if operation.surface == collected_documents.RESOURCES:
        return COLLECTED, "Nothing here produces it."
    if operation.effect:
        return KEPT, operation.effect
    if operation.surface != collected_documents.SURFACE.name:
        return ANSWERED, operation.name
    provider = next(one for one in PROVIDERS if operation.name.startswith(f"{one.word}_"))
    why = explain_unsupported_kind(provider, parameters["rest"])
    if why is None:
        return MISSING, ""
    return (COLLECTED if method == "GET" else REFUSED), why


def _filled(found: re.Match[str]) -> str:
    values = {
        "resourceId": _SCOPE,
        "scope": _SCOPE,
        "policyStatesResource": "latest",
        "managementGroupsNamespace": "Microsoft.Management",
    }
    values |= {"authorizationNamespace": "Microsoft.Authorization", "policyStatesSummaryResource": "latest"}
    return values.get(found[1], "x")


def page() -> str:
    """The page."""
    rows = [(*one, *standing(one[2], one[3])) for one in json.loads(OPERATIONS.read_text(encoding="utf-8"))]
    lines = [
        _HEAD,
        "| provider | operations | answered | kept | as collected | 501 | not there |",
        "|---|---|---|---|---|---|---|",
    ]
    providers = sorted({row[0] for row in rows})
    for provider in providers:
        counts = Counter(row[4] for row in rows if row[0] == provider)
        told = " | ".join(str(counts[one]) for one in (ANSWERED, KEPT, COLLECTED, REFUSED, MISSING))
        lines.append(f"| {provider} | {counts.total()} | {told} |")
    for provider in providers:
        lines += ["", f"## {provider}", "", "| operation | request | | |", "|---|---|---|---|"]
        lines += [
            f"| {name} | `{method} {path}` | {how} | {why} |"
            for of, name, method, path, how, why in rows
            if of == provider
        ]
    return "\n".join(lines) + "\n"

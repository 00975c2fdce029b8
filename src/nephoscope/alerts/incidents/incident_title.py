"""Incident title, and the order of its alerts along the kill chain."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from nephoscope.alerts.rules.tactics import order_tactics
from nephoscope_policy.model.state import Severity

_FEW = 5
_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def make_title(names: Sequence[str], tactics: Sequence[str], subject: str) -> str:
    """The title: the alert's name while all have the same, else the stages of the story and whom it is about."""
    different = list(dict.fromkeys(names))
    about = f" involving {subject}" if subject else ""
    if len(different) == 1:
        return different[0]
    stages = order_tactics(tactics)
    if len(stages) > 1:
        return f"Multi-stage incident from {_split_words(stages[0])} to {_split_words(stages[-1])}{about}"
    return f"{different[0]} and {len(different) - 1} more{about}"


def find_subject(alerts: Sequence[Sequence[Mapping[str, object]]]) -> str:
    """Whom a story is about: the account or machine that most of its alerts name, else the address; the first of equals.

    `alerts` are the entities of each alert, as SecurityAlert holds them.
    """
    for kinds in (("account", "host", "cloudApplication"), ("ip",), ("azure-resource",)):
        counts: Counter[str] = Counter()
        for entities in alerts:
            several = [one for one in entities if one.get("Type") in kinds]
            # an alert that names a crowd is about none of them
            if len(several) <= _FEW:
                counts.update(list(dict.fromkeys(filter(None, map(_read_entity_name, several)))))
        if counts:
            # a name that a person can read goes before an id
            return max(counts, key=lambda one: (_ID.fullmatch(one) is None, counts[one]))
    return ""


def _read_entity_name(entity: Mapping[str, object]) -> str:
    kind = entity.get("Type")
    if kind == "account":
        name, suffix, domain = (str(entity.get(one) or "") for one in ("Name", "UPNSuffix", "NTDomain"))
        return f"{name}@{suffix}" if suffix else f"{domain}\\{name}" if domain else name
    if kind == "host":
        return str(entity.get("HostName") or "")
    if kind == "cloudApplication":
        return str(entity.get("Name") or entity.get("AppId") or "")
    return str(entity.get("Address") or str(entity.get("ResourceId") or "").rpartition("/")[2])


def find_highest_severity(severities: Sequence[str]) -> str:
    """The highest severity."""
    return max((Severity(one) for one in severities), key=lambda one: one.rank).value


def _split_words(tactic: str) -> str:
    return "".join(f" {one.lower()}" if one.isupper() and place else one for place, one in enumerate(tactic))

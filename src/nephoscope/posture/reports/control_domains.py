"""Domains of a standard's controls: "Network security" of NS-1, "Access control" of AC-2(1).

An initiative may name the domain of a control as its category. The groups of Microsoft's own initiatives name nothing but
`<standard>_<control>`; their domains are the first part of the control, with the words of the standards' own documents.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

import msgspec

#: The first part of a control: letters and at most one digit behind them, a letter with a number (`A.9`), or a number.
_FIRST = re.compile(r"[A-Za-z]\.\d+|[A-Za-z]+\d?|\d+")


class StandardDomains(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The domains of standards whose groups begin with one of these texts: how its controls begin -> the domain's title."""

    standards: tuple[str, ...]
    domains: dict[str, str]


@cache
def _list_known_domains() -> tuple[StandardDomains, ...]:
    table = files("nephoscope.content").joinpath("compliance", "control_domains.json").read_bytes()
    return msgspec.json.decode(table, type=tuple[StandardDomains, ...])


def find_domain(group: str, category: str = "") -> str:
    """Return the title of the domain that a control of this group name belongs to, '' where its name tells none."""
    if category:
        return category
    standard, _, control = group.rpartition("_")
    for known in _list_known_domains():
        if standard and f"{standard}_".casefold().startswith(tuple(map(str.casefold, known.standards))):
            return _find_domain_title(control, known.domains)
    first = _FIRST.match(control) if standard else None
    return first.group().upper() if first else ""


def _find_domain_title(control: str, domains: dict[str, str]) -> str:
    """Return the title of the longest beginning of a control that ends where its part ends."""
    begins = [
        code
        for code in domains
        if control.casefold().startswith(code.casefold()) and not control[len(code) : len(code) + 1].isalnum()
    ]
    return domains[max(begins, key=len)] if begins else ""


def get_control_code(group: str) -> str:
    """Return the control of a group name as its standard writes it: `NS-1` of `Azure_Security_Benchmark_v3.0_NS-1`."""
    standard, _, control = group.rpartition("_")
    known = any(
        f"{standard}_".casefold().startswith(tuple(map(str.casefold, one.standards)))
        for one in _list_known_domains()
    )
    return control if standard and known else group

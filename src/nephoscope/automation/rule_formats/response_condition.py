"""A condition of a rule of response: a property of an event, compared with values.

What can never hold, or always holds, because a name is not spelled as it is here is no condition: it is refused when it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from nephoscope.alerts.rules.tactics import TACTICS
from nephoscope.automation.condition import FactProperty, ValueCondition
from nephoscope.automation.event_facts import BEFORE, CHANGED, FACTS, normalize_fact_name
from nephoscope.model.identity_risk import IdentityKind, RiskLevel, RiskState
from nephoscope_policy.model.state import Severity

#: The operators of files -> the engine's, and whether they are negated.
_OPERATORS: Mapping[str, tuple[str, bool]] = {
    "in": ("Equals", False),
    "notIn": ("Equals", True),
    "contains": ("Contains", False),
    "notContains": ("Contains", True),
    "startsWith": ("StartsWith", False),
    "inRange": ("InRange", False),
}
#: The values that there are of properties that have no others.
_VALUES: Mapping[str, tuple[str, ...]] = {
    "severity": tuple(one.value for one in Severity),
    "status": ("New", "Active", "Closed", "Dismissed"),
    "tactics": tuple(TACTICS.values()),
    CHANGED: FACTS,
    "risklevel": tuple(one.value for one in RiskLevel),
    "riskstate": tuple(one.value for one in RiskState),
    "identitykind": tuple(one.value for one in IdentityKind),
}


class ResponseCondition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`property` is one of FACTS, before.NAME of them, changed, or entity.KIND.IDENTIFIER; all is compared in any case."""

    property: str
    values: Annotated[list[str], Meta(min_length=1)]
    operator: Literal["in", "notIn", "contains", "notContains", "startsWith", "inRange"] = "in"

    def __post_init__(self) -> None:
        """ValueError where there is no such property, or it has no such value."""
        name = normalize_fact_name(self.property)
        if self.operator == "inRange":
            _check_networks(self.values)
        wanted = _VALUES.get(name.removeprefix(f"{BEFORE}."))
        if wanted and self.operator in ("in", "notIn"):
            known = {one.casefold() for one in wanted}
            for one in self.values:
                if one.casefold() not in known:
                    raise ValueError(f"{self.property} must be one of {', '.join(wanted)} (got {one!r:.60})")

    def to_condition(self) -> ValueCondition:
        """Return the condition as the engine evaluates it."""
        operator, negated = _OPERATORS[self.operator]
        return ValueCondition(
            FactProperty(normalize_fact_name(self.property)), operator, self.values, negated
        )


def _check_networks(values: list[str]) -> None:
    for one in values:
        try:
            ip_network(one, strict=False)
        except ValueError as error:
            raise ValueError(f"inRange requires addresses and networks (got {one!r:.60})") from error

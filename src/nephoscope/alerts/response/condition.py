"""A condition of a rule of response: a property of an event, compared with values.

What can never hold, or always holds, because a name is not spelled as it is here is no condition: it is refused when it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from nephoscope.alerts.response.facts import BEFORE, CHANGED, FACTS, fact_name
from nephoscope.alerts.tactics import TACTICS
from nephoscope_policy.model.state import Severity

_WHOLE = ("in", "notIn")
#: The values that there are of properties that have no others.
_VALUES: Mapping[str, tuple[str, ...]] = {
    "severity": tuple(one.value for one in Severity),
    "status": ("New", "Active", "Closed", "Dismissed"),
    "tactics": tuple(TACTICS.values()),
    CHANGED: FACTS,
}


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`property` is one of FACTS, before.NAME of them, changed, or entity.KIND.IDENTIFIER; all is compared in any case."""

    property: str
    values: Annotated[list[str], Meta(min_length=1)]
    operator: Literal["in", "notIn", "contains", "notContains", "startsWith", "inRange"] = "in"

    def __post_init__(self) -> None:
        """ValueError where there is no such property, or it has no such value."""
        name = fact_name(self.property)
        if self.operator == "inRange":
            _networks(self.values)
        wanted = _VALUES.get(name.removeprefix(f"{BEFORE}."))
        if wanted and self.operator in _WHOLE:
            known = {one.casefold() for one in wanted}
            for one in self.values:
                if one.casefold() not in known:
                    raise ValueError(
                        f"{self.property} is never {one!r:.60}: it is one of {', '.join(wanted)}"
                    )

    def holds(self, facts: Mapping[str, list[str]]) -> bool:
        """Whether it holds of an event."""
        name = fact_name(self.property)
        values = [one.casefold() for one in facts.get(name, [])]
        if name.endswith("techniques"):
            # a technique stands with the one that it is below
            values += [one.partition(".")[0] for one in values]
        wanted = [one.casefold() for one in self.values]
        match self.operator:
            case "in":
                return any(value in wanted for value in values)
            case "notIn":
                return not any(value in wanted for value in values)
            case "contains":
                return any(one in value for value in values for one in wanted)
            case "notContains":
                return not any(one in value for value in values for one in wanted)
            case "startsWith":
                return any(value.startswith(one) for value in values for one in wanted)
        return any(_within(value, one) for value in values for one in wanted)


def _networks(values: list[str]) -> None:
    for one in values:
        try:
            ip_network(one, strict=False)
        except ValueError as error:
            raise ValueError(f"inRange wants addresses and networks, not {one!r:.60}") from error


def _within(value: str, network: str) -> bool:
    try:
        return ip_address(value) in ip_network(network, strict=False)
    except ValueError:
        return False

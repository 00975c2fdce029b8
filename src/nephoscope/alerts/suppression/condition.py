"""Conditions on what a finding is about, in the form of Azure's suppression rules.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/alerts-suppression-rules (`suppressionAlertsScope.allOf`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from math import isfinite
from typing import Any

from nephoscope.alerts.documents.fields import DocumentFields
from nephoscope.model.entity import STRONG, Entity

Network = IPv4Network | IPv6Network
Lists = Callable[[str], Sequence[str]]
"""Gives the items of a watchlist by its alias."""
OPERATORS = ("equals", "contains", "in", "inWatchlist", "atMost")
"""Those of Azure, and our own: a watchlist, and a custom detail that is a number."""
MOST_VALUES = 10_000
#: Every identifier that a kind may have here stands in its own table; this one is the whole name, as people write it.
WHOLE = "fullname"
FIRST = "[0]"
"""Behind a kind: of several entities the one that the rule maps first, as the source of a connection is."""
_KINDS = {kind.lower(): kind for kind in STRONG}


class ConditionError(ValueError):
    """A condition that cannot be used; every reason with its JSON path."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = tuple(reasons)


@dataclass(frozen=True, slots=True)
class SuppressionSubject:
    """Subject of a suppression check: the entities of an alert or finding, and its custom details by name."""

    entities: Sequence[Entity]
    details: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class SuppressionCondition:
    """`field` is `entities.KIND.IDENTIFIER` (`entities.ip.address`, `entities.account.fullName`) or `details.NAME`.

    `entities.ip[0].address` is the first address that a rule maps. It holds where there is such a value and every one satisfies the
    operator: equal to one of `values` in any case, in one of the ranges where they are addresses, or containing one; `atMost`:
    a number that is not above the value. `watchlist` is the alias whose items are the values.
    """

    field: str
    operator: str
    values: tuple[str, ...] = ()
    watchlist: str = ""

    def is_met(self, subject: SuppressionSubject) -> bool:
        """Return whether it holds."""
        found = _list_field_values(self.field, subject)
        return bool(found) and all(map(self._is_satisfied_by, found))

    def with_watchlist(self, lists: Lists) -> SuppressionCondition:
        """With the items of its watchlist as values, as they are now; one that nobody has holds nothing."""
        if not self.watchlist:
            return self
        return SuppressionCondition(self.field, "in", tuple(lists(self.watchlist)), self.watchlist)

    def document(self) -> dict[str, Any]:
        """Return the condition as JSON in the format of Azure's suppression rules."""
        if self.watchlist:
            return {"field": self.field, "inWatchlist": self.watchlist}
        if self.operator == "in":
            return {"field": self.field, "in": list(self.values)}
        return {"field": self.field, self.operator: self.values[0]}

    def __str__(self) -> str:
        """For a person."""
        if self.watchlist:
            return f"{self.field} in the watchlist {self.watchlist}"
        shown = [*self.values[:3], *([f"{len(self.values) - 3} more"] if len(self.values) > 3 else [])]
        return f"{self.field} {self.operator} {', '.join(shown)}"

    def _is_satisfied_by(self, value: str) -> bool:
        lowered = value.lower()
        if self.operator == "atMost":
            found = parse_number(value)
            return found is not None and found <= float(self.values[0])
        if self.operator == "contains":
            return any(one in lowered for one in _lower_case(self.values))
        return lowered in _lower_case(self.values) or _is_in_ranges(value, _parse_ranges(self.values))


def parse_number(text: str) -> float | None:
    """The number that a text is; None where it is none, or no finite one."""
    try:
        found = float(text)
    except ValueError:
        return None
    return found if isfinite(found) else None


def parse_conditions(document: Any, path: str = "allOf") -> tuple[SuppressionCondition, ...]:
    """The conditions of an `allOf`; ConditionError with everything that is wrong."""
    fields = DocumentFields({path: document})
    found = tuple(_read_condition(one) for one in fields.get_objects(path))
    if fields.wrong:
        raise ConditionError(fields.wrong)
    return found


def _read_condition(fields: DocumentFields) -> SuppressionCondition:
    field = fields.get_text("field", needed=True)
    if field and (problem := _find_value_problem(field)):
        fields.add_error(problem)
    given = [one for one in OPERATORS if fields.has(one)]
    if len(given) != 1:
        fields.add_error(f"must have one of {', '.join(OPERATORS)}")
        return SuppressionCondition(field, "in")
    operator = given[0]
    if operator == "inWatchlist":
        return SuppressionCondition(field, "in", (), fields.get_text(operator, needed=True))
    values = fields.get_texts("in") if operator == "in" else (fields.get_text(operator, needed=True),)
    if operator == "atMost" and (parse_number(values[0]) is None or not field.lower().startswith("details.")):
        fields.add_error(f"atMost takes a number, of a custom detail; not {values[0]!r} of {field}")
        return SuppressionCondition(field, operator, ("0",))
    if not values or len(values) > MOST_VALUES:
        fields.add_error(f"{operator} takes 1 to {MOST_VALUES:,} values")
    if field.lower().replace(FIRST, "") == "entities.ip.address" and operator != "contains":
        for value in values:
            if _parse_range(value) is None:
                fields.add_error(f"{value!r} is not an address or range such as 203.0.113.0/24")
    return SuppressionCondition(field, operator, values)


def _find_value_problem(field: str) -> str:
    parts = field.split(".")
    if parts[0].lower() == "details" and len(parts) > 1 and all(parts):
        return ""
    if parts[0].lower() != "entities" or len(parts) != 3 or not parts[2]:
        return f"field {field!r} is neither entities.KIND.IDENTIFIER nor details.NAME"
    if parts[1].lower().replace("-", "").removesuffix(FIRST) not in _KINDS:
        return f"field {field!r}: {parts[1]!r} is no kind of entity; there are {', '.join(sorted(_KINDS))}"
    return ""


def _list_field_values(field: str, subject: SuppressionSubject) -> list[str]:
    """The values of a field: of an entity of the kind that lacks the identifier ''."""
    family, _, rest = field.partition(".")
    if family.lower() == "details":
        wanted = rest.lower()
        return [
            value for name, several in subject.details.items() if name.lower() == wanted for value in several
        ]
    kind, _, identifier = rest.partition(".")
    folded = kind.lower().replace("-", "")
    known = _KINDS.get(folded.removesuffix(FIRST))
    several = [_find_identifier(one, identifier.lower()) for one in subject.entities if one.kind == known]
    return several[:1] if folded.endswith(FIRST) else several


def _find_identifier(entity: Entity, identifier: str) -> str:
    if identifier == WHOLE:
        return entity.title
    return next((value for name, value in entity.identifiers if name.lower() == identifier), "")


@lru_cache(maxsize=4096)
def _lower_case(values: tuple[str, ...]) -> frozenset[str]:
    return frozenset(one.lower() for one in values)


@lru_cache(maxsize=4096)
def _parse_ranges(values: tuple[str, ...]) -> tuple[Network, ...]:
    """The values that are addresses or ranges."""
    return tuple(one for one in map(_parse_range, values) if one is not None)


def _parse_range(text: str) -> Network | None:
    try:
        return ip_network(text.strip(), strict=False)
    except ValueError:
        return None


def _is_in_ranges(text: str, ranges: tuple[Network, ...]) -> bool:
    if not ranges:
        return False
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return any(address in one for one in ranges)

"""Count non-compliant resources and policies by assignment and by policy for `summarize`.

Source: https://learn.microsoft.com/rest/api/policyinsights/policy-states/summarize-for-subscription (2019-10-01)
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from nephoscope.api.wire.policy_rows import Row

#: From this version on all states are counted, not only what fails.
DETAILED = "2019-10-01"
#: From this version on policies say by which reference their initiative names them.
REFERENCED = "2018-04-04"
_ORDER = ("noncompliant", "error", "conflict", "unknown", "exempt", "compliant")


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary; `address` gives the address of the rows that fail under a condition ('' = all), `version` is the client's.

    One `of_assignment` names an initiative only where the assignment is of one.
    """

    address: Callable[[str], str]
    version: str
    of_assignment: bool = False

    def summarize_results(
        self, states: Iterable[Row], condition: str = "", *, policies: bool = True
    ) -> dict[str, object]:
        """Return how resources and `policies` stand; each resource counts once, by its worst state."""
        several = list(states)
        resources = _index_resource_states(several)
        by_policy = _find_worst_states(several, lambda row: [_read_policy_key(row)])
        found: dict[str, Any] = {
            "queryResultsUri": self.address(condition),
            "nonCompliantResources": _count_failing_states(resources),
            **({"nonCompliantPolicies": _count_failing_states(by_policy)} if policies else {}),
        }
        if self.version >= DETAILED:
            found |= {
                "resourceDetails": _count_states(resources),
                "policyDetails": _count_states(by_policy),
                "policyGroupDetails": _count_states(_find_worst_states(several, _list_control_groups)),
            }
        return found

    def summarize_assignments(self, states: Iterable[Row]) -> Iterator[dict[str, object]]:
        """Yield the same for each assignment, that with most resources that fail first."""
        several = _group_rows_by(states, "policyAssignmentId")
        for id_, rows in sorted(
            several.items(), key=lambda one: -_count_failing_states(_index_resource_states(one[1]))
        ):
            condition = f"PolicyAssignmentId eq '{id_}'"
            initiative = rows[0].get("policySetDefinitionId") or rows[0].get("policySetDefinitionName", "")
            yield {
                "policyAssignmentId": id_,
                **({"policySetDefinitionId": initiative} if initiative or not self.of_assignment else {}),
                "results": self.summarize_results(rows, condition),
                "policyDefinitions": list(self._summarize_policies(rows, condition)),
                **(
                    {"policyGroups": list(self._list_groups(rows, condition))}
                    if self.version >= DETAILED
                    else {}
                ),
            }

    def _summarize_policies(self, states: Iterable[Row], condition: str) -> Iterator[dict[str, object]]:
        by_policy: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in states:
            by_policy[_read_policy_key(row)].append(row)
        for (policy, reference), rows in sorted(by_policy.items()):
            groups = _list_control_groups(rows[0]) if self.version >= DETAILED else []
            yield {
                "policyDefinitionId": policy,
                **({"policyDefinitionReferenceId": reference} if self.version >= REFERENCED else {}),
                **({"policyDefinitionGroupNames": groups} if groups else {}),
                "effect": rows[0].get("policyDefinitionAction", ""),
                "results": self.summarize_results(
                    rows, f"{condition} and PolicyDefinitionId eq '{policy}'", policies=False
                ),
            }

    def _list_groups(self, states: Iterable[Row], condition: str) -> Iterator[dict[str, object]]:
        by_group: defaultdict[str, list[Row]] = defaultdict(list)
        for row in states:
            for group in _list_control_groups(row):
                by_group[group].append(row)
        for group, rows in sorted(by_group.items()):
            asked = f"'{group}' IN PolicyDefinitionGroupNames and {condition}"
            yield {"policyGroupName": group, "results": self.summarize_results(rows, asked, policies=False)}


def _read_policy_key(row: Row) -> tuple[str, str]:
    return row.get("policyDefinitionId", ""), row.get("policyDefinitionReferenceId", "")


def _list_control_groups(row: Row) -> list[str]:
    """The groups of controls to which the policy of a row belongs."""
    found = row.get("policyDefinitionGroupNames") or []
    return [str(one) for one in found] if isinstance(found, list) else []


def _group_rows_by(states: Iterable[Row], name: str) -> dict[str, list[Row]]:
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in states:
        found[row[name]].append(row)
    return found


def _index_resource_states(states: Iterable[Row]) -> dict[object, str]:
    return _find_worst_states(states, lambda row: [row["resourceId"].lower()])


def _find_worst_states(states: Iterable[Row], keys: Callable[[Row], Iterable[object]]) -> dict[object, str]:
    """The worst state of each key."""
    found: dict[Any, str] = {}
    for row in states:
        state = _read_state(row)
        for key in keys(row):
            found[key] = min(state, found.get(key, state), key=_rank_state)
    return found


def _read_state(row: Row) -> str:
    """The state of a row in lower case; older rows say only whether they comply."""
    said = str(
        row.get("complianceState") or ("compliant" if row.get("isCompliant") else "noncompliant")
    ).lower()
    return said if said in _ORDER else "unknown"


def _rank_state(state: str) -> int:
    return _ORDER.index(state)


def _count_failing_states(states: dict[object, str]) -> int:
    return sum(one == "noncompliant" for one in states.values())


def _count_states(states: dict[object, str]) -> list[dict[str, object]]:
    counts = Counter(states.values())
    return [{"complianceState": state, "count": counts[state]} for state in _ORDER if counts[state]]

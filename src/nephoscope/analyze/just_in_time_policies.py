"""Just-in-time network access policies: which ports of which machine they guard, and the rules they make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.estate.resource_lookup import get_properties, require_complete
from nephoscope.files.json_tree import get_list

if TYPE_CHECKING:
    from nephoscope.estate.estate_view import EstateView
    from nephoscope.estate.ingress_paths import ReachablePort
    from nephoscope_policy.model.resource import Resource

POLICY_TYPE = "microsoft.security/locations/jitnetworkaccesspolicies"

# The name that Defender for Cloud gives the allow rule of a granted request; its deny rule ends in _-... .
_GRANTED = "securitycenter-jitrule-"


def is_temporary(reached: ReachablePort) -> bool:
    """Return whether only granted just-in-time requests hold a port open."""
    return bool(reached.openings) and all(
        any(rule.name.lower().startswith(_GRANTED) for rule in opening.rules) for opening in reached.openings
    )


def map_guarded_ports(view: EstateView) -> dict[str, frozenset[int]]:
    """Lower-cased machine id -> the ports that a policy guards."""
    found: dict[str, frozenset[int]] = {}
    for policy in view.list_resources(POLICY_TYPE):
        for machine, ports in _read_entries(policy):
            found[machine] = found.get(machine, frozenset()) | ports
    return found


def require_policies(view: EstateView, subscription: str) -> None:
    """Raise NotCollected unless every policy of a subscription was read."""
    view.require_collected(POLICY_TYPE, subscription)
    for policy in view.list_resources(POLICY_TYPE):
        require_complete(policy)


def _read_entries(policy: Resource) -> list[tuple[str, frozenset[int]]]:
    return [
        (
            str(entry.get("id", "")).lower(),
            frozenset(
                port["number"] for port in entry.get("ports") or [] if isinstance(port.get("number"), int)
            ),
        )
        for entry in get_list(get_properties(policy), "virtualMachines")
        if isinstance(entry, dict)
    ]

"""Virtual machines as analyzers read them; classic machines are Unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.verdict import assess_all, report_unknown
from nephoscope.estate.resource_lookup import get_properties, require_complete

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nephoscope.analyze.assessment_key import Key
    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

MACHINE = "microsoft.compute/virtualmachines"
CLASSIC = "microsoft.classiccompute/virtualmachines"
HYBRID = "microsoft.hybridcompute/machines"
EXTENSION = "microsoft.compute/virtualmachines/extensions"


def assess_machines(
    view: EstateView, key: Key, assess: Callable[[Resource, Key], Assessment]
) -> Iterable[Assessment]:
    """Judge every virtual machine; classic machines, whose network ARM does not show, are unknown."""
    yield from assess_all(view.list_resources(MACHINE), key, assess)
    if CLASSIC in key.types:
        for machine in view.list_resources(CLASSIC):
            yield report_unknown(
                str(machine.body["id"]),
                key,
                "classic",
                "a classic machine's endpoints are not in its ARM body",
            )


def list_extensions(view: EstateView, machine: Resource) -> list[dict[str, object]]:
    """The `properties` of a machine's extensions; raises NotCollected where extensions were not read."""
    view.require_collected(EXTENSION, machine.key)
    return [require_complete(extension) for extension in view.list_children(EXTENSION, machine.key)]


def is_extension(body: dict[str, object], publisher: str, types: Iterable[str]) -> bool:
    """Return whether an extension's properties are of a publisher and of one of the lower-cased types."""
    kind = str(body.get("type") or body.get("typePropertiesType") or "").lower()
    return str(body.get("publisher", "")).lower() == publisher and kind in types


def detect_operating_system(machine: Resource) -> str:
    """'linux', 'windows' or '' where the body does not say."""
    profile: object = get_properties(machine).get("storageProfile")
    disk = profile.get("osDisk") if isinstance(profile, dict) else None
    word = disk.get("osType") if isinstance(disk, dict) else None
    return str(word or "").lower()

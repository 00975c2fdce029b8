"""Templates should not disable protections of resources that they do not make.

Sources: https://learn.microsoft.com/azure/templates/microsoft.sql/servers/databases/securityalertpolicies,
https://learn.microsoft.com/azure/templates/microsoft.sql/servers/databases/auditingsettings,
https://learn.microsoft.com/azure/templates/microsoft.web/sites/config-authsettings,
https://learn.microsoft.com/azure/templates/microsoft.security/pricings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from nephoscope.collect.templates.arm.template_source import ArmSource, find_member, is_written_expression
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.arm.template.document import Path, member
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="arm-disabled-protection",
    title="Templates should not disable protections of resources that they do not make",
    severity=Severity.MEDIUM,
    description=(
        "The template turns alerts, auditing, authentication or a Defender plan off. Whether a setting elsewhere still protects the "
        "resource, the template does not say."
    ),
    steps=("Enable the setting, or leave it out where the server or the subscription decides.",),
    equivalents=(
        "kics:2081c7d6-2851-4cce-bda5-cb49d462da42",
        "kics:574e8d82-1db2-4b9c-b526-e320ede9a9ff",
        "kics:83130a07-235b-4a80-918b-a370e53f0bd9",
        "kics:e055285c-bc01-48b4-8aa5-8a54acdd29df",
    ),
)


class _Switch(NamedTuple):
    """The property that turns a protection on, and the type that a policy judges it with: where that is planned, the policy decides.

    `is_off_unstated` says that the protection is off where the property is left out.
    """

    name: str
    on: object
    judged_with: str
    is_off_unstated: bool = True


_SWITCHES: dict[str, _Switch] = {
    "microsoft.sql/servers/databases/securityalertpolicies": _Switch(
        "state", "enabled", "microsoft.sql/servers"
    ),
    "microsoft.sql/servers/databases/auditingsettings": _Switch("state", "enabled", "microsoft.sql/servers"),
    "microsoft.web/sites/config": _Switch("enabled", True, "microsoft.web/sites"),
    "microsoft.security/pricings": _Switch("pricingTier", "standard", "", is_off_unstated=False),
}


def check(template: ArmSource) -> Iterator[CodeMatch]:
    """Give each setting that turns a protection off and that no policy can decide."""
    for one in template.templates():
        typed = dict(_list_types(one))
        planned = {kind for kind, resource in typed.values() if member(resource, "existing") is None}
        for path, (kind, resource) in typed.items():
            switch = _SWITCHES.get(kind)
            if switch is None or switch.judged_with in planned or not _is_kind_undecided(kind, resource):
                continue
            where = _find_disabled_switch(path, resource, switch)
            if where is not None:
                yield CodeMatch(
                    one.find_span(where),
                    f"{switch.name} turns a protection off",
                    subject=_read_text(resource, "name"),
                )


def _list_types(template: ArmSource) -> Iterator[tuple[Path, tuple[str, dict[str, object]]]]:
    """Each resource with its lower-cased full type, by its path."""
    above: dict[Path, str] = {}
    for path, resource in template.resources():
        written = _read_text(resource, "type").lower().partition("@")[0]
        parent = above.get(path[:-2], "") if "/" not in written else ""
        above[path] = f"{parent}/{written}" if parent else written
        yield path, (above[path], resource)


def _is_kind_undecided(kind: str, resource: dict[str, object]) -> bool:
    """Whether it is a setting that counts: sign-in settings of an app, and plans whose name the template does not know."""
    name = _read_text(resource, "name").lower()
    if kind == "microsoft.web/sites/config":
        return "authsettings" in name and "authsettingsv2" not in name
    return kind != "microsoft.security/pricings" or is_written_expression(name)


def _find_disabled_switch(path: Path, resource: dict[str, object], switch: _Switch) -> Path | None:
    """The path of what turns the protection off; None where it is on, or an expression decides."""
    properties = find_member(resource, path, "properties")
    if properties is None or not isinstance(properties[1], dict):
        return None
    found = find_member(properties[1], properties[0], switch.name)
    if found is None:
        return properties[0] if switch.is_off_unstated else None
    value = found[1].lower() if isinstance(found[1], str) else found[1]
    if value == switch.on or (isinstance(value, str) and is_written_expression(value)):
        return None
    return found[0]


def _read_text(resource: dict[str, object], name: str) -> str:
    found = member(resource, name)
    return found[1] if found and isinstance(found[1], str) else ""

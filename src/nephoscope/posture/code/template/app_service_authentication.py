"""App Service authentication: the web configuration that a site's sign-in settings produce.

Source: https://learn.microsoft.com/azure/templates/microsoft.web/sites/config-authsettingsv2 and config-authsettings;
`siteAuthEnabled` of config/web answers for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from nephoscope_policy.arm.template.document import member
from nephoscope_policy.arm.unknown import OpenObject, Unknown
from nephoscope_policy.model.resource import Planning, Resource

if TYPE_CHECKING:
    from nephoscope.posture.code.template.template_resource import WrittenResource

_CONFIGURATIONS = frozenset({"microsoft.web/sites/config", "microsoft.web/sites/slots/config"})
_SWITCHES = {
    "authsettingsv2": ("properties", "platform", "enabled"),
    "authsettings": ("properties", "enabled"),
}
"""Where each kind of settings says whether callers sign in, the later kind first: where both are there, it decides."""
_OFF_WHERE_LEFT_OUT = "authsettings"
"""The kind of settings that replaces all of them, so that a switch that it leaves out is off."""
_ANSWER = "siteAuthEnabled"
_SETTINGS = ("authsettings",)


def apply_sign_in_settings(resources: dict[str, Resource], made: Mapping[str, WrittenResource]) -> None:
    """Put what the sign-in settings among resources say into the web configuration of each site that is made.

    A site without settings lets everybody in, where its source would tell them.
    """
    for key, site in made.items():
        web = resources.get(f"{key}/config/web")
        if web is None or web.type not in _CONFIGURATIONS:
            continue
        settings = ((resources.get(f"{key}/config/{name}"), path) for name, path in _SWITCHES.items())
        said = next((_is_switched_on(one, path) for one, path in settings if one is not None), None)
        if said is None:
            said = _may_be_set(resources, key)
        if said is not None:
            resources[web.key] = _add_sign_in_settings(web, said)
        elif (site.partial_body is None or site.partial_body.has_part(_SETTINGS)) and not _has_own_answer(
            web
        ):
            resources[web.key] = _add_sign_in_settings(web, value=False)


def _may_be_set(resources: Mapping[str, Resource], site: str) -> Unknown | None:
    """Return why it is not known whether a site has sign-in settings; None where it is."""
    for key, one in resources.items():
        if key.startswith(f"{site}/config/{{"):
            planned = one.planned or Planning()
            return Unknown("bool", reason=planned.condition or planned.unnamed)
    return None


def _is_switched_on(settings: Resource, path: tuple[str, ...]) -> object:
    """Return whether settings say that callers sign in; unknown where they leave it to Azure, or may not be made."""
    doubt = (settings.planned or Planning()).condition
    value: object = settings.body
    for step in path:
        if doubt or not isinstance(value, dict):
            return Unknown("bool", reason=doubt or f"{settings.name} does not say whether callers sign in")
        found = member(value, step)
        if found is None:
            left_out = path == _SWITCHES[_OFF_WHERE_LEFT_OUT] and not isinstance(value, OpenObject)
            return (
                False
                if left_out
                else Unknown("bool", reason=f"{settings.name} does not say whether callers sign in")
            )
        value = found[1]
    return value


def _has_own_answer(web: Resource) -> bool:
    """Return whether the web configuration says itself whether callers sign in, or may say so."""
    found = member(web.body, "properties")
    if found is None:
        return False
    return isinstance(found[1], OpenObject | Unknown) or member(found[1], _ANSWER) is not None


def _add_sign_in_settings(web: Resource, value: object) -> Resource:
    found = member(web.body, "properties")
    held: object = found[1] if found is not None else {}
    if not isinstance(held, dict):
        return web
    kept = {name: one for name, one in held.items() if name.lower() != _ANSWER.lower()}
    answered = {**kept, _ANSWER: value}
    whole = OpenObject(answered, held.rest) if isinstance(held, OpenObject) else answered
    return replace(web, body={**web.body, (found[0] if found is not None else "properties"): whole})

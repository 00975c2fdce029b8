"""Security settings whose default has changed should be stated.

Sources: https://learn.microsoft.com/azure/app-service/overview-tls, https://learn.microsoft.com/azure/storage/common/storage-require-secure-transfer,
https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview, https://learn.microsoft.com/azure/templates/microsoft.dbformysql/servers,
https://learn.microsoft.com/azure/templates/microsoft.network/networkwatchers/flowlogs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from nephoscope.collect.templates.arm.template_source import ArmSource, find_member
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch
from nephoscope_policy.arm.template.document import Path, member
from nephoscope_policy.model.state import Severity

RULE = CodeRule(
    id="arm-unstated-setting",
    title="Templates should state security settings whose default has changed",
    severity=Severity.LOW,
    description=(
        "What a template leaves out, Azure decides, by the API version and by when the resource was first made: "
        "a new resource gets today's default, and one that is there already keeps what it has."
    ),
    steps=("Set the property to the value that you want.",),
    equivalents=(
        "checkov:CKV_AZURE_12",
        "checkov:CKV_AZURE_15",
        "checkov:CKV_AZURE_28",
        "checkov:CKV_AZURE_29",
        "checkov:CKV_AZURE_3",
        "checkov:CKV_AZURE_111",
        "kics:1367dd13-2c90-4020-80b7-e4339a3dc2c4",
        "kics:564b70f8-41cd-4690-aff8-bb53add86bc9",
        "kics:7c25f361-7c66-44bf-9b69-022acd5eb4bd",
        "kics:90120147-f2e7-4fda-bb21-6fa9109afd63",
        "kics:b5c851d5-00f1-43dc-a8de-3218fd6f71be",
        "kics:bf500309-da53-4dd3-bcf7-95f7974545a5",
        "psrule:Azure.AppService.MinTLS",
        "psrule:Azure.MariaDB.UseSSL",
        "psrule:Azure.MySQL.UseSSL",
        "psrule:Azure.PostgreSQL.UseSSL",
        "psrule:Azure.Storage.SecureTransfer",
        "template-analyzer:TA-000005",
        "template-analyzer:TA-000011",
        "template-analyzer:TA-000017",
    ),
)


class _Setting(NamedTuple):
    """A property that a type should state, from an API version on: a policy judges what earlier versions make of it."""

    path: tuple[str, ...]
    since: str = ""


_SETTINGS: dict[str, tuple[_Setting, ...]] = {
    "microsoft.web/sites": (_Setting(("properties", "siteConfig", "minTlsVersion")),),
    "microsoft.storage/storageaccounts": (
        _Setting(("properties", "supportsHttpsTrafficOnly"), since="2019-04-01"),
    ),
    "microsoft.keyvault/vaults": (_Setting(("properties", "enableSoftDelete")),),
    "microsoft.dbformysql/servers": (_Setting(("properties", "sslEnforcement")),),
    "microsoft.dbforpostgresql/servers": (_Setting(("properties", "sslEnforcement")),),
    "microsoft.dbformariadb/servers": (_Setting(("properties", "sslEnforcement")),),
    "microsoft.network/networkwatchers/flowlogs": (
        _Setting(("properties", "enabled")),
        _Setting(("properties", "retentionPolicy", "enabled")),
        _Setting(("properties", "retentionPolicy", "days")),
    ),
}


def check(template: ArmSource) -> Iterator[CodeMatch]:
    """Give each resource that leaves such settings out; what an expression may set is not left out."""
    for one in template.templates():
        resources = list(one.resources())
        configured = _list_web_settings(resources)
        for path, resource in resources:
            settings = _SETTINGS.get(_read_type(resource), ())
            if not settings or member(resource, "existing") is not None:
                continue
            version = str((member(resource, "apiVersion") or ("", ""))[1])
            left = [
                setting
                for setting in settings
                if version >= setting.since and _is_left_out(resource, setting)
            ]
            names = [setting.path[-1] for setting in left if setting.path[-1].lower() not in configured]
            if names:
                yield CodeMatch(
                    one.find_span(_find_properties_path(path, resource)),
                    f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} not set, so that Azure decides",
                    subject=str((member(resource, "name") or ("", ""))[1]),
                )


def _read_type(resource: dict[str, object]) -> str:
    return str((member(resource, "type") or ("", ""))[1]).lower().partition("@")[0]


def _is_left_out(resource: dict[str, object], setting: _Setting) -> bool:
    value: object = resource
    for name in setting.path:
        if not isinstance(value, dict):
            return False
        found = member(value, name)
        if found is None:
            return not any(key.lower().startswith("copy") or key.startswith("[") for key in value)
        value = found[1]
    return value is None


def _list_web_settings(resources: list[tuple[Path, dict[str, object]]]) -> set[str]:
    """The lower-cased settings that web configurations of the template state on their own."""
    found: set[str] = set()
    for _, resource in resources:
        named = str((member(resource, "name") or ("", ""))[1]).lower()
        if _read_type(resource).rpartition("/")[2] == "config" and "web" in named.rpartition("/")[2]:
            properties = member(resource, "properties")
            found |= (
                {key.lower() for key in properties[1]}
                if properties and isinstance(properties[1], dict)
                else set()
            )
    return found


def _find_properties_path(path: Path, resource: dict[str, object]) -> Path:
    """The path of the properties of a resource, to which the setting belongs, or else of its name."""
    found = find_member(resource, path, "properties") or find_member(resource, path, "name")
    return found[0] if found is not None else path

"""The form of a registry: its fields are those of the settings, so that a setting that comes later has one too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from nephoscope.protect.registry.image_policy import ImagePolicy
from nephoscope.protect.registry.registry_connection import RegistrySecrets
from nephoscope.protect.registry.registry_settings import (
    RegistrySettings,
    RegistrySettingsError,
    convert_settings_for_storage,
    read_settings,
)
from nephoscope.state import StateError
from nephoscope.web.forms.request_form import FormField

_ARROW = "->"
#: A setting -> its label and what it means; one that is not here is called by its name.
LABELS = {
    "insecure": ("Without TLS", "for test registries only"),
    "authority": ("Certificate authority", "certificates in PEM; leave empty to use the system's"),
    "repositories": ("Repositories", "patterns such as `shop/*`, one per line"),
    "quarantine": (
        "Quarantine",
        "`quarantine/* -> approved/*`, one per line; leave empty to promote nothing",
    ),
    "resource_id": (
        "Resource ID",
        "of the registry in Azure, if any; users who can read it see its images",
    ),
    "polling_minutes": ("Minutes between polls", "0 to use events only"),
    "rescan_hours": ("Hours between scans of an image", ""),
    "request_registries": (
        "Registries that users can request images from",
        "host names of public registries, one per line",
    ),
    "attests": ("Attest scans", "sign a statement for each image outside of quarantine"),
    "max_severity": ("Maximum severity of vulnerabilities", ""),
    "vulnerabilities": ("Higher severities", ""),
    "fixable_only": ("Ignore vulnerabilities without a fix", ""),
    "exploited": ("Exploited vulnerabilities", ""),
    "unknown": ("Packages not assessed", ""),
    "unread": ("Unreadable files", ""),
    "secrets": ("Secrets", ""),
    "suspicious": ("Suspected malware", "confirmed malware is always rejected"),
    "malware_unknown": ("Files not scanned for malware", ""),
    "configuration": ("Configuration rules that reject", "names, one per line; `*`: all rules"),
    "allowed_licenses": ("Allowed licenses", "SPDX, one per line; leave empty to allow all"),
    "denied_licenses": ("Denied licenses", "SPDX, one per line, such as `AGPL-*`"),
    "licenses": ("Other licenses", ""),
    "max_age_days": ("Maximum age of the base image in days", "0: any"),
    "signatures": ("Required signatures", "0: none"),
    "attestations": (
        "Required attestations",
        "one per line: `provenance`, `sbom`, `vulnerabilities`, or a predicate type",
    ),
    "builders": ("Trusted builders for provenance", "patterns, one per line, such as `https://github.com/*`"),
    "delete_rejected": ("Delete rejected images", ""),
    "copy_unmountable": ("Copy blobs where the registry does not mount them", ""),
}
EFFECTS = {"reject": "reject the image", "hold": "hold for review", "allow": "ignore"}


def build_setting_fields(settings: RegistrySettings) -> list[FormField]:
    """Return the fields of the settings beside the policy."""
    return list(_list_fields(RegistrySettings, settings, "set."))


def build_policy_fields(settings: RegistrySettings) -> list[FormField]:
    """Return the fields of the policy."""
    return list(_list_fields(ImagePolicy, settings.policy, "policy."))


def keep_typed_fields(fields: list[FormField], form: Mapping[str, str]) -> list[FormField]:
    """Return fields as they were sent, so that a form that was refused keeps what was typed."""
    return [replace(one, value=form.get(one.name, "")) for one in fields]


def read_form(form: Mapping[str, str], before: RegistrySettings) -> RegistrySettings:
    """Return the settings of a form; what it has no field for stays as before. Raises StateError for a field that cannot be read."""
    document = convert_settings_for_storage(before)
    document |= _parse_values(RegistrySettings, form, "set.")
    document["policy"] = {**document["policy"], **_parse_values(ImagePolicy, form, "policy.")}
    try:
        return read_settings(document)
    except RegistrySettingsError as error:
        raise StateError(str(error)) from error


def read_secrets(form: Mapping[str, str]) -> RegistrySecrets:
    """Return the secrets that a form sends; an empty one stays as it is."""
    return RegistrySecrets(password=form.get("password", ""), token=form.get("token", ""))


def _list_fields(shape: type[msgspec.Struct], values: msgspec.Struct, prefix: str) -> Iterator[FormField]:
    for one in _list_settings(shape):
        value, (kind, choices) = getattr(values, one.name), _choose_control(one)
        label, help_ = LABELS.get(one.name, (one.name.replace("_", " ").capitalize(), ""))
        yield FormField(prefix + one.name, label, help_, kind, _to_text(value), choices, kind == "number")


def _list_settings(shape: type[msgspec.Struct]) -> Iterator[msgspec.inspect.Field]:
    """Give the settings that a form can have: not the policy, keys, identities and exemptions, which are documents of their own."""
    type_info = msgspec.inspect.type_info(shape)
    for one in type_info.fields if isinstance(type_info, msgspec.inspect.StructType) else ():
        if one.name not in ("policy", "keys", "identities", "trust_root", "exemptions"):
            yield one


def _choose_control(one: msgspec.inspect.Field) -> tuple[str, tuple[tuple[str, str], ...]]:
    match one.type:
        case msgspec.inspect.BoolType():
            return "tick", ()
        case msgspec.inspect.IntType():
            return "number", ()
        case msgspec.inspect.LiteralType(values=values):
            return "choice", tuple((str(each), EFFECTS.get(str(each), str(each))) for each in values)
        case msgspec.inspect.VarTupleType():
            return "lines", ()
    return ("lines" if one.name == "authority" else "text"), ()


def _to_text(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, tuple):
        return "\n".join(map(_format_line, value))
    return str(value)


def _format_line(value: Any) -> str:
    return value if isinstance(value, str) else f"{value.quarantine} {_ARROW} {value.approved}"


def _parse_values(shape: type[msgspec.Struct], form: Mapping[str, str], prefix: str) -> dict[str, object]:
    """Return the values of the fields that were sent; a tick that is absent was taken away, any other field stays as it is."""
    sent = [
        one for one in _list_settings(shape) if prefix + one.name in form or _choose_control(one)[0] == "tick"
    ]
    return {one.encode_name: _parse_value(one, form.get(prefix + one.name, "")) for one in sent}


def _parse_value(one: msgspec.inspect.Field, text: str) -> object:
    kind, _ = _choose_control(one)
    label = LABELS.get(one.name, (one.name, ""))[0]
    if kind == "tick":
        return text == "1"
    if kind == "number":
        if not text.strip().isdecimal() or len(text.strip()) > 6:
            raise StateError(f"{label}: must be a whole number (got '{text[:40]}')")
        return int(text)
    if one.name == "authority" or kind != "lines":
        return text.strip()
    several = [line.strip() for line in text.splitlines() if line.strip()]
    return [_parse_mapping(line) for line in several] if one.name == "quarantine" else several


def _parse_mapping(line: str) -> dict[str, str]:
    quarantine, arrow, approved = line.partition(_ARROW)
    if not arrow:
        raise StateError(f"Quarantine: must be lines such as quarantine/* -> approved/* (got '{line[:100]}')")
    return {"quarantine": quarantine.strip(), "approved": approved.strip()}

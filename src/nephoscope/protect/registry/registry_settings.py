"""The settings of a registry that is watched."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from nephoscope.collect.scanning.image_rules.discovery import load_image_checks
from nephoscope.collect.scanning.license_policy import LicensePolicyError, make_policy
from nephoscope.protect.registry.attestations import PREDICATES
from nephoscope.protect.registry.image_policy import ImagePolicy
from nephoscope.protect.registry.keyless import KeylessIdentity
from nephoscope.protect.registry.public_keys import PublicKeyError, read_public_key
from nephoscope.protect.registry.trust_root import TrustRoot, TrustRootError, read_trust_root
from nephoscope_policy.model.resource_id import ResourceId

_LONGEST_AUTHORITY = 262_144


class RegistrySettingsError(Exception):
    """Settings that cannot be: the message names the setting and what to do."""


class QuarantineMapping(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """Repositories of quarantine and those that their images are promoted to: `quarantine/*` and `approved/*`, the star the same."""

    quarantine: str
    approved: str

    def map_repository(self, repository: str) -> str:
        """Return the repository that images of one in quarantine are promoted to, '' for one that is not in this quarantine."""
        prefix = self.quarantine.removesuffix("*")
        if not repository.startswith(prefix) or repository == prefix:
            return ""
        return self.approved.removesuffix("*") + repository.removeprefix(prefix)


class RegistrySettings(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Settings of a watched registry.

    `authority` are certificates (PEM) by which its own is verified; `insecure` speaks without TLS. Repositories that no pattern of
    `repositories` matches are left alone. `resource_id` is the registry's id in ARM, '' where it has none. `polling_minutes` is 0 for
    never; `rescan_hours` is how old an examination may become. `request_registries` are hosts from which images may be asked for.
    `keys` are public keys (PEM) by name, by which signatures and attestations count; `identities` are who may sign without a key, by
    name, verified by `trust_root`; `attests` puts a statement of our own beside each image outside of quarantine that was examined.
    """

    insecure: bool = False
    authority: str = ""
    repositories: tuple[str, ...] = ("*",)
    quarantine: tuple[QuarantineMapping, ...] = ()
    resource_id: str = ""
    polling_minutes: int = 15
    rescan_hours: int = 24
    request_registries: tuple[str, ...] = ()
    keys: dict[str, str] = {}
    identities: dict[str, KeylessIdentity] = {}
    trust_root: TrustRoot | None = None
    attests: bool = False
    policy: ImagePolicy = ImagePolicy()

    @property
    def signer_names(self) -> frozenset[str]:
        """The names of the keys and identities by which signatures and attestations count."""
        return frozenset((*self.keys, *self.identities))

    def watches(self, repository: str) -> bool:
        """Return whether images of a repository are looked at."""
        return bool(self.get_promotion_target(repository)) or any(
            fnmatchcase(repository, one) for one in self.repositories
        )

    def get_promotion_target(self, repository: str) -> str:
        """Return the repository that images of one in quarantine are promoted to, '' for one outside of quarantine."""
        return next((found for one in self.quarantine if (found := one.map_repository(repository))), "")


def read_settings(document: Mapping[str, object]) -> RegistrySettings:
    """Return the settings of a document; raises RegistrySettingsError with the place of what is wrong."""
    try:
        settings = msgspec.convert(document, RegistrySettings)
    except msgspec.ValidationError as error:
        raise RegistrySettingsError(f"settings: {error}") from error
    for number, mapping in enumerate(settings.quarantine):
        _check_mapping(mapping, f"quarantine[{number}]")
    _check_numbers(settings)
    _check_authority(settings.authority)
    _check_policy(settings)
    _check_statements(settings)
    for name, key in settings.keys.items():
        _check_key(name, key)
    _check_identities(settings)
    return settings


def convert_settings_for_storage(settings: RegistrySettings) -> dict[str, Any]:
    """Return settings as they are kept."""
    found: dict[str, Any] = msgspec.to_builtins(settings)
    return found


def build_tls_verification(settings: RegistrySettings) -> ssl.SSLContext | bool:
    """Return what verifies the registry's certificate: its own authority where one is given."""
    return ssl.create_default_context(cadata=settings.authority) if settings.authority else True


def _check_mapping(mapping: QuarantineMapping, place: str) -> None:
    for name, pattern in (("quarantine", mapping.quarantine), ("approved", mapping.approved)):
        if not pattern.endswith("/*") or "*" in pattern[:-1]:
            raise RegistrySettingsError(
                f"{place}.{name}: a prefix that ends in /* is expected, not {pattern!r}"
            )
    if mapping.map_repository(mapping.approved.removesuffix("*") + "x"):
        raise RegistrySettingsError(
            f"{place}: {mapping.approved} is inside {mapping.quarantine}: promoted images would be quarantined again"
        )


def _check_numbers(settings: RegistrySettings) -> None:
    for name, value, least in (
        ("pollingMinutes", settings.polling_minutes, 0),
        ("rescanHours", settings.rescan_hours, 1),
        ("policy.maxAgeDays", settings.policy.max_age_days, 0),
        ("policy.signatures", settings.policy.signatures, 0),
    ):
        if value < least:
            raise RegistrySettingsError(f"{name}: must be at least {least}, not {value}")
    if settings.policy.signatures > len(settings.signer_names):
        raise RegistrySettingsError(
            f"policy.signatures: {settings.policy.signatures} are expected, but `keys` and "
            f"`identities` have {len(settings.signer_names)}"
        )


def _check_statements(settings: RegistrySettings) -> None:
    policy = settings.policy
    for one in policy.attestations:
        if one not in PREDICATES and "://" not in one:
            named = ", ".join(PREDICATES)
            raise RegistrySettingsError(
                f"policy.attestations: must be one of {named}, or a predicate type, which is a URI (got {one[:100]!r})"
            )
    if (policy.attestations or policy.builders) and not settings.signer_names:
        raise RegistrySettingsError(
            "policy.attestations: `keys` is empty, as is `identities`: list who may sign attestations"
        )


def _check_policy(settings: RegistrySettings) -> None:
    policy = settings.policy
    if settings.resource_id:
        try:
            ResourceId.parse(settings.resource_id)
        except ValueError as error:
            raise RegistrySettingsError(f"resourceId: {error}") from error
    if unknown := sorted(set(policy.configuration) - {"*", *load_image_checks()}):
        raise RegistrySettingsError(f"policy.configuration: rule of images {unknown[0]!r} not found")
    try:
        make_policy(policy.allowed_licenses, policy.denied_licenses)
    except LicensePolicyError as error:
        raise RegistrySettingsError(f"policy: {error}") from error


def _check_key(name: str, key: str) -> None:
    try:
        read_public_key(key)
    except PublicKeyError as error:
        raise RegistrySettingsError(f"keys.{name}: {error}") from error


def _check_identities(settings: RegistrySettings) -> None:
    if doubled := sorted(settings.keys.keys() & settings.identities.keys()):
        raise RegistrySettingsError(f"identities.{doubled[0]}: a key already has this name: use another")
    for name, one in settings.identities.items():
        if not one.issuer or not one.subject.strip("*"):
            raise RegistrySettingsError(
                f"identities.{name}: an issuer and a subject are required; * matches any text, but cannot "
                "be the whole value"
            )
    if settings.trust_root is None:
        if settings.identities:
            raise RegistrySettingsError("trustRoot is required: it verifies the certificates of identities")
        return
    try:
        read_trust_root(settings.trust_root)
    except TrustRootError as error:
        raise RegistrySettingsError(f"trustRoot.{error}") from error


def _check_authority(authority: str) -> None:
    if len(authority) > _LONGEST_AUTHORITY:
        raise RegistrySettingsError(f"authority: at most {_LONGEST_AUTHORITY} characters")
    if authority:
        try:
            ssl.create_default_context(cadata=authority)
        except (ssl.SSLError, ValueError) as error:
            raise RegistrySettingsError(f"authority: no certificates in PEM: {error}") from error

"""Licenses of packages against a list of those that are allowed and those that are denied, as expressions of SPDX.

Expressions are read by license-expression (extra `sbom`). A license that is not known stays unknown: it is neither allowed nor denied.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from typing import Any, Literal

import msgspec

from nephoscope.model.extras import get_install_command
from nephoscope.model.package import Package
from nephoscope_policy.model.state import Severity

_LONGEST = 4_000


class LicensePolicyError(Exception):
    """A license of a policy that is none: the message says which, and what to write."""


class LicenseVerdict(IntEnum):
    """Verdict of a policy on a license, best first."""

    ALLOWED = 0
    UNKNOWN = 1
    NOT_ALLOWED = 2
    DENIED = 3


class LicenseFinding(msgspec.Struct, frozen=True, omit_defaults=True):
    """A package whose license the policy denies, or does not allow, or does not know (`status` Unknown)."""

    status: Literal["Denied", "NotAllowed", "Unknown"]
    severity: Severity
    type: str
    name: str
    version: str
    licenses: tuple[str, ...]
    path: str = ""
    layer: str = ""


_SEVERITIES: dict[LicenseVerdict, tuple[Literal["Denied", "NotAllowed", "Unknown"], Severity]] = {
    LicenseVerdict.DENIED: ("Denied", Severity.HIGH),
    LicenseVerdict.NOT_ALLOWED: ("NotAllowed", Severity.MEDIUM),
    LicenseVerdict.UNKNOWN: ("Unknown", Severity.INFORMATIONAL),
}


class LicensePolicy(msgspec.Struct, frozen=True):
    """Licenses that are allowed and that are denied, as identifiers of SPDX, with an exception where one belongs to it.

    `*` stands for any text (`GPL-*`). Where nothing is allowed by name, everything that is known and not denied is.
    """

    allowed: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.allowed or self.denied)

    def assess(self, license_key: str, exception: str = "") -> LicenseVerdict:
        """Return what the policy says of one license by its identifier.

        An exception only permits more: with one a license is judged as without, unless the policy names the two together.
        """
        names = (f"{license_key} WITH {exception}", license_key) if exception else (license_key,)
        if exception and _is_license_named(names[0], self.allowed):
            return LicenseVerdict.ALLOWED
        if any(_is_license_named(name, self.denied) for name in names):
            return LicenseVerdict.DENIED
        if not self.allowed or any(_is_license_named(name, self.allowed) for name in names):
            return LicenseVerdict.ALLOWED
        return LicenseVerdict.NOT_ALLOWED


def _is_license_named(key: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(key, pattern) for pattern in patterns)


#: Nothing is asked of licenses.
NO_POLICY = LicensePolicy()


def make_policy(allowed: Iterable[str], denied: Iterable[str]) -> LicensePolicy:
    """Return a policy in the spelling of SPDX; raises LicensePolicyError for what is no license."""
    return LicensePolicy(tuple(map(_spell_license, allowed)), tuple(map(_spell_license, denied)))


def assess_licenses(packages: Iterable[Package], policy: LicensePolicy) -> tuple[LicenseFinding, ...]:
    """Return the packages whose licenses the policy does not allow, the worst first; nothing where there is no policy.

    Of alternatives the best counts, of licenses that hold together the worst.
    """
    if not policy:
        return ()
    found = (_assess_package(package, policy) for package in packages)
    return tuple(
        sorted((one for one in found if one), key=lambda one: (-one.severity.rank, one.type, one.name))
    )


def _assess_package(package: Package, policy: LicensePolicy) -> LicenseFinding | None:
    verdict = _assess_licenses(package.licenses, policy)
    if verdict is LicenseVerdict.ALLOWED:
        return None
    status, severity = _SEVERITIES[verdict]
    return LicenseFinding(
        status,
        severity,
        package.type,
        package.name,
        package.version,
        package.licenses,
        package.path,
        package.layer,
    )


@lru_cache(65_536)
def _assess_licenses(licenses: tuple[str, ...], policy: LicensePolicy) -> LicenseVerdict:
    """Return what the policy says of licenses that hold together; of none it is not known what holds."""
    if not licenses:
        return LicenseVerdict.UNKNOWN
    return max(_assess_license_text(text, policy) for text in licenses)


def _assess_license_text(text: str, policy: LicensePolicy) -> LicenseVerdict:
    from boolean.boolean import ParseError
    from license_expression import ExpressionError

    if len(text) > _LONGEST:
        return LicenseVerdict.UNKNOWN
    try:
        parsed = _load_licensing().parse(text)
    except (ExpressionError, ParseError, RecursionError):
        return LicenseVerdict.UNKNOWN
    return LicenseVerdict.UNKNOWN if parsed is None else _assess_expression(parsed, policy)


def _assess_expression(expression: object, policy: LicensePolicy) -> LicenseVerdict:
    """Judge an expression: a license, one with an exception, alternatives, or several that hold together."""
    licensing = _load_licensing()
    if isinstance(expression, licensing.OR):
        return min(_assess_expression(part, policy) for part in expression.args)
    if isinstance(expression, licensing.AND):
        return max(_assess_expression(part, policy) for part in expression.args)
    license_key, exception = _list_keys(expression)
    known = licensing.known_symbols
    if license_key not in known or (exception and exception not in known):
        return LicenseVerdict.UNKNOWN
    return policy.assess(license_key, exception)


def _list_keys(symbol: Any) -> tuple[str, str]:
    """Return the identifiers of a license and of its exception, '' for none."""
    if hasattr(symbol, "exception_symbol"):
        return symbol.license_symbol.key, symbol.exception_symbol.key
    return symbol.key, ""


@cache
def _load_licensing() -> Any:
    """Return the licenses of SPDX; raises LicensePolicyError where nothing here can read them."""
    try:
        from license_expression import get_spdx_licensing
    except ImportError as error:
        raise LicensePolicyError(
            f"license-expression is not installed: {get_install_command('sbom')}"
        ) from error
    return get_spdx_licensing()


def _spell_license(text: str) -> str:
    """Return a license as SPDX spells it; a pattern must meet one that SPDX has."""
    known: Iterable[str] = _load_licensing().known_symbols
    from boolean.boolean import ParseError
    from license_expression import ExpressionError

    if "*" in text:
        if any(fnmatchcase(key, text) for key in known):
            return text
        raise LicensePolicyError(f"unknown SPDX license {text!r}")
    try:
        parsed = _load_licensing().parse(text, validate=True)
    except (ExpressionError, ParseError) as error:
        raise LicensePolicyError(
            f"{text!r} is not an SPDX license: use its identifier, such as Apache-2.0"
        ) from error
    if parsed is None or isinstance(parsed, (_load_licensing().OR, _load_licensing().AND)):
        raise LicensePolicyError(f"{text!r} is not a single license: list each one separately")
    license_key, exception = _list_keys(parsed)
    return f"{license_key} WITH {exception}" if exception else license_key

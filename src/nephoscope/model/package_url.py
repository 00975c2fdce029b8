"""Package URLs: one line that names a package of any ecosystem, as the specification (ECMA-427) has it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

import msgspec

from nephoscope.model.package_url_types import ANY_TYPE, TYPES, PackageUrlType

#: A URL that is longer is refused: no package needs it.
LONGEST = 8192

#: What stands beside letters and digits without an escape.
_PLAIN = ".-_~:"
#: Nearly every part: it needs no escape.
_UNESCAPED = re.compile(r"[A-Za-z0-9.\-_~:]*")
_TYPE = re.compile(r"[a-z][a-z0-9.\-]*")
_QUALIFIER_KEY = re.compile(r"[a-z][a-z0-9._\-]*")
_SCHEME = re.compile(r"pkg:/*", re.IGNORECASE)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class PackageUrlError(ValueError):
    """A text, or parts, that are no package URL of the specification."""


class PackageUrl(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A package URL in its parts, decoded.

    `namespace` holds its segments with `/` between them, `qualifiers` are sorted by key, and '' is a part that is not there.
    """

    type: str
    name: str
    namespace: str = ""
    version: str = ""
    qualifiers: tuple[tuple[str, str], ...] = ()
    subpath: str = ""

    def get_qualifier(self, key: str) -> str:
        """Return the value of a qualifier, '' when it has none."""
        return next((value for name, value in self.qualifiers if name == key), "")

    def __str__(self) -> str:
        rules = TYPES.get(self.type, ANY_TYPE)
        text = f"pkg:{_encode_part(self.type)}"
        if self.namespace:
            text += "".join([f"/{_encode_part(one)}" for one in _parse_segments(self.namespace)])
        if rules.has_path_as_name:
            text += "".join([f"/{_encode_part(one)}" for one in _parse_segments(self.name)])
        else:
            text += f"/{_encode_part(self.name)}"
        if self.version:
            text += "@" + _encode_part(self.version)
        if self.qualifiers:
            text += "?" + "&".join([f"{key}={_encode_part(value)}" for key, value in self.qualifiers])
        if self.subpath:
            text += "#" + "/".join(_encode_part(one) for one in self.subpath.split("/"))
        return text


def parse(text: str) -> PackageUrl:
    """Read a package URL into its canonical parts; PackageUrlError says what is wrong with it."""
    return canonicalize_package_url(split_package_url(text))


def canonicalize_text(text: str) -> str:
    """Return a package URL as the specification writes it; PackageUrlError says what is wrong with it."""
    return str(parse(text))


def build_package_url(
    type_: str,
    name: str,
    *,
    namespace: str = "",
    version: str = "",
    qualifiers: Mapping[str, str] | None = None,
    subpath: str = "",
) -> PackageUrl:
    """Return the canonical package URL of these parts; PackageUrlError says which part is not allowed."""
    given = qualifiers or {}
    return canonicalize_package_url(
        PackageUrl(
            type=type_,
            name=name,
            namespace="/".join(_parse_segments(namespace)),
            version=version,
            qualifiers=tuple((key, value) for key, value in given.items() if value),
            subpath="/".join(_parse_subpath_segments(subpath)),
        )
    )


def split_package_url(text: str) -> PackageUrl:
    """Decode a package URL into its parts as they are written, without the rules of its type; PackageUrlError when it has no parts."""
    if len(text) > LONGEST:
        raise PackageUrlError(f"a package URL of {len(text)} characters is longer than {LONGEST}")
    scheme = _SCHEME.match(text)
    if not scheme:
        raise PackageUrlError(f"{text[:80]!r} does not start with pkg:")
    rest, _, subpath = text[scheme.end() :].partition("#")
    rest, _, qualifiers = rest.partition("?")
    path, version = _divide_version(rest)
    type_, _, path = path.partition("/")
    segments = [_decode_part(one) for one in path.split("/") if one]
    # a slash right before the version leaves the name empty, but ends the path of a repository
    if not segments or (version and path.endswith("/") and type_.lower() != "git"):
        raise PackageUrlError(f"{text[:80]!r} has no name")
    namespace, name = _divide_name(type_.lower(), segments)
    return PackageUrl(
        type=type_,
        name=name,
        namespace=namespace,
        version=_decode_part(version),
        qualifiers=_parse_qualifiers(qualifiers),
        subpath="/".join(_parse_subpath_segments("/".join(_decode_part(one) for one in subpath.split("/")))),
    )


def canonicalize_package_url(url: PackageUrl) -> PackageUrl:
    """Return a package URL as the rules of its type write it; PackageUrlError names the rule that it breaks."""
    type_ = url.type.lower()
    if type_ not in TYPES and not _TYPE.fullmatch(type_):
        raise PackageUrlError(
            f"{url.type[:40]!r} is not a type: a letter, then letters, digits, dots and hyphens"
        )
    if not url.name:
        raise PackageUrlError("a package URL requires a name")
    rules = TYPES.get(type_, ANY_TYPE)
    written = PackageUrl(
        type=type_,
        name=_canonicalize_name(type_, url, rules),
        namespace=url.namespace.lower() if rules.lower_namespace else url.namespace,
        version=url.version.lower() if rules.lower_version else url.version,
        qualifiers=_canonicalize_qualifiers(url.qualifiers),
        subpath=url.subpath,
    )
    _check_rules(written, rules)
    return written


def _canonicalize_name(type_: str, url: PackageUrl, rules: PackageUrlType) -> str:
    """Return the name as its type writes it: Python's with hyphens, MLflow's by the server that holds the model."""
    if type_ == "pypi":
        return url.name.lower().replace("_", "-")
    if type_ == "mlflow" and "databricks" in url.get_qualifier("repository_url").lower():
        return url.name.lower()
    return url.name.lower() if rules.lower_name else url.name


def _canonicalize_qualifiers(qualifiers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """Sort qualifiers by key, without empty ones; PackageUrlError for a key that is not allowed or given twice."""
    if not qualifiers:
        return ()
    kept: dict[str, str] = {}
    for key, value in qualifiers:
        lower = key.lower()
        if not _QUALIFIER_KEY.fullmatch(lower):
            raise PackageUrlError(f"{key[:40]!r} is not a key of a qualifier")
        if lower in kept:
            raise PackageUrlError(f"the qualifier {lower} is given twice")
        if value:
            kept[lower] = value.lower() if lower == "checksum" else value
    return tuple(sorted(kept.items()))


def _check_rules(url: PackageUrl, rules: PackageUrlType) -> None:
    """Raise PackageUrlError for a part that the type of a package URL requires, forbids or writes otherwise."""
    if rules.namespace == "required" and not url.namespace:
        raise PackageUrlError(f"a package URL of type {url.type} needs a namespace")
    if rules.namespace == "prohibited" and url.namespace:
        raise PackageUrlError(
            f"a package URL of type {url.type} cannot have a namespace: {url.namespace[:80]!r}"
        )
    if rules.name_pattern and not rules.name_pattern.fullmatch(url.name):
        raise PackageUrlError(f"{url.name[:80]!r} is not a name of type {url.type}")
    if rules.version_pattern and url.version and not rules.version_pattern.fullmatch(url.version):
        raise PackageUrlError(f"{url.version[:80]!r} is not a version of type {url.type}")
    for key in rules.required_qualifiers:
        if not url.get_qualifier(key):
            raise PackageUrlError(f"a package URL of type {url.type} needs the qualifier {key}")


def _divide_version(path: str) -> tuple[str, str]:
    """Divide a path at its last @, where that does not begin the segment of a scope (npm)."""
    head, at, version = path.rpartition("@")
    if not at or (head.endswith("/") and "/" in version):
        return path, ""
    return head, version


def _divide_name(type_: str, segments: list[str]) -> tuple[str, str]:
    """Divide decoded segments into namespace and name: the last one, for repositories of Git all after the host."""
    if TYPES.get(type_, ANY_TYPE).has_path_as_name and len(segments) > 1:
        return segments[0], "/".join(segments[1:])
    return "/".join(segments[:-1]), segments[-1]


def _parse_qualifiers(text: str) -> tuple[tuple[str, str], ...]:
    """Decode `key=value` pairs in the order that they stand in."""
    pairs = [one.partition("=") for one in text.split("&") if one]
    return tuple((key, _decode_part(value)) for key, _, value in pairs)


def _parse_segments(path: str) -> list[str]:
    """Return the segments of a path that are not empty."""
    return [one for one in path.split("/") if one]


def _parse_subpath_segments(path: str) -> list[str]:
    """Return the segments of a subpath; those that lead nowhere or up are left out."""
    return [one for one in path.split("/") if one not in {"", ".", ".."}]


@lru_cache(4_096)
def _encode_part(text: str) -> str:
    """Escape what may not stand in a part."""
    return text if _UNESCAPED.fullmatch(text) else quote(text, safe=_PLAIN)


def _decode_part(text: str) -> str:
    """Undo the escapes of a part; PackageUrlError when they are no UTF-8."""
    if _BAD_ESCAPE.search(text):
        raise PackageUrlError(f"{text[:80]!r} has a % without two digits after it")
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise PackageUrlError(f"{text[:80]!r} has escapes that are not UTF-8") from None

"""Required parts and normal form of package URLs by type: the definitions of the specification, one a line."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

#: Whether a type has a namespace: `required`, `optional` or `prohibited`.
Namespace = Literal["required", "optional", "prohibited"]


class PackageUrlType(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one type of package URLs; those that are lower are written in lower case. Patterns cover the whole part."""

    namespace: Namespace = "optional"
    lower_namespace: bool = False
    lower_name: bool = False
    lower_version: bool = False
    name_pattern: re.Pattern[str] | None = None
    version_pattern: re.Pattern[str] | None = None
    required_qualifiers: tuple[str, ...] = ()
    has_path_as_name: bool = False


def _lower_case_type(namespace: Namespace) -> PackageUrlType:
    """Return the rules of a type that is written in lower case."""
    return PackageUrlType(namespace=namespace, lower_namespace=True, lower_name=True)


_ALONE = PackageUrlType(namespace="prohibited")
_ALONE_LOWER = PackageUrlType(namespace="prohibited", lower_name=True)

#: The rules of each type; a type that is not here has none.
TYPES: dict[str, PackageUrlType] = {
    "alpm": _lower_case_type("required"),
    "apk": _lower_case_type("required"),
    "bazel": _ALONE,
    "bitbucket": _lower_case_type("required"),
    "bitnami": _ALONE_LOWER,
    "brew": PackageUrlType(lower_namespace=True, lower_name=True),
    "cargo": _ALONE,
    "chrome-extension": PackageUrlType(
        namespace="prohibited",
        lower_name=True,
        name_pattern=re.compile(r"[a-p]{32}"),
        version_pattern=re.compile(r"[0-9]+(\.[0-9]+){0,3}"),
    ),
    "cocoapods": _ALONE,
    "composer": _lower_case_type("required"),
    "conda": _ALONE,
    "cpan": PackageUrlType(name_pattern=re.compile(r"(?!.*::).+")),
    "cran": _ALONE,
    "deb": _lower_case_type("required"),
    "gem": _ALONE,
    "git": PackageUrlType(namespace="required", lower_namespace=True, lower_name=True, has_path_as_name=True),
    "github": _lower_case_type("required"),
    "golang": PackageUrlType(lower_namespace=True, lower_name=True),
    "hackage": _ALONE,
    "hex": PackageUrlType(lower_namespace=True, lower_name=True),
    "huggingface": PackageUrlType(lower_version=True),
    "julia": PackageUrlType(namespace="prohibited", required_qualifiers=("uuid",)),
    "luarocks": PackageUrlType(lower_namespace=True, lower_name=True),
    "maven": PackageUrlType(namespace="required"),
    "mlflow": _ALONE,
    "npm": PackageUrlType(lower_namespace=True, lower_name=True),
    "nuget": _ALONE,
    "oci": _ALONE_LOWER,
    "opam": _ALONE,
    "otp": _ALONE_LOWER,
    "pub": _ALONE_LOWER,
    "pypi": _ALONE_LOWER,
    "qpkg": PackageUrlType(namespace="required", lower_namespace=True),
    "rpm": PackageUrlType(lower_namespace=True),
    "swid": PackageUrlType(required_qualifiers=("tag_id",)),
    "swift": PackageUrlType(namespace="required"),
    "vcpkg": _ALONE,
    "vscode-extension": PackageUrlType(namespace="required", lower_namespace=True, lower_name=True),
    "yocto": PackageUrlType(lower_namespace=True),
}

ANY_TYPE = PackageUrlType()

"""Convert packages to package URLs and back."""

from __future__ import annotations

from urllib.parse import quote, unquote

import msgspec

from nephoscope.model import package_url
from nephoscope.model.package import Package
from nephoscope.model.package_url import PackageUrl, PackageUrlError
from nephoscope.model.package_url_types import ANY_TYPE, TYPES

#: Types whose namespace is a distribution, not a part of the name.
DISTRIBUTION_TYPES = frozenset({"alpm", "apk", "deb", "ebuild", "opkg", "qpkg", "rpm"})

#: What stands between the namespace and the name in the ecosystem's own word, where that is no slash.
_SEPARATORS = {"maven": ":"}


def to_package_url(package: Package) -> PackageUrl:
    """Return the package URL of a package, canonical where it has all that its type requires, else with the parts that there are.

    A package of a distribution has `arch`, `distro`, `upstream` (`name@version` of its source) and, of rpm, `epoch` and `rpmmod`.
    """
    namespace, name = _divide_name(package)
    version, qualifiers = _divide_version(package)
    url = PackageUrl(
        type=package.type.lower() or "generic",
        name=name,
        namespace=namespace,
        version=version,
        qualifiers=tuple(sorted((key, value) for key, value in qualifiers.items() if value)),
    )
    try:
        return package_url.canonicalize_package_url(url)
    except PackageUrlError:
        return url


def from_package_url(url: PackageUrl, own_name: str = "") -> Package:
    """Return the package that a package URL names.

    `own_name` is the name that its place has in the ecosystem's own writing: it stands where the URL would only write it
    otherwise (in lower case, with hyphens).
    """
    of_distribution = url.type in DISTRIBUTION_TYPES
    name = url.name if of_distribution else _join_name(url)
    if own_name and own_name != name and _is_same_name(url, own_name):
        name = own_name
    source_name, _, source_version = url.get_qualifier("upstream").partition("@")
    epoch = url.get_qualifier("epoch") if url.type == "rpm" else ""
    return Package(
        type=url.type,
        name=name,
        version=f"{epoch}:{url.version}" if epoch and url.version else url.version,
        namespace=url.namespace if of_distribution else "",
        distribution_version=_read_distribution_version(url) if of_distribution else "",
        architecture=url.get_qualifier("arch"),
        source_name=unquote(source_name),
        source_version=unquote(source_version),
        modularity=url.get_qualifier("rpmmod"),
    )


def _divide_name(package: Package) -> tuple[str, str]:
    """Divide the one word that an ecosystem writes into namespace and name."""
    if package.namespace or package.type in DISTRIBUTION_TYPES:
        return package.namespace, package.name
    if TYPES.get(package.type, ANY_TYPE).namespace == "prohibited":
        return "", package.name
    if package.type == "git":
        namespace, _, name = package.name.partition("/")
        return (namespace, name) if name else ("", namespace)
    namespace, _, name = package.name.rpartition(_SEPARATORS.get(package.type, "/"))
    return (namespace.strip("/"), name) if name else ("", package.name)


def _join_name(url: PackageUrl) -> str:
    """Return namespace and name in one word, as the ecosystem writes it."""
    return _SEPARATORS.get(url.type, "/").join(filter(None, (url.namespace, url.name)))


def _is_same_name(url: PackageUrl, own_name: str) -> bool:
    """Return whether a name is that of a package URL, when it is written as the type does."""
    own = to_package_url(
        Package(type=url.type, name=own_name, version="", namespace=_get_distribution_name(url))
    )
    plain = msgspec.structs.replace(url, version="", qualifiers=(), subpath="")
    try:
        plain = package_url.canonicalize_package_url(plain)
    except PackageUrlError:
        return own == plain
    return (own.namespace, own.name) == (plain.namespace, plain.name)


def _get_distribution_name(url: PackageUrl) -> str:
    return url.namespace if url.type in DISTRIBUTION_TYPES else ""


def _divide_version(package: Package) -> tuple[str, dict[str, str]]:
    """Return the version of a URL and the qualifiers that hold the rest."""
    version, epoch = package.version, ""
    if not (
        package.architecture
        or package.source_name
        or package.distribution_version
        or package.modularity
        or ":" in version
    ):
        return version, {}
    if package.type == "rpm" and ":" in version:
        epoch, _, version = version.partition(":")
    distribution = (
        f"{package.namespace}-{package.distribution_version}" if package.distribution_version else ""
    )
    return version, {
        "arch": package.architecture,
        "epoch": epoch,
        "distro": distribution,
        "upstream": _format_source(package),
        "rpmmod": package.modularity,
    }


def _format_source(package: Package) -> str:
    """Return the source package as `name` or `name@version`, '' where it is the package itself."""
    if not package.source_name:
        return ""
    name = quote(package.source_name, safe="/:+~")
    return f"{name}@{quote(package.source_version, safe=':+~')}" if package.source_version else name


def _read_distribution_version(url: PackageUrl) -> str:
    """Return the release of the qualifier `distro`, which some write with the name of the distribution before it."""
    distribution = url.get_qualifier("distro")
    name = f"{url.namespace}-"
    if url.namespace and distribution.lower().startswith(name.lower()):
        return distribution[len(name) :]
    head, hyphen, version = distribution.rpartition("-")
    return version if hyphen and head and version[:1].isdigit() else distribution

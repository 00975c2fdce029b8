"""The operating system of a root: the distribution and its release, from os-release and from the files of each distribution.

The names are those that advisories use: alpine, debian, ubuntu, redhat, centos, rocky, alma, oracle, amazon, fedora, opensuse-leap,
sles, photon, azure-linux, cbl-mariner, wolfi, chainguard, arch, gentoo ... Source: the manual page os-release(5), and the release
packages of the distributions.
"""

from __future__ import annotations

import re

import msgspec


class OperatingSystem(msgspec.Struct, frozen=True):
    """A distribution (`family`) and its release (`version`); '' is unknown. `codename` as os-release has it."""

    family: str
    version: str = ""
    codename: str = ""


#: Where releases are written, in the order in which they are believed: the file of a distribution before the general one.
PATHS = (
    "etc/alpine-release",
    "etc/oracle-release",
    "etc/fedora-release",
    "etc/almalinux-release",
    "etc/rocky-release",
    "etc/centos-release",
    "etc/redhat-release",
    "etc/system-release",
    "usr/lib/system-release",
    "etc/mariner-release",
    "etc/azurelinux-release",
    "etc/lsb-release",
    "etc/debian_version",
    "etc/os-release",
    "usr/lib/os-release",
)
_AT_ROOT = frozenset(PATHS)
_ENDS = tuple(f"/{path}" for path in PATHS)
#: Where package managers keep what they installed, below the root that it was installed in.
_DATABASES = re.compile(
    r"(?:^|(?<=/))(?:var/lib/(?:dpkg|rpm|pacman)|(?:usr/)?lib/apk/db|usr/(?:lib/sysimage|share)/rpm)/"
)
#: The identifiers of os-release that advisories call otherwise.
_FAMILIES = {
    "rhel": "redhat",
    "ol": "oracle",
    "amzn": "amazon",
    "almalinux": "alma",
    "azurelinux": "azure-linux",
    "mariner": "cbl-mariner",
    "sled": "sles",
    "sles_sap": "sles",
    "sle_hpc": "sles",
    "sle-micro": "sle-micro",
    "sle-micro-rancher": "sle-micro",
    "sl-micro": "sle-micro",
    "suse-microos": "sle-micro",
}
#: Identifiers that name no distribution: `linux` is what os-release(5) takes where there is none.
_NAMELESS = ("", "linux", "unknown")
#: The words that open a release line, and the family that each means.
_RELEASE_LINES = (
    (r"Oracle Linux", "oracle"),
    (r"AlmaLinux", "alma"),
    (r"Rocky Linux", "rocky"),
    (r"CentOS", "centos"),
    (r"Fedora", "fedora"),
    (r"(?:Red Hat|Red\s?Hat Enterprise)", "redhat"),
    (r"CBL-Mariner", "cbl-mariner"),
    (r"(?:Microsoft )?Azure Linux", "azure-linux"),
)
_SETTING = re.compile(r"^[ \t]*([A-Z_][A-Z0-9_]*)[ \t]*=(.*)$", re.MULTILINE)
_NUMBER = re.compile(r"\d+(?:\.\d+)*")
_LIMIT = 65_536


def is_release_path(path: str) -> bool:
    """Return whether a path is one of PATHS, below the root or below a root within it."""
    return path in _AT_ROOT or path.endswith(_ENDS)


def split_release_path(path: str) -> tuple[str, str]:
    """Return the root ('' is the outermost) that a path is in which ends in one of PATHS, and the path below it."""
    below = next(
        one for one in sorted(PATHS, key=len, reverse=True) if path == one or path.endswith(f"/{one}")
    )
    return path[: -len(below)].rstrip("/"), below


def find_database_root(path: str) -> str:
    """Return the root ('' is the outermost) whose packages a file of a package manager lists."""
    found = _DATABASES.search(path)
    return path[: found.start()].rstrip("/") if found else ""


def parse_assignments(text: str) -> dict[str, str]:
    """Return the assignments of an os-release or lsb-release text, without their quotes."""
    return {name: value.strip().strip("\"'") for name, value in _SETTING.findall(text[:_LIMIT])}


def read_os_release(text: str) -> OperatingSystem | None:
    """Return the operating system that an os-release text names; None where it has no ID."""
    settings = parse_assignments(text)
    name = settings.get("ID", "").lower()
    if name in _NAMELESS:
        return None
    version = settings.get("VERSION_ID", "")
    return OperatingSystem(_FAMILIES.get(name, name), version, settings.get("VERSION_CODENAME", ""))


def read_release_line(text: str) -> OperatingSystem | None:
    """Return the operating system of a line such as `Rocky Linux release 9.3 (Blue Onyx)`; None where it is none that is known."""
    line = text[:_LIMIT].strip()
    if (amazon := _parse_amazon(line)) is not None:
        return amazon
    for words, family in _RELEASE_LINES:
        if re.match(words, line, re.IGNORECASE) and (number := _NUMBER.search(line)):
            return OperatingSystem(family, number[0])
    return None


def _parse_amazon(line: str) -> OperatingSystem | None:
    found = re.match(r"Amazon Linux (?:release )?(\d[\d.]*) \(|Amazon Linux AMI release (\d[\d.]*)", line)
    return OperatingSystem("amazon", found[1] or found[2]) if found else None


def _parse_debian(text: str) -> OperatingSystem | None:
    version = text.strip()
    return OperatingSystem("debian", version) if version and "\n" not in version else None


def _parse_alpine(text: str) -> OperatingSystem | None:
    version = text.strip()
    return OperatingSystem("alpine", version) if _NUMBER.match(version) else None


def _parse_ubuntu(text: str) -> OperatingSystem | None:
    settings = parse_assignments(text)
    if settings.get("DISTRIB_ID") != "Ubuntu" or not settings.get("DISTRIB_RELEASE"):
        return None
    return OperatingSystem("ubuntu", settings["DISTRIB_RELEASE"], settings.get("DISTRIB_CODENAME", ""))


def read_operating_system(path: str, text: str) -> OperatingSystem | None:
    """Return the operating system that one of PATHS names; None where the text does not tell."""
    name = path.rpartition("/")[2]
    if name == "debian_version":
        return _parse_debian(text)
    if name == "alpine-release":
        return _parse_alpine(text)
    if name == "lsb-release":
        return _parse_ubuntu(text)
    if name == "os-release":
        return read_os_release(text)
    return read_release_line(text)


def detect_operating_system(texts: dict[str, str]) -> OperatingSystem | None:
    """Return the operating system of a root by the texts of those of its PATHS that are there; None where none tells."""
    for path in PATHS:
        if path in texts and (found := read_operating_system(path, texts[path])) is not None:
            return found
    return None

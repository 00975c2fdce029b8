"""Software that was built or unpacked beside the packages of the system: the files in which it leaves its version behind.

They are looked for where distributions put nothing of their own: what stands elsewhere belongs to their packages, whose
advisories say more of it than the dictionary of platforms.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "software built from source"

#: Folders that the standard of file systems leaves to who administers the system.
_ROOTS = ("usr/local", "opt/**", "usr/java/**")
_MAX_HEADER = 200_000


class _VersionFile(NamedTuple):
    """A file of a kind of software: where it stands below a root, its names, and the parts of the version in it."""

    path: str
    name: str
    platform: str
    parts: tuple[str, ...]


_FILES = (
    _VersionFile(
        "include/python3.*/patchlevel.h", "python", "python:python", (r'PY_VERSION\s+"(\d[^"\n]*)"',)
    ),
    _VersionFile(
        "include/node/node_version.h",
        "node",
        r"nodejs:node.js",
        tuple(rf"NODE_{part}_VERSION\s+(\d+)" for part in ("MAJOR", "MINOR", "PATCH")),
    ),
    _VersionFile("include/php/main/php_version.h", "php", "php:php", (r'PHP_VERSION\s+"(\d[^"\n]*)"',)),
    _VersionFile(
        "lib/ruby/*/*/rbconfig.rb",
        "ruby",
        "ruby-lang:ruby",
        (r'CONFIG\["RUBY_PROGRAM_VERSION"\] = "(\d[^"\n]*)"',),
    ),
    _VersionFile("lib/perl5/*/*/Config.pm", "perl", "perl:perl", (r"version => '(\d[^'\n]*)'",)),
    _VersionFile(
        "include/postgresql/server/pg_config.h",
        "postgresql",
        "postgresql:postgresql",
        (r'PG_VERSION "(\d[^"\n]*)"',),
    ),
    _VersionFile(
        "apache2/include/ap_release.h",
        "httpd",
        "apache:http_server",
        tuple(rf"AP_SERVER_{part}_NUMBER\s+(\d+)" for part in ("MAJORVERSION", "MINORVERSION", "PATCHLEVEL")),
    ),
    _VersionFile(
        "include/openssl/opensslv.h",
        "openssl",
        "openssl:openssl",
        (r'OPENSSL_VERSION_TEXT\s+"OpenSSL (\d\S*)',),
    ),
    _VersionFile("go/VERSION", "go", "golang:go", (r"\Ago(\d\S*)",)),
    _VersionFile("lib/erlang/releases/*/OTP_VERSION", "erlang", r"erlang:erlang\/otp", (r"\A(\d\S*)",)),
    _VersionFile("release", "openjdk", "oracle:openjdk", (r'^JAVA_VERSION="(\d[^"\n]*)"',)),
    _VersionFile("*/release", "openjdk", "oracle:openjdk", (r'^JAVA_VERSION="(\d[^"\n]*)"',)),
)
PATTERNS = tuple(f"{root}/{one.path}" for root in _ROOTS for one in _FILES)

#: Who builds Java, as its file says it, with the names of what is built.
_JAVA = {
    "Eclipse Adoptium": ("temurin", "eclipse:temurin"),
    "Amazon.com Inc.": ("corretto", "amazon:corretto"),
    "Azul Systems, Inc.": ("zulu", "azul:zulu"),
}
_IMPLEMENTOR = re.compile(r'^IMPLEMENTOR="([^"]*)"', re.MULTILINE)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the software with its name in the dictionary of platforms; a file of the name without a version is another's."""
    if len(file.content) > _MAX_HEADER:
        return
    text = file.content.decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n")
    kind = next((one for one in _FILES if _matches(one.path, file.path)), None)
    if kind is None:
        return
    found = [re.search(part, text, re.MULTILINE) for part in kind.parts]
    parts = [match for match in found if match is not None]
    if len(parts) < len(found):
        return
    version = ".".join(match[1] for match in parts)
    name, platform = _find_names(kind, text)
    yield Package(
        type="generic",
        name=name,
        version=version,
        path=file.path,
        line=text.count("\n", 0, parts[0].start()) + 1,
        cpes=(f"cpe:2.3:a:{platform}:{_escape(version)}:*:*:*:*:*:*:*",),
    )


def _matches(pattern: str, path: str) -> bool:
    last = re.escape(pattern).replace(r"\*", "[^/]*")
    return re.search(rf"(?:^|/){last}\Z", path) is not None


def _find_names(kind: _VersionFile, text: str) -> tuple[str, str]:
    implementor = _IMPLEMENTOR.search(text) if kind.name == "openjdk" else None
    return (
        _JAVA.get(implementor[1], (kind.name, kind.platform)) if implementor else (kind.name, kind.platform)
    )


def _escape(version: str) -> str:
    """Return a version as a part of a name of platforms, in which signs are escaped."""
    return re.sub(r"([^\w.\-])", r"\\\1", version)

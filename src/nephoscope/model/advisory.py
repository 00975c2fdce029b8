"""An advisory: what somebody says about a vulnerability of packages, and which versions are affected."""

from __future__ import annotations

from typing import Literal

import msgspec

#: What a vendor says it does: `fixed` has a version, `affected` has none yet, `not_affected` says that the package is safe.
FixState = Literal[
    "fixed",
    "affected",
    "wont_fix",
    "deferred",
    "under_investigation",
    "end_of_life",
    "not_affected",
    "unknown",
]


class AffectedRange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Versions from `introduced` (included; '0' is the oldest) to before `fixed`, or up to and with `last_affected`; '' is open."""

    introduced: str = "0"
    fixed: str = ""
    last_affected: str = ""


class AffectedPackage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A package that an advisory speaks of.

    `ecosystem` is OSV's, with the release after a colon (`Debian:12`, `Alpine:v3.19`, `Ubuntu:22.04:LTS`, `PyPI`), `name`
    as the ecosystem writes it; distributions name the source package, where `is_binary` does not say otherwise. A version is affected
    when it is in one of `ranges`, or one of `versions`, or meets `constraint` (a text in the syntax `syntax` of
    `nephoscope.model.version_ranges`). `unaffected` is such a text too: what meets it is safe, whatever the rest says. `architectures`
    and `modularity` narrow it where they are given. `is_partial`: its source speaks of some products of the ecosystem alone, so that
    nothing follows of those that it does not name. `is_unversioned`: some versions are affected, and it does not say which (it names
    commits alone). `vectors` are of CVSS, of this package alone where its advisory tells them apart.
    """

    ecosystem: str
    name: str
    ranges: tuple[AffectedRange, ...] = ()
    versions: tuple[str, ...] = ()
    constraint: str = ""
    syntax: str = ""
    unaffected: str = ""
    state: FixState = "unknown"
    fixed_versions: tuple[str, ...] = ()
    severity: str = ""
    is_binary: bool = False
    architectures: tuple[str, ...] = ()
    modularity: str = ""
    is_partial: bool = False
    is_unversioned: bool = False
    vectors: tuple[str, ...] = ()


class Advisory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Advisory of a source about one vulnerability, or about several that one update fixes.

    `aliases` are other names of the same vulnerability; `upstream` are the vulnerabilities that the advisory of a distributor
    speaks of, one or several; `related` are others that it only mentions. Times are of RFC 3339; `vectors` are of CVSS, with their
    version in front. `is_in_several_dumps`: its source has a dump for each release of a distribution, and an advisory of several
    releases is in each of them.
    """

    id: str
    source: str
    aliases: tuple[str, ...] = ()
    upstream: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    summary: str = ""
    details: str = ""
    severity: str = ""
    vectors: tuple[str, ...] = ()
    weaknesses: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    published: str = ""
    modified: str = ""
    withdrawn: str = ""
    affected: tuple[AffectedPackage, ...] = ()
    is_in_several_dumps: bool = False

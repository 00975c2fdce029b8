"""A package: software of a name and a version that stands somewhere: on a host, in an image, in a repository."""

from __future__ import annotations

from typing import Literal

import msgspec

#: `root`: the project itself whose file it stands in; `member`: a part of the same project (a workspace); `declared`: somebody asked
#: for it; `transitive`: another package needs it; '' where the place does not tell.
Relationship = Literal["", "root", "member", "declared", "transitive"]


class Package(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One package where it was found.

    `type` is the type of its package URL (deb, rpm, apk, pypi, npm, maven, golang ...). `name` is written as the ecosystem writes
    it in one word: `@scope/name`, `group:artifact`, `github.com/owner/module`. `namespace` is the distribution of a package of an
    operating system (debian, ubuntu, alpine, redhat ...), '' for others. `version` holds the epoch and the release where there are
    any (`1:2.3-4`). `source_name` and `source_version` are those of the source package that it was built of, where they differ.
    `path` is relative to the root of what was looked at, with `/`; `line` counts from 1, 0 where there is none. `groups` are the
    ecosystem's own (dev, test, optional ...). `dependencies` are the names, or names with versions, of what it needs, as its place
    writes them. `constraint` is the range that its place asks for where it pins no version: `version` is then the lowest that the
    range names, or ''. `layer` is the digest of the layer of an image. `modularity` is the label of a module of Red Hat's.
    `cpes` are names of the dictionary of platforms (CPE 2.3), where the place gives them.
    """

    type: str
    name: str
    version: str
    namespace: str = ""
    distribution_version: str = ""
    architecture: str = ""
    source_name: str = ""
    source_version: str = ""
    path: str = ""
    line: int = 0
    groups: tuple[str, ...] = ()
    is_development: bool = False
    relationship: Relationship = ""
    licenses: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    constraint: str = ""
    layer: str = ""
    modularity: str = ""
    cpes: tuple[str, ...] = ()

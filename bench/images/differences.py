"""What ours and the peers list differently, and the rules that explain a difference.

A rule speaks of a kind of package, never of one by name: it says who is right and why.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from images.bills import Key, Listed

Bill = Mapping[Key, Listed]


@dataclass(frozen=True, slots=True)
class Difference:
    """A package that is not listed by all alike: `by` are those who list it; `reason` explains it, '' for what nothing explains."""

    listed: Listed
    by: tuple[str, ...]
    reason: str = ""

    def __str__(self) -> str:
        places, found_by = ", ".join(sorted(self.listed.paths))[:120], ", ".join(sorted(self.listed.by))
        return f"{'+'.join(self.by):10} {self.listed.key}  {places} [{found_by}]"


@dataclass(frozen=True, slots=True)
class Scans:
    """The bills of an image: ours, and the peers' by name."""

    ours: Bill
    peers: Mapping[str, Bill]


Rule = Callable[[Listed, bool, Scans], bool]
"""Whether a rule explains a package that only ours has (true) or only a peer (false)."""


def differences_of(ours: Bill, peers: Mapping[str, Bill]) -> list[Difference]:
    """Return what is in ours or in the union of the peers alone, each with the first rule that explains it."""
    scans = Scans(ours, peers)
    found = []
    union = {key: listed for bill in peers.values() for key, listed in bill.items()}
    for key in sorted(union.keys() ^ ours.keys()):
        is_ours = key in ours
        listed = ours[key] if is_ours else union[key]
        by = ("ours",) if is_ours else tuple(name for name, bill in peers.items() if key in bill)
        reason = next((title for title, rule in RULES.items() if rule(listed, is_ours, scans)), "")
        found.append(Difference(listed, by, reason))
    return found


#: Lists of what a project asks for or has locked; what is installed has a description of its own.
_LISTS = re.compile(
    r"(?:.*/)?(?:[^/]*\.lock|[^/]*-lock\.(?:json|yaml)|npm-shrinkwrap\.json|requirements[^/]*\.txt|package\.json|pyproject\.toml|setup\.py|go\.(?:mod|sum)|pom\.xml"
    r"|composer\.json|Cargo\.toml|\.github/workflows/[^/]+|Dockerfile[^/]*)"
)
_UNKNOWN = ("", "UNKNOWN", "(devel)")


def _is_listed_alone(listed: Listed, is_ours: bool, scans: Scans) -> bool:
    del scans
    return is_ours and bool(listed.paths) and all(_LISTS.fullmatch(path) for path in listed.paths)


def _has_no_version(listed: Listed, is_ours: bool, scans: Scans) -> bool:
    del scans
    return not is_ours and listed.key.version in _UNKNOWN


def _is_resource_of_windows(listed: Listed, is_ours: bool, scans: Scans) -> bool:
    del scans
    return not is_ours and listed.by == {"dotnet-portable-executable-cataloger"}


def _is_text_of_a_program(listed: Listed, is_ours: bool, scans: Scans) -> bool:
    del scans
    return not is_ours and any(name.startswith("binary-") for name in listed.by)


def _is_of_no_module(listed: Listed, is_ours: bool, scans: Scans) -> bool:
    """A program of Go that names no module: syft takes its name and its version for what texts in it look like."""
    if is_ours or listed.by != {"go-module-binary-cataloger"}:
        return False
    beside = {
        key.name for key, one in scans.ours.items() if key.type == "golang" and one.paths & listed.paths
    }
    return beside == {"stdlib"}


def _is_written_otherwise(listed: Listed, is_ours: bool, scans: Scans) -> bool:
    """The same name and version, but for a `v` before it, stands on the other side."""
    others = [scans.ours] if not is_ours else list(scans.peers.values())
    plain = listed.key.version.removeprefix("v")
    ways = (Key(listed.key.type, listed.key.name, version) for version in (plain, f"v{plain}"))
    return any(way in bill for way in ways for bill in others if way != listed.key)


def _stands_elsewhere(types: tuple[str, ...]) -> Rule:
    """Return the rule that the same name and version stands on the other side in another namespace."""

    def rule(listed: Listed, is_ours: bool, scans: Scans) -> bool:
        if listed.key.type not in types:
            return False
        others = list(scans.peers.values()) if is_ours else [scans.ours]
        mine = (listed.key.type, listed.key.name.rpartition("/")[2], listed.key.version)
        return any(
            (key.type, key.name.rpartition("/")[2], key.version) == mine for bill in others for key in bill
        )

    return rule


def _is_an_archive_named_otherwise(listed: Listed, is_ours: bool, scans: Scans) -> bool:
    """The same archive of Java stands on the other side by another name."""
    if listed.key.type != "maven" or not listed.paths:
        return False
    others = list(scans.peers.values()) if is_ours else [scans.ours]
    places = {
        path for bill in others for one in bill.values() if one.key.type == "maven" for path in one.paths
    }
    return listed.paths <= places


RULES: dict[str, Rule] = {
    "stands in lock files and lists alone: the peers read them in folders, not in images": _is_listed_alone,
    "has no version: nothing can be said of it": _has_no_version,
    "the version resource of a Windows program, which no package manager installed": _is_resource_of_windows,
    "a program known by texts in it: the package that it is of is listed": _is_text_of_a_program,
    "a program of Go that was built without modules: the package that it is of is listed": _is_of_no_module,
    "listed with the version written otherwise (a `v` before it)": _is_written_otherwise,
    "listed with another group: the archive names none, and each guesses it": _stands_elsewhere(("maven",)),
    "an archive without properties of Maven: file and manifest name it, each scanner in its way": _is_an_archive_named_otherwise,
    "listed for the same distribution by another name of it": _stands_elsewhere(("rpm", "deb")),
}

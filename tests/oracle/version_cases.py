"""Orders, validity and ranges of versions: each record as the ecosystem's own tool has it.

`python tests/oracle/version_cases.py FOLDER [-v]`

Each record of FOLDER's `*.jsonl` and `*.jsonl.gz` is a pair to compare, a version that is valid or not, or a range. A comparison
matches when both directions come out as wanted. Records on which the real tool (`native`) or another test suite (`disputed`)
disagrees are counted apart and do not score. The last line is `N/M match`.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from corpus_records import Record, lines, raised

from nephoscope.model.version_ranges import vers
from nephoscope.model.version_ranges.syntax_discovery import parse_range
from nephoscope.model.versions.errors import VersionError
from nephoscope.model.versions.scheme_discovery import find_scheme

#: The syntax that each name of a range in the corpus stands for, and the ecosystem whose order it uses.
SYNTAXES = {
    "apk": ("constraints", "apk"),
    "npm": ("npm", "npm"),
    "gem": ("gem", "gem"),
    "pep440": ("pep440", "pypi"),
    "maven": ("maven", "maven"),
    "nuget": ("nuget", "nuget"),
    "composer": ("composer", "packagist"),
    "cargo": ("cargo", "cargo"),
    "vers": ("vers", ""),
    "aqua-maven-constraint": ("constraints", "maven"),
    "aqua-semver": ("npm", "npm"),
    "aqua-generic": ("constraints", "semver"),
    "grype-semantic": ("constraints", "semver"),
    "grype-portage": ("constraints", "gentoo"),
    "grype-golang": ("constraints", "go"),
    "grype-pep440": ("constraints", "pypi"),
}


@dataclass
class Tally:
    """What matched and what did not, by part of the corpus."""

    matched: Counter[str] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)
    apart: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)

    def count(self, record: Record) -> None:
        """Judge a record and count it under its part, apart where tools disagree about it."""
        try:
            part, found, wanted = assess(record)
        except Exception as error:  # noqa: BLE001 - a runner's border: an exception in a record is a miss, and is shown
            part, found, wanted = "raised", raised(error), "no exception"
        self._add(part, record, found, wanted)

    def _add(self, part: str, record: Record, found: object, wanted: object) -> None:
        if "native" in record.value or "disputed" in record.value:
            self.apart[f"{part}: {'as wanted' if found == wanted else 'otherwise'}"] += 1
            return
        self.total[part] += 1
        self.matched[part] += found == wanted
        if found != wanted:
            self.missed.append(
                f"{record.place} {part}: wanted {wanted}, found {found}: {record.value or record.wrong}"
            )


def or_error(compute: Callable[[], object]) -> object:
    """Return what a computation gives, "error" where it raises VersionError."""
    try:
        return compute()
    except VersionError:
        return "error"


def compare(ecosystem: str, first: str, second: str) -> object:
    """Compare both ways; a pair that is not antisymmetric is named so."""
    scheme = find_scheme(ecosystem.removeprefix("vers:"))
    if scheme is None:
        return f"no scheme for {ecosystem}"
    forth = or_error(lambda: scheme.compare(first, second))
    back = or_error(lambda: scheme.compare(second, first))
    antisymmetric = forth == back if isinstance(forth, str) or isinstance(back, str) else forth == -back  # type: ignore[operator]
    return forth if antisymmetric else f"{forth} forth and {back} back"


def is_valid(ecosystem: str, version: str) -> object:
    """Return whether a version, or a specifier of Python, is valid."""
    if ecosystem == "pep440-specifier":
        return or_error(lambda: parse_range("pep440", version)) != "error"
    scheme = find_scheme(ecosystem)
    return scheme.is_valid(version) if scheme else f"no scheme for {ecosystem}"


def judge_range(value: dict[str, Any]) -> tuple[object, object]:
    """Return what a record of a range gives and what it wants."""
    syntax, text = value["syntax"], value["range"]
    if syntax == "to-vers":
        scheme = value["scheme"]
        return or_error(lambda: vers.write(parse_range(scheme, text, scheme))), value["want_vers"]
    name, ecosystem = SYNTAXES.get(syntax, ("constraints", syntax.removeprefix("grype-")))
    if (value.get("options") or {}).get("includePrerelease"):
        ecosystem = "npm-with-prereleases"
    return or_error(lambda: parse_range(name, text, ecosystem).contains(value["version"])), value["want"]


def assess(record: Record) -> tuple[str, object, object]:
    """Return the part that a record belongs to, what was found and what is wanted."""
    value = record.value
    if record.wrong:
        return "unreadable", record.wrong, ""
    if "syntax" in value:
        return f"range {value['syntax']}", *judge_range(value)
    ecosystem = value["ecosystem"]
    if "valid" in value:
        return f"valid {ecosystem}", is_valid(ecosystem, value["version"]), value["valid"]
    return f"order {ecosystem}", compare(ecosystem, value["a"], value["b"]), value["want"]


def main() -> int:
    """Judge the folder, print what does not match, then the sum."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true")
    arguments = parser.parse_args()
    tally = Tally()
    for path in sorted([*arguments.folder.glob("*.jsonl"), *arguments.folder.glob("*.jsonl.gz")]):
        for record in lines(path):
            tally.count(record)
    for line in tally.missed if arguments.verbose else ():
        print(line)
    for part, total in sorted(tally.total.items()):
        print(f"{part}: {tally.matched[part]}/{total}")
    for part, count in sorted(tally.apart.items()):
        print(f"apart, {part}: {count}")
    print(f"{tally.matched.total()}/{tally.total.total()} match")
    return 0 if tally.total and tally.matched.total() == tally.total.total() else 1


if __name__ == "__main__":
    sys.exit(main())

"""Files that list packages, releases of operating systems, ends of life, secrets and RPM databases: read as recorded.

`python tests/oracle/inventory_cases.py FOLDER [-v]`

A record of `parsers.jsonl.gz` matches when the set of name, version and type of package URL is the wanted one, or a refusal is wanted
and given. Groups, relationships, lines and dependencies are counted as figures of their own, and do not score. Each text is tried
with CRLF, with a byte order mark and cut in half too: whatever comes, only packages or a refusal may.

What suites call otherwise or leave out of their lists is in inventory_conventions.py. Records of kinds that are not read here, of
options of a tool, and of which the answer stands in a file that the record does not hold, are counted apart and do not score.
The last line is `N/M match`.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from corpus_records import Record, lines, raised
from inventory_conventions import (
    EXTENDED,
    FAMILIES,
    OPTIONS_OF_TOOLS,
    PINNED_ONLY,
    READERS,
    RELATIONSHIPS,
    SECRETS,
    TYPES,
    VERSIONED_ONLY,
    WITH_NEIGHBORS,
    WITHOUT_DEVELOPMENT,
    WITHOUT_GROUPS,
    WITHOUT_MEMBERS,
    WITHOUT_ROOTS,
)
from msgspec.structs import replace

from nephoscope.collect.inventory.discovery import InventoryReading, load_inventory_readers, run_reader
from nephoscope.collect.inventory.end_of_life import find_support_state
from nephoscope.collect.inventory.inventory_file import InventoryFile, UnreadableInventoryError
from nephoscope.collect.inventory.operating_system import read_operating_system, read_os_release
from nephoscope.collect.secrets.secrets_in_files import find_secrets
from nephoscope.model.package import Package

Item = tuple[str, str, str]


@dataclass
class Tally:
    """What matched and what did not, by part; figures that do not score, and what was left out."""

    matched: Counter[str] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)
    beside: dict[str, list[int]] = field(default_factory=dict)
    apart: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)

    def assess(self, part: str, place: str, found: object, wanted: object) -> None:
        """Count one comparison."""
        self.total[part] += 1
        self.matched[part] += found == wanted
        if found != wanted:
            self.missed.append(f"{place} {part}: {_difference(found, wanted)}")

    def figure(self, name: str, is_equal: bool) -> None:
        """Count one comparison that does not score."""
        counts = self.beside.setdefault(name, [0, 0])
        counts[0] += is_equal
        counts[1] += 1


def _difference(found: object, wanted: object) -> str:
    if isinstance(found, set) and isinstance(wanted, set):
        return f"lacks {sorted(wanted - found)[:6]}, has besides {sorted(found - wanted)[:6]}"
    return f"wanted {str(wanted)[:300]}, found {str(found)[:300]}"


def content_of(value: dict[str, Any]) -> bytes:
    """Return the bytes of a record's file."""
    stored = value["file"]
    return base64.b64decode(stored["b64"]) if "b64" in stored else stored["text"].encode()


def read_record(value: dict[str, Any], content: bytes) -> InventoryReading | str:
    """Return what the reader of a record's kind reads, or why it refuses."""
    options = value.get("options") or {}
    name = "opkg" if options.get("isOPKG") else READERS[value["kind"]]
    system = read_os_release(options.get("osrelease") or "")
    file = InventoryFile(value["path"], content, system=system)
    try:
        return run_reader(load_inventory_readers()[name], file)
    except UnreadableInventoryError as error:
        if not error.path or error.line < 1:
            raise ValueError("a refusal without its place") from error
        return str(error)


def listed(kind: str, packages: tuple[Package, ...]) -> list[Package]:
    """Return those of the packages that a kind's lists have."""
    return [
        package
        for package in packages
        if not (kind in WITHOUT_ROOTS and package.relationship == "root")
        and not (kind in PINNED_ONLY and package.constraint)
        and not (kind in WITHOUT_MEMBERS and package.relationship == "member")
        and not (kind in WITHOUT_DEVELOPMENT and package.is_development)
        and not (kind in VERSIONED_ONLY and not package.version)
        and not WITHOUT_GROUPS.get(kind, set()) & set(package.groups)
    ]


def item_of(package: Package, wanted: set[Item], has_types: bool) -> Item:
    """Return a package as the corpus writes it: Go without `v`; for a range its version, itself or nothing."""
    kind = package.type if has_types else ""
    version = package.version.removeprefix("v") if package.type == "golang" else package.version
    for spelling in (version, package.constraint, *([""] if package.constraint else ())):
        if (package.name, spelling, kind) in wanted:
            return package.name, spelling, kind
    return package.name, version, kind


def wanted_of(value: dict[str, Any]) -> tuple[set[Item], bool]:
    """Return the wanted items, and whether the record tells types."""
    packages = value.get("packages") or []
    has_types = any(package.get("purl_type") for package in packages)
    is_go = "golang" in value["kind"]
    items = {
        (
            package["name"].rpartition(":")[0]
            if value["kind"] == "containers/containerd"
            else package["name"],
            (package["version"] or "").removeprefix("v" if is_go else "\0").replace("unknown", ""),
            TYPES.get(package.get("purl_type") or "", package.get("purl_type") or "") if has_types else "",
        )
        for package in packages
    }
    return items, has_types


def set_apart(value: dict[str, Any]) -> str:
    """Return why a record cannot be answered here, '' where it can."""
    kind = value["kind"]
    if kind not in READERS:
        return f"{'sbom_cases.py judges it' if kind.startswith('sbom/') else 'not read here'}: {kind}"
    options = json.dumps(value.get("options") or {})
    named = [meaning for option, meaning in OPTIONS_OF_TOOLS.items() if option in options]
    return f"an option: {named[0]}" if named else ""


def is_elsewhere(value: dict[str, Any]) -> bool:
    """Tell whether a wanted name or version stands nowhere in the record's file, for kinds that read files beside it."""
    text = content_of(value).decode("utf-8", "replace")
    words = [
        word
        for package in value.get("packages") or []
        for word in (package["name"], package["version"] or "")
    ]
    plain = [word.removeprefix("v") for entry in words for word in entry.split(":")]
    return value["kind"] in WITH_NEIGHBORS and any(word not in text for word in plain)


def judge_parser(record: Record, tally: Tally) -> None:
    """Judge a record of a file with packages."""
    value = record.value
    if reason := set_apart(value):
        tally.apart[reason] += 1
        return
    content = content_of(value)
    reading = read_record(value, content)
    wanted, has_types = wanted_of(value)
    # a refusal is wanted where no packages are; where both are told, the packages that could be read are
    is_refusal = value["want"] == "error" and not wanted
    found: object = reading if isinstance(reading, str) else None
    if isinstance(reading, InventoryReading):
        everything = "IncludeStopped" in (value.get("options") or {})
        packages = list(reading.packages) if everything else listed(value["kind"], reading.packages)
        if value["kind"] == "containers/podman":  # without the part that the registry adds
            packages = [
                replace(one, name=one.name.replace("docker.io/library/", "docker.io/")) for one in packages
            ]
        if (
            value["kind"] == "nodejs/pnpm" and b"lockfileVersion: '9" not in content
        ):  # older ones without development
            packages = [package for package in packages if not package.is_development]
        found = {item_of(package, wanted, has_types) for package in packages}
        if value.get("complete") is False:
            found = found & wanted if len(found) >= (value.get("count") or 0) else found
    if is_refusal:
        found, expected = ("refused" if isinstance(reading, str) else found), "refused"
        tally.assess(f"{value['kind']}", f"{record.place} {value['path']}", found, expected)
    elif found != wanted and is_elsewhere(value):
        tally.apart[f"stands in another file: {value['kind']}"] += 1
    else:
        tally.assess(f"{value['kind']}", f"{record.place} {value['path']}", found, wanted)
    if isinstance(reading, InventoryReading):
        compare_details(value, reading.packages, tally)
    disturb(record, value, content, tally)


def compare_details(value: dict[str, Any], packages: tuple[Package, ...], tally: Tally) -> None:
    """Count groups, relationships, lines, licences and dependencies of the packages that match."""
    by_name: dict[tuple[str, str], list[Package]] = {}
    for package in packages:
        by_name.setdefault((package.name, package.version.removeprefix("v")), []).append(package)
    for wanted in value.get("packages") or []:
        known = by_name.get((wanted["name"], (wanted["version"] or "").removeprefix("v")), [])
        if not known:
            continue
        if wanted.get("groups"):
            tally.figure("groups", any(set(wanted["groups"]) <= {*one.groups} for one in known))
        if wanted.get("relationship") in RELATIONSHIPS:
            expected = RELATIONSHIPS[wanted["relationship"]]
            tally.figure("relationship", any(one.relationship == expected for one in known))
        if "dev" in wanted:
            tally.figure("development", any(one.is_development == wanted["dev"] for one in known))
        if wanted.get("line"):
            tally.figure("line", any(one.line == wanted["line"] for one in known))
        if wanted.get("lines"):
            spans = wanted["lines"]
            tally.figure(
                "line in span", any(first <= one.line <= last for first, last in spans for one in known)
            )
        if wanted.get("licenses"):
            tally.figure("licences", any(set(one.licenses) == set(wanted["licenses"]) for one in known))
        edges = (value.get("depends") or {}).get(wanted.get("key") or "")
        if edges:
            names = {edge.rpartition("@")[0] or edge.partition("/")[0] for edge in edges}
            has = {
                name.rpartition("@")[0] or name.partition("/")[0]
                for one in known
                for name in one.dependencies
            }
            tally.figure("dependencies", names == has)


def disturb(record: Record, value: dict[str, Any], content: bytes, tally: Tally) -> None:
    """Read the file with other ends of lines, with a byte order mark, and cut: an exception is a miss."""
    changed = (content.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + content, content[: len(content) // 2])
    for number, other in enumerate(changed):
        try:
            read_record(value, other)
        except Exception as error:  # noqa: BLE001 - a runner's border: an exception is a miss, and is shown
            tally.assess("disturbed", f"{record.place} {number}", raised(error), "packages or a refusal")


def judge_release(record: Record, tally: Tally) -> None:
    """Judge a record of a release file."""
    value = record.value
    path = value["file"] if value["analyzer"] != "release" else "etc/os-release"
    if value["analyzer"] in ("debian", "ubuntu", "alpine"):
        path = {"debian": "debian_version", "ubuntu": "lsb-release", "alpine": "alpine-release"}[
            value["analyzer"]
        ]
    found = read_operating_system(path, value["text"])
    is_known = found is not None and bool(found.version)
    family = FAMILIES.get(value["family"] or "", value["family"])
    version = re.sub(r"^(?:AMI )?release ", "", value["version"] or "").split(" ")[0]
    wanted = (family, version) if value["family"] else None
    tally.assess(
        "os_release", record.place, (found.family, found.version) if found and is_known else None, wanted
    )


def judge_support(record: Record, tally: Tally) -> None:
    """Judge a record of an end of life: a release that is unknown here is not told to be without support."""
    value = record.value
    year, month, day = map(int, value["at"][:10].split("-"))
    at = date(year, month, 1) + timedelta(day - 1)  # the corpus has a 31st of April
    family = FAMILIES.get(value["family"], value["family"])
    state = find_support_state(family, value["version"].split(" ")[0], at)
    found = state in ("supported", "unknown") or (state == "extended" and family in EXTENDED)
    tally.assess("eol", record.place, found, value["supported"])


def judge_secrets(record: Record, tally: Tally) -> None:
    """Judge a record of a file with secrets: lines and kinds, of those that were found without rules of their own."""
    value = record.value
    if not value["default_rules"]:
        tally.apart["secrets by a rule of the record"] += 1
        return
    scan = find_secrets(value["path"], content_of(value), in_tests=True)
    found = {(place.first_line, place.last_line, place.rule) for place in scan.places}
    wanted = {(*one["lines"], SECRETS.get(one["rule"], one["rule"])) for one in value["findings"]}
    generic = {one for one in found if one[2] == "generic-assigned-secret"}
    tally.assess("secrets", f"{record.place} {value['case']}", found - generic, wanted)


def judge_database(folder: Path, tally: Tally) -> None:
    """Judge an RPM database: every field that the list has."""
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))["packages"]
    path = next(path for path in sorted(folder.iterdir()) if path.name != "expected.json")
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    reading = run_reader(load_inventory_readers()["rpm"], InventoryFile(f"var/lib/rpm/{path.stem}", content))
    found = {(one.name, one.version, one.architecture, one.licenses) for one in reading.packages}
    wanted = {
        (
            one["name"],
            (f"{one['epoch']}:" if one["epoch"] else "") + f"{one['version']}-{one['release']}",
            one["arch"] or "",
            (one["license"],) if one["license"] else (),
        )
        for one in expected
        if one["name"] != "gpg-pubkey"
    }
    tally.assess("rpmdb", folder.name, found, wanted)


def run(folder: Path, tally: Tally) -> None:
    """Judge everything in a folder."""
    judges = {
        "parsers": judge_parser,
        "os_release": judge_release,
        "eol": judge_support,
        "secrets": judge_secrets,
    }
    for path in sorted([*folder.glob("*.jsonl"), *folder.glob("*.jsonl.gz")]):
        assess = judges.get(path.name.partition(".")[0])
        if assess is None:
            continue
        for record in lines(path):
            try:
                assess(record, tally)
            except Exception as error:  # noqa: BLE001 - a runner's border: an exception in a record is a miss, and is shown
                tally.assess("raised", record.place, raised(error), record.wrong or "no exception")
    for database in sorted((folder / "rpmdb").glob("*/expected.json")):
        try:
            judge_database(database.parent, tally)
        except Exception as error:  # noqa: BLE001 - a runner's border: an exception is a miss, and is shown
            tally.assess("raised", database.parent.name, raised(error), "no exception")


def main() -> int:
    """Judge the folder, print what does not match, then the sum."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true")
    arguments = parser.parse_args()
    tally = Tally()
    run(arguments.folder, tally)
    for line in tally.missed if arguments.verbose else ():
        print(line)
    for part, total in sorted(tally.total.items()):
        print(f"{part}: {tally.matched[part]}/{total}")
    for name, (equal, total) in sorted(tally.beside.items()):
        print(f"beside, {name}: {equal}/{total}")
    for reason, count in sorted(tally.apart.items()):
        print(f"apart, {reason}: {count}")
    print(f"{tally.matched.total()}/{tally.total.total()} match")
    return 0 if tally.total and tally.matched.total() == tally.total.total() else 1


if __name__ == "__main__":
    sys.exit(main())

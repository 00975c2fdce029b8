"""Feeds of vulnerabilities: each record that a provider publishes says the facts that the corpus expects of it.

`python tests/oracle/feed_cases.py FOLDER [-v]`

FOLDER holds `PROVIDER/input/...` as published and `PROVIDER/expected/.../NAMESPACE/ID.json`. A record matches when the set of its
packages with the fixed version or none, the vendor's word on a missing fix and the module is equal, and the severity. A document
whose name says that it is invalid or lacks something must be refused with a reason. The last line is `N/M match`.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from corpus_records import raised

from nephoscope.model.advisory import Advisory, AffectedPackage
from nephoscope.vulnerability.ecosystems import build_ecosystem_key
from nephoscope.vulnerability.feeds.feed_discovery import RefusedDocument, read_path
from nephoscope.vulnerability.feeds.feed_records import (
    ExploitedVulnerability,
    ExploitPrediction,
    FeedRecord,
    ReleaseLifecycle,
)
from nephoscope.vulnerability.feeds.nvd import split_cpe
from nephoscope.vulnerability.matching.statement_merging import combine_statements
from nephoscope.vulnerability.severities import parse_severity

#: Names of documents that are malformed on purpose.
MALFORMED = re.compile(r"(?:^|/)(?:invalid|missing)[^/]*$")
#: States that say that the vendor will not mend it, as the corpus tells them apart.
WITHOUT_ADVISORY = frozenset({"wont_fix", "end_of_life", "deferred"})

Fact = tuple[Any, ...]


def namespace_key(text: str) -> str:
    """Return our key of an ecosystem for a namespace of the corpus."""
    if pro := re.match(r"ubuntu-(pro-)?([\d.]+)", text):
        return build_ecosystem_key(f"ubuntu:{'pro:' if pro[1] else ''}{pro[2]}")
    return build_ecosystem_key(text)


class Provider:
    """What our feeds read of a provider's input."""

    def __init__(self, folder: Path) -> None:
        self.advisories: dict[str, list[Advisory]] = defaultdict(list)
        self.others: dict[str, FeedRecord] = {}
        self.refusals: list[RefusedDocument] = []
        for record in read_path(folder):
            self._add(record)

    def _add(self, record: FeedRecord | RefusedDocument) -> None:
        if isinstance(record, RefusedDocument):
            self.refusals.append(record)
        elif isinstance(record, Advisory):
            # Fedora is told by vulnerability, Amazon by bulletin with the number of the release left out
            names = {record.id, *(record.upstream if record.source == "fedora" else ())}
            for name in names | {re.sub(r"^ALAS\d+-", "ALAS-", name) for name in names}:
                self.advisories[name.lower()].append(record)
        elif isinstance(record, ReleaseLifecycle):
            self.others[f"{record.product}:{record.release}"] = record
        elif isinstance(record, ExploitedVulnerability):
            self.others["kev:" + record.id.lower()] = record
        else:
            self.others[record.id.lower()] = record

    def affected(self, name: str, key: str) -> list[AffectedPackage]:
        """Return what is said of a vulnerability in an ecosystem, statements on one package combined."""
        names = {name, name.removeprefix("ubuntu-")}
        keys = (key, key.replace("fedora:", "epel:"))
        found = [
            one
            for key_of in names
            for advisory in self.advisories.get(key_of, [])
            for one in advisory.affected
            if build_ecosystem_key(one.ecosystem) in keys
        ]
        return combine_statements(found)

    def severity(self, name: str, key: str) -> str:
        """Return the severity that a vulnerability has in an ecosystem: that of its packages, or of the advisory."""
        keys = (key, key.replace("fedora:", "epel:"))
        rated = [
            one.severity for one in self.affected(name, key) if parse_severity(one.severity) != "Unknown"
        ]
        told = [
            one
            for one in self.advisories.get(name, [])
            if any(build_ecosystem_key(a.ecosystem) in keys for a in one.affected)
        ]
        if told and told[0].source == "fedora":
            # of several updates for one vulnerability the corpus keeps the severity of the first
            return parse_severity(min(told, key=lambda one: one.published).severity)
        words = [*rated, *(one.severity for one in told or self.advisories.get(name, []))]
        return next((word for word in map(parse_severity, words) if word != "Unknown"), "Unknown")


def fact_of(one: AffectedPackage, *, tells_state: bool) -> Fact:
    """Return the package, its fix ('0': not affected, '': none), whether the vendor will not mend it, and the module."""
    fixed = "0" if one.state == "not_affected" else one.fixed_versions[0] if one.fixed_versions else ""
    will_not = bool(not fixed and one.state in WITHOUT_ADVISORY and tells_state)
    return (one.name, re.sub(r"^0:", "", fixed), will_not, one.modularity)


def of_vulnerability(item: dict[str, Any]) -> set[Fact]:
    """Return the expected facts of a record in the shape of distributions."""
    found = set()
    for one in item["FixedIn"]:
        version = "" if one["Version"] in ("None", None) else one["Version"]
        will_not = not version and bool((one.get("VendorAdvisory") or {}).get("NoAdvisory"))
        found.add((one["Name"], re.sub(r"^0:", "", version), will_not, one.get("Module") or ""))
    return found


def of_osv(item: dict[str, Any]) -> set[Fact]:
    """Return the expected facts of a record in the shape of OSV."""
    found = set()
    for one in item["affected"]:
        status = ((one.get("database_specific") or {}).get("anchore") or {}).get("status")
        fixed = [
            event["fixed"] for group in one.get("ranges", []) for event in group["events"] if "fixed" in event
        ]
        module = (one.get("ecosystem_specific") or {}).get("rpm_modularity") or ""
        found.add(
            (one["package"]["name"], fixed[0] if fixed else "", status == "wont-fix" and not fixed, module)
        )
    return found


def assess(provider: Provider, path: Path, namespace: str) -> tuple[object, object]:
    """Return what was found for an expected record, and what is wanted."""
    document = json.loads(path.read_text())
    item = document["item"]
    name = document["identifier"].rpartition("/")[2].lower()
    if item.get("Vulnerability"):
        wanted = item["Vulnerability"]
        key = namespace_key(wanted["NamespaceName"])
        found = provider.affected(name, key)
        if not wanted["FixedIn"]:
            # nothing that it speaks of: what we keep of it must not speak of a package either
            return ([one for one in found if one.state != "not_affected"], "said nothing"), (
                [],
                "said nothing",
            )
        tells = any(
            (one.get("VendorAdvisory") or {}).get("NoAdvisory") is not None for one in wanted["FixedIn"]
        )
        facts = {fact_of(one, tells_state=tells) for one in found}
        return (facts, provider.severity(name, key)), (of_vulnerability(wanted), wanted["Severity"])
    if "Advisory" in item:
        return judge_github(provider, item["Advisory"], name)
    if "affected" in item:
        key = (
            namespace_key(namespace)
            if namespace
            else build_ecosystem_key(item["affected"][0]["package"]["ecosystem"])
        )
        # OSV has no word for "not affected"
        told = [one for one in provider.affected(name, key) if one.state != "not_affected"]
        return {fact_of(one, tells_state=True) for one in told}, of_osv(item)
    if "cve" in item and isinstance(item["cve"], dict):
        return judge_nvd(provider, item["cve"])
    if "document" in item:
        return judge_statement(provider, item["document"], namespace, name)
    return judge_other(provider, item, document["identifier"])


def judge_github(provider: Provider, item: dict[str, Any], name: str) -> tuple[object, object]:
    """Compare a record in GitHub's shape: packages with their first mended versions."""
    found = {
        (one.name, one.fixed_versions[:1])
        for advisory in provider.advisories.get(name, ())
        for one in advisory.affected
    }
    return found, {
        (one["name"], (one["identifier"],) if one["identifier"] else ()) for one in item["FixedIn"]
    }


def judge_nvd(provider: Provider, item: dict[str, Any]) -> tuple[object, object]:
    """Compare a record of NVD: vendor and product, the first mended version, and the severity of the first score."""
    advisories = provider.advisories.get(item["id"].lower(), [])
    found = {(one.name, "".join(one.fixed_versions)) for advisory in advisories for one in advisory.affected}
    wanted = set()
    for configuration in item.get("configurations", []):
        for match in (
            match for node in configuration["nodes"] for match in node["cpeMatch"] if match["vulnerable"]
        ):
            parts = split_cpe(match["criteria"])
            if parts[3] != "-":
                wanted.add((f"{parts[1]}:{parts[2]}", match.get("versionEndExcluding", "")))
    metrics = [metric for group in item.get("metrics", {}).values() for metric in group]
    primary = [metric for metric in metrics if metric["type"] == "Primary"] or metrics
    words = {
        parse_severity(metric["cvssData"].get("baseSeverity") or metric.get("baseSeverity", ""))
        for metric in primary
    }
    severity = parse_severity(advisories[0].severity) if advisories else "no advisory"
    return (found, severity if severity in words or not words else f"{severity} of {words}"), (
        wanted,
        severity,
    )


def judge_statement(
    provider: Provider, item: dict[str, Any], namespace: str, name: str
) -> tuple[object, object]:
    """Compare a statement of OpenVEX, or a document of CSAF."""
    if "products" not in item:
        return bool(provider.advisories.get(name)), True
    key = namespace_key(namespace)
    found = {
        (one.name.replace(":", "/"), version)
        for advisory in provider.advisories.get(name, ())
        for one in advisory.affected
        if build_ecosystem_key(one.ecosystem) == key
        for version in one.versions
    }
    wanted = set()
    for product in item["products"]:
        purl = product["identifiers"]["purl"].partition("/")[2].replace("%2B", "+")
        package, _, version = purl.rpartition("@")
        wanted.add((package, version))
    return found, wanted


def judge_other(provider: Provider, item: dict[str, Any], identifier: str) -> tuple[object, object]:
    """Compare an exploited vulnerability, a prediction or the life of a release."""
    record = provider.others.get(identifier.lower()) or provider.others.get(identifier)
    if isinstance(record, ExploitedVulnerability):
        return (record.added, record.due), (item["dateAdded"], item["dueDate"])
    if isinstance(record, ExploitPrediction):
        return (record.date, record.probability, record.percentile), (
            item["date"],
            item["epss"],
            item["percentile"],
        )
    if isinstance(record, ReleaseLifecycle):
        return (record.ends, record.is_ended), (item.get("eolFrom") or "", item.get("isEol", False))
    return "no record", identifier


def expected_of(folder: Path) -> Iterator[tuple[Path, str]]:
    """Give the expected records of a provider with their namespaces ('' where a record tells its own)."""
    for path in sorted(folder.rglob("*.json")):
        parent = path.parent.name
        yield path, parent if ":" in parent or parent.startswith("ubuntu-") else ""


def inputs_of(folder: Path) -> Iterable[Path]:
    """Return the documents of a provider that are malformed on purpose."""
    return (
        path for path in sorted(folder.rglob("*")) if path.is_file() and MALFORMED.search(path.as_posix())
    )


def main() -> int:
    """Judge the folder, print what does not match, then the sum."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true")
    arguments = parser.parse_args()
    matched: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for folder in sorted(path for path in arguments.folder.iterdir() if (path / "input").is_dir()):
        for line in judge_provider(folder, matched, total):
            if arguments.verbose:
                print(line)
    for name, count in sorted(total.items()):
        print(f"{name}: {matched[name]}/{count}")
    print(f"{matched.total()}/{total.total()} match")
    return 0 if total and matched.total() == total.total() else 1


def judge_provider(folder: Path, matched: Counter[str], total: Counter[str]) -> Iterator[str]:
    """Count the records of a provider and give a line for each that does not match."""
    name = folder.name
    try:
        provider = Provider(folder / "input")
    except Exception as error:  # noqa: BLE001 - a runner's border: an exception is a miss, and is shown
        total[name] += 1
        yield f"{name}: {raised(error)}"
        return
    refused = {refusal.place.split(":")[0] for refusal in provider.refusals}
    for path in inputs_of(folder / "input"):
        total[name] += 1
        is_refused = path.relative_to(folder / "input").as_posix() in refused
        matched[name] += is_refused
        if not is_refused:
            yield f"{name}: {path.name} is malformed and was not refused"
    for path, namespace in expected_of(folder / "expected"):
        total[name] += 1
        try:
            found, wanted = assess(provider, path, namespace)
        except Exception as error:  # noqa: BLE001 - a runner's border: an exception in a record is a miss, and is shown
            found, wanted = raised(error), "no exception"
        matched[name] += found == wanted
        if found != wanted:
            yield f"{name}: {namespace}/{path.stem}: wanted {wanted}, found {found}"


if __name__ == "__main__":
    sys.exit(main())

"""Advisories as other tools keep them, read as ours: only runners need these forms, no provider publishes them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from nephoscope.model.advisory import Advisory, AffectedPackage, AffectedRange, FixState
from nephoscope.vulnerability.feeds import csaf, endoflife, nvd, osv
from nephoscope.vulnerability.feeds.affected_packages import build_affected_unfixed, read_fix_version
from nephoscope.vulnerability.feeds.feed_document import FeedDocument
from nephoscope.vulnerability.feeds.feed_records import FeedRecord

SEVERITIES = ("", "Low", "Medium", "High", "Critical")
STATES: tuple[FixState, ...] = (
    "affected", "not_affected", "affected", "fixed", "under_investigation", "wont_fix", "deferred", "end_of_life",
)  # fmt: skip
LANGUAGES = {
    "go": "Go", "pip": "PyPI", "npm": "npm", "maven": "Maven", "rubygems": "RubyGems", "cargo": "crates.io", "nuget": "NuGet",
    "composer": "Packagist", "erlang": "Hex", "pub": "Pub", "conan": "ConanCenter", "swift": "SwiftURL", "julia": "Julia",
    "cocoapods": "cocoapods", "k8s": "kubernetes", "bitnami": "Bitnami",
}  # fmt: skip
#: Distributions whose buckets are a name and a release.
_BUCKET = re.compile(
    r"(alpine|debian|ubuntu|Oracle Linux|amazon linux|Photon OS|CBL-Mariner|Azure Linux|rocky|alma|fedora|Red Hat|"
    r"SUSE Linux Enterprise Micro|SUSE Linux Enterprise|openSUSE Leap|openSUSE Tumbleweed)(?: (.+))?$"
)
#: In these buckets an entry without a fix says nothing: the tool passes it over.
_SAYS_NOTHING = re.compile(r"chainguard|minimos|wolfi|SUSE|openSUSE", re.IGNORECASE)
GITHUB = {
    "gem": "RubyGems", "python": "PyPI", "npm": "npm", "go": "Go", "java": "Maven", "php": "Packagist", "nuget": "NuGet",
    "rust": "crates.io", "dart": "Pub", "swift": "SwiftURL", "github-action": "GitHub Actions", "hex": "Hex",
}  # fmt: skip


def ecosystem_of_bucket(bucket: str, scanner: str) -> str:
    """Return the ecosystem of a bucket of trivy's database."""
    name, double, _ = bucket.partition("::")
    if double:
        vendor, _, language = name.rpartition(" ")
        return f"{vendor} {LANGUAGES.get(language, language)}".strip()
    if name.startswith("rapidfort ") and re.search(r"\d", name):
        # a curated image's own base
        return ecosystem_of_bucket(name.removeprefix("rapidfort "), scanner)
    if name.startswith("seal "):
        return re.sub(r" \d+$", "", name)
    if name.startswith("root.io "):
        return "root.io " + ecosystem_of_bucket(name.removeprefix("root.io "), scanner)
    found = _BUCKET.match(name)
    if not found:
        return name
    family, release = found[1], found[2] or ""
    if family.startswith("SUSE Linux Enterprise"):
        return f"SUSE:{family.removeprefix('SUSE ')} {release}"
    if family == "openSUSE Tumbleweed":
        return "openSUSE:Tumbleweed"
    if family == "openSUSE Leap":
        return f"openSUSE:Leap {release}"
    return f"{family}:{release}" if release else family


def of_trivy(record: Mapping[str, Any], scanner: str, details: Mapping[str, Any]) -> Iterator[Advisory]:
    """Give the advisories of an entry of trivy's database; `details` are what it knows of vulnerabilities."""
    ecosystem = ecosystem_of_bucket(record["bucket"], scanner)
    value = record["value"] or {}
    module, _, name = (
        record["package"].rpartition("::") if "::" not in record["bucket"] else ("", "", record["package"])
    )
    vendors = tuple(value.get("VendorIDs") or ())
    known = details.get(record["id"]) or {}
    base = Advisory(
        id=record["id"],
        source="trivy",
        related=vendors,
        severity=severity_of_details(known),
        vectors=vectors_of_details(known),
    )
    if "::" not in record["bucket"] and value.get("Entries"):
        for entry in value["Entries"]:
            yield _of_entry(record["id"], ecosystem, name, module, entry)
        return
    severity = SEVERITIES[int(value.get("Severity") or 0)]
    vulnerable = value.get("VulnerableVersions")
    is_own_bucket = re.match(r"(?:debian|ubuntu|alpine|Red Hat)\b", record["bucket"]) is not None
    if vulnerable is not None and not (scanner == "seal" and is_own_bucket):
        affected = _of_constraints(ecosystem, name, value, severity)
    else:
        affected = _of_versions(ecosystem, name, value, severity)
    yield msgspec.structs.replace(base, affected=(msgspec.structs.replace(affected, modularity=module),))


def severity_of_details(details: Mapping[str, Any]) -> str:
    """Return the severity that trivy's details name."""
    word = str(details.get("Severity") or "")
    return word if word and word != "UNKNOWN" else ""


def vectors_of_details(details: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the vectors of details, NVD's first."""
    found = details.get("CVSS") or {}
    names = sorted(found, key=lambda name: name != "nvd")
    return tuple(found[name][key] for name in names for key in ("V3Vector", "V2Vector") if key in found[name])


def _of_constraints(ecosystem: str, name: str, value: Mapping[str, Any], severity: str) -> AffectedPackage:
    patched = tuple(one for one in value.get("PatchedVersions") or () if one)
    safe = [*patched, *(value.get("UnaffectedVersions") or ())]
    vulnerable = value.get("VulnerableVersions") or []
    if not all(vulnerable):
        return build_affected_unfixed(ecosystem, name, severity=severity)
    return AffectedPackage(
        ecosystem=ecosystem, name=name, constraint=" || ".join(vulnerable), syntax="constraints", unaffected=" || ".join(safe),
        fixed_versions=tuple(dict.fromkeys(patched)), state="fixed" if patched else "affected", severity=severity,
    )  # fmt: skip


def _of_versions(ecosystem: str, name: str, value: Mapping[str, Any], severity: str) -> AffectedPackage:
    fixed = value.get("FixedVersion") or ""
    more: dict[str, Any] = {"severity": severity, "architectures": tuple(value.get("Arches") or ())}
    if introduced := value.get("AffectedVersion"):
        one = AffectedRange(introduced=introduced, fixed=fixed)
        return AffectedPackage(
            ecosystem=ecosystem, name=name, ranges=(one,), fixed_versions=(fixed,) if fixed else (), **more
        )
    if fixed:
        return read_fix_version(ecosystem, name, fixed, **more)
    if _SAYS_NOTHING.match(ecosystem):
        return AffectedPackage(ecosystem=ecosystem, name=name)
    return build_affected_unfixed(ecosystem, name, STATES[int(value.get("Status") or 0)], **more)


def _of_entry(name: str, ecosystem: str, package: str, module: str, entry: Mapping[str, Any]) -> Advisory:
    vulnerabilities = [one for one in entry.get("Cves") or () if one.get("ID")]
    severities = [SEVERITIES[int(one.get("Severity") or 0)] for one in entry.get("Cves") or ()]
    more = {
        "architectures": tuple(entry.get("Arches") or ()),
        "severity": severities[0] if severities else "",
    }
    more["modularity"] = module
    fixed = entry.get("FixedVersion") or ""
    if fixed:
        affected = read_fix_version(ecosystem, package, fixed, **more)
    else:
        affected = build_affected_unfixed(ecosystem, package, STATES[int(entry.get("Status") or 0)], **more)
    return Advisory(
        id=name, source="redhat", upstream=tuple(one["ID"] for one in vulnerabilities), affected=(affected,)
    )


def of_vunnel(record: Mapping[str, Any]) -> Iterator[FeedRecord]:
    """Give the records of an item in vunnel's normal form."""
    item = record["item"]
    if item.get("Vulnerability"):
        yield _of_distribution(item["Vulnerability"], record["provider"])
    elif "Advisory" in item:
        yield _of_github(item["Advisory"])
    else:
        reader = (
            nvd if "cve" in item else csaf if "document" in item else endoflife if "isEol" in item else osv
        )
        data = msgspec.json.encode(item)
        yield from reader.read(_document(record["file"], data))


def _document(name: str, data: bytes) -> FeedDocument:
    return FeedDocument(name, io.BytesIO(data))


def _of_distribution(item: Mapping[str, Any], provider: str) -> Advisory:
    return Advisory(
        id=item["Name"],
        source={"rhel": "redhat"}.get(provider, provider),
        severity=item.get("Severity") or "",
        affected=tuple(_fixed_in(one) for one in item["FixedIn"]),
    )


def _fixed_in(one: Mapping[str, Any]) -> AffectedPackage:
    version = "" if one["Version"] in ("None", None) else one["Version"]
    module = one.get("Module") or ""
    if one.get("VulnerableRange"):
        return AffectedPackage(
            ecosystem=one["NamespaceName"], name=one["Name"], constraint=one["VulnerableRange"], syntax="constraints",
            fixed_versions=(version,) if version else (), state="fixed" if version else "affected", modularity=module,
        )  # fmt: skip
    no_fix: FixState = "wont_fix" if (one.get("VendorAdvisory") or {}).get("NoAdvisory") else "affected"
    if not version:
        return build_affected_unfixed(one["NamespaceName"], one["Name"], no_fix, modularity=module)
    return read_fix_version(one["NamespaceName"], one["Name"], version, modularity=module)


def _of_github(item: Mapping[str, Any]) -> Advisory:
    affected = tuple(
        AffectedPackage(
            ecosystem=GITHUB.get(one["ecosystem"], one["ecosystem"]), name=one["name"], constraint=one["range"],
            syntax="constraints", fixed_versions=(one["identifier"],) if one["identifier"] not in ("", "None") else (),
        )
        for one in item["FixedIn"]
    )  # fmt: skip
    return Advisory(
        id=item["ghsaId"], source="github", aliases=tuple(item["CVE"]), severity=item.get("Severity") or "",
        withdrawn=item.get("withdrawn") or "", affected=affected,
    )  # fmt: skip

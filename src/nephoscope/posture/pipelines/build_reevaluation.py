"""Build reevaluation: match the components of a build with current advisories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from nephoscope.model.advisory import Advisory
from nephoscope.model.package import Package
from nephoscope.posture.code.finding import FindingState
from nephoscope.posture.pipelines.results.tool_results import (
    BillComponent,
    ReportedFinding,
    ToolResults,
    make_finding,
)
from nephoscope.vulnerability.feeds.feed_records import FeedRecord
from nephoscope.vulnerability.feeds.product_names import build_ecosystem_name, to_product_name
from nephoscope.vulnerability.matching.findings import PackageAssessment, PackageFinding, Undetermined
from nephoscope.vulnerability.matching.matcher import MatchingOptions, match_advisories
from nephoscope.vulnerability.matching.source_precedence import list_layers
from nephoscope.vulnerability.matching.statement_lookup import (
    AdvisoryIndex,
    StatementSource,
    list_statement_keys,
)
from nephoscope_policy.model.state import Severity

TOOL = "advisories"
_DISTRIBUTIONS = frozenset({"deb", "rpm", "apk", "alpm", "opkg"})
_SEVERITIES = {one.value: one for one in Severity} | {"Negligible": Severity.INFORMATIONAL}


def to_package(component: BillComponent) -> Package | None:
    """Return the package that a component names, None where its package URL is none or has no version."""
    product = to_product_name(component.purl)
    if product is None or not product.version:
        return None
    if product.type not in _DISTRIBUTIONS:
        return Package(
            type=product.type,
            name=build_ecosystem_name(product),
            version=product.version,
            path=component.file,
        )
    return Package(
        type=product.type,
        namespace=product.namespace,
        name=product.name,
        version=product.version,
        architecture=product.architecture,
        distribution_version=product.distribution.rpartition("-")[2],
        path=component.file,
    )


def build_index(components: Iterable[BillComponent], records: Iterable[FeedRecord]) -> AdvisoryIndex:
    """Keep of the records what speaks of components, and of all what they cover."""
    wanted = {
        (layer.ecosystem, name)
        for one in components
        if (package := to_package(one)) is not None
        for layer in list_layers(package)
        for name, _ in layer.names
    }
    found = AdvisoryIndex()
    for record in records:
        if not isinstance(record, Advisory):
            found.add(record)
            continue
        keys = {key for affected in record.affected for key in list_statement_keys(affected)}
        if keys & wanted:
            found.add(record)
        else:
            found.add_coverage(record)
    return found


def assess_components(
    components: Iterable[BillComponent], source: StatementSource, today: str, *, whole: bool
) -> ToolResults:
    """Judge components: a vulnerability of one is a finding, what cannot be compared is Unknown.

    What no advisory speaks of, or all where advisories were not read to their end (`whole`), is unread: nothing closes there.
    """
    findings: list[ReportedFinding] = []
    unread: set[str] = set()
    seen: Counter[str] = Counter()
    for component in components:
        package = to_package(component)
        place = _choose_component_place(component)
        if package is None:
            unread.add(place)
            continue
        assessment = match_advisories(package, source, MatchingOptions(today=today))
        if assessment.status != "assessed" or not whole:
            unread.add(place)
        for one in _list_findings(component, package, assessment):
            seen[one.fingerprint] += 1
            if seen[one.fingerprint] == 1:
                findings.append(one)
    return ToolResults(tool=TOOL, findings=tuple(findings), unread=tuple(sorted(unread)))


def _list_findings(
    component: BillComponent, package: Package, assessment: PackageAssessment
) -> Iterator[ReportedFinding]:
    for one in assessment.findings:
        yield _make_reported_finding(
            component,
            package,
            one.id,
            _format_words(package, one),
            _SEVERITIES.get(one.severity, Severity.MEDIUM),
            one,
        )
    for doubt in assessment.undetermined:
        message = (
            f"{package.name} {package.version} could not be compared with {doubt.advisory}: {doubt.reason}"
        )
        yield _make_reported_finding(component, package, doubt.advisory, message, Severity.MEDIUM, doubt)


def _format_words(package: Package, one: PackageFinding) -> str:
    exploited = ", which is exploited" if one.is_exploited else ""
    return f"{package.name} {package.version} has {one.id}{exploited}: {one.summary or 'no summary'}"


def _make_reported_finding(
    component: BillComponent, package: Package, id_: str, message: str, severity: Severity, match: PackageFinding | Undetermined
) -> ReportedFinding:  # fmt: skip
    unknown = isinstance(match, Undetermined)
    fixed = "" if isinstance(match, Undetermined) else match.fixed_version
    return ReportedFinding(
        # without the version: a package that is raised and still affected is the same work item
        fingerprint=f"{id_}/{_choose_component_place(component)}/{package.type}/{package.name}",
        title=f"{package.name} should have no known vulnerability",
        finding=make_finding(
            id_, _choose_component_place(component), message, severity,
            state=FindingState.UNKNOWN if unknown else FindingState.FAILED,
            subject=component.purl,
            evidence=f"{package.name} {package.version}",
            reason=message if unknown else "",
            steps=[f"Raise {package.name} to {fixed} or later."] if fixed else [],
        ),
    )  # fmt: skip


def _choose_component_place(component: BillComponent) -> str:
    """Where a component stands: its file, else its package URL without the version."""
    return component.file or component.purl.partition("?")[0].rpartition("@")[0] or component.purl

"""Check that findings of scanners on machines, registries and clusters are resolved.

Reads the sub-assessments of each key on the resource (Microsoft.Security/assessments/subAssessments), as Defender for Cloud or a
scanner of one's own wrote them: one that is unhealthy is unhealthy. None at all is healthy only where they were read in full there;
else, or where they are too old, the key is Unknown, and Azure's own assessment stands where there is one. Keys that ask the same,
as Azure named it at different times, are judged by the findings of any of them.

A scan of one's own has a sub-assessment beside its findings that says what it covers: where that is not all of the resource, or the
feeds that it was matched with are too old by now, an absence of findings is Unknown.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.assessment_overlay import build_assessment_id
from nephoscope.analyze.verdict import assess_all, report_healthy, report_unhealthy
from nephoscope.analyze.virtual_machines import CLASSIC, HYBRID, MACHINE
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope_policy.data_gap import STALE
from nephoscope_policy.model.assessment import SubAssessment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sized

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

FINDING = "microsoft.security/assessments/subassessments"

SECRETS = Key(
    "17618b1a-ed14-49bb-b37f-9f8ba967be8b",
    "Plain-text secrets should be removed from the machine",
    (MACHINE, CLASSIC),
    ("3ac7c827-eea2-4bde-acc7-9568cd320efa",),
)
DATABASES = Key(
    "f97aa83c-9b63-4f9a-99f6-b22c4398f936",
    "Vulnerabilities in SQL servers on the machine should be resolved",
    (MACHINE, HYBRID),
    ("6ba6d016-e7c3-4842-b8f2-4992ebc0d72d",),
)
REGISTRY = Key(
    "c0b7cfc6-3172-465a-b378-53c7ff2cc0d5",
    "Vulnerabilities in registry images should be resolved",
    ("microsoft.containerregistry/registries",),
    ("090c7b07-b4ed-4561-ad20-e9075f3ccaff",),
)
CLUSTER = Key(
    "c609cf0f-71ab-41e9-a3c6-9a1f7fe1b8d5",
    "Vulnerabilities in running images should be resolved",
    ("microsoft.containerservice/managedclusters",),
    ("17f4b1cc-c55c-4d94-b1f9-2978f6ac2957",),
)
QUALYS_REGISTRY = Key(
    "dbd0cb49-b563-45e7-9724-889e799fa648",
    "Vulnerabilities in registry images should be resolved (Qualys)",
    REGISTRY.types,
    retired=("5f0f936f-2f01-4bf5-b6be-d423792fa562",),
)
RISK_REGISTRY = Key(
    "33422d8f-ab1e-42be-bc9a-38685bb567b9",
    "Vulnerabilities in registry images should be resolved, by risk",
    REGISTRY.types,
)
QUALYS_CLUSTER = Key(
    "41503391-efa5-47ee-9282-4eff6131462c",
    "Vulnerabilities in running images should be resolved (Qualys)",
    CLUSTER.types,
    retired=("0fc39691-5a3f-4e3e-94ee-2e6447309ad9",),
)
RISK_CLUSTER = Key(
    "c5045ea3-afc6-4006-ab8f-86c8574dbf3d",
    "Vulnerabilities in running containers should be resolved, by risk",
    CLUSTER.types,
)
SOFTWARE = Key(
    "71992a2a-d168-42e0-b10e-6b45fa2ecddb",
    "Vulnerabilities on the machine should be resolved",
    (MACHINE, CLASSIC),
    retired=("760a85ff-6162-42b3-8d70-698e268f648c",),
)
MACHINES = Key(
    "1195afff-c881-495e-9bc5-1486211ae03f",
    "Vulnerabilities on the machine found by any scanner should be resolved",
    (MACHINE, HYBRID),
)
GRAVE = Key(
    "ceb1cd83-e12e-5580-9be1-3a16f25d2d7c",
    "Critical and high vulnerabilities on the machine should be remediated",
    (MACHINE, HYBRID),
)
PROTECTION = Key(
    "4fb67663-9ab9-475d-b026-8c544cced439",
    "Endpoint protection should be installed on the machine",
    (MACHINE, CLASSIC, HYBRID),
    retired=("1f7c564c-0a90-4d44-b7e1-9d456cffaee8",),
)
PROTECTION_HEALTH = Key(
    "37a3689a-818e-4a0e-82ac-b1392b9bb000",
    "Endpoint protection issues on the machine should be resolved",
    (MACHINE, CLASSIC, HYBRID),
    retired=("8e42c1f2-a2ab-49bc-994a-12bcd0dc4ac2",),
)
MISSING_PROTECTION = Key(
    "83f577bd-a1b6-b7e1-0891-12ca19d1e6df",
    "Missing endpoint protection should be installed on the machine",
    (MACHINE, CLASSIC),
    retired=("af6cd1bd-1635-48cb-bde7-5b15693900b9",),
)
BASELINE = Key(
    "c476dc48-8110-4139-91af-c8d940896b98",
    "The machine should meet the security baseline",
    (MACHINE, CLASSIC),
    retired=("e1e5fd5d-3e4c-4ce1-8661-7d1873ae6b15",),
)
KEYS = index_keys(
    SECRETS, DATABASES, REGISTRY, QUALYS_REGISTRY, RISK_REGISTRY, CLUSTER, QUALYS_CLUSTER, RISK_CLUSTER, SOFTWARE, MACHINES, GRAVE,
    PROTECTION, PROTECTION_HEALTH, MISSING_PROTECTION, BASELINE,
)  # fmt: skip
#: Keys that ask the same: what one of them was told counts for all.
_SAME = (
    (REGISTRY, QUALYS_REGISTRY, RISK_REGISTRY),
    (CLUSTER, QUALYS_CLUSTER, RISK_CLUSTER),
    (SOFTWARE, MACHINES),
    (PROTECTION, MISSING_PROTECTION),
)
_ASKED = {
    key.id: tuple(dict.fromkeys((key.id, *(one.id for one in group)))) for group in _SAME for key in group
}
#: Scanners tell nothing under this key: the findings of machines decide it.
_ASKED[GRAVE.id] = (MACHINES.id, SOFTWARE.id)
#: What a sub-assessment is called that says what a scan covers, and the cause where that is not all of the resource.
COVERAGE, NOT_ASSESSED = "VulnerabilityScanCoverage", "NotAssessed"
#: Until when a finding of a scan counts that is older than the newest scan of its machine.
GOOD_UNTIL = "goodUntil"
#: The cause of a finding that somebody exempted.
EXEMPT = "Exempt"
#: What is published of a finding as its scanner told it.
_REPORTED = ("id", "category", "description", "impact", "remediation")
#: Severities that are not grave.
_LOWER = ("medium", "low")
TYPES = tuple(dict.fromkeys([FINDING, *(type_ for key in KEYS.values() for type_ in key.types)]))
#: What each key takes that is neither in a resource's body nor in a log.
NEEDED = {
    SECRETS.id: "a scan of the machine's disks for secrets",
    DATABASES.id: "scans of the machine's SQL servers",
    REGISTRY.id: "a scan of the registry's images",
    CLUSTER.id: "a scan of the cluster's running images",
    SOFTWARE.id: "a scan of the machine's software",
    PROTECTION.id: "an agent's report from the machine",
    PROTECTION_HEALTH.id: "an agent's report from the machine",
    BASELINE.id: "a baseline scan by an agent on the machine",
}
NEEDED |= {key.id: NEEDED[group[0].id] for group in _SAME for key in group} | {GRAVE.id: NEEDED[SOFTWARE.id]}


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every resource that a key is asked of by the findings of its scanner."""

    def assess(resource: Resource, key: Key) -> Assessment:
        id_ = str(resource.body["id"])
        places = list_assessment_ids(resource, key)
        found, doubt = _list_open_findings(view, places)
        exempted = list(_list_exempted_findings(view, places))
        if key is GRAVE:
            found, doubt = _select_severe(found, doubt)
            exempted = _select_severe(exempted, None)[0]
        if found:
            return report_unhealthy(id_, key, _describe_count(found), [*found, *exempted])
        if doubt is not None:
            raise doubt
        read = _list_read_scanners(view, places, key)
        if not any(view.list_children(FINDING, place) for place in read):
            for place in places:
                if place in view.estate.resources:
                    # Azure judged it by findings that are not here: its own assessment says more than that none was read
                    raise DataNotCollectedError(f"the findings behind the assessment {place}")
        said = "the scanner found nothing" if not exempted else "no finding is open"
        return report_healthy(
            id_, key, "no open finding is grave" if key is GRAVE else said, findings=exempted
        )

    for key in KEYS.values():
        for type_ in key.types:
            yield from assess_all(view.list_resources(type_), key, assess, by_body=False)


def list_assessment_ids(resource: Resource, key: Key) -> tuple[str, ...]:
    """Return the lower-cased ids of the assessments that may hold the findings of a key, its own first."""
    return tuple(build_assessment_id(resource.key, one).lower() for one in _ASKED.get(key.id, (key.id,)))


def has_own_scan(view: EstateView, machine: Resource) -> bool:
    """Return whether a scan of one's own says what it covers of a machine's software, and is not too old."""
    for place in list_assessment_ids(machine, MACHINES):
        for one in view.list_children(FINDING, place):
            try:
                body = view.get_report(one)
            except DataNotCollectedError:
                continue
            if _is_coverage(body):
                return True
    return False


def _list_read_scanners(view: EstateView, places: Iterable[str], key: Key) -> list[str]:
    """Return where the findings of a key were read in full; DataNotCollectedError where they were nowhere, or too long ago."""
    read: list[str] = []
    stale: DataNotCollectedError | None = None
    for place in places:
        try:
            view.require_collected(FINDING, place)
            read.append(place)
        except DataNotCollectedError as gap:
            stale = gap if gap.cause == STALE else stale
    if read:
        return read
    raise stale or DataNotCollectedError(
        f"{NEEDED[key.id]} (Microsoft.Security/assessments/subAssessments of {_ASKED.get(key.id, (key.id,))[0]})"
    )


def _list_open_findings(
    view: EstateView, places: Iterable[str]
) -> tuple[list[SubAssessment], DataNotCollectedError | None]:
    """The findings of assessments that are open, and why one says nothing (any more), None where each does."""
    found: list[SubAssessment] = []
    doubt: DataNotCollectedError | None = None
    for one in (one for place in places for one in view.list_children(FINDING, place)):
        try:
            body = view.get_report(one)
        except DataNotCollectedError as gap:
            doubt = gap
            continue
        if (until := _find_expiry(view, body)) is not None:
            doubt = DataNotCollectedError(f"the scan that found {one.key} was good until {until}", STALE)
            continue
        status: Any = body.get("status")
        code = str(status.get("code", "")).lower() if isinstance(status, dict) else ""
        if code == "unhealthy" or (isinstance(status, dict) and _has_past_exemption(view, status)):
            found.append(_make_finding(one, body, str(status.get("severity") or "")))
        elif _is_coverage(body):
            doubt = _explain_uncovered_scan(view, one, body) or doubt
    return found, doubt


def _list_exempted_findings(view: EstateView, places: Iterable[str]) -> Iterator[SubAssessment]:
    """Give the findings of assessments that somebody exempted until a time to come, or without an end."""
    for one in (one for place in places for one in view.list_children(FINDING, place)):
        try:
            body = view.get_report(one)
        except DataNotCollectedError:
            continue
        status: Any = body.get("status")
        if not isinstance(status, dict) or status.get("cause") != EXEMPT:
            continue
        if _find_expiry(view, body) is None and not _has_past_exemption(view, status):
            made = _make_finding(one, body, str(status.get("severity") or ""))
            yield msgspec.structs.replace(made, status="NotApplicable", cause=EXEMPT)


def _find_expiry(view: EstateView, body: dict[str, object]) -> str | None:
    """Return until when a finding was good that no longer is, None where it counts."""
    details = body.get("additionalData")
    until = str(details.get(GOOD_UNTIL) or "") if isinstance(details, dict) else ""
    return until if until and view.clock.has_passed(datetime.fromisoformat(until)) else None


def _has_past_exemption(view: EstateView, status: dict[str, object]) -> bool:
    """Return whether a finding was exempted until a time that is past."""
    until = str(status.get("exemptUntil") or "")
    return (
        status.get("cause") == EXEMPT and bool(until) and view.clock.has_passed(datetime.fromisoformat(until))
    )


def _select_severe(
    found: Iterable[SubAssessment], doubt: DataNotCollectedError | None
) -> tuple[list[SubAssessment], DataNotCollectedError | None]:
    """The findings that are grave, and why there may be others: one whose severity nobody told may be."""
    by_severity: dict[str, list[SubAssessment]] = {}
    for one in found:
        by_severity.setdefault(one.severity.lower(), []).append(one)
    grave = by_severity.pop("critical", []) + by_severity.pop("high", [])
    untold = sum(len(several) for severity, several in by_severity.items() if severity not in _LOWER)
    if untold and doubt is None:
        doubt = DataNotCollectedError(
            f"the severity of {untold:,} open {'finding' if untold == 1 else 'findings'}"
        )
    return grave, doubt


def _describe_count(found: Sized) -> str:
    return "1 finding is open" if len(found) == 1 else f"{len(found):,} findings are open"


def _is_coverage(body: dict[str, object]) -> bool:
    details = body.get("additionalData")
    return isinstance(details, dict) and details.get("assessedResourceType") == COVERAGE


def _explain_uncovered_scan(
    view: EstateView, one: Resource, body: dict[str, Any]
) -> DataNotCollectedError | None:
    """Return what a scan does not cover, or that the feeds which it was matched with are too old; None where neither is."""
    status: object = body.get("status")
    if isinstance(status, dict) and status.get("cause") == NOT_ASSESSED:
        return DataNotCollectedError(f"all of it by the scan: {status.get('description')}")
    until = str(body["additionalData"].get("assessedUntil") or "")
    if until and view.clock.has_passed(datetime.fromisoformat(until)):
        text = f"the advisories that {one.key} was matched with, or the list of its images, were good until {until}"
        return DataNotCollectedError(text, STALE)
    return None


def _make_finding(one: Resource, body: dict[str, object], severity: str) -> SubAssessment:
    details = body.get("additionalData")
    known = dict(details) if isinstance(details, dict) else {}
    reported = {key: text for key in _REPORTED if isinstance(text := body.get(key), str) and text}
    return SubAssessment(one.name, str(body.get("displayName") or one.name), severity, known, reported)

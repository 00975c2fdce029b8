"""What scanners find on machines, in registries and in clusters should be fixed.

Reads the sub-assessments of each key on the resource (Microsoft.Security/assessments/subAssessments), as Defender for Cloud or a
scanner of one's own wrote them: one that is unhealthy is unhealthy. None at all is healthy only where they were read in full there;
else, or where they are too old, the key is Unknown, and Azure's own assessment stands where there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nephoscope.analyze.key import Key, keyed
from nephoscope.analyze.machines import CLASSIC, HYBRID, MACHINE
from nephoscope.analyze.overlay import assessment_id
from nephoscope.analyze.verdict import healthy, judged, unhealthy
from nephoscope.estate.gap import NotCollected
from nephoscope_policy.gap import STALE
from nephoscope_policy.model.assessment import SubAssessment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.view import View
    from nephoscope_policy.model.assessment import Assessment
    from nephoscope_policy.model.resource import Resource

FINDING = "microsoft.security/assessments/subassessments"

SECRETS = Key(
    "17618b1a-ed14-49bb-b37f-9f8ba967be8b",
    "No secret lies on the machine's disks",
    (MACHINE, CLASSIC),
    ("3ac7c827-eea2-4bde-acc7-9568cd320efa",),
)
DATABASES = Key(
    "f97aa83c-9b63-4f9a-99f6-b22c4398f936",
    "The vulnerability scans of SQL servers on the machine find nothing",
    (MACHINE, HYBRID),
    ("6ba6d016-e7c3-4842-b8f2-4992ebc0d72d",),
)
REGISTRY = Key(
    "c0b7cfc6-3172-465a-b378-53c7ff2cc0d5",
    "No image in the registry has a known vulnerability",
    ("microsoft.containerregistry/registries",),
    ("090c7b07-b4ed-4561-ad20-e9075f3ccaff",),
)
CLUSTER = Key(
    "c609cf0f-71ab-41e9-a3c6-9a1f7fe1b8d5",
    "No image that runs in the cluster has a known vulnerability",
    ("microsoft.containerservice/managedclusters",),
    ("17f4b1cc-c55c-4d94-b1f9-2978f6ac2957",),
)
SOFTWARE = Key(
    "71992a2a-d168-42e0-b10e-6b45fa2ecddb",
    "No known vulnerability is open on the machine",
    (MACHINE, CLASSIC),
    retired=("760a85ff-6162-42b3-8d70-698e268f648c",),
)
KEYS = keyed(SECRETS, DATABASES, REGISTRY, CLUSTER, SOFTWARE)
TYPES = tuple(dict.fromkeys([FINDING, *(type_ for key in KEYS.values() for type_ in key.types)]))
#: What each key takes that is neither in a resource's body nor in a log.
NEEDED = {
    SECRETS.id: "a scan of the machine's disks for secrets",
    DATABASES.id: "scans of the machine's SQL servers",
    REGISTRY.id: "a scan of the registry's images",
    CLUSTER.id: "a scan of the cluster's running images",
    SOFTWARE.id: "a scan of the machine's software",
}


def analyze(view: View) -> Iterable[Assessment]:
    """Judge every resource that a key is asked of by the findings of its scanner."""

    def judge(resource: Resource, key: Key) -> Assessment:
        id_ = str(resource.body["id"])
        place = assessment_id(resource.key, key.id).lower()
        found, stale = _open(view, place)
        if found:
            return unhealthy(id_, key, f"{len(found)} findings are open", found)
        if stale is not None:
            raise stale
        _need(view, place, key)
        if place in view.estate.resources and not view.children(FINDING, place):
            # Azure judged it by findings that are not here: its own assessment says more than that none was read
            raise NotCollected(f"the findings behind the assessment {place}")
        return healthy(id_, key, "the scanner found nothing")

    for key in KEYS.values():
        for type_ in key.types:
            yield from judged(view.resources(type_), key, judge, by_body=False)


def _need(view: View, place: str, key: Key) -> None:
    """NotCollected where the findings of a key were not read in full, or too long ago."""
    try:
        view.need(FINDING, place)
    except NotCollected as gap:
        if gap.cause == STALE:
            raise
        raise NotCollected(f"{NEEDED[key.id]} (sub-assessments of {key.id})") from gap


def _open(view: View, place: str) -> tuple[list[SubAssessment], NotCollected | None]:
    """The findings of an assessment that are open, and why one says nothing any more, None where each does."""
    found: list[SubAssessment] = []
    stale: NotCollected | None = None
    for one in view.children(FINDING, place):
        try:
            body = view.report(one)
        except NotCollected as gap:
            stale = gap
            continue
        status: Any = body.get("status")
        if isinstance(status, dict) and str(status.get("code", "")).lower() == "unhealthy":
            found.append(_finding(one, body, str(status.get("severity") or "")))
    return found, stale


def _finding(one: Resource, body: dict[str, Any], severity: str) -> SubAssessment:
    details = body.get("additionalData")
    known = dict(details) if isinstance(details, dict) else {}
    return SubAssessment(one.name, str(body.get("displayName") or one.name), severity, known)

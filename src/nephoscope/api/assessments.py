"""Microsoft.Security: assessments, their metadata and their sub-assessments.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/assessments (2021-06-01)
"""

from __future__ import annotations

from nephoscope.api.wire.answer import Answer, listed, resumed
from nephoscope.api.wire.call import Call
from nephoscope.api.wire.fault import missing
from nephoscope.api.wire.operation import Surface

SURFACE = Surface("Assessments", "Microsoft.Security")
READ = "Microsoft.Security/assessments/read"
METADATA = "Microsoft.Security/assessmentMetadata/read"
SUB = "Microsoft.Security/assessments/subAssessments/read"
_PROVIDER = "providers/Microsoft.Security"
_TYPE, _SUB_TYPE = "microsoft.security/assessments", "microsoft.security/assessments/subassessments"
_METADATA_TYPE = "microsoft.security/assessmentmetadata"


@SURFACE.get(f"{{scope}}/{_PROVIDER}/assessments", "Assessments_List", READ)
def assessments(call: Call) -> Answer:
    """The assessments of all resources below a scope."""
    page = call.edition.listing.page(
        [_TYPE], call.reach, call.below, after=resumed(call), most=call.top(1000)
    )
    return listed(call, page.bodies, page.after)


@SURFACE.get(f"{{resourceId}}/{_PROVIDER}/assessments/{{assessmentName}}", "Assessments_Get", READ)
def assessment(call: Call) -> Answer:
    """One assessment of a resource."""
    return _one(call, "assessment")


@SURFACE.get(f"/{_PROVIDER}/assessmentMetadata", "AssessmentsMetadata_List", METADATA)
def metadata(call: Call) -> Answer:
    """What every recommendation says of itself."""
    return _metadata(call)


@SURFACE.get(
    f"/subscriptions/{{subscriptionId}}/{_PROVIDER}/assessmentMetadata",
    "AssessmentsMetadata_ListBySubscription",
    METADATA,
)
def metadata_of_subscription(call: Call) -> Answer:
    """The same, asked of a subscription."""
    return _metadata(call)


@SURFACE.get(
    f"/{_PROVIDER}/assessmentMetadata/{{assessmentMetadataName}}", "AssessmentsMetadata_Get", METADATA
)
def one_metadata(call: Call) -> Answer:
    """What one recommendation says of itself."""
    return _one(call, "assessment metadata")


@SURFACE.get(
    f"/subscriptions/{{subscriptionId}}/{_PROVIDER}/assessmentMetadata/{{assessmentMetadataName}}",
    "AssessmentsMetadata_GetInSubscription",
    METADATA,
)
def one_metadata_of_subscription(call: Call) -> Answer:
    """The same, asked of a subscription."""
    id_ = f"/{_PROVIDER}/assessmentMetadata/{call['assessmentMetadataName']}"
    found = call.edition.listing.get(id_, call.reach)
    if found is None:
        raise missing(f"The assessment metadata '{call['assessmentMetadataName']}'")
    return Answer(found)


@SURFACE.get(f"{{scope}}/{_PROVIDER}/subAssessments", "SubAssessments_ListAll", SUB)
def sub_assessments(call: Call) -> Answer:
    """The findings inside all assessments below a scope."""
    return _subs(call, call.below)


@SURFACE.get(
    f"{{scope}}/{_PROVIDER}/assessments/{{assessmentName}}/subAssessments", "SubAssessments_List", SUB
)
def sub_assessments_of(call: Call) -> Answer:
    """The findings inside one assessment."""
    return _subs(call, call.path.lower().rstrip("/").rpartition("/")[0])


@SURFACE.get(
    f"{{scope}}/{_PROVIDER}/assessments/{{assessmentName}}/subAssessments/{{subAssessmentName}}",
    "SubAssessments_Get",
    SUB,
)
def sub_assessment(call: Call) -> Answer:
    """One finding."""
    return _one(call, "sub-assessment")


def _subs(call: Call, below: str) -> Answer:
    page = call.edition.listing.page([_SUB_TYPE], call.reach, below, after=resumed(call), most=call.top(1000))
    return listed(call, page.bodies, page.after)


def _metadata(call: Call) -> Answer:
    page = call.edition.listing.page([_METADATA_TYPE], call.reach, after=resumed(call), most=call.top(1000))
    return listed(call, page.bodies, page.after)


def _one(call: Call, what: str) -> Answer:
    found = call.edition.listing.get(call.path, call.reach)
    if found is None:
        raise missing(f"The {what} '{call.path.rstrip('/').rsplit('/', 1)[-1]}'")
    return Answer(found)

"""Microsoft.Security: assessments, their metadata and their sub-assessments.

Source: https://learn.microsoft.com/rest/api/defenderforcloud/assessments (2021-06-01)
"""

from __future__ import annotations

from collections.abc import Sequence

from nephoscope.api.defender.governance import add_owners
from nephoscope.api.wire import arm_documents
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import ApiError, make_not_found_error
from nephoscope.api.wire.body_schema import (
    accept_object,
    accept_text,
    declare_array,
    declare_enumeration,
    declare_object,
    parse_boolean,
)
from nephoscope.api.wire.document_kinds import (
    ArmDocumentKind,
    Body,
    declare_document_operations,
    delete_kept_document,
    put,
    require_document,
)
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import NO_CONTENT, ApiResponse, answer_list, read_skip_token
from nephoscope.posture.pipelines.resource_origins import CodeOrigin
from nephoscope.service.arm_documents import remove_document
from nephoscope.service.code_to_cloud import find_origins_of_all

SURFACE = ApiSurface("Assessments", "Microsoft.Security")
METADATA = "Microsoft.Security/assessmentMetadata/read"
SUB = "Microsoft.Security/assessments/subAssessments/read"
_PROVIDER = "providers/Microsoft.Security"
_SUB_TYPE = "microsoft.security/assessments/subassessments"
_METADATA_TYPE = "microsoft.security/assessmentmetadata"


#: Azure's words for how a resource stands.
CODES = ("Healthy", "Unhealthy", "NotApplicable")
SEVERITIES = ("Low", "Medium", "High", "Critical")
THREATS = (
    "accountBreach", "dataExfiltration", "dataSpillage", "maliciousInsider", "elevationOfPrivilege", "threatResistance",
    "missingCoverage", "denialOfService",
)  # fmt: skip
_TOLD = "It is listed next to the server's own assessments and does not affect the secure score."


SHAPE = declare_object(
    {
        "status": declare_object(
            {"code": declare_enumeration(*CODES)}, {"cause": accept_text(), "description": accept_text()}
        ),
        "resourceDetails": declare_object(
            {"source": declare_enumeration("Azure", "OnPremise", "OnPremiseSql")}
        ),
    },
    {"displayName": accept_text(), "additionalData": accept_object(accept_text())},
)
_LEVEL = declare_enumeration("Low", "Moderate", "High")
METADATA_SHAPE = declare_object(
    {"displayName": accept_text(), "severity": declare_enumeration(*SEVERITIES)},
    {
        "description": accept_text(),
        "remediationDescription": accept_text(),
        "categories": declare_array(
            declare_enumeration(
                "Compute", "Networking", "Data", "IdentityAndAccess", "IoT", "AppServices", "Container"
            )
        ),
        "userImpact": _LEVEL,
        "implementationEffort": _LEVEL,
        "threats": declare_array(declare_enumeration(*THREATS)),
        "assessmentType": declare_enumeration(
            "BuiltIn", "CustomPolicy", "CustomerManaged", "VerifiedPartner"
        ),
        "preview": parse_boolean,
    },
)


def make_assessment(call: ApiCall, body: Body, _: Body | None) -> Body:
    """The assessment with the resource that it is about, and what its metadata calls it."""
    details = {**body["properties"]["resourceDetails"]}
    if details["source"] == "Azure":
        details.setdefault("id", call.path.rstrip("/").rsplit("/providers/", 1)[0])
    known = _find_metadata(call)
    name = str(known["properties"].get("displayName") or "") if known is not None else ""
    properties = {"displayName": name or body["name"], **body["properties"], "resourceDetails": details}
    return {**body, "properties": properties}


def _find_metadata(call: ApiCall) -> Body | None:
    """The metadata of an assessment: what the subscription put, else what is published."""
    subscription = "/".join(call.path.lower().split("/")[:3])
    name = call.path.lower().rstrip("/").rsplit("/", 1)[-1]
    kept = call.find_stored_document(f"{subscription}/{_PROVIDER}/assessmentMetadata/{name}".lower())
    if kept is not None:
        return kept.body
    published = call.instance.snapshots.load_newest()
    return (
        published.listing.get(f"/{_PROVIDER}/assessmentMetadata/{name}", call.reach)
        if published is not None
        else None
    )


def build_own_metadata(_: ApiCall, body: Body, __: Body | None) -> Body:
    """Return what a subscription puts is its own."""
    return {**body, "properties": {**body["properties"], "assessmentType": "CustomerManaged"}}


def build_shown_metadata(_: ApiCall, body: Body) -> Body:
    """Metadata is told by an id of no subscription, whoever put it."""
    return {**body, "id": f"/{_PROVIDER}/assessmentMetadata/{body['name']}"}


def _add_governance(call: ApiCall, several: Sequence[Body]) -> list[Body]:
    """Assessments with who sees to each, and of each that fails the place of a file that made its resource."""
    return with_origins(call, add_owners(call, several))


def with_origins(call: ApiCall, several: Sequence[Body]) -> list[Body]:
    """Assessments; of each that fails, `additionalData` names the first place that made its resource, as the caller may read it."""
    about = {str(one["id"]): _extract_resource(str(one["id"])) for one in several if _fails(one)}
    origins = find_origins_of_all(call.service, about.values()) if about else {}
    return [_with_origin(one, origins.get(about.get(str(one["id"]), ""), [])) for one in several]


def _extract_resource(id_: str) -> str:
    return id_.lower().partition(f"/{_PROVIDER}/assessments/".lower())[0]


def _fails(assessment: Body) -> bool:
    status = assessment["properties"].get("status")
    return isinstance(status, dict) and status.get("code") == "Unhealthy"


def _with_origin(assessment: Body, origins: Sequence[CodeOrigin]) -> Body:
    if not origins:
        return assessment
    planned, properties = origins[0].planned, assessment["properties"]
    said = {
        "codeRepository": planned.repository,
        "codePlace": f"{planned.file}:{planned.line}",
        "codeOrigin": "MadeBy" if origins[0].certain else "MayBeMadeBy",
    }
    data = {**(properties.get("additionalData") or {}), **said}
    return {**assessment, "properties": {**properties, "additionalData": data}}


ASSESSMENTS = ArmDocumentKind(
    "Microsoft.Security/assessments",
    "Assessments",
    _TOLD,
    shape=SHAPE,
    made=make_assessment,
    collected=False,
    add_known=_add_governance,
)
OWN_METADATA = ArmDocumentKind(
    "Microsoft.Security/assessmentMetadata",
    "AssessmentsMetadata",
    "It describes assessments of one's own in the subscription.",
    shape=METADATA_SHAPE,
    made=build_own_metadata,
    shown=build_shown_metadata,
    created=200,
)
_METADATA = "/subscriptions/{subscriptionId}/providers/Microsoft.Security/assessmentMetadata"
declare_document_operations(SURFACE, ASSESSMENTS)


@SURFACE.get(f"/{_PROVIDER}/assessmentMetadata", "AssessmentsMetadata_List", METADATA)
def get_metadata(call: ApiCall) -> ApiResponse:
    """List the metadata of all assessments."""
    return _list_metadata(call)


@SURFACE.get(
    f"/{_PROVIDER}/assessmentMetadata/{{assessmentMetadataName}}", "AssessmentsMetadata_Get", METADATA
)
def get_one_metadata(call: ApiCall) -> ApiResponse:
    """Get the metadata of an assessment."""
    return _respond_with_document(call, "assessment metadata")


@SURFACE.get(_METADATA, "AssessmentsMetadata_ListBySubscription", METADATA)
def list_metadata_of_subscription(call: ApiCall) -> ApiResponse:
    """List the same metadata for a subscription, with the metadata that were created there."""
    kept = call.list_stored_documents([_METADATA_TYPE], call.listing_scope)
    mine = [
        build_shown_metadata(call, one.body) for one in kept if arm_documents.is_visible(call.reach, one.key)
    ]
    several = _list_metadata(call)
    return ApiResponse(
        {**several.body, "value": [*([] if read_skip_token(call) else mine), *several.body["value"]]}
    )


@SURFACE.get(f"{_METADATA}/{{assessmentMetadataName}}", "AssessmentsMetadata_GetInSubscription", METADATA)
def get_one_metadata_of_subscription(call: ApiCall) -> ApiResponse:
    """Get the metadata of an assessment; the same in every subscription."""
    id_ = f"/{_PROVIDER}/assessmentMetadata/{call['assessmentMetadataName']}"
    published = call.instance.snapshots.load_newest()
    found_ = published.listing.get(id_, call.reach) if published is not None else None
    return ApiResponse(found_ or require_document(call, OWN_METADATA))


@SURFACE.put(
    f"{_METADATA}/{{assessmentMetadataName}}",
    "AssessmentsMetadata_CreateInSubscription",
    f"{OWN_METADATA.type}/write",
)
def put_metadata(call: ApiCall) -> ApiResponse:
    """Create or replace custom assessment metadata; built-in metadata cannot be replaced."""
    published = call.instance.snapshots.load_newest()
    id_ = f"/{_PROVIDER}/assessmentMetadata/{call['assessmentMetadataName']}"
    if published is not None and published.listing.get(id_, call.reach) is not None:
        raise ApiError(
            409,
            "Conflict",
            "This metadata describes a recommendation of nephoscope and cannot be replaced.",
        )
    return put(call, OWN_METADATA, call.body)


@SURFACE.delete(
    f"{_METADATA}/{{assessmentMetadataName}}",
    "AssessmentsMetadata_DeleteInSubscription",
    f"{OWN_METADATA.type}/delete",
)
def delete_metadata(call: ApiCall) -> ApiResponse:
    """Delete custom assessment metadata and its assessments in the subscription; 204 if there is none."""
    documented = call.instance.state.arm_documents
    if documented.get(call.path.lower().rstrip("/")) is None:
        return NO_CONTENT
    end = f"/{_PROVIDER}/assessments/{call['assessmentMetadataName']}".lower()
    # they first: where it is ended in between, the metadata is there to be deleted again
    for one in documented.all([ASSESSMENTS.type.lower()], call.listing_scope):
        if one.key.endswith(end):
            remove_document(call.service, call.scope, one.key, ASSESSMENTS.type, operation=call.permission)
    return delete_kept_document(call, OWN_METADATA)


@SURFACE.get(f"{{scope}}/{_PROVIDER}/subAssessments", "SubAssessments_ListAll", SUB)
def list_sub_assessments(call: ApiCall) -> ApiResponse:
    """List the sub-assessments of all assessments below a scope."""
    return _list_subassessments(call, call.listing_scope)


@SURFACE.get(
    f"{{scope}}/{_PROVIDER}/assessments/{{assessmentName}}/subAssessments", "SubAssessments_List", SUB
)
def list_sub_assessments_of_assessment(call: ApiCall) -> ApiResponse:
    """List the sub-assessments of an assessment; Azure's own key also returns those below the recommendation that reads it."""
    inside = call.path.lower().rstrip("/").rpartition("/")[0]
    if call.snapshot.listing.has_documents(inside):
        return _list_subassessments(call, inside)
    return _list_subassessments(call, call.listing_scope, call["assessmentName"].lower())


@SURFACE.get(
    f"{{scope}}/{_PROVIDER}/assessments/{{assessmentName}}/subAssessments/{{subAssessmentName}}",
    "SubAssessments_Get",
    SUB,
)
def get_sub_assessment(call: ApiCall) -> ApiResponse:
    """Get a sub-assessment."""
    return _respond_with_document(call, "sub-assessment")


def _list_subassessments(call: ApiCall, below: str, key: str = "") -> ApiResponse:
    page = call.snapshot.listing.page(
        [_SUB_TYPE], call.reach, below, after=read_skip_token(call), most=call.read_requested_count(1000)
    )
    wanted = [one for one in page.bodies if key in ("", str(one["properties"].get("assessmentKey")).lower())]
    return answer_list(call, wanted, page.after)


def _list_metadata(call: ApiCall) -> ApiResponse:
    page = call.snapshot.listing.page(
        [_METADATA_TYPE], call.reach, after=read_skip_token(call), most=call.read_requested_count(1000)
    )
    return answer_list(call, page.bodies, page.after)


def _respond_with_document(call: ApiCall, what: str) -> ApiResponse:
    found = arm_documents.find_learned_document(call)
    if found is None:
        raise make_not_found_error(f"The {what} '{call.path.rstrip('/').rsplit('/', 1)[-1]}'")
    return ApiResponse(found)

"""External facts as single ARM documents: PUT and DELETE of the types that are taken (content/azure/own_facts.json).

A document is read where others of its type are, at once; lists, and what is judged by it, have it from the next assessment on.

Source: https://github.com/Azure/azure-resource-manager-rpc/blob/master/v1.0/resource-api-reference.md
"""

from __future__ import annotations

from nephoscope.api.wire import arm_documents
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_bad_request_error
from nephoscope.api.wire.operation import ApiSurface
from nephoscope.api.wire.response import NO_CONTENT, ApiResponse
from nephoscope.collect.facts.fact_report import FactReport, list_claims
from nephoscope.collect.facts.fact_types import FactType, load_fact_types
from nephoscope.collect.facts.report_errors import FactError
from nephoscope.service.external_facts import put_facts, remove_facts

SURFACE = ApiSurface("External facts")
#: What the server says of a document, and a client may send back.
_SAID = frozenset({"etag", "systemData"})


def build_path_template(type_: str) -> str:
    """The path of a document of a type."""
    provider, *words = type_.split("/")
    return f"{{scope}}/providers/{provider}/" + "/".join(f"{one}/{{{one}Name}}" for one in words)


def put(call: ApiCall) -> ApiResponse:
    """Store external facts about a resource, read now; the next assessment uses them."""
    path = call.path.rstrip("/")
    sent = {name: value for name, value in call.body.items() if name not in _SAID}
    if str(sent.pop("id", path)).lower().rstrip("/") != path.lower():
        raise make_bad_request_error("The ID does not match the path.", "id")
    report = FactReport(resource=path, read_at=call.instance.now, documents=({**sent, "id": path},))
    before = arm_documents.find_learned_fact(call)
    try:
        put_facts(call.service, list(list_claims(report, call.instance.now)))
    except FactError as error:
        raise make_bad_request_error(
            f"{error.reason}.", error.place.removeprefix("documents[0]").removeprefix(".")
        ) from error
    kept = call.instance.state.external_facts.get(path.lower())
    return ApiResponse(kept.documents[0] if kept else None, 201 if before is None else 200)


def delete_external_facts(call: ApiCall) -> ApiResponse:
    """Delete the external facts at the path and below it; 204 if there are none. Data that were read from Azure stay."""
    gone = remove_facts(call.service, call.path.rstrip("/"))
    return ApiResponse(None) if gone.documents else NO_CONTENT


def _declare_fact_operations(one: FactType) -> None:
    words = "".join(word[:1].upper() + word[1:] for word in one.type.split("/")[1:])
    name = one.type.split("/")[0].rpartition(".")[2] + words
    SURFACE.put(build_path_template(one.type), f"{name}_CreateOrUpdate", f"{one.type}/write")(put)
    SURFACE.delete(build_path_template(one.type), f"{name}_Delete", f"{one.type}/delete")(
        delete_external_facts
    )


for _type in load_fact_types().values():
    _declare_fact_operations(_type)

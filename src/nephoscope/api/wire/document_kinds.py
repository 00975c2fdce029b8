"""Document kinds: ARM document types that clients can put, each declared in one line.

A document stands in the place of what was collected under the same id; where it is deleted, what was collected holds again. Secrets
inside a document are not kept: their place is null in every answer, as Azure shows none either.

Source: https://github.com/Azure/azure-resource-manager-rpc/blob/master/v1.0/resource-api-reference.md
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from nephoscope.api.wire import arm_documents
from nephoscope.api.wire.api_call import ApiCall
from nephoscope.api.wire.azure_error import make_bad_request_error, make_not_found_error
from nephoscope.api.wire.body_schema import Shape, declare_enumeration, read
from nephoscope.api.wire.document_secrets import strip_secrets
from nephoscope.api.wire.odata_filter import compile_filter
from nephoscope.api.wire.operation import ApiSurface, Handler
from nephoscope.api.wire.response import NO_CONTENT, ApiResponse, answer_list, read_skip_token
from nephoscope.api.wire.type_noun import read_type_noun
from nephoscope.api.wire.workspace_lookup import require_workspace
from nephoscope.files.json_tree import get_tree
from nephoscope.service.arm_documents import put_document, remove_document
from nephoscope.state.access.principals import PrincipalKind
from nephoscope.state.estate.arm_documents import ArmDocument

Body = dict[str, Any]
#: Raises Fault for a document that cannot be used.
Check = Callable[[Body], object]
#: Adds what the server says of a document: (call, what is kept, what was kept before).
Made = Callable[[ApiCall, Body, Body | None], Body]
_INSIGHTS = "/providers/microsoft.securityinsights/"
_LISTED = "/locations/{locationsName}/"


@dataclass(frozen=True, slots=True)
class ArmDocumentKind:
    """A kind. `type` is Azure's, in its spelling; `operations` begins the names of its operations; `effect` says what follows here.

    `root` is the path before its provider. `created` and `deleted` are the statuses of what is new and what was there. `whole` kinds
    need no `properties`; `patched` ones answer PATCH; `etag` ones carry one; `near` ones are listed where they stand and not from
    above; lists of `filtered` ones mind `$filter`; lists of those that are not `collected` leave out what Azure itself had said;
    `acting` ones are acted on by the server. `shown` adds what is known of one when it is read, `stored` is called when one was put,
    `forgotten` when one was deleted. `add_known` completes published documents. `own` gives those that the server
    has by itself, which nobody can change; lists of such kinds mind `kind`. `shape` is that of its properties, `shapes` are those by
    the word of its `kind` (none: any), `names` are all that there are (none: any). `secrets` of a request are kept encrypted with
    the document, by their names; `credentials` names those that go with it.
    """

    type: str
    operations: str
    effect: str
    root: str = "{scope}"
    check: Check | None = None
    made: Made | None = None
    created: int = 201
    deleted: int = 200
    whole: bool = False
    patched: bool = False
    etag: bool = False
    near: bool = False
    filtered: bool = False
    collected: bool = True
    acting: bool = False
    shown: Callable[[ApiCall, Body], Body] | None = None
    stored: Callable[[ApiCall, Body], None] | None = None
    forgotten: Callable[[ApiCall, Body], None] | None = None
    secrets: Callable[[ApiCall], Mapping[str, str]] | None = None
    credentials: Callable[[ApiCall], Collection[str]] | None = None
    add_known: Callable[[ApiCall, Sequence[Body]], list[Body]] | None = None
    own: Callable[[ApiCall], list[Body]] | None = None
    shape: Shape | None = None
    shapes: Mapping[str, Shape] | None = None
    names: tuple[str, ...] = ()

    @property
    def noun(self) -> str:
        """Return the words for one document, as descriptions of operations use them."""
        return read_type_noun(self.type)

    @property
    def path(self) -> str:
        """The template of one document."""
        provider, *words = self.type.split("/")
        return f"{self.root}/providers/{provider}/" + "/".join(f"{one}/{{{one}Name}}" for one in words)

    @property
    def lists(self) -> list[str]:
        """The templates of its lists: a kind that stands at locations is listed over all of them too."""
        path = self.path.rpartition("/")[0]
        return [path, path.replace(_LISTED, "/")] if _LISTED in path else [path]


def make_unprovisioned(_: ApiCall, body: Body) -> Body:
    """A document without a provisioning state: what is only kept is carried out nowhere, and an answer must not say that it was.

    Clients take an answer that has none for the end of the operation, as ARM defines it.
    """
    properties = body.get("properties") or {}
    return {**body, "properties": {key: one for key, one in properties.items() if key != "provisioningState"}}


def declare_reading(surface: ApiSurface, kind: ArmDocumentKind) -> None:
    """The operations of a kind that people only read, as Azure alone makes its documents: list, get."""

    def _list(call: ApiCall) -> ApiResponse:
        return list_page(call, kind, _parse_filter(call) if kind.filtered else _build_kind_test(call, kind))

    def _get(call: ApiCall) -> ApiResponse:
        return ApiResponse(require_document(call, kind))

    _list.__doc__ = f"List each {kind.noun} below the scope, created here or collected."
    _get.__doc__ = f"Get the {kind.noun}."
    for at, path in enumerate(kind.lists):
        _declare_document_operation(
            surface, kind, "GET", path, f"List{'Everywhere' if at else ''}", "read", _list
        )
    _declare_document_operation(surface, kind, "GET", kind.path, "Get", "read", _get)


def declare_document_operations(surface: ApiSurface, kind: ArmDocumentKind) -> None:
    """The operations of a kind: list, get, put, patch where it is, delete."""

    def _put(call: ApiCall) -> ApiResponse:
        return put(call, kind, call.body)

    def _patch(call: ApiCall) -> ApiResponse:
        return put(call, kind, merge_documents(require_document(call, kind), call.body))

    def _delete(call: ApiCall) -> ApiResponse:
        return delete_kept_document(call, kind)

    _put.__doc__ = f"Create or replace the {kind.noun}. {kind.effect}"
    _patch.__doc__ = f"Change the given fields of the {kind.noun}. {kind.effect}"
    _delete.__doc__ = f"Delete the {kind.noun} that was created here; 204 if there is none."
    declare_reading(surface, kind)
    _declare_document_operation(surface, kind, "PUT", kind.path, "CreateOrUpdate", "write", _put)
    if kind.patched:
        _declare_document_operation(surface, kind, "PATCH", kind.path, "Update", "write", _patch)
    _declare_document_operation(surface, kind, "DELETE", kind.path, "Delete", "delete", _delete)


def _declare_document_operation(
    surface: ApiSurface, kind: ArmDocumentKind, method: str, path: str, name: str, act: str, handler: Handler
) -> None:
    effect = "" if kind.acting else kind.effect
    surface.operation(method, path, f"{kind.operations}_{name}", f"{kind.type}/{act}", effect=effect)(handler)


def require_document(call: ApiCall, kind: ArmDocumentKind) -> Body:
    """The document at the path of a call; Fault where there is none that may be read."""
    kept = _find_kept_document(call, kind)
    if kept is not None:
        return _build_document(call, kind, kept)
    own = next((one for one in _list_own_documents(call, kind) if _is_at(call, str(one["id"]))), None)
    if own is not None:
        return own
    published = call.instance.snapshots.load_newest()
    document = published.listing.get(call.path, call.reach) if published is not None else None
    if document is None:
        raise make_not_found_error(f"The {kind.type} '{call.path.rstrip('/').rsplit('/', 1)[-1][:100]}'")
    return document if kind.add_known is None else kind.add_known(call, [document])[0]


def _list_own_documents(call: ApiCall, kind: ArmDocumentKind) -> list[Body]:
    return [] if kind.own is None else kind.own(call)


def _is_at(call: ApiCall, id_: str) -> bool:
    """Return whether a document that the server has by itself is the one at the path of a call."""
    path = call.path.rstrip("/")
    return _extract_tail(id_) == _extract_tail(path) if call["workspaceName"] else id_.lower() == path.lower()


def _build_kind_test(call: ApiCall, kind: ArmDocumentKind) -> arm_documents.Test | None:
    """Return those of the kind that a list of documents of several kinds asks for."""
    wanted = call.get_query_value("kind").lower()
    if kind.own is None or not wanted:
        return None
    return lambda body: str(body.get("kind", "")).lower() == wanted


def _parse_filter(call: ApiCall) -> arm_documents.Test:
    """The documents whose properties `$filter` picks."""
    fits = compile_filter(call.get_query_value("$filter"))
    return lambda body: fits(get_tree(body, "properties"))


def list_page(call: ApiCall, kind: ArmDocumentKind, test: arm_documents.Test | None = None) -> ApiResponse:
    """Return those below the scope of a list: what people put first, then what was collected, page by page."""
    after = read_skip_token(call)
    below = _list_scope(call, kind)
    after_first = bool(after)
    mine = {} if after else list_documents_at_scope(call, kind, below)
    published = call.instance.snapshots.load_newest() if kind.collected or mine else call.snapshot
    shown: list[Body] = []
    if published is not None:
        several = published.listing.page(
            [kind.type.lower()],
            call.reach,
            below,
            after=after,
            most=call.read_requested_count(1000),
            collected=kind.collected,
        )
        after = several.after
        shown = [one for one in several.bodies if str(one["id"]).lower() not in mine]
        shown = shown if kind.add_known is None else kind.add_known(call, shown)
    if location := call["locationsName"].lower():
        mine = {key: one for key, one in mine.items() if f"/locations/{location}/" in key}
        shown = [one for one in shown if f"/locations/{location}/" in str(one["id"]).lower()]
    own = [] if after_first else _list_own_documents(call, kind)
    both = [*(_build_document(call, kind, one) for one in mine.values()), *own, *shown]
    return answer_list(call, [one for one in both if test is None or test(one)], after)


def put(call: ApiCall, kind: ArmDocumentKind, sent: Body) -> ApiResponse:
    """Keep a document under the path of the call; Fault says what is wrong with it."""
    if not kind.whole and not isinstance(sent.get("properties"), dict):
        raise make_bad_request_error("The request content has no 'properties'.", "properties")
    key, id_ = _build_key(call, f"{kind.type}/write"), call.path.rstrip("/")
    kept = call.find_document_to_change(key.lower())
    before = kept.body if kept is not None else None
    body: Body = {**strip_secrets(sent), "id": id_, "name": id_.rsplit("/", 1)[-1], "type": kind.type}
    _check_name(kind, body["name"])
    body = _read_document(kind, body)
    if kind.check is not None:
        kind.check(body)
    if kind.made is not None:
        body = kind.made(call, body, before)
    if kind.etag:
        body["etag"] = build_etag(body)
    secrets = kind.secrets(call) if kind.secrets is not None else {}
    new = put_document(
        call.service,
        _find_permission_scope(call, key, kept),
        {**body, "id": key},
        kind.type,
        operation=call.permission,
        secrets=secrets,
    )
    if kind.stored is not None:
        kind.stored(call, body)
    return ApiResponse(_build_document(call, kind, body), kind.created if new else 200)


def _read_document(kind: ArmDocumentKind, body: Body) -> Body:
    """The document in Azure's spelling; Fault where its properties, or its word of kind, have not the shape."""
    shape = kind.shape
    if kind.shapes is not None:
        body["kind"] = declare_enumeration(*kind.shapes)(body.get("kind"), "kind")
        shape = kind.shapes[body["kind"]]
    if shape is None or (kind.whole and body.get("properties") is None):
        return body
    return read(shape, body)


def _check_name(kind: ArmDocumentKind, name: str) -> None:
    if kind.names and name.lower() not in {one.lower() for one in kind.names}:
        problem = f"There is no {kind.type} '{name[:100]}'; there are {', '.join(kind.names)}."
        raise make_bad_request_error(problem, "name", "InvalidResourceName")


def _build_document(call: ApiCall, kind: ArmDocumentKind, body: Body) -> Body:
    return body if kind.shown is None else kind.shown(call, body)


def delete_kept_document(call: ApiCall, kind: ArmDocumentKind) -> ApiResponse:
    """Forget a document that was put; 204 where there is none."""
    key = _build_key(call, f"{kind.type}/delete").lower()
    kept = call.find_document_to_change(key)
    if kept is None:
        return NO_CONTENT
    credentials = kind.credentials(call) if kind.credentials is not None else ()
    remove_document(
        call.service,
        _find_permission_scope(call, key, kept),
        key,
        kind.type,
        operation=call.permission,
        credentials=credentials,
    )
    if kind.forgotten is not None:
        kind.forgotten(call, kept.body)
    return NO_CONTENT if kind.deleted == 204 else ApiResponse(None, kind.deleted)


def merge_documents(old: Mapping[str, Any], new: Mapping[str, Any]) -> Body:
    """A document with the fields of another in place of its own; null takes a field away (RFC 7396)."""
    result = dict(old)
    for name, value in new.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = merge_documents(result[name], value)
        else:
            result[name] = value
    return result


def build_system_data(call: ApiCall, before: Mapping[str, Any] | None) -> Body:
    """Return who made and changed a document, and when."""
    now, name = call.instance.now.isoformat(), call.caller.name
    kind = "User" if call.caller.principal.kind is PrincipalKind.PERSON else "Application"
    old = (before or {}).get("systemData") or {}
    made = {"createdBy": name, "createdByType": kind, "createdAt": now, **old}
    return made | {"lastModifiedBy": name, "lastModifiedByType": kind, "lastModifiedAt": now}


def build_etag(body: Mapping[str, object]) -> str:
    """Return what tells one state of a document from another."""
    text = msgspec.json.encode({name: one for name, one in body.items() if name != "etag"}, order="sorted")
    return f'"{hashlib.blake2b(text, digest_size=12).hexdigest()}"'


def _build_key(call: ApiCall, permission: str) -> str:
    """The id under which a document is kept: in a workspace one, whatever subscription and group the path names."""
    path = call.path.rstrip("/")
    if not call["workspaceName"]:
        return path
    return f"/workspaces/{require_workspace(call, permission)}{_extract_tail(path)}"


def _find_permission_scope(call: ApiCall, key: str, kept: ArmDocument | None) -> str:
    """Return where the caller needs the permission for what is kept under an id of `_build_key`."""
    return "/".join(key.split("/")[:3]) if call["workspaceName"] else call.find_permission_scope(kept)


def _extract_tail(path: str) -> str:
    return path[path.lower().rindex(_INSIGHTS) :]


def _find_workspace(call: ApiCall, kind: ArmDocumentKind) -> str | None:
    """The workspace of a path, None where it is none of ours or may not be read."""
    known = call.instance.state.workspaces.find(call["workspaceName"])
    may = known is not None and call.caller.is_permitted(f"{kind.type}/read", f"/workspaces/{known.name}")
    return known.name if known is not None and may else None


def _find_kept_document(call: ApiCall, kind: ArmDocumentKind) -> Body | None:
    path = call.path.rstrip("/")
    if not call["workspaceName"]:
        kept = call.find_stored_document(path.lower())
        return kept.body if kept is not None and arm_documents.is_visible(call.reach, kept.key) else None
    workspace = _find_workspace(call, kind)
    if workspace is None:
        return None
    kept = call.find_stored_document(f"/workspaces/{workspace}{_extract_tail(path)}".lower())
    return {**kept.body, "id": path} if kept is not None else None


def list_documents_at_scope(call: ApiCall, kind: ArmDocumentKind, below: str) -> dict[str, Body]:
    """Return what people put below a scope, by lower-cased id."""
    if not call["workspaceName"]:
        several = call.list_stored_documents([kind.type.lower()], below)
        return {one.key: one.body for one in several if arm_documents.is_visible(call.reach, one.key)}
    workspace = _find_workspace(call, kind)
    if workspace is None:
        return {}
    path = call.path.rstrip("/")
    root = path[: path.lower().rindex(_INSIGHTS)]
    inside = f"/workspaces/{workspace}{_extract_tail(path)}".lower()
    shown = [
        {**one.body, "id": f"{root}{_extract_tail(str(one.body['id']))}"}
        for one in call.list_stored_documents([kind.type.lower()], inside)
    ]
    return {str(one["id"]).lower(): one for one in shown}


def _list_scope(call: ApiCall, kind: ArmDocumentKind) -> str:
    """Return what a list is below: a document that its path names, else its scope; one of a location has what lies in
    resource groups too."""
    path = call.path.lower().rstrip("/")
    words = path.rpartition(f"/providers/{kind.type.split('/')[0].lower()}/")[2].split("/")
    located = words[0] == "locations" and len(words) == 3
    if kind.near or call["workspaceName"] or (len(words) > 1 and not located):
        return path
    return call.listing_scope

"""ARM documents of a type: those that people put first, then what was published; read, listed, put, deleted in one way everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nephoscope.api.wire.azure_error import make_bad_request_error, make_not_found_error
from nephoscope.api.wire.response import NO_CONTENT, ApiResponse, answer_list, read_skip_token
from nephoscope.service.arm_documents import put_document, remove_document
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from nephoscope.api.wire.api_call import ApiCall
    from nephoscope.model.read_scope import Reach

#: Says whether a document belongs into a list.
Test = Callable[[Mapping[str, object]], bool]


def find_document(call: ApiCall) -> dict[str, Any] | None:
    """The document at the path of a call, None where there is none that may be read."""
    kept = call.find_stored_document(_build_key(call.path))
    if kept is not None:
        return kept.body if is_visible(call.reach, kept.key) else None
    published = call.instance.snapshots.load_newest()
    if published is None or _build_key(call.path) in call.list_removed_since(published.build_info.when):
        return None
    return published.listing.get(call.path, call.reach)


def find_learned_document(call: ApiCall) -> dict[str, object] | None:
    """Return the fact at the call's path as `find_learned_fact` does; ApiError where no assessment ran either."""
    found = find_learned_fact(call)
    return (
        call.snapshot.listing.get(call.path, call.reach)
        if found is None and not _is_document_removed(call)
        else found
    )


def _is_document_removed(call: ApiCall) -> bool:
    published = call.instance.snapshots.load_newest()
    return published is not None and _build_key(call.path) in call.list_removed_since(
        published.build_info.when
    )


def find_learned_fact(call: ApiCall) -> dict[str, object] | None:
    """Return the external fact at the path of a call while it awaits evaluation, else the published document or None."""
    key, published = _build_key(call.path), call.instance.snapshots.load_newest()
    own = call.instance.state.external_facts.get(key)
    waits = own is not None and (
        published is None or (own.changed is not None and own.changed >= published.build_info.when)
    )
    if own is not None and waits and is_visible(call.reach, key):
        return own.documents[0]
    if published is None or _is_document_removed(call):
        return None
    return published.listing.get(call.path, call.reach)


def get_document(call: ApiCall, what: str) -> ApiResponse:
    """One document; `what` is the word for it in the answer that there is none."""
    document = find_document(call)
    if document is None:
        raise make_not_found_error(f"The {what} '{call.path.rstrip('/').rsplit('/', 1)[-1]}'")
    return ApiResponse(document)


def list_page(call: ApiCall, types: Sequence[str], below: str, test: Test | None = None) -> ApiResponse:
    """The documents of types below a scope ('' = everywhere): those that people put first, then what was published, page by page."""
    after = read_skip_token(call)
    kept = call.list_stored_documents([one.lower() for one in types], below)
    mine = [one.body for one in kept if is_visible(call.reach, one.key)] if not after else []
    published = call.instance.snapshots.load_newest()
    shown: list[dict[str, object]] = []
    if published is not None:
        several = published.listing.page(
            [one.lower() for one in types],
            call.reach,
            below,
            after=after,
            most=call.read_requested_count(1000),
            collected=True,
        )
        # what was put is shown as it is now, and what was removed since is no more
        after = several.after
        passed = {one.key for one in kept} | call.list_removed_since(published.build_info.when)
        shown = [body for body in several.bodies if _build_key(str(body["id"])) not in passed]
    return answer_list(call, _apply_test([*mine, *shown], test), after)


def _build_key(id_: str) -> str:
    return id_.lower().rstrip("/")


def _apply_test(bodies: Iterable[dict[str, object]], test: Test | None) -> list[dict[str, object]]:
    return [one for one in bodies if test is None or test(one)]


def put(call: ApiCall, type_: str, check: Callable[[dict[str, Any]], object] | None = None) -> ApiResponse:
    """Keep what was sent under the path of the call; `check` raises Fault for a document that cannot be used."""
    if not isinstance(call.body.get("properties"), dict):
        raise make_bad_request_error("The request content has no 'properties'.", "properties")
    id_ = call.path.rstrip("/")
    body = {**call.body, "id": id_, "name": id_.rsplit("/", 1)[-1], "type": type_}
    if check is not None:
        check(body)
    place = call.find_permission_scope(call.find_document_to_change(id_.lower()))
    new = put_document(call.service, place, body, type_, operation=call.permission)
    return ApiResponse(body, 201 if new else 200)


def delete_document(call: ApiCall, type_: str) -> ApiResponse:
    """Forget a document that was put; 204 where there is none. What content or the estate has cannot be deleted here."""
    key = call.path.lower().rstrip("/")
    kept = call.find_document_to_change(key)
    if kept is None:
        return NO_CONTENT
    remove_document(call.service, call.find_permission_scope(kept), key, type_, operation=call.permission)
    return ApiResponse(kept.body)


def is_visible(reach: Reach, key: str) -> bool:
    """Return whether a document at an id may be read."""
    id_ = ResourceId.parse(key)
    return reach.can_read(id_.subscription, id_.resource_group_id) or (
        not id_.subscription and not reach.is_empty
    )

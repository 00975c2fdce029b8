"""Resource Graph request: its subscriptions, and the page that its skip token continues.

Source: https://learn.microsoft.com/azure/governance/resource-graph/concepts/paginate-result,
https://learn.microsoft.com/azure/governance/resource-graph/troubleshoot/general
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from nephoscope.access.scopes import MANAGEMENT_GROUP
from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error
from nephoscope.api.wire.response import pack_token, unpack_token

if TYPE_CHECKING:
    from nephoscope.api.wire.api_call import ApiCall

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FIELDS = ("query", "subscriptions", "managementGroups", "facets")


def read_requested_subscriptions(call: ApiCall) -> frozenset[str] | None:
    """The subscriptions that are asked for, None where all are.

    Fault where a name cannot be one, or who may read everything names only what is not there: it would find nothing. Another is told
    neither that there is one nor that there is none.
    """
    named, groups = _read_texts(call, "subscriptions"), _read_texts(call, "managementGroups")
    if not named and not groups:
        return None
    for one in named:
        if not _ID.fullmatch(one.lower()):
            raise _build_invalid_request("InvalidSubscriptionId", f"'{one[:100]}' is not a subscription ID.")
    found = {one.lower() for one in named}.union(*(_list_subscriptions_of_group(call, one) for one in groups))
    if call.reach.everything and not any(_has_subscription(call, one) for one in found):
        _require_known_scopes(call, named, groups)
    return frozenset(found)


def _require_known_scopes(call: ApiCall, named: list[str], groups: list[str]) -> None:
    """Fault where nothing that is named is there; a management group that is there may have no subscription."""
    known = {one for several in call.caller.hierarchy.ancestors.values() for one in several}
    if any(
        _build_group_scope(one) in known or call.snapshot.has_documents(_build_group_scope(one))
        for one in groups
    ):
        return
    given = ", ".join(f"'{one[:100]}'" for one in [*named, *groups][:10])
    if groups and not named:
        raise _build_invalid_request("ManagementGroupNotFound", f"Management group {given!r} not found.")
    problem = (
        f"There must be at least one subscription that is eligible to contain resources. Given: {given}."
    )
    raise _build_invalid_request("NoValidSubscriptionsInQueryRequest", problem)


def _read_texts(call: ApiCall, field: str) -> list[str]:
    values = call.body.get(field) or []
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise make_bad_request_error(f"'{field}' must be a list of strings.", field)
    return values


def _build_group_scope(named: str) -> str:
    return MANAGEMENT_GROUP + named.lower().rsplit("/", 1)[-1]


def _list_subscriptions_of_group(call: ApiCall, group: str) -> frozenset[str]:
    return call.caller.hierarchy.find_subscriptions_below(_build_group_scope(group))


def _has_subscription(call: ApiCall, subscription: str) -> bool:
    return subscription in call.snapshot.build_info.subscriptions or call.snapshot.has_documents(
        f"/subscriptions/{subscription}"
    )


def build_skip_token(call: ApiCall, start: int) -> str:
    """Return what a page is gone on with: of this query, by this caller, alone, in the edition that it began with."""
    return pack_token(f"{call.snapshot.version}:{start}:{_compute_query_mark(call)}")


def find_resume_page(call: ApiCall, given: object) -> tuple[ApiCall, int]:
    """The call over the edition that a token was given in, and where its page begins; Fault for one of another query or caller,
    and where the edition is kept no longer: rows of two editions would be doubled or lost between pages.
    """
    version, _, rest = unpack_token(str(given), "$skipToken").partition(":")
    start, _, mark = rest.partition(":")
    numbers = all(one.isascii() and one.isdecimal() and len(one) < 15 for one in (version, start))
    if not numbers or not _MARK.fullmatch(mark):
        raise make_bad_request_error(
            "The $skipToken was not issued by this server.", "$skipToken", "InvalidSkipToken"
        )
    began = call.instance.snapshots.load_version(int(version))
    if began is None:
        problem = "The evaluation of this $skipToken has expired: start the query again."
        raise make_bad_request_error(problem, "$skipToken", "SkipTokenExpired")
    call = replace(call, began=began)
    if mark != _compute_query_mark(call):
        problem = "The $skipToken was given for another query, other scopes or another caller."
        raise make_bad_request_error(problem, "$skipToken", "InvalidSkipToken")
    return call, int(start)


_MARK = re.compile(r"[0-9a-f]{24}")


def _compute_query_mark(call: ApiCall) -> str:
    """Return what tells a query and its caller from others."""
    wanted = (call.body.get("options") or {}).get("authorizationScopeFilter")
    about = [
        call.caller.principal.id,
        wanted,
        call.snapshot.build_info.when,
        *(call.body.get(one) for one in _FIELDS),
    ]
    return hashlib.blake2b(msgspec.json.encode(about), digest_size=12).hexdigest()


def _build_invalid_request(code: str, message: str) -> ApiError:
    details = ({"code": code, "message": message},)
    return ApiError(400, "BadRequest", message, details=details)

"""API response: JSON with status and headers, paged lists, and long-running operations."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from nephoscope.api.wire.azure_error import make_bad_request_error

if TYPE_CHECKING:
    from nephoscope.api.wire.api_call import ApiCall


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """An answer; `body` None = no content."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


NO_CONTENT = ApiResponse(status=204)


def answer_list(call: ApiCall, items: Iterable[Mapping[str, object]], after: str = "") -> ApiResponse:
    """A page of a list; `after` is where the next begins, which its link carries ('' = it is the last)."""
    body: dict[str, Any] = {"value": list(items)}
    if after:
        body["nextLink"] = build_next_link(call, after)
    return ApiResponse(body)


def build_next_link(call: ApiCall, after: str, name: str = "$skipToken") -> str:
    """The address of the next page: the same request with the place where it goes on."""
    token = base64.urlsafe_b64encode(after.encode()).decode().rstrip("=")
    kept = [(key, value) for key, value in call.query.items() if key.lower() != name.lower()]
    return f"{call.base}{quote(call.path)}?{urlencode([*kept, (name, token)], safe='$')}"


def read_skip_token(call: ApiCall, name: str = "$skipToken") -> str:
    """The place where a page begins, '' = at the beginning; Fault for a token that is none of ours."""
    token = next((value for key, value in call.query.items() if key.lower() == name.lower()), "")
    return unpack_token(token, name)


def read_page_place(call: ApiCall, name: str = "$skipToken") -> int:
    """The place where a page begins as a number, 0 = at the beginning; Fault for a token that is none of ours."""
    text = read_skip_token(call, name)
    if text and not (text.isascii() and text.isdecimal() and len(text) < 15):
        raise make_bad_request_error(f"The {name} was not issued by this server.", name, "InvalidSkipToken")
    return int(text or 0)


def unpack_token(token: str, name: str) -> str:
    """The place that a token holds; Fault for one that is none of ours."""
    try:
        return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise make_bad_request_error(
            f"The {name} was not issued by this server.", name, "InvalidSkipToken"
        ) from error


def pack_token(after: str) -> str:
    """A place as a token."""
    return base64.urlsafe_b64encode(after.encode()).decode().rstrip("=")

"""Requests that decide on risks: the ids that they name, and the answer to what cannot be decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error
from nephoscope.state.database.state_errors import NotFoundError, StateError

if TYPE_CHECKING:
    from nephoscope.api.wire.api_call import ApiCall

MOST_IDS = 60


def read_ids(call: ApiCall, name: str) -> list[str]:
    """Return the ids that a decision is about; 400 where the body has no list of them, or too long a one."""
    ids = call.body.get(name)
    if not isinstance(ids, list) or not ids or not all(isinstance(one, str) and one for one in ids):
        raise make_bad_request_error(f"'{name}' must be a list of ids.", name, "BadRequest")
    if len(ids) > MOST_IDS:
        raise make_bad_request_error(f"'{name}' has more than {MOST_IDS} ids.", name, "BadRequest")
    return ids


def answer_decision(decide: Callable[[], None]) -> None:
    """Decide; 404 for what is not known, 400 for what cannot be decided so."""
    try:
        decide()
    except NotFoundError as error:
        raise ApiError(404, "ResourceNotFound", str(error)) from error
    except StateError as error:
        raise ApiError(400, "BadRequest", str(error)) from error

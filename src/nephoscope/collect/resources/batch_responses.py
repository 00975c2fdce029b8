"""Answers inside a record: what Invoke-AzRestMethod prints, with the answer as a text, and what Resource Manager answers to a batch.

Sources: https://learn.microsoft.com/powershell/module/az.accounts/invoke-azrestmethod and
https://learn.microsoft.com/rest/api/resources/resources (POST /batch).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

import msgspec

from nephoscope.collect.resources.resource_record import RecordError
from nephoscope.collect.resources.response_records import reject_api_responses

if TYPE_CHECKING:
    from collections.abc import Iterator

_OK = 200


def is_wrapped(value: object) -> TypeGuard[dict[str, object]]:
    """Return whether a record is no resource but holds answers."""
    if not isinstance(value, dict) or "id" in value:
        return False
    return _is_printed_object(value) or _is_batch(value)


def read_answers(value: dict[str, object]) -> Iterator[bytes | RecordError]:
    """Yield the text of each answer in a record that holds some; an error for one that is none, with what to do."""
    if _is_printed_object(value):
        yield _read_content(value, value.get("StatusCode"), value.get("Content"))
        return
    responses = value["responses"]
    for one in responses if isinstance(responses, list) else ():
        if isinstance(one, dict):
            yield _read_content(one, one.get("httpStatusCode"), one.get("content"))


def _read_content(holder: dict[str, object], status: object, content: object) -> bytes | RecordError:
    text = content if isinstance(content, str) else msgspec.json.encode(content).decode()
    if status == _OK:
        return text.encode() if text.strip() else RecordError("an answer without content: export it again")
    try:
        reject_api_responses({**holder, "StatusCode": status, "Content": text})
    except RecordError as error:
        return error
    return RecordError(f"an answer with status {status}")


def _is_printed_object(value: dict[str, object]) -> bool:
    return "StatusCode" in value and isinstance(value.get("Content"), str)


def _is_batch(value: dict[str, object]) -> bool:
    found = value.get("responses")
    return isinstance(found, list) and any(isinstance(one, dict) and "httpStatusCode" in one for one in found)

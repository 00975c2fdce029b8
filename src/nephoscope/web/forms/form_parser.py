"""Form parser: reads a submitted form within a memory limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request

if TYPE_CHECKING:
    from starlette.types import Message, Receive

#: Bytes of a form beside its file, of one that anybody may send, and fields.
MAX_FORM, MAX_OF_ANYBODY, MAX_FIELDS = 1 << 20, 16 << 10, 600


class FormError(Exception):
    """A form that is not taken; `status` is 400 or 413."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class SubmittedForm:
    """The texts of a form in their order, and the name and bytes of its file (None = there is none)."""

    texts: list[tuple[str, str]] = field(default_factory=list)
    file: tuple[str, bytes] | None = None

    @property
    def last(self) -> Mapping[str, str]:
        """The last text of each name."""
        return dict(self.texts)


async def read_form(request: Request, most: int = 0, beside: int = MAX_FORM) -> SubmittedForm:
    """Return what a form sent with a file of at most so many bytes (0 = it may have none); FormError for one that is
    too large or is none."""
    bound = most + beside
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > bound:
        raise _build_too_large_error(bound)
    counted = Request(request.scope, _limit_bytes(request.receive, bound))
    try:
        async with counted.form(
            max_files=1 if most else 0, max_fields=MAX_FIELDS, max_part_size=beside
        ) as form:
            return await _make_sent(form)
    except MultiPartException as error:
        raise FormError(400, f"the form cannot be read: {error.message}") from error
    except HTTPException as error:
        raise FormError(400, f"the form cannot be read: {error.detail}") from error


async def _make_sent(form: FormData) -> SubmittedForm:
    items = form.multi_items()
    file = next((value for _, value in items if isinstance(value, UploadFile)), None)
    texts = [(name, value) for name, value in items if isinstance(value, str)]
    return SubmittedForm(texts, None if file is None else (file.filename or "", await file.read()))


def _limit_bytes(receive: Receive, bound: int) -> Receive:
    """Return the same, until more bytes came than the bound."""
    seen = 0

    async def receive_counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > bound:
            raise _build_too_large_error(bound)
        return message

    return receive_counted


def _build_too_large_error(bound: int) -> FormError:
    size = f"{bound >> 20} MiB" if bound >= 1 << 20 else f"{bound >> 10} KiB"
    return FormError(413, f"the form exceeds its limit of {size}")

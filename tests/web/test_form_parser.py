"""What a form sent is counted as it comes: what it says of its length, or does not say, changes nothing."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

import pytest
from starlette.requests import Request

from nephoscope.web.forms.form_parser import MAX_FORM, MAX_OF_ANYBODY, FormError, read_form

HERE = {"Sec-Fetch-Site": "same-origin"}
URLENCODED = "application/x-www-form-urlencoded"


class Endless:
    """A request whose body never ends; how many bytes of it were asked for."""

    def __init__(self, kind: str, chunks: Iterator[bytes], headers: dict[str, str] | None = None) -> None:
        self.asked, self._chunks = 0, chunks
        told = {"content-type": kind, **(headers or {})}
        head = [(name.encode(), value.encode()) for name, value in told.items()]
        self.request = Request({"type": "http", "method": "POST", "headers": head}, self.receive)

    async def receive(self):
        chunk = next(self._chunks)
        self.asked += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": True}


def fields() -> Iterator[bytes]:
    return (b"f%d=%s&" % (number, b"x" * 1000) for number in itertools.count())


def parts() -> Iterator[bytes]:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    return itertools.chain([head], itertools.repeat(b"x" * 1000))


@pytest.mark.parametrize(
    ("kind", "chunks", "most"),
    [
        pytest.param(URLENCODED, fields, 0, id="fields"),
        pytest.param(URLENCODED, lambda: itertools.chain([b"f="], itertools.repeat(b"x" * 1000)), 0, id="one field"),
        pytest.param("multipart/form-data; boundary=b", parts, 2 << 20, id="file"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("length", [{}, {"content-length": "10"}])
def test_no_more_is_read_than_may_be(kind, chunks, most, length):
    endless = Endless(kind, chunks(), length)
    with pytest.raises(FormError) as error:
        asyncio.run(read_form(endless.request, most))
    assert error.value.status in (400, 413)
    assert endless.asked <= MAX_FORM + most + 2000


@pytest.mark.parametrize("length", [str(MAX_FORM + 1), "-1", "1e3", "", "9" * 400])
def test_what_says_to_be_larger_is_not_read(length):
    endless = Endless(URLENCODED, fields(), {"content-length": length})
    with pytest.raises(FormError, match="exceeds its limit of 1 MiB"):
        asyncio.run(read_form(endless.request))
    assert endless.asked == 0


def test_a_form_is_taken_in_its_order():
    request = Endless(URLENCODED, iter([b"a=1&b=2&", b"a=3"])).request
    chunks = iter([(b"a=1&b=2&", True), (b"a=3", False)])

    async def receive():
        body, more = next(chunks)
        return {"type": "http.request", "body": body, "more_body": more}

    found = asyncio.run(read_form(Request(request.scope, receive)))
    assert (found.texts, dict(found.last), found.file) == (
        [("a", "1"), ("b", "2"), ("a", "3")],
        {"a": "3", "b": "2"},
        None,
    )


def test_who_has_not_signed_in_may_send_little(anybody):
    answer = anybody.post(
        "/sign-in",
        content=(b"x" * 1000 for _ in range(MAX_OF_ANYBODY // 1000 + 2)),
        headers={"content-type": URLENCODED, **HERE},
    )
    assert (answer.status_code, "exceeds its limit of 16 KiB" in answer.text) == (413, True), answer.text


def test_a_page_tells_that_a_form_was_too_large(owner):
    answer = owner.post("/incidents", data={"act": "x" * (MAX_FORM + 1)}, headers=HERE)
    assert (answer.status_code, "exceeds its limit of 1 MiB" in answer.text) == (413, True), answer.text[
        -500:
    ]
    assert "<nav" in answer.text

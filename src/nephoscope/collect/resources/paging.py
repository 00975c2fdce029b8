"""Paging: next links and total counts in responses."""

from __future__ import annotations

import re

import msgspec

_MORE = re.compile(
    rb'"(?:@odata\.)?(?:nextLink|\$?skip_?token)"\s*:\s*"[^"]|"result_?truncated"\s*:\s*(?:"true"|true)',
    re.IGNORECASE,
)
_LINK = re.compile(rb'"(?:@odata\.)?nextLink"\s*:\s*"([^"?\\]+)', re.IGNORECASE)
_TOTAL = re.compile(rb'"total_?records"\s*:\s*(\d{1,15})\b', re.IGNORECASE)


class AnswerPage(msgspec.Struct):
    """Statement of an answer about further ones: whether it goes on, the address (without its query), the number of all records."""

    continued: bool = False
    link: str = ""
    total: int | None = None


class PagingReader:
    """Reads the members around the records of answers (`{"value": [...]}`); `current` is the one whose records are handed out."""

    def __init__(self) -> None:
        self.answers: list[AnswerPage] = []
        self.current: AnswerPage | None = None

    def begin_answer(self, buffer: bytearray, start: int, end: int) -> None:
        """Note the members before the records of an answer."""
        self.current = AnswerPage()
        self.answers.append(self.current)
        self.add_members(buffer, start, end)

    def add_members(self, buffer: bytearray, start: int, end: int) -> None:
        """Note members of the answer that was begun last."""
        answer = self.current
        if answer is None:
            return
        answer.continued = answer.continued or bool(_MORE.search(buffer, start, end))
        if link := _LINK.search(buffer, start, end):
            answer.link = link[1].decode("utf-8", "replace")
        if total := _TOTAL.search(buffer, start, end):
            answer.total = int(total[1])

    def end_answer(self) -> None:
        """Note that the records after this belong to no answer."""
        self.current = None

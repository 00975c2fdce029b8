"""Page completeness: check that a folder has every page of each list.

A page that stands in a folder twice is one page, so that records are counted and not the counts that answers give.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from nephoscope.files.snapshot_files import SourceFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nephoscope.collect.resources.paging import AnswerPage
    from nephoscope_policy.model.resource import Resource

_CONTINUED = "the answer names a next page that is not there: export all pages"
Kind = tuple[str, str]


class ReadAnswer(msgspec.Struct, frozen=True):
    """An answer with its records: how often each id is in it, and the lower-cased types and subscriptions that these have."""

    page: AnswerPage
    records: Counter[str]
    kinds: frozenset[Kind]


class FileAnswers(msgspec.Struct, frozen=True):
    """The file is made of answers."""

    source: SourceFile
    answers: tuple[ReadAnswer, ...]


class AnswerRecords:
    """Collects the records of each answer of a file."""

    def __init__(self) -> None:
        self._records: dict[int, Counter[str]] = defaultdict(Counter)
        self._kinds: dict[int, set[Kind]] = defaultdict(set)

    def add_record(self, page: AnswerPage, data: bytes, read: Iterable[Resource | None]) -> None:
        """Note a record of an answer with what was read of it; one that is broken counts by its bytes."""
        resources = [one for one in read if one is not None]
        name = resources[0].key if resources else blake2b(data, digest_size=16).hexdigest()
        self._records[id(page)][name] += 1
        self._kinds[id(page)].update((one.type, one.id.subscription) for one in resources)

    def pages(self, answers: Iterable[AnswerPage]) -> tuple[ReadAnswer, ...]:
        """Return the answers with what was noted of each."""
        return tuple(
            ReadAnswer(one, self._records[id(one)], frozenset(self._kinds[id(one)])) for one in answers
        )


def find_missing_page(files: Sequence[FileAnswers]) -> str:
    """Explain why the answers in a folder are not all pages of their lists, '' where nothing says so."""
    answers = [answer for file in files for answer in file.answers]
    if all(file.answers[-1].page.continued for file in files) or _is_last_page_missing(answers):
        return _CONTINUED
    return next(_explain_incomplete_totals(answers), "")


def _is_last_page_missing(answers: Sequence[ReadAnswer]) -> bool:
    """Return whether lists of one type go on, and there is neither a last page of the type nor an empty one for each."""
    last = [answer for answer in answers if not answer.page.continued]
    ended = {kind for answer in last for kind in answer.kinds}
    open_lists = {
        answer.page.link.lower() for answer in answers if _is_list(answer) and not answer.kinds & ended
    }
    return len(open_lists) > sum(not answer.records for answer in last)


def _is_list(answer: ReadAnswer) -> bool:
    """Return whether the next page is of the list of the one type that the records of this one have."""
    listed = answer.page.link.rstrip("/").rsplit("/", 1)[-1].lower()
    types = {type_ for type_, _ in answer.kinds}
    return answer.page.continued and {type_.rsplit("/", 1)[-1] for type_ in types} == {listed}


def _explain_incomplete_totals(answers: Sequence[ReadAnswer]) -> Iterator[str]:
    """Explain for each number of records that answers say there are in all why they do not hold so many.

    Several queries may have the same total: besides answers that are whole by themselves, all records are a multiple of it, and the
    pages of one at least end.
    """
    totals: dict[int, list[ReadAnswer]] = defaultdict(list)
    for answer in answers:
        if answer.page.total is not None and answer.records.total() < answer.page.total:
            totals[answer.page.total].append(answer)
    for total, pages in totals.items():
        count = _count_distinct(pages)
        if not count or count % total:
            yield (
                f"the answer holds {count % total} of {total} records: az graph query gives 100 where nothing is said and 1000 at "
                "most; export all pages with --first 1000 and --skip-token"
            )
        elif all(page.page.continued for page in pages):
            yield _CONTINUED


def _count_distinct(pages: Iterable[ReadAnswer]) -> int:
    """Return the number of records, of which one that stands in several answers counts once.

    A query that expands lists gives an id several times within an answer: these are records of their own.
    """
    records: Counter[str] = Counter()
    for page in pages:
        records |= page.records
    return records.total()

"""Files that have grown are found among many loads that begin alike, at the cost of one look for each size."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from nephoscope.ingest.logs.append_detection import DIGEST, hash_head
from nephoscope.ingest.logs.previous_loads import PreviousLoads
from nephoscope.state.ingestion.ingested_files import IngestedFile

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HEAD = b"h" * 512


class Counting:
    """A digest that counts how often it is copied, which is what comparing costs."""

    copies = 0

    def __init__(self) -> None:
        self._digest: Any = blake2b(digest_size=DIGEST)

    def copy(self) -> Any:
        self.copies += 1
        return self._digest.copy()


def _load(name: str, content: bytes, options: str = "") -> IngestedFile:
    digest = blake2b(content, digest_size=DIGEST).hexdigest()
    size = len(content)
    return IngestedFile(
        f"{digest}-{options or 'a' * 12}",
        name,
        options,
        size,
        size,
        0,
        1,
        0,
        NOW,
        NOW,
        head=hash_head(content),
    )


def test_many_loads_of_one_size_are_looked_at_once() -> None:
    loads = [_load(f"/logs/{number}.json", HEAD + b"%06d\n" % number) for number in range(500)]
    growth = PreviousLoads(loads).find_appended_load("/logs/new.json", HEAD, "")
    digest = Counting()
    growth.feed(digest, 0, HEAD + b"000007\nmore\n")
    assert digest.copies == 1
    assert [(one.earlier.name, one.at, one.ended) for one in growth.list_proofs()] == [
        ("/logs/7.json", 519, False)
    ]


def test_a_load_with_other_options_is_not_continued_and_one_of_two_keys_is_found_once() -> None:
    content = HEAD + b"1\n"
    loads = [_load("/logs/a.json", content), _load("/logs/a.json", content, "table=Syslog")]
    growth = PreviousLoads(loads).find_appended_load("/logs/a.json", HEAD, "")
    growth.feed(blake2b(digest_size=DIGEST), 0, content + b"2\n")
    assert [one.earlier for one in growth.list_proofs()] == [loads[0]]


def test_the_longest_loads_come_first_the_older_of_two() -> None:
    sizes = (3, 9, 1, 9, 5, 2, 8, 7, 6, 4, 10)
    loads = [_load(f"/logs/{number}.json", HEAD + b"x" * size) for number, size in enumerate(sizes)]
    found = PreviousLoads(loads).find_longest_loads("/logs/new.json", HEAD, "")
    assert [one.name for one in found] == [f"/logs/{number}.json" for number in (10, 1, 3, 6, 7, 8, 4, 9)]

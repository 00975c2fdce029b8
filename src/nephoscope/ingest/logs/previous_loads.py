"""Previous loads of a workspace that a new file may continue or repeat."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from nephoscope.ingest.logs.append_detection import (
    HEAD,
    AppendDetector,
    LoadPrefixes,
    ShorterLoads,
    hash_head,
)
from nephoscope.ingest.logs.load_files import strip_rotation_suffix
from nephoscope.ingest.logs.log_format import StreamContext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nephoscope.state.ingestion.ingested_files import IngestedFile

#: The identity of a load without --again: what the content is known by, and a hash of what else decides its rows.
_LOADED_ONCE = re.compile(r"[0-9a-f]+(?:-stopped)?(?:-[0-9a-f]{12})?")

#: How many longer versions are compared with a content.
_LONGER = 8
_NONE = LoadPrefixes()


def repeat_suffix(run: str) -> str:
    """Return what the identity of a load ends with that was made by --again; '' for one that was not."""
    return f"-again-{run}" if run else ""


@lru_cache(maxsize=16384)
def find_path_context(name: str) -> str:
    """Return what the path of a file tells of its records, the resource and the tenant, in one spelling; '' where that is nothing."""
    context = StreamContext(name)
    return f"{context.resource_id} {context.tenant_id}".strip().lower()


class PreviousLoads:
    """The loads of a workspace by what a later version of their file would be found by: its name, or how it begins.

    `run` is the load with --again that goes on ('' = none): only what it took in itself has come before. `seen` is when the newest
    of them was begun.
    """

    def __init__(self, files: Iterable[IngestedFile], run: str = "") -> None:
        self.run = run
        self.seen = datetime.min.replace(tzinfo=UTC)
        self._identities: set[str] = set()
        self._found: dict[str, LoadPrefixes] = {}
        self._short = ShorterLoads()
        self._contents: dict[str, list[IngestedFile]] = {}
        for one in self.find_unknown_loads(files):
            self.add(one)

    def add(self, one: IngestedFile) -> None:
        """Know one more load."""
        self._identities.add(one.identity)
        self.seen = max(self.seen, one.started)
        self._short.add(one)
        if _LOADED_ONCE.fullmatch(one.identity.removesuffix(repeat_suffix(self.run))):
            self._contents.setdefault(one.content, []).append(one)
        for key in {f"name {strip_rotation_suffix(one.name)}", f"head {one.head}" if one.head else ""} - {""}:
            self._found.setdefault(key, LoadPrefixes()).add(one)

    def find_unknown_loads(self, files: Iterable[IngestedFile]) -> list[IngestedFile]:
        """Return those of some loads that are not known, though they may have come before."""
        return [
            one
            for one in files
            if one.identity not in self._identities
            and (not self.run or one.identity.endswith(repeat_suffix(self.run)))
        ]

    def concerns(self, name: str, content: str, start: bytes, one: IngestedFile) -> bool:
        """Return whether a load may have to do with a content of a name that starts so: the same, a part of it, or a
        longer version."""
        short = ShorterLoads()
        short.add(one)
        same_head = bool(one.head) and one.head == hash_head(start)
        return (
            one.content == content
            or strip_rotation_suffix(one.name) == strip_rotation_suffix(name)
            or same_head
            or bool(short.find_loads(start))
        )

    def find_appended_load(self, name: str, start: bytes, options: str) -> AppendDetector:
        """Return what finds the loads with the same options that a content of this name continues which starts so."""
        short = LoadPrefixes()
        for one in self._short.find_loads(start):
            short.add(one)
        return AppendDetector(
            [self._find_by_name(name), self._find_by_head(start), short], self._load_filter(name, options)
        )

    def find_longest_loads(self, name: str, start: bytes, options: str) -> list[IngestedFile]:
        """The longest loads with the same options of which a content of this name that starts so may be an older copy."""
        found = self._find_by_head(start) if len(start) >= HEAD else self._find_by_name(name)
        return list(islice(filter(self._load_filter(name, options), found.iterate_longest_first()), _LONGER))

    def is_later_load(self, name: str, one: IngestedFile) -> bool:
        """Return whether a content that begins with all that a load took is a later version of it, and not just another short file."""
        said = find_path_context(name)
        return (
            one.size >= HEAD
            or strip_rotation_suffix(name) == strip_rotation_suffix(one.name)
            or (bool(said) and said == find_path_context(one.name))
        )

    def _load_filter(self, name: str, options: str) -> Callable[[IngestedFile], bool]:
        said = find_path_context(name)
        return lambda one: one.format == options and one.size > 0 and self._may_be_same_file(said, one)

    def _find_by_name(self, name: str) -> LoadPrefixes:
        return self._found.get(f"name {strip_rotation_suffix(name)}", _NONE)

    def _find_by_head(self, start: bytes) -> LoadPrefixes:
        return self._found.get(f"head {hash_head(start)}", _NONE)

    def _may_be_same_file(self, said: str, one: IngestedFile) -> bool:
        """Return whether a load may be of the file whose path says so; one without a path that tells something is of
        the first that does."""
        context = find_path_context(one.name)
        if said in ("", context):
            return True
        alike = (other for other in self._contents.get(one.content, ()) if other.format == one.format)
        return not context and not any(find_path_context(other.name) for other in alike)

    def find_same_load(self, name: str, content: str, options: str) -> IngestedFile | None:
        """The load of the same content with the same options that may be of this file, None where there is none."""
        digest, _, stopped = content.partition("-")
        said = find_path_context(name)
        found = [
            one
            for one in self._contents.get(digest, ())
            if one.format == options and ("-stopped" in one.identity) == bool(stopped)
        ]
        alike = [one for one in found if find_path_context(one.name) == said]
        return next(iter(alike), None) or next(
            (one for one in found if self._may_be_same_file(said, one)), None
        )

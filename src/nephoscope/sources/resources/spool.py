"""Snapshots larger than memory: taken apart by subscription on disk, then given out as one small estate after the other.

What a policy looks up lies in the subscription of the resource that it judges, so a part that holds whole subscriptions is judged
as the whole would be, given the coverage and the management groups of the whole.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.estate.estate import Estate
from nephoscope.estate.garbage import no_collection
from nephoscope.model.coverage import Coverage
from nephoscope.model.resource_id import MANAGEMENT_GROUP_TYPE, SUBSCRIPTION_TYPE
from nephoscope.sources.resources.files import Source
from nephoscope.sources.resources.loading import Loader, items
from nephoscope.sources.resources.packed import Packed
from nephoscope.sources.resources.reading import Found, resource
from nephoscope.sources.resources.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nephoscope.model.resource import Resource
    from nephoscope.sources.resources.files import Limits, Progress

#: How many resources a part holds at least, unless nothing is left; a larger subscription is a part of its own.
PART = 10_000
_BUFFERED = 16 * 1024**2
_ALWAYS = frozenset({SUBSCRIPTION_TYPE, MANAGEMENT_GROUP_TYPE, f"{MANAGEMENT_GROUP_TYPE}/subscriptions"})


class Spool:
    """The records of a snapshot in a folder, a file for each subscription; memory does not grow with the snapshot."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loader = Loader()
        self._roots: dict[Path, int] = {}
        self._sizes: Counter[str] = Counter()
        self._buffers: defaultdict[str, bytearray] = defaultdict(bytearray)
        self._numbers: dict[str, int] = {}
        self._held = 0

    @classmethod
    def of(
        cls,
        paths: Sequence[Path | str],
        folder: Path,
        progress: Progress | None = None,
        limits: Limits | None = None,
    ) -> Spool:
        """Read files and folders as `load` does, into an empty folder that exists; raises as `load`."""
        spool = cls(folder)
        with no_collection():
            for item in items(paths, progress, limits):
                if isinstance(item, Found):
                    spool._take(item)
                else:
                    spool._loader.take(item)
        spool._flush()
        return spool

    def _take(self, item: Found) -> None:
        self._loader.see(item)
        root = self._roots.setdefault(item.source.root, len(self._roots))
        subscription = item.resource.id.subscription
        line = msgspec.json.encode((root, item.api_version, item.resource.body))
        self._buffers[subscription] += line + b"\n"
        self._sizes[subscription] += 1
        self._held += len(line) + 1
        if self._held > _BUFFERED:
            self._flush()

    def _flush(self) -> None:
        for subscription, data in self._buffers.items():
            with self._file(subscription).open("ab") as file:
                file.write(data)
        self._buffers.clear()
        self._held = 0

    def _file(self, subscription: str) -> Path:
        """A file by the subscription's number, whatever characters an id has."""
        number = self._numbers.setdefault(subscription, len(self._numbers))
        return self._folder / f"{number}.jsonl"

    @property
    def records(self) -> int:
        """How many records were read, embedded children apart."""
        return self._sizes.total()

    @property
    def subscriptions(self) -> frozenset[str]:
        """The lower-cased subscriptions that records lie in ('' = none)."""
        return frozenset(self._sizes)

    def survey(self, types: frozenset[str] = frozenset()) -> Survey:
        """Read everything once: what the whole has read, and its resources of the lower-cased types and all subscriptions."""
        kept: list[Resource] = []
        duplicates = 0
        for group in self._groups(PART):
            found, doubled = self._picked(group, types | _ALWAYS)
            kept += found
            duplicates += doubled
        # The subscriptions are among what was kept, and nobody asked for resource groups.
        whole = Estate.of(kept, self._loader.coverage(), self._loader.quarantine, duplicates, derives=False)
        return Survey(self, whole)

    def parts(self, whole: Estate, size: int = PART) -> Iterator[Estate]:
        """The estates of some subscriptions each, with the coverage and the management groups of the whole."""
        for group in self._groups(size):
            # Nothing of a part may be bound here while the next one is read.
            yield replace(self._estate(group, whole.coverage), management_groups=whole.management_groups)

    def _estate(self, subscriptions: Sequence[str], coverage: Coverage) -> Estate:
        """The estate of some subscriptions."""
        with no_collection():
            part = self._read(subscriptions)
            part.embed()
            return Estate.of(part.bodies.values(), coverage, (), part.duplicates)

    def _picked(self, subscriptions: Sequence[str], types: frozenset[str]) -> tuple[list[Resource], int]:
        """The resources of some types in some subscriptions, and how many bodies gave way there."""
        estate = self._estate(subscriptions, Coverage({}))
        return [Packed.pack(one) for type_ in types for one in estate.by_type(type_)], estate.duplicates

    def _groups(self, size: int) -> Iterator[list[str]]:
        """Subscriptions taken together until they have enough resources."""
        group: list[str] = []
        held = 0
        for subscription in sorted(self._sizes):
            group.append(subscription)
            held += self._sizes[subscription]
            if held >= size:
                yield group
                group, held = [], 0
        if group:
            yield group

    def _read(self, subscriptions: Sequence[str]) -> Loader:
        part = Loader(seen=self._loader.seen)
        roots = list(self._roots)
        for subscription in subscriptions:
            with self._file(subscription).open("rb") as file:
                for line in file:
                    root, version, body = _LINE.decode(line)
                    source = Source(roots[root], roots[root])
                    part.keep(Found(resource(Record(body, version)), version, source), roots[root])
        return part


_LINE = msgspec.json.Decoder(tuple[int, str, dict[str, Any]])


@dataclass(slots=True)
class Survey:
    """A spool that was read through: `whole` has the coverage, quarantine and management groups of everything, but only the
    subscriptions and the resources of the types that were asked for."""

    spool: Spool
    whole: Estate

    def let_go(self) -> None:
        """Give back the memory of the whole's resources, which parts do not need."""
        self.whole = replace(
            Estate.of((), self.whole.coverage, self.whole.quarantine, self.whole.duplicates),
            management_groups=self.whole.management_groups,
        )

    def parts(self, size: int = PART) -> Iterator[Estate]:
        """One small estate after the other; together they hold every resource once."""
        return self.spool.parts(self.whole, size)

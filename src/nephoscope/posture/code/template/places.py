"""From the field that decides a verdict to the characters of a file: through expressions, parameters, loops and modules."""

from __future__ import annotations

from dataclasses import dataclass

from nephoscope.posture.code.finding import Region
from nephoscope_policy.arm.template import Document, PlannedResource
from nephoscope_policy.arm.template.document import Written
from nephoscope_policy.arm.template.trace import trace
from nephoscope_policy.paths import MISSING, walk

BodyPath = tuple[str | int, ...]
MAX_EVIDENCE = 200


@dataclass(frozen=True, slots=True)
class Found:
    """The region of the value that decides, its text, the regions that it came through, and where it is written.

    `absent`: nothing sets the value, and the region is the beginning of what should hold it.
    """

    region: Region
    evidence: str
    related: tuple[Region, ...]
    written: Written
    absent: bool


class Places:
    """Finds regions."""

    def find(self, resource: PlannedResource, at: BodyPath) -> Found:
        """The place of a part of a resource's body."""
        written = trace(resource, at)
        absent = bool(at) and at != ("id",) and walk(resource.body, at) is MISSING
        last = written[-1]
        region = self._region(last, opening=absent or not at)
        text = "" if absent or not at else _text(last)
        related = (self._region(one, opening=len(one.path) <= 1) for one in written[:-1])
        kept = tuple(one for one in dict.fromkeys(related) if one != region)
        return Found(region, text, kept, last, absent)

    def trail(self, resource: PlannedResource, at: BodyPath) -> tuple[Written, ...]:
        """Every place on the way to a part of a resource's body."""
        return trace(resource, at)

    def whole(self, resource: PlannedResource) -> Region:
        """The region of all that a resource's JSON has."""
        document = resource.origin.document
        if not document.text:
            return self.find(resource, ()).region
        return self.region(document, *document.span(resource.origin.path))

    def region(self, document: Document, start: int, end: int) -> Region:
        """The region between two offsets of a document's text."""
        return Region(document.file, *document.position(start), *document.position(end))

    def _region(self, written: Written, *, opening: bool) -> Region:
        document = written.document
        if not document.text:
            place = written.place
            return Region(place.file, place.line or 1, place.column or 1)
        start, end = written.span
        if written.offset and not document.compiled:
            start = min(start + written.offset + 1, end)
        elif opening or _is_container(document.text, start):
            end = start + 1
        return self.region(document, start, end)


def _is_container(text: str, start: int) -> bool:
    return text[start : start + 1] in ("{", "[")


def _text(written: Written) -> str:
    start, end = written.span
    return written.document.text[start:end][:MAX_EVIDENCE]

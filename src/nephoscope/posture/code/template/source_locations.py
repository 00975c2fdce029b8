"""Source locations: from a deciding field through expressions, parameters, loops and modules to file characters."""

from __future__ import annotations

import re

import msgspec

from nephoscope.model.secret_redaction import MASK, is_secret_key, redact_text
from nephoscope.posture.code.finding import Region
from nephoscope.posture.code.template.template_resource import WrittenResource
from nephoscope_policy.arm.template import TemplateDocument
from nephoscope_policy.arm.template.document import WrittenValue
from nephoscope_policy.body_paths import MISSING, walk_path

_BLOCK = re.compile(r"[a-z_]\w*[^{}=\n]*\{")
_NAMED_VALUE = re.compile(r'("name"\s*:\s*"([^"]*)"\s*,\s*"value"\s*:\s*)"(?:[^"\\]|\\.)*"', re.IGNORECASE)
"""A member of a list that has a name and a value, such as an environment variable."""
BodyPath = tuple[str | int, ...]
MAX_EVIDENCE = 200


class ValueLocation(msgspec.Struct, frozen=True):
    """The region of the value that decides, its text, the regions that it came through, and where it is written.

    `absent`: nothing sets the value, and the region is the beginning of what should hold it.
    """

    region: Region
    evidence: str
    related: tuple[Region, ...]
    written: WrittenValue
    absent: bool


class ValueLocator:
    """Finds regions."""

    def find(self, resource: WrittenResource, at: BodyPath) -> ValueLocation:
        """The place of a part of a resource's body."""
        written = resource.trace(*at)
        absent = bool(at) and at != ("id",) and walk_path(resource.body, at) is MISSING
        last = written[-1]
        unsaid = absent or not at or _is_block(last)
        region = self._build_region(last, opening=unsaid)
        text = "" if unsaid else _quote_source(last)
        related = (
            self._build_region(one, opening=len(one.path) <= 1 or _is_block(one)) for one in written[:-1]
        )
        kept = tuple(one for one in dict.fromkeys(related) if one != region)
        return ValueLocation(region, text, kept, last, absent)

    def trail(self, resource: WrittenResource, at: BodyPath) -> tuple[WrittenValue, ...]:
        """Every place on the way to a part of a resource's body."""
        return resource.trace(*at)

    def locate_resource(self, resource: WrittenResource) -> Region:
        """The region of all that a resource's JSON has."""
        written = resource.source_location
        if not written.document.text:
            return self.find(resource, ()).region
        return self.region(written.document, *written.span)

    def region(self, document: TemplateDocument, start: int, end: int) -> Region:
        """The region between two offsets of a document's text."""
        return Region(document.file, *document.find_position(start), *document.find_position(end))

    def _build_region(self, written: WrittenValue, *, opening: bool) -> Region:
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


def _is_block(written: WrittenValue) -> bool:
    """Return whether it is a block of Terraform, in which nothing says the value itself."""
    document = written.document
    return document.compiled and _BLOCK.match(document.text, written.span[0]) is not None


def _is_container(text: str, start: int) -> bool:
    return text[start : start + 1] in ("{", "[")


def _quote_source(written: WrittenValue) -> str:
    if not written.document.text:  # an expression, or what no file holds, made it
        return ""
    start, end = written.span
    text = written.document.text[start:end]
    if not _is_container(text, 0):
        key = next((one for one in reversed(written.path) if isinstance(one, str)), "")
        concealed = is_secret_key(key) and not text.startswith('"[')
        return f'"{MASK}"' if concealed else redact_text(text)[:MAX_EVIDENCE]
    return redact_text(_NAMED_VALUE.sub(_mask_secret_match, text))[:MAX_EVIDENCE]


def _mask_secret_match(found: re.Match[str]) -> str:
    return f'{found[1]}"{MASK}"' if is_secret_key(found[2]) else found[0]

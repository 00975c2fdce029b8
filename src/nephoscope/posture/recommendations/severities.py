"""The severities that Defender for Cloud publishes, by policy and by assessment key, read from content/scores."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec

from nephoscope.content.loader import load_documents
from nephoscope_policy.documents import ContentDocument, ContentError
from nephoscope_policy.model.source_location import Place
from nephoscope_policy.model.state import Severity

FILE = "severities.json"
_COLUMNS = {"policy", "assessment", "severity", "source"}
#: Five groups as in a GUID; one built-in of Azure is named with a letter that no hexadecimal number has.
_NAME = re.compile(r"[0-9a-z]{8}(-[0-9a-z]{4}){3}-[0-9a-z]{12}")
_PUBLISHED = (Severity.HIGH, Severity.MEDIUM, Severity.LOW)


class PublishedSeverity(msgspec.Struct, frozen=True):
    """A published severity and the short name of the page that says so."""

    severity: Severity
    source: str


class Severities(msgspec.Struct, frozen=True):
    """All published severities by lower-cased policy GUID and by lower-cased assessment key; `sources` explains the page names."""

    policies: Mapping[str, PublishedSeverity]
    assessments: Mapping[str, PublishedSeverity]
    sources: Mapping[str, str]

    def find_severity(self, name: str, reads: str = "") -> PublishedSeverity | None:
        """The severity of a policy or assessment key, else of the key that the policy `reads`; None where nothing is published."""
        key = name.lower()
        return self.policies.get(key) or self.assessments.get(key) or self.assessments.get(reads.lower())

    @classmethod
    def load(cls, root: Path | None = None) -> Severities:
        """Read the `scores` folder of a pack (None = the shipped one); ContentError on a bad row."""
        document = next((one for one in load_documents(root, "scores") if one.name == FILE), None)
        if document is None:
            raise ContentError(f"the pack has no scores/{FILE}", Place("content/scores"))
        return _read_severities(document)

    @classmethod
    @cache
    def builtin(cls) -> Severities:
        """The shipped severities."""
        return cls.load()


def _read_severities(document: ContentDocument) -> Severities:
    body = document.json()
    rows, sources = (body.get("severities"), body.get("sources")) if isinstance(body, dict) else (None, None)
    if not isinstance(rows, list):
        raise _read_fault(document, "severities", "'severities' is not a list")
    if not isinstance(sources, dict) or not all(isinstance(text, str) for text in sources.values()):
        raise _read_fault(document, "sources", "'sources' is not an object of texts")
    found: dict[str, dict[str, PublishedSeverity]] = {"policy": {}, "assessment": {}}
    for index, row in enumerate(rows):
        path = f"severities[{index}]"
        published = _parse_published_severity(row, sources, document, path)
        for column, names in found.items():
            _name_severity(row, column, published, names, document, path)
    return Severities(found["policy"], found["assessment"], sources)


def _parse_published_severity(
    row: object, sources: Mapping[str, str], document: ContentDocument, path: str
) -> PublishedSeverity:
    if not isinstance(row, dict) or set(row) != _COLUMNS:
        raise _read_fault(document, path, f"a row has exactly {', '.join(sorted(_COLUMNS))}")
    if row["policy"] is None and row["assessment"] is None:
        raise _read_fault(document, path, "a row names a policy, an assessment or both")
    if row["severity"] not in _PUBLISHED:
        words = ", ".join(_PUBLISHED)
        raise _read_fault(document, f"{path}.severity", f"must be one of {words} (got {row['severity']!r})")
    if not isinstance(row["source"], str) or row["source"] not in sources:
        raise _read_fault(document, f"{path}.source", f"{row['source']!r} is not explained in 'sources'")
    return PublishedSeverity(Severity(row["severity"]), row["source"])


def _name_severity(
    row: Mapping[str, object],
    column: str,
    published: PublishedSeverity,
    names: dict[str, PublishedSeverity],
    document: ContentDocument,
    path: str,
) -> None:
    name = row[column]
    if name is None:
        return
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _read_fault(document, f"{path}.{column}", f"{name!r} is not a lower-case GUID")
    if name in names:
        raise _read_fault(document, f"{path}.{column}", f"{name} has two severities")
    names[name] = published


def _read_fault(document: ContentDocument, path: str, message: str) -> ContentError:
    return ContentError(message, Place(document.place.file, path=path))

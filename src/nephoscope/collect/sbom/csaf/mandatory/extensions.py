"""Extensions: their own shape; the schemas that they declare are elsewhere and are not read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nephoscope.collect.sbom.csaf.mandatory_test import mandatory_test
from nephoscope.vulnerability.documents.csaf_document import AdvisoryDocument, Problem

_REQUIRED = frozenset({"$schema", "category", "content", "critical"})


def _read_extensions(document: AdvisoryDocument) -> Iterator[tuple[str, object]]:
    """Give place and value of each extension, wherever it stands."""
    waiting: list[tuple[str, object]] = [("", document.tree)]
    while waiting:
        place, value = waiting.pop()
        items: Iterable[tuple[object, object]] = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        for key, inner in items:
            if key == "x_extensions" and isinstance(inner, list):
                yield from ((f"{place}/x_extensions/{number}", one) for number, one in enumerate(inner))
            elif isinstance(inner, dict | list):
                waiting.append((f"{place}/{key}", inner))


@mandatory_test("6.1.60.1", since="2.1")
def check_extensions(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the extensions that lack a part, or have one too many."""
    for place, one in _read_extensions(document):
        if not isinstance(one, dict):
            yield place, "an extension is an object"
            continue
        for key in sorted(_REQUIRED - one.keys()):
            yield place, f"the extension has no {key}"
        for key in sorted(one.keys() - _REQUIRED):
            yield place, f"an extension has no {key[:80]!r}"
        if not isinstance(one.get("content"), dict) or not isinstance(one.get("critical"), bool):
            yield place, "the content of an extension is an object, and critical is true or false"

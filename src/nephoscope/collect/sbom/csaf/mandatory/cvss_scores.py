"""Scores: valid objects of CVSS that are computed as the standard does, one of a kind for a product."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.sbom.bill_of_materials import UnreadableBillError
from nephoscope.collect.sbom.csaf.cvss_properties import PROPERTIES
from nephoscope.collect.sbom.csaf.mandatory_test import declare_mandatory_test
from nephoscope.files.json_tree import Tree, get_text, get_tree, list_texts
from nephoscope.model.extras import get_install_command
from nephoscope.vulnerability.documents.csaf_document import AdvisoryDocument, Problem

#: The objects with the versions that they may have, and what they must have.
_VERSIONS = {"cvss_v2": ("2.0",), "cvss_v3": ("3.0", "3.1"), "cvss_v4": ("4.0",)}
_REQUIRED = {
    "cvss_v2": ("version", "vectorString", "baseScore"),
    "cvss_v3": ("version", "vectorString", "baseScore", "baseSeverity"),
    "cvss_v4": ("version", "vectorString", "baseScore", "baseSeverity"),
}
_VECTOR = re.compile(r"(CVSS:[0-9.]+/)?[A-Za-z]+:[A-Za-z]+(/[A-Za-z]+:[A-Za-z]+)*")
#: Scores that version 4 has no more: there is one.
_GONE = ("threatScore", "threatSeverity", "environmentalScore", "environmentalSeverity")
_SEVERITIES = frozenset({"NONE", "LOW", "MEDIUM", "HIGH", "CRITICAL"})


def _read_objects(document: AdvisoryDocument) -> Iterator[tuple[str, str, Tree]]:
    """Give place, name and content of each object of CVSS."""
    for place, _, _, content in document.list_metrics():
        for name in _VERSIONS:
            if name in content:
                yield f"{place}/{name}", name, get_tree(content, name)


@declare_mandatory_test("6.1.7")
def check_products_have_one_score(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the products with two scores of one version and source."""
    seen: set[tuple[str, ...]] = set()
    for place, _, metric, content in document.list_metrics():
        versions = {get_text(content, name, "version") or name for name in _VERSIONS if name in content}
        for product in list_texts(metric, "products"):
            for version in sorted(versions):
                key = (place.split("/", 3)[2], product, version, get_text(metric, "source"))
                if key in seen:
                    yield place, f"the product {product[:80]} has two scores of CVSS {version[:10]}"
                seen.add(key)


@declare_mandatory_test("6.1.8")
def check_scores_are_valid(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the objects that lack a part, or whose vector is none."""
    for place, name, content in _read_objects(document):
        yield from ((place, f"the object has no {key}") for key in _REQUIRED[name] if key not in content)
        if name == "cvss_v4":
            yield from ((place, f"an object of version 4 has no {key}") for key in _GONE if key in content)
        version = get_text(content, "version")
        if version and version not in _VERSIONS[name]:
            yield f"{place}/version", f"{version[:20]!r} is no version of {name}"
        if "vectorString" in content and _compute_scores(name, content) is None:
            yield f"{place}/vectorString", f"{get_text(content, 'vectorString')[:120]!r} is no vector"
        severity = content.get("baseSeverity", "NONE")
        if not isinstance(severity, str) or severity not in _SEVERITIES:
            yield f"{place}/baseSeverity", f"{str(severity)[:20]!r} is no severity"


def _compute_scores(name: str, content: Tree) -> dict[str, object] | None:
    """Return the scores and severities of a vector, None for one that is none."""
    vector = _complete_vector(name, content)
    if not _VECTOR.fullmatch(vector) or len(vector) > 400:
        return None
    try:
        from cvss import CVSS2, CVSS3, CVSS4
        from cvss.exceptions import CVSSError
    except ModuleNotFoundError:
        raise UnreadableBillError(
            f"CVSS scores require the extra sbom: {get_install_command('sbom')}"
        ) from None
    try:
        if name == "cvss_v4":
            four = CVSS4(vector)
            return {"baseScore": float(four.base_score), "baseSeverity": four.severity.upper()}
        if name == "cvss_v2":
            two = CVSS2(vector)
            return dict(
                zip(
                    ("baseScore", "temporalScore", "environmentalScore"),
                    map(_read_number, two.scores()),
                    strict=True,
                )
            )
        three = CVSS3(vector)
    except CVSSError:
        return None
    names = ("base", "temporal", "environmental")
    scores = {f"{one}Score": float(score) for one, score in zip(names, three.scores(), strict=True)}
    return scores | {
        f"{one}Severity": each.upper() for one, each in zip(names, three.severities(), strict=True)
    }


def _index_vector_letters(content: Tree) -> dict[str, str]:
    """Return the letters of a vector by metric."""
    return dict(one.split(":", 1) for one in get_text(content, "vectorString").split("/") if ":" in one)


def _complete_vector(name: str, content: Tree) -> str:
    """Return the vector, with the metrics that only the properties of the object have."""
    letters, added = _index_vector_letters(content), ""
    for metric, (key, words) in PROPERTIES[name].items():
        word = content.get(key, "NOT_DEFINED")
        letter = next((one for one, each in words.items() if each == word), "")
        if metric not in letters and letter and word != "NOT_DEFINED":
            added += f"/{metric}:{letter}"
    return get_text(content, "vectorString") + added


def _read_number(score: object) -> float | None:
    return None if score is None else float(str(score))


@declare_mandatory_test("6.1.9")
def check_scores_are_computed(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the scores and severities that the vector does not have."""
    for place, name, content in _read_objects(document):
        for key, value in (_compute_scores(name, content) or {}).items():
            if value is not None and key in content and content[key] != value:
                yield f"{place}/{key}", f"the vector gives {value}, not {str(content[key])[:20]}"


@declare_mandatory_test("6.1.10")
def check_properties_fit_vectors(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the properties that say something else than the vector."""
    for place, name, content in _read_objects(document):
        letters = _index_vector_letters(content)
        for metric, (key, words) in PROPERTIES[name].items():
            said = words.get(letters.get(metric, ""))
            if said and key in content and content[key] != said:
                yield f"{place}/{key}", f"the vector says {said}, not {str(content[key])[:40]}"


@declare_mandatory_test("6.1.56", since="2.1")
def check_ratings_stand_alone(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the products that one source gives both a score and a rating in words."""
    kinds: dict[tuple[str, str, str], set[str]] = {}
    for place, _, metric, content in document.list_metrics():
        found = {"score"} if _VERSIONS.keys() & content.keys() else set()
        found |= {"rating"} if "qualitative_severity_rating" in content else set()
        for product in list_texts(metric, "products"):
            kinds.setdefault((place.split("/", 3)[2], product, get_text(metric, "source")), set()).update(
                found
            )
    for (number, product, _), found in kinds.items():
        if len(found) > 1:
            yield (
                f"/vulnerabilities/{number}/metrics",
                f"the product {product[:80]} has a score and a rating in words",
            )

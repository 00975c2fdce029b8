"""Vulnerabilities: each once, with weaknesses that there are, and parties that say one thing at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from nephoscope.collect.sbom.csaf.cwe_weaknesses import is_weakness
from nephoscope.collect.sbom.csaf.mandatory_test import declare_mandatory_test
from nephoscope.files.json_tree import get_text, get_tree, list_trees
from nephoscope.vulnerability.documents.csaf_document import AdvisoryDocument, Problem


@declare_mandatory_test("6.1.11")
def check_weaknesses(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the weaknesses that are none, or have another name."""
    for place, vulnerability in document.vulnerabilities:
        single = get_tree(vulnerability, "cwe")
        for one in [*([single] if single else []), *list_trees(vulnerability, "cwes")]:
            identifier, name = get_text(one, "id"), get_text(one, "name")
            if not is_weakness(identifier, name, get_text(one, "version")):
                yield f"{place}/cwe", f"{identifier[:20]} is no weakness of the name {name[:80]!r}"


@declare_mandatory_test("6.1.23")
def check_vulnerabilities_are_unique(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the vulnerabilities that are told twice."""
    counts = Counter(get_text(vulnerability, "cve") for _, vulnerability in document.vulnerabilities)
    for identifier, count in counts.items():
        if identifier and count > 1:
            yield "/vulnerabilities", f"{identifier[:40]} stands {count} times"


@declare_mandatory_test("6.1.24")
def check_parties_are_involved_once(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the parties that say two things at one time."""
    for place, vulnerability in document.vulnerabilities:
        involved = list_trees(vulnerability, "involvements")
        for (party, date), count in Counter(
            (get_text(one, "party"), get_text(one, "date")) for one in involved
        ).items():
            if count > 1:
                yield (
                    f"{place}/involvements",
                    f"the party {party[:40]} stands {count} times at {date[:40] or 'no time'}",
                )

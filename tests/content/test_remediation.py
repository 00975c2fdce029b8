"""Remediation that can be pasted: commands that a shell leaves whole, bodies that are JSON, well-formed Bicep."""

from __future__ import annotations

import itertools
import json
import re
import shlex

import pytest

from nephoscope.content.loader import load_documents

PACK = {document.name.removesuffix(".json"): document for document in load_documents(kind="policies")}
RESOURCE = re.compile(
    r"^resource \w+ '[A-Za-z.]+(/[A-Za-z]+)+@\d{4}-\d{2}-\d{2}(-preview)?' (existing )?= \{$", re.MULTILINE
)
OPEN, CLOSE = "{[(", "}])"
QUOTED = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"")
BRACES = re.compile(r"\{[^{}\s]*(?:,|\.\.)[^{}\s]*\}")
"""What bash replaces by several words where no quote stands around it."""


def unbalanced(text: str) -> str:
    """What is open at the end of a Bicep text or closed without being open, '' where all is well."""
    stack: list[str] = []
    position = 0
    for match in re.finditer(r"'(?:[^'\\\n]|\\.)*'|//[^\n]*|[{}\[\]()']", text):
        token = match.group()
        position = match.start()
        if token == "'":
            return f"a quote at {position}"
        if token in OPEN:
            stack.append(token)
        elif token in CLOSE and (not stack or OPEN.index(stack.pop()) != CLOSE.index(token)):
            return f"{token} at {position}"
    return "".join(stack)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", sorted(PACK))
def test_remediation_can_be_pasted(name: str) -> None:
    remediation = PACK[name].json()["properties"]["metadata"]["nephoscope"]["remediation"]
    words = shlex.split(remediation["az"])
    assert len(words) >= 3
    assert words[0] == "az"
    assert re.fullmatch(r"[a-z][a-z0-9-]+", words[1]), words[1]
    assert "--help" not in words
    assert not BRACES.search(QUOTED.sub("", remediation["az"])), remediation["az"]
    for option, value in itertools.pairwise(words):
        assert option != "--body" or value.startswith("@") or isinstance(json.loads(value), dict)
    assert RESOURCE.search(remediation["bicep"]), remediation["bicep"]
    assert unbalanced(remediation["bicep"]) == ""
    assert all(step.endswith((".", ")", "?")) for step in remediation["steps"]), remediation["steps"]
    assert len(remediation["steps"]) == len(set(remediation["steps"]))


@pytest.mark.parametrize("text", ["{", "}", "{]", "x: 'a", "f(", "{ a: '}' ", "a: 'it's'"])
def test_the_check_of_bicep_rejects(text: str) -> None:
    assert unbalanced(text)


def test_the_check_of_bicep_accepts_what_strings_and_comments_hold() -> None:
    assert unbalanced("// it's { fine\nx = { a: '${b}]' c: [ 1 ] }") == ""

"""Titles of content: a policy says what should be done, a rule or query is a noun phrase of the field; each is unique."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from nephoscope.alerts.library.hunting import load_shipped_queries as shipped_hunting
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.analyze.discovery import list_assessment_keys
from nephoscope.content.loader import load_documents

RECOMMENDATION = re.compile(r"[A-Za-z]\S* (?:.* )?should (?:not )?\S.*")
#: How a sentence begins that tells a story where a title names a thing.
STORY = re.compile(r"(?:An?|Somebody|Someone|Somewhat|Far more|Who|What|How) ", re.IGNORECASE)
#: A finite verb: of the passive voice, or one that a title of the old voice had.
FINITE = re.compile(
    r"\b(?:is|are|was|were|has|have|had|does|do|did|gets?|asks?|tries|signs|comes|talks|carries|runs|whom?|that was)\b"
)
POLICIES = [document.json()["properties"]["displayName"] for document in load_documents(kind="policies")]
RULES = [one.name for one in (*load_shipped_rules().rules, *shipped_hunting().rules)]
PATHS = [document.json()["title"] for document in load_documents(kind="attack_paths")]


def is_noun_phrase(title: str) -> bool:
    """Tell whether a title names what was found and tells no story."""
    return (
        title[:1].isupper()
        and not title.endswith(".")
        and not STORY.match(title)
        and not FINITE.search(title)
    )


def test_a_policy_says_what_should_be_done() -> None:
    assert [one for one in POLICIES if not RECOMMENDATION.fullmatch(one) or one.endswith(".")] == []


def test_an_assessment_of_an_analyzer_says_what_should_be_done() -> None:
    titles = [one.title for one in list_assessment_keys().values()]
    assert len(titles) > 100
    assert [one for one in titles if not RECOMMENDATION.fullmatch(one) or one.endswith(".")] == []


def test_a_rule_or_hunting_query_is_a_noun_phrase() -> None:
    assert [one for one in RULES if not is_noun_phrase(one)] == []


@pytest.mark.parametrize(
    "title",
    [
        "A vault was reached by a program for whom it is new",
        "Many secrets of vaults were read",
        "Somebody put a workload into kube-system",
        "Passwords are tried on many users from many addresses",
        "An application signs in from a network it was never seen in",
        "Far more failed sign-ins in the tenant than usual",
    ],
)
def test_a_sentence_is_no_title_of_a_rule(title: str) -> None:
    assert not is_noun_phrase(title)


@pytest.mark.parametrize("titles", [POLICIES, RULES, PATHS], ids=["policies", "rules", "attack paths"])
def test_titles_are_unique_and_fit_a_line(titles: list[str]) -> None:
    assert titles
    assert [one for one, count in Counter(map(str.casefold, titles)).items() if count > 1] == []
    assert [one for one in titles if len(one) > 120] == []

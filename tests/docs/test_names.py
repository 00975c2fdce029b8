"""Names of the code: a class name stands once in the tree, few functions are named by one bare participle, and few types are Any."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

#: Place, line and name.
Definition = tuple[str, int, str]
ROOT = Path(__file__).parents[2]
_DEFINITION = re.compile(r"\s*(?:async\s+)?(def|class)\s+(\w+)\s*[(:\[]")
FOLDERS = ("src", "engines/kql/src", "engines/policy/src")
#: Functions of which a bare participle is the name at most: lower it with each that gets a better name.
MOST_PARTICIPLES = 9
#: Functions that one preposition or adverb names, or whose name ends in `_of`, at most: lower them as above.
MOST_PREPOSITIONS = 6
MOST_ENDING_IN_OF = 36
#: How often the word Any may stand in the sources, imports included (docs/decisions/0477): lower it with each that gets a type.
MOST_ANY = 1000
#: Beginnings of words that Azure spells otherwise (catalog, behavior, license ...).
FOREIGN_SPELLING = re.compile(
    r"(?i)catalogue|behaviour|licence|organis(?:e|ation)|neighbour|recognis|normalis|authoris|serialis|initialis|defence"
)
#: Class names that several modules may have: classes of one protocol in a folder that is scanned.
SHARED: frozenset[str] = frozenset()
#: Irregular participles that are no base form of a verb as well, as `read` and `set` are.
# fmt: off
IRREGULAR = frozenset((
    "told", "kept", "held", "found", "shown", "known", "made", "given", "taken", "sent", "lost",
    "met", "sought", "brought", "caught", "built", "bound", "drawn", "written", "spoken", "chosen",
    "seen", "gone", "done", "begun", "broken", "fallen", "forgotten", "grown", "hidden", "laid",
    "led", "lent", "meant", "paid", "proven", "said", "sold", "spent", "stood", "struck", "thought",
    "thrown", "torn", "understood", "withdrawn", "won", "worn", "born", "bought", "dealt", "driven",
    "eaten", "fed", "felt", "frozen", "got", "heard", "hung", "lit", "risen", "stolen", "stuck",
    "taught", "overtaken", "undone", "redone", "rewritten",
))
#: Words that say nothing without a verb or an object; `of` as a constructor of a class is none of them.
PREPOSITIONS = frozenset((
    "about", "above", "across", "after", "against", "ahead", "along", "alone", "among", "apart", "around", "aside", "at",
    "behind", "below", "beside", "between", "beyond", "by", "each", "either", "inside", "into", "like", "on", "once", "only",
    "others", "outside", "over", "own", "same", "several", "some", "there", "through", "together", "under", "until", "upon",
    "whole", "within", "without",
))
# fmt: on
#: Nouns and verbs that only look like a participle.
OTHER_WORDS = frozenset(("seed", "need", "feed", "speed", "embed", "shed", "exceed", "proceed", "succeed"))


def _sources() -> Iterator[tuple[str, str]]:
    for path in sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


@cache
def _definitions() -> tuple[list[Definition], list[Definition]]:
    """The functions and the classes: a definition begins its line, and a tree of each module would take 20 times as long."""
    functions: list[Definition] = []
    classes: list[Definition] = []
    for place, text in _sources():
        for line, words in enumerate(text.splitlines(), 1):
            if found := _DEFINITION.match(words):
                (classes if found[1] == "class" else functions).append((place, line, found[2]))
    return functions, classes


def is_participle(name: str) -> bool:
    word = name.strip("_")
    return word in IRREGULAR or (bool(re.fullmatch(r"[a-z]+ed", word)) and word not in OTHER_WORDS)


def test_what_a_participle_is() -> None:
    assert all(map(is_participle, ("told", "_kept", "judged", "overtaken")))
    assert not any(map(is_participle, ("read", "set", "is_kept", "load_kept", "seed", "retention_days")))


def test_functions_have_verbs_for_names() -> None:
    functions, _ = _definitions()
    named = [f"{place}:{line} {name}" for place, line, name in functions if is_participle(name)]
    share = len(named) / len(functions)
    print(f"{len(named)} of {len(functions):,} functions are named by one bare participle ({share:.2%})")
    assert len(named) <= MOST_PARTICIPLES, "name a function by a verb phrase:\n" + "\n".join(named)


def test_functions_are_named_by_more_than_a_preposition() -> None:
    functions, _ = _definitions()
    alone = [f"{place}:{line} {name}" for place, line, name in functions if name.strip("_") in PREPOSITIONS]
    ending = [f"{place}:{line} {name}" for place, line, name in functions if name.endswith("_of")]
    print(f"{len(alone)} functions are named by one preposition or adverb, {len(ending)} end in _of")
    assert len(alone) <= MOST_PREPOSITIONS, "name a function by a verb phrase:\n" + "\n".join(alone)
    assert len(ending) <= MOST_ENDING_IN_OF, "say what a function does:\n" + "\n".join(ending)


def test_names_have_azures_spelling() -> None:
    functions, classes = _definitions()
    names = [
        f"{place}:{line} {name}"
        for place, line, name in (*functions, *classes)
        if FOREIGN_SPELLING.search(name)
    ]
    modules = [place for place, _ in _sources() if FOREIGN_SPELLING.search(place)]
    assert names + modules == [], "spell names as Azure does"


def test_class_names_are_unique() -> None:
    places = defaultdict(list)
    for place, line, name in _definitions()[1]:
        places[name].append(f"{place}:{line}")
    shared = {name: several for name, several in places.items() if len(several) > 1 and name not in SHARED}
    print(f"{len(places):,} class names, {len(shared)} of them shared by several modules")
    assert not shared, "a class name stands once in the tree"


def test_few_types_are_any() -> None:
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    count = sum(len(re.findall(r"\bAny\b", path.read_text(encoding="utf-8"))) for path in paths)
    assert count <= MOST_ANY, f"the word Any stands {count} times: give the new ones types"
    assert count > 0.9 * MOST_ANY, f"the word Any stands {count} times: lower MOST_ANY"

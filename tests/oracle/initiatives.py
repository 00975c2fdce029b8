"""Every public initiative, member by member: it parses, the reference resolves, the pin selects, the parameters arrive.

Usage: python tests/oracle/initiatives.py ../shared/corpora/azure-policy

What is expected is worked out here from the JSON alone: names by dictionary, pins by their numbers, `[parameters('x')]` and
`[if(contains(parameters('x'), 'y'), a, b)]` by pattern. A member matches when the catalog finds the same document (or says
that the pinned version is not held, where it is not), the passed values are the same, and the definition takes them. Members
with another expression are excluded and counted. Exit 1 on a miss, 2 when
matched + missed + excluded is not everything, or nothing was compared.
"""

from __future__ import annotations

import collections
import re
import sys
import time
from pathlib import Path
from typing import Any

from corpus_records import documents_of, properties_of, raised

from nephoscope.content.loader import load_documents
from nephoscope_policy import Aliases, PolicyError
from nephoscope_policy.catalog import NotHeldError, PolicyCatalog

PARAMETER = re.compile(r"\[\s*parameters\('([^']+)'\)\s*\]", re.IGNORECASE)
CHOICE = re.compile(
    r"\[if\(contains\(parameters\('([^']+)'\),\s*'([^']+)'\),\s*(.+?),\s*('[^']*'|parameters\('[^']+'\))\)\]",
    re.IGNORECASE,
)
STAND_INS: dict[str, Any] = {
    "string": "x",
    "array": [],
    "object": {},
    "boolean": True,
    "integer": 1,
    "float": 1.5,
}
EXCLUDED = object()


def named(document: dict[str, Any]) -> bool:
    """Whether a document is one of the repository's: they all have a name and properties."""
    return isinstance(document.get("name"), str) and bool(properties_of(document))


def given(parameters: dict[str, Any]) -> dict[str, Any]:
    """A value for every parameter of an initiative that has no default."""
    found = {}
    for name, declared in parameters.items():
        if "defaultValue" not in declared:
            kind = declared["type"].lower()
            allowed = declared.get("allowedValues")
            found[name] = (
                allowed[0] if allowed and kind != "array" else STAND_INS.get(kind, "2026-01-01T00:00:00Z")
            )
    return found


def expected(value: Any, values: dict[str, Any]) -> Any:
    if not isinstance(value, str) or not value.startswith("[") or value.startswith("[["):
        return value
    if plain := PARAMETER.fullmatch(value):
        return values[plain[1].lower()]
    if chosen := CHOICE.fullmatch(value):
        listed = [str(item).lower() for item in values[chosen[1].lower()]]
        return term(chosen[3] if chosen[2].lower() in listed else chosen[4], values)
    return EXCLUDED


def term(text: str, values: dict[str, Any]) -> Any:
    quoted = re.fullmatch(r"'([^']*)'", text)
    return quoted[1] if quoted else expected(f"[{text}]", values)


def pinned(pin: str | None, version: str) -> bool:
    if pin is None:
        return True
    (numbers, _, wants), (held, _, has) = pin.partition("-"), version.partition("-")
    return all(a in ("*", b) for a, b in zip(numbers.split("."), held.split("."), strict=True)) and (
        has != "preview" or wants == "preview"
    )


class Comparison:
    def __init__(self, catalog: PolicyCatalog, held: dict[str, dict[str, Any]]) -> None:
        self.catalog = catalog
        self.held = held
        self.aliases = Aliases.load_builtin()
        self.counts: collections.Counter[str] = collections.Counter()

    def assess(self, document: dict[str, Any]) -> None:
        """Compare an initiative; what an exception left uncompared is missed."""
        before = self.counted()
        try:
            self.initiative(document)
        except Exception as error:  # noqa: BLE001 - a runner's border: an exception in an initiative is a miss, and is shown
            left = 2 + len(document["properties"]["policyDefinitions"]) - (self.counted() - before)
            self.counts["members that miss"] += left
            print(f"miss: {document['name']}: {raised(error)}")

    def counted(self) -> int:
        """How much was compared or excluded so far."""
        ends = ("match", "miss", "excluded")
        return sum(count for name, count in self.counts.items() if name.endswith(ends))

    def initiative(self, document: dict[str, Any]) -> None:
        body = document["properties"]
        declared = body.get("parameters") or {}
        values = {name.lower(): item.get("defaultValue") for name, item in declared.items()}
        values.update({name.lower(): item for name, item in given(declared).items()})
        found = self.catalog.get_initiative(document["name"])
        bound = found.bind(given(declared))
        self.count(
            "initiatives",
            bound == values and len(found.members) == len(body["policyDefinitions"]),
            document["name"],
        )
        groups = [group["name"] for group in body.get("policyDefinitionGroups") or []]
        self.count("groups", [group.name for group in found.groups] == groups, document["name"])
        for raw, member in zip(body["policyDefinitions"], found.members, strict=True):
            self.member(raw, found.evaluate_member_parameters(member, bound), values, member)

    def member(
        self, raw: dict[str, Any], passed: dict[str, Any], values: dict[str, Any], member: Any
    ) -> None:
        name = raw["policyDefinitionId"].rsplit("/", 1)[-1].lower()
        want = {key: expected(item["value"], values) for key, item in (raw.get("parameters") or {}).items()}
        if any(value is EXCLUDED for value in want.values()):
            self.counts["excluded"] += 1
            return
        body = self.held[name]["properties"]
        fits = pinned(raw.get("definitionVersion"), body.get("version") or body["Version"])
        self.counts["pins that are not held"] += not fits
        self.count(
            "members",
            want == passed and self.resolves(member, passed, name, fits),
            f"{name} {raw.get('definitionVersion')}",
        )

    def resolves(self, member: Any, passed: dict[str, Any], name: str, fits: bool) -> bool:
        try:
            entry = self.catalog.find("definition", member.definition, member.pin)
        except NotHeldError as error:
            return not fits and error.cause == "version-not-held"
        if not fits or entry.name != name:
            return False
        try:
            definition = self.catalog.parse_entry(entry)
            definition.check(self.aliases)
            definition.bind(passed)
        except PolicyError as error:
            print(f"{name}: {error}")
            return False
        return True

    def count(self, what: str, good: bool, name: str) -> None:
        self.counts[f"{what} that {'match' if good else 'miss'}"] += 1
        if not good:
            print(f"miss: {what} {name}")


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    root = Path(sys.argv[1])
    started = time.perf_counter()
    catalog = PolicyCatalog.of(load_documents(root))
    for problem in catalog.problems:
        print(f"{problem.place}: {problem.reason}")
    read = list(documents_of(sorted(root.rglob("*.json"))))
    broken = [f"{one.place}: {one.wrong or 'no name'}" for one in read if one.wrong or not named(one.value)]
    everything = [one.value for one in read if not one.wrong and named(one.value)]
    held = {document["name"].lower(): document for document in everything}
    comparison = Comparison(catalog, held)
    sets = [
        document
        for document in everything
        if isinstance(properties_of(document).get("policyDefinitions"), list)
    ]
    print("\n".join(broken))
    comparison.counts["documents that miss"] += len(broken)
    for document in sets:
        comparison.assess(document)
    counts = comparison.counts
    for name, count in sorted(counts.items()):
        print(f"{name:<28}{count:>8,}")
    matched = sum(count for name, count in counts.items() if name.endswith("match"))
    missed = sum(count for name, count in counts.items() if name.endswith("miss"))
    total = (
        len(broken)
        + 2 * len(sets)
        + sum(len(document["properties"]["policyDefinitions"]) for document in sets)
    )
    print(f"{time.perf_counter() - started:.1f} s")
    print(f"{matched}/{matched + missed} match")
    if not matched or matched + missed + counts["excluded"] != total:
        return 2
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

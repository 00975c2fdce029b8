"""Every built-in definition and initiative loads and compiles, and every one that can be judged is judged both ways.

Usage: python bench/built_in_policies.py CORPUS [-v] [--only NAME]. CORPUS is a checkout of the public policy repository. For every
definition of mode All or Indexed that is neither manual nor a document of the platform, a search over its tree makes one set of
resources for which it ends NonCompliant and one for which it ends Compliant; both engines must agree, and the reasons must name a
leaf of the definition that ends otherwise on the other set. Nothing is tuned to a definition: the search knows the operators only.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import nephoscope_policy as policy
from derivation.solve import Budget, OutOfBudgetError, Search
from derivation.world import GROUP, SUBSCRIPTION, Bare, Edits, resource_id
from nephoscope.content.loader import load_documents
from nephoscope_policy import explain, tree
from nephoscope_policy.arm import ArmError
from nephoscope_policy.catalog import NotHeldError, PolicyCatalog
from nephoscope_policy.catalog_entry import CatalogEntry
from nephoscope_policy.evaluation_scope import EvaluationScope
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState
from nephoscope_policy.related_resources import EXTENSIONS
from nephoscope_policy.resource_view import View

NOW = policy.EvaluationContext(now=datetime(2026, 11, 24, tzinfo=UTC))
SOMETHING = {
    "string": "made",
    "integer": 1,
    "float": 1.0,
    "boolean": True,
    "array": ["made"],
    "object": {"made": "made"},
    "datetime": "2026-01-01T00:00:00Z",
}
TRIES = 12
CONTAINERS = (
    Resource.of(
        {
            "id": GROUP,
            "name": "made",
            "type": "Microsoft.Resources/subscriptions/resourceGroups",
            "location": "westeurope",
            "managedBy": "",
            "tags": {"made": "made"},
            "properties": {},
        }
    ),
    Resource.of(
        {
            "id": SUBSCRIPTION,
            "name": "made",
            "type": "Microsoft.Resources/subscriptions",
            "tags": {"made": "made"},
            "properties": {},
        }
    ),
)


@dataclass(slots=True)
class Verdicts:
    """What was found for one definition."""

    name: str
    title: str
    kind: str
    failing: policy.Result | None = None
    passing: policy.Result | None = None
    reasons: bool = False
    ends: Counter[str] = field(default_factory=Counter)

    @property
    def both(self) -> bool:
        return self.failing is not None and self.passing is not None


def parameters(definition: policy.Definition) -> dict[str, Any]:
    """Values for what has no default, and an effect that is not switched off."""
    given: dict[str, Any] = {}
    for name, one in definition.parameters.items():
        if not one.has_default:
            given[name] = _given(one)
        if one.has_default and str(one.default).lower() == "disabled" and one.allowed:
            chosen = [value for value in one.allowed if str(value).lower() != "disabled"]
            if chosen and "effect" in name.lower():
                given[name] = chosen[0]
    return given


def _given(parameter: tree.Parameter) -> Any:
    """A value of the declared kind; what is meant as a resource type or a location is one."""
    if parameter.allowed:
        first = parameter.allowed[0]
        return [first] if parameter.type == "array" and not isinstance(first, list) else first
    meant = str(parameter.metadata.get("strongType", "")).lower()
    value = {"resourcetypes": "Microsoft.Compute/virtualMachines", "location": "westeurope"}.get(meant)
    if value is None:
        return SOMETHING.get(parameter.type, "made")
    return [value] if parameter.type == "array" else value


def kind_of(definition: policy.Definition, rule: policy.Rule) -> str:
    """The class of the reference: what a definition needs to be judged."""
    if definition.policy_type.lower() == "static":
        return "static"
    if rule.data_plane:
        return "data plane"
    if rule.effect_key == "manual":
        return "manual"
    if rule.effect_key in ("denyaction", "addtonetworkgroup", "mutate", "disabled"):
        return "not a finding"
    if not rule.if_not_exists:
        return "pure"
    related = next(iter(definition.related_types), "")
    return {
        "microsoft.security/assessments": "delegated",
        "microsoft.guestconfiguration/guestconfigurationassignments": "guest configuration",
    }.get(related, "related")


class Judge:
    """Makes and judges the two sets of one definition."""

    def __init__(self, definition: policy.Definition) -> None:
        self.definition = definition
        self.parameters = parameters(definition)
        self.rule = definition.bind(self.parameters)
        self.snapshot = policy.Snapshot(list(CONTAINERS))
        self.out = Verdicts(definition.name, definition.display_name, kind_of(definition, self.rule))

    def run(self) -> Verdicts:
        """Look for both sets on each type that the rule needs."""
        named = [type_ for type_ in self.rule.types or () if "/" in type_]
        types = sorted(named) or ["microsoft.compute/virtualmachines", "microsoft.resources/subscriptions"]
        for type_ in types[:8]:
            if self.out.both and self.out.reasons:
                break
            try:
                self._on(Bare(resource_id(type_), type_))
            except (OutOfBudgetError, RecursionError):
                self.out.ends["search gave up"] += 1
        return self.out

    def _on(self, bare: Bare) -> None:
        search = Search(bare, self.snapshot, NOW, self.rule.parameters)
        condition = self.rule.tree.condition
        for edits in islice(search.make(condition, True, ()), TRIES):
            self._take([bare.resource(edits)])
            if self.rule.if_not_exists:
                for related in islice(self._related(bare, edits), TRIES):
                    main = bare.resource(edits)
                    self._take([related] if related.key == main.key else [main, related])
                    if self.out.passing:
                        break
            if self.out.failing and (self.out.passing or not self.rule.if_not_exists):
                break
        if not self.rule.if_not_exists:
            self._passing(bare, search)

    def _passing(self, bare: Bare, search: Search) -> None:
        """Turn a failing resource into a passing one, so that it stays what the rule is about."""
        condition = self.rule.tree.condition
        for failing in islice(replace(search, budget=Budget()).make(condition, True, ()), 4):
            for edits in islice(replace(search, budget=Budget()).make(condition, False, failing), 4 * TRIES):
                self._take([bare.resource(edits)])
                if self.out.passing and self.out.reasons:
                    return

    def _take(self, resources: list[Resource]) -> None:
        """Judge a set by both engines and keep the verdict."""
        own = {one.key for one in resources}
        snapshot = policy.Snapshot([*resources, *(one for one in CONTAINERS if one.key not in own)])
        result = self.definition.evaluate(resources[0], snapshot, self.parameters, NOW)
        explained = self.definition.explain(resources[0], snapshot, self.parameters, NOW)
        if result.verdict() != explained.verdict():
            self.out.ends["engines differ"] += 1
            return
        self.out.ends[f"{result.state.value} {result.cause}".strip()] += 1
        if explained.state is ComplianceState.NON_COMPLIANT and self.out.failing is None:
            self.out.failing = explained
        if explained.state is ComplianceState.COMPLIANT and self.out.passing is None:
            self.out.passing = explained
        if self.out.both:
            self.out.reasons = _right(self.out, self.rule)

    def _related(self, bare: Bare, edits: Edits) -> Iterator[Resource]:
        """Related resources that satisfy the existence condition."""
        subject = View(bare.resource(edits))
        existence = self.rule.tree.then.existence
        assert existence is not None
        scope = EvaluationScope(subject, self.snapshot, NOW, self.rule.parameters)
        found = _related_id(subject, existence, scope)
        if found is None:
            return
        if found[0].lower() == str(subject.id).lower() and existence.condition is not None:
            own = Search(bare, self.snapshot, NOW, self.rule.parameters)
            for one in own.make(existence.condition, True, edits):
                yield bare.resource(one)
            return
        inner = Search(Bare(*found), self.snapshot, NOW, self.rule.parameters, subject=subject)
        base: Edits = ()
        if existence.condition is None:
            yield inner.bare.resource(base)
            return
        for one in inner.make(existence.condition, True, base):
            yield inner.bare.resource(one)


def _related_id(subject: View, existence: tree.Existence, scope: EvaluationScope) -> tuple[str, str] | None:
    """Where a related resource must stand to be found: (id, lower-cased type)."""
    try:
        type_ = str(explain.explain_value(existence.type, scope)).lower().strip("/")
        name = str(explain.explain_value(existence.name, scope)) if existence.name else "made"
        group = (
            str(explain.explain_value(existence.resource_group, scope)) if existence.resource_group else ""
        )
        wide = (
            str(explain.explain_value(existence.scope, scope)).lower() == "subscription"
            if existence.scope
            else False
        )
    except ArmError:
        return None
    own = subject.type
    names = [one if one not in ("?", "*") else "made" for one in name.split("/") if one]
    if type_ == "microsoft.resources/subscriptions/resourcegroups":
        return f"{SUBSCRIPTION}/resourceGroups/{names[-1]}", type_
    namespace, *kinds = type_.split("/")
    if not kinds:
        return None
    if type_.startswith(own + "/"):
        below = kinds[len(own.split("/")) - 1 :]
        ending = ["made"] * (len(below) - len(names)) + names[-len(below) :]
        return f"{subject.id}/" + "/".join(
            f"{kind}/{one}" for kind, one in zip(below, ending, strict=True)
        ), type_
    ending = ["made"] * (len(kinds) - len(names)) + names[-len(kinds) :]
    tail = f"/providers/{namespace}/" + "/".join(
        f"{kind}/{one}" for kind, one in zip(kinds, ending, strict=True)
    )
    if type_ in EXTENSIONS and not wide:
        return f"{subject.id}{tail}", type_
    if group:
        return f"{SUBSCRIPTION}/resourceGroups/{group}{tail}", type_
    inside = subject.resource.id.resource_group and not wide
    return f"{GROUP if inside else SUBSCRIPTION}{tail}", type_


def _right(found: Verdicts, rule: policy.Rule) -> bool:
    """Whether a failing reason is a leaf of the definition that the passing set does not share, or names the missing resource."""
    assert found.failing is not None
    assert found.passing is not None
    shared = {(reason.path, repr(reason.actual)) for reason in found.passing.reasons}
    own = [reason for reason in found.failing.reasons if (reason.path, repr(reason.actual)) not in shared]
    if rule.if_not_exists:
        return any(".then.details" in reason.path for reason in own)
    return any(".if" in reason.path for reason in own)


def report(all_: list[Verdicts], verbose: bool) -> int:
    """Print the sums; returns how many of the pure and related ones are judged both ways."""
    print(f"{'class':<22}{'definitions':>12}{'both ways':>11}{'share':>9}{'right reasons':>15}")
    good = total = 0
    for kind in sorted({one.kind for one in all_}, key=lambda kind: (kind not in JUDGED, kind)):
        mine = [one for one in all_ if one.kind == kind]
        both = [one for one in mine if one.both]
        if kind in JUDGED:
            good += sum(one.both and one.reasons for one in mine)
            total += len(mine)
        share = f"{len(both) / len(mine):.1%}" if kind in JUDGED else ""
        print(
            f"{kind:<22}{len(mine):>12,}{len(both) if kind in JUDGED else 0:>11,}{share:>9}{sum(one.reasons for one in both):>15,}"
        )
    ends = Counter(end for one in all_ if one.kind in JUDGED and not one.both for end in one.ends)
    print(
        "\nhow the judgements of those without both ended:",
        ", ".join(f"{end}: {count}" for end, count in ends.most_common(12)),
    )
    for one in all_:
        if verbose and one.kind in JUDGED and not (one.both and one.reasons):
            sides = (
                "both"
                if one.both
                else "NonCompliant"
                if one.failing
                else "Compliant"
                if one.passing
                else "neither"
            )
            print(f"  {one.name}  {one.kind}  {sides}  {dict(one.ends)}  {one.title[:80]}")
    print(f"\n{good}/{total} judged both ways with reasons naming the right leaf ({good / total:.2%})")
    return good if good >= 0.95 * total else -1


def load(corpus: Path) -> tuple[PolicyCatalog, list[policy.Definition], int]:
    """The definitions that parse and compile, and how many do not."""
    catalog = PolicyCatalog.of(load_documents(corpus))
    found, broken = [], 0
    for entry in catalog.definitions():
        definition = _compiled(entry, catalog)
        if definition is None:
            broken += 1
        else:
            found.append(definition)
    return catalog, found, broken


def _compiled(entry: CatalogEntry, catalog: PolicyCatalog) -> policy.Definition | None:
    try:
        definition = catalog.parse_entry(entry)
        definition.check(policy.Aliases.load_builtin())
    except policy.PolicyError as error:
        print(f"does not compile: {entry.name} {entry.display_name}: {error}")
        return None
    return definition


def initiatives(catalog: PolicyCatalog) -> tuple[int, int, int, int]:
    """(initiatives, members, members whose parameters do not pass through, members pinned to a version that is not there)."""
    count = members = failed = absent = 0
    for entry in catalog.initiatives():
        initiative = catalog.get_initiative(entry.id)
        count += 1
        given = {
            name: one.allowed[0] if one.allowed else SOMETHING.get(one.type, "made")
            for name, one in initiative.parameters.items()
            if not one.has_default
        }
        bound = initiative.bind(given)
        for member in initiative.members:
            members += 1
            try:
                definition = catalog.get_definition(member.definition, member.pin)
                definition.bind(initiative.evaluate_member_parameters(member, bound), partial=True)
            except NotHeldError:
                absent += 1
            except policy.PolicyError as error:
                failed += 1
                print(f"  {initiative.display_name}: {member.reference}: {error}")
    return count, members, failed, absent


JUDGED = ("pure", "related", "delegated", "guest configuration")


def judged(definition: policy.Definition) -> Verdicts:
    """The verdicts on a definition; one that no resource can be judged by is only counted."""
    kind = kind_of(definition, definition.bind(parameters(definition)))
    if kind not in JUDGED:
        return Verdicts(definition.name, definition.display_name, kind)
    return Judge(definition).run()


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    begun = time.perf_counter()
    catalog, definitions, broken = load(options.corpus)
    scanned = [one for one in definitions if one.mode.lower() in ("all", "indexed")]
    seconds = time.perf_counter() - begun
    print(f"{len(definitions):,} definitions compile, {broken} do not ({seconds:.1f} s)")
    print(f"{len(scanned):,} of them of mode All or Indexed")
    count, members, failed, absent = initiatives(catalog)
    print(
        f"{count} initiatives with {members:,} members load; {failed} members do not bind, {absent} pin a version that is not there\n"
    )
    found = [judged(one) for one in definitions if options.only in one.name]
    good = report(found, options.verbose)
    print(f"{time.perf_counter() - begun:.1f} s")
    return 0 if good >= 0 and not broken and not failed else 1


if __name__ == "__main__":
    sys.exit(main())

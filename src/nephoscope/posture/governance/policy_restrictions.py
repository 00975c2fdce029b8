"""Policy restrictions: whether policies deny a planned resource, and the allowed values of its open fields.

A rule is asked again and again: with a field absent, and with each value that is meant for it or that the rule itself names. What the
content does not say is unknown, so that a refusal is one whatever else is decided.

Source: https://learn.microsoft.com/rest/api/policyinsights/policy-restrictions (2022-03-01)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec.structs import replace

from nephoscope.posture.governance.enforced_assignments import (
    ACTING,
    AUDIT,
    EnforcedAssignments,
    EnforcedRule,
)
from nephoscope_policy import explain, tree, type_guards
from nephoscope_policy.aliases import UnknownAlias
from nephoscope_policy.arm import ArmError
from nephoscope_policy.body_paths import MISSING, STAR, Segments
from nephoscope_policy.context import EvaluationContext
from nephoscope_policy.evaluation_result import ERROR, Result
from nephoscope_policy.evaluation_scope import EvaluationScope
from nephoscope_policy.json_patch import Draft
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.planned_resource import Proposed
from nephoscope_policy.policy_evaluation import explain_rule
from nephoscope_policy.resource_view import NotCollected
from nephoscope_policy.snapshot import Snapshot

REQUIRED, REMOVED, DENY, AUDITED = "Required", "Removed", "Deny", "Audit"
_TAG = re.compile(r"tags\[\s*'?(.+?)'?\s*\]", re.IGNORECASE)
#: Of a field, so many values are tried.
MOST = 200


@dataclass(frozen=True, slots=True)
class PendingField:
    """A field whose value is not decided, and the values that are thought of (none = any)."""

    field: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProposedResource:
    """A resource as far as it is decided: `body` is its content, `scope` the lower-cased id in which it is to be made."""

    scope: str
    body: Mapping[str, object]
    api_version: str = ""

    def resource(self, body: Mapping[str, object]) -> Resource:
        """The resource with a body; its id has a name of its own where none is decided."""
        type_, name = str(body.get("type") or ""), str(body.get("name") or "-")
        if not type_:
            # lies in the scope, and is of no type yet
            return Resource(replace(ResourceId.parse(self.scope), type="", name=""), dict(body))
        own = type_.partition("/")[2].split("/")
        parent = self.scope.rpartition("/providers/")[2].split("/")
        nested = (
            len(own) > 1 and parent[0] == type_.partition("/")[0].lower() and len(parent) == 2 * len(own) - 1
        )
        tail = (
            f"{own[-1]}/{name}"
            if nested
            else f"providers/{type_.partition('/')[0]}/{_format_type_names(own, name)}"
        )
        return Resource(ResourceId.parse(f"{self.scope}/{tail}".lower()), dict(body))


@dataclass(frozen=True, slots=True)
class Restriction:
    """Effect of a rule on a field: values and default are texts; `values` None = it names none."""

    result: str
    held: EnforcedRule
    values: tuple[str, ...] | None = None
    default: str | None = None


class Restrictions:
    """Effects of enforced assignments on a planned resource; `containers` are the bodies of its group and subscription."""

    def __init__(
        self,
        enforced: EnforcedAssignments,
        planned: ProposedResource,
        containers: Iterable[Resource],
        now: datetime,
        *,
        audits: bool = False,
    ) -> None:
        self.planned, self.now = planned, now
        self.snapshot = Snapshot(containers, enforced.aliases)
        effects = ACTING | ({AUDIT} if audits else frozenset())
        self.held = list(enforced.list_rules_for(planned.resource(planned.body), effects, now))

    def list_evaluations(self) -> Iterator[tuple[EnforcedRule, Result]]:
        """The rules that refuse (or audit) the content as it is, and those that fail on it."""
        for one in self.held:
            if one.rule.effect_key in ("deny", AUDIT):
                result = self._explain_rule(one, self.planned.body)
                if result.matched or result.state is ERROR:
                    yield one, result

    def fields(self, pending: Sequence[PendingField]) -> Iterator[tuple[str, list[Restriction]]]:
        """(field, what rules do to it) of the open fields, and of the tags and members below them that rules name."""
        for field in pending:
            found: dict[str, list[Restriction]] = {}
            for one in self.held:
                for text, restriction in self._list_restrictions_of_rule(one, field):
                    found.setdefault(text, []).append(restriction)
            yield from found.items()

    def _list_restrictions_of_rule(
        self, one: EnforcedRule, field: PendingField
    ) -> Iterator[tuple[str, Restriction]]:
        names = self._group_leaves(one, field.field)
        if one.rule.effect_key in ("modify", "append"):
            yield from self._list_changed_values(one, field.field)
            return
        if self._explain_rule(one, self.planned.body).matched:
            return  # it is refused whatever the field says
        word = DENY if one.rule.effect_key == "deny" else AUDITED
        if field.values:
            refused = [each for each in field.values if self._refuses(one, field.field, each)]
            if refused:
                yield field.field, Restriction(word, one, tuple(refused))
            return
        for text, leaves in names.items():
            restriction = self._open_restriction(one, text, leaves, word)
            if restriction is not None:
                yield _format_display_field(text), restriction

    def _open_restriction(
        self, one: EnforcedRule, text: str, leaves: list[tree.Leaf], word: str
    ) -> Restriction | None:
        """Return what a rule asks of a field that may have any value: some value, or none of those that it refuses."""
        segments = self._split_field(text)
        if segments is None:
            return None
        candidates = list(dict.fromkeys(value for leaf in leaves for value in _list_operands(one, leaf)))[
            :MOST
        ]
        refused = [value for value in candidates if self._refuses(one, text, value)]
        if self._explain_rule(one, self.planned.body, segments).matched:
            left = tuple(_to_text(value) for value in candidates if value not in refused)
            return Restriction(REQUIRED if word == DENY else word, one, left or None)
        return Restriction(word, one, tuple(map(_to_text, refused))) if refused else None

    def _list_changed_values(self, one: EnforcedRule, field: str) -> Iterator[tuple[str, Restriction]]:
        """Yield what an operation of modify or append sets or takes away."""
        for operation in one.rule.tree.then.operations or ():
            text = one.rule.fold(operation.target.name)
            if not isinstance(text, str) or not _is_below_field(text, field):
                continue
            segments = self._split_field(text)
            if segments is None:
                continue
            if not self._explain_rule(one, self.planned.body, _truncate_at_wildcard(segments)).matched:
                continue
            value = self._find_value(one, operation)
            if operation.operation == "remove":
                yield _format_display_field(text), Restriction(REMOVED, one)
            elif value is not MISSING:
                # add gives way to what is there; the others stand against any other value
                fixed = None if operation.operation == "add" else (_to_text(value),)
                yield _format_display_field(text), Restriction(REQUIRED, one, fixed, _to_text(value))

    def _find_value(self, one: EnforcedRule, operation: tree.EffectOperation) -> object:
        """The value of an operation, MISSING where it does not act or needs what is not decided."""
        view = Proposed(self.planned.resource(self.planned.body))
        scope = EvaluationScope(view, self.snapshot, self._build_context(one), one.rule.parameters)
        try:
            acts = operation.condition is None or explain.explain_value(operation.condition, scope) is True
            if not acts or operation.value is None:
                return None if acts else MISSING
            return explain.explain_value(operation.value, scope)
        except (ArmError, NotCollected):
            return MISSING

    def _group_leaves(self, one: EnforcedRule, field: str) -> dict[str, list[tree.Leaf]]:
        """The field, and what the rule reads below it, with the conditions that do."""
        found: dict[str, list[tree.Leaf]] = {}
        for leaf in type_guards.iterate_leaves(one.rule.tree.condition):
            if isinstance(leaf.subject, tree.FieldRef):
                text = one.rule.fold(leaf.subject.name)
                if isinstance(text, str) and _is_below_field(text, field):
                    found.setdefault(_format_display_field(text), []).append(leaf)
        return found

    def _refuses(self, one: EnforcedRule, field: str, value: object) -> bool:
        """Return whether the rule takes effect where the field has a value."""
        segments = self._split_field(field)
        if segments is None:
            return False
        draft = Draft(dict(self.planned.body))
        for place in draft.expand_wildcards(segments):
            many = bool(place) and place[-1] is STAR
            (draft.append if many else draft.put)(place[:-1] if many else place, value)
        return self._explain_rule(one, draft.body).matched

    def _explain_rule(self, one: EnforcedRule, body: Mapping[str, object], absent: Segments = ()) -> Result:
        view = Proposed(self.planned.resource(body), absent)
        return explain_rule(one.rule, view, self.snapshot, self._build_context(one))

    def _build_context(self, one: EnforcedRule) -> EvaluationContext:
        return EvaluationContext(
            now=self.now, api_version=self.planned.api_version, policy=one.check.bound_to
        )

    def _split_field(self, field: str) -> Segments | None:
        """Where a field stands in a body, None for what is neither a field nor an alias."""
        type_ = str(self.planned.body.get("type") or "").lower()
        try:
            path = self.snapshot.aliases.resolve_field(field, self.planned.api_version, type_)
        except (UnknownAlias, ValueError):
            return None
        return (path.special,) if path.special else path.segments


def is_known_field(field: str, enforced: EnforcedAssignments, planned: ProposedResource) -> bool:
    """Return whether a text names a field or an alias."""
    type_ = str(planned.body.get("type") or "").lower()
    try:
        enforced.aliases.resolve_field(field, planned.api_version, type_)
    except (UnknownAlias, ValueError):
        return False
    return True


def _format_type_names(types: list[str], name: str) -> str:
    """The types of a resource with its names between them; the last one is known, and those before where `name` has them."""
    names = name.split("/")
    names = [*["-"] * (len(types) - len(names)), *names[-len(types) :]]
    return "/".join(f"{type_}/{each}" for type_, each in zip(types, names, strict=True))


def _truncate_at_wildcard(segments: Segments) -> Segments:
    return segments[: segments.index(STAR)] if STAR in segments else segments


def _format_display_field(text: str) -> str:
    """A field as Azure tells of it: a tag with a dot."""
    tag = _TAG.fullmatch(text)
    return f"tags.{tag[1]}" if tag else text


def _is_below_field(text: str, field: str) -> bool:
    own, whole = _format_display_field(text).lower(), _format_display_field(field).lower()
    return own == whole or own.startswith((f"{whole}.", f"{whole}["))


def _list_operands(one: EnforcedRule, leaf: tree.Leaf) -> Iterator[object]:
    """The plain values that a condition compares with, patterns left out."""
    found = one.rule.fold(leaf.operand)
    if found is MISSING or leaf.operator.lower() in _NO_VALUES:
        return
    for each in found if isinstance(found, list) else [found]:
        if isinstance(each, (str, int, float, bool)):
            yield each


_NO_VALUES = frozenset({
    "exists", "like", "notlike", "match", "notmatch", "matchinsensitively", "notmatchinsensitively", "contains", "notcontains",
    "containskey", "notcontainskey", "less", "lessorequals", "greater", "greaterorequals",
})  # fmt: skip


def _to_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)

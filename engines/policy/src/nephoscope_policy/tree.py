"""The typed tree of a policy rule; every node knows its JSON path inside the definition."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from nephoscope_policy.arm import ArmExpression


class PolicyLiteral(msgspec.Struct, frozen=True):
    """A JSON value without any template expression in it."""

    value: object


@dataclass(frozen=True, slots=True)
class TemplateExpression:
    """A string `[...]` that is an ARM expression."""

    text: str
    expression: ArmExpression = field(repr=False, compare=False)
    path: str = field(compare=False, default="")


class ListExpression(msgspec.Struct, frozen=True):
    """A JSON array with an expression somewhere inside."""

    items: tuple[Operand, ...]


class ObjectExpression(msgspec.Struct, frozen=True):
    """A JSON object with an expression somewhere inside its values."""

    items: tuple[tuple[str, Operand], ...]


Operand = PolicyLiteral | TemplateExpression | ListExpression | ObjectExpression


class FieldRef(msgspec.Struct, frozen=True):
    """The left side `"field": ...`: a name, a tag, an alias, or an expression that yields one."""

    name: PolicyLiteral | TemplateExpression

    @property
    def text(self) -> str:
        """Return the reference as the document spells it."""
        return str(self.name.value) if isinstance(self.name, PolicyLiteral) else self.name.text


class ValueRef(msgspec.Struct, frozen=True):
    """The left side `"value": ...`."""

    operand: Operand


@dataclass(frozen=True, slots=True)
class CountExpression:
    """The left side `"count": {...}`: `over` is a FieldRef or a ValueRef, `name` the loop name of a value count."""

    path: str = field(compare=False)
    over: FieldRef | ValueRef
    name: str
    where: Condition | None


@dataclass(frozen=True, slots=True)
class Leaf:
    """`subject operator operand`; `operator` is lower-cased."""

    path: str = field(compare=False)
    subject: FieldRef | ValueRef | CountExpression
    operator: str
    operand: Operand


@dataclass(frozen=True, slots=True)
class AllOf:
    """True when every child is."""

    path: str = field(compare=False)
    children: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True when some child is."""

    path: str = field(compare=False)
    children: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True when the child is false."""

    path: str = field(compare=False)
    child: Condition


Condition = Leaf | AllOf | AnyOf | Not


@dataclass(frozen=True, slots=True)
class Parameter:
    """A declared parameter; `type` is lower-cased, `default` is meaningful only with `has_default`."""

    name: str
    type: str
    has_default: bool
    default: object
    allowed: tuple[object, ...] | None
    metadata: dict[str, object] = field(compare=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class EffectOperation:
    """One operation of a modify effect, or one entry of an append effect (`operation` is then 'append')."""

    path: str = field(compare=False)
    operation: str
    target: FieldRef
    value: Operand | None
    condition: Operand | None
    raw: dict[str, object] = field(compare=False)


@dataclass(frozen=True, slots=True)
class Existence:
    """The related resource an *IfNotExists effect looks for; scalar members are operands, absent ones None."""

    path: str = field(compare=False)
    type: Operand
    name: Operand | None
    resource_group: Operand | None
    scope: Operand | None
    condition: Condition | None


class Then(msgspec.Struct, frozen=True):
    """The effect with its details: `existence` for *IfNotExists, `operations` for modify and append, `default_state` for manual."""

    effect: PolicyLiteral | TemplateExpression
    details: Any
    existence: Existence | None
    operations: tuple[EffectOperation, ...] | None
    default_state: Operand | None = None
    effect_path: str = "policyRule.then.effect"


class Tree(msgspec.Struct, frozen=True):
    """A whole parsed definition."""

    mode: str
    parameters: dict[str, Parameter]
    condition: Condition
    then: Then

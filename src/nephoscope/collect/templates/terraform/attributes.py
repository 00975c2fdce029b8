"""The attributes of a planned resource: values, what is known after the apply, and what must not be shown."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from nephoscope_policy.arm.template.document import Path
from nephoscope_policy.arm.unknown import Unknown

MISSING: object = type("Missing", (), {"__repr__": lambda _: "MISSING"})()


class PlanValue(NamedTuple):
    """A value (MISSING, an Unknown, or JSON) and its path in the plan."""

    value: Any
    path: Path

    def get_member(self, names: tuple[str, ...]) -> PlanValue:
        """Return what is known of a member of a value that is unknown, or was found elsewhere."""
        value = self.value
        for name in names:
            if isinstance(value, Unknown):
                value = value.derive_member(name) if value.type in ("any", "array", "object") else Unknown()
            else:
                value = value[0] if isinstance(value, list) and len(value) == 1 else value
                value = value.get(name, MISSING) if isinstance(value, dict) else MISSING
        return PlanValue(value, self.path)


@dataclass(frozen=True, slots=True)
class PlanAttributes:
    """Values beside what is unknown and secret of them, each of the same shape; a list of one block is that block.

    `resolve` is asked for the value of an unknown attribute by its path, as `("network_rules", "subnet_id")`; it gives None where
    nothing is known of it.
    """

    values: Any
    unknown: object
    sensitive: object
    path: Path
    resolve: Callable[[tuple[str, ...]], object]
    names: tuple[str, ...] = ()

    def get(self, *names: str) -> PlanValue:
        """Return an attribute by its path of names; MISSING where it is null or absent."""
        here = self
        for name in names:
            here = here.block()
            if here.unknown is True:
                return here.read_value().get_member(names[len(here.names) - len(self.names) :])
            here = here.descend(name, (*here.names, name))
        return here.read_value()

    def block(self) -> PlanAttributes:
        """Return the block itself where this is a list of one."""
        if isinstance(self.values, list) and len(self.values) == 1 and isinstance(self.values[0], dict):
            return self.descend(0, self.names)
        return self

    def descend(self, step: str | int, names: tuple[str, ...]) -> PlanAttributes:
        """Return what stands below a step."""
        return PlanAttributes(
            _find_child_node(self.values, step),
            _find_child_node(self.unknown, step),
            _find_child_node(self.sensitive, step),
            (*self.path, step),
            self.resolve,
            names,
        )

    def read_value(self) -> PlanValue:
        """Return the value, with unknowns in the places of what is not known."""
        return PlanValue(self._join_value(self.values, self.unknown, self.sensitive, self.names), self.path)

    def items(self) -> list[PlanAttributes]:
        """Return the elements of a list or set."""
        if not isinstance(self.values, list):
            return []
        return [self.descend(index, self.names) for index in range(len(self.values))]

    def with_value(self, names: tuple[str, ...], value: object) -> PlanAttributes:
        """Return the attributes with another value at a path of names; itself where a block on the way is not there."""
        values, unknown, sensitive = (deepcopy(one) for one in (self.values, self.unknown, self.sensitive))
        here = values
        for name in names[:-1]:
            here = _unwrap_single(here)
            here = here.get(name) if isinstance(here, dict) else None
        here = _unwrap_single(here)
        if not names:
            return replace(self, values=value, unknown=None, sensitive=None)
        if not isinstance(here, dict):
            return self
        here[names[-1]] = value
        return replace(
            self,
            values=values,
            unknown=_without_mark(unknown, names),
            sensitive=_without_mark(sensitive, names),
        )

    def descend_names(self, *names: str) -> PlanAttributes:
        """Return what stands at a path of names."""
        here = self
        for name in names:
            here = here.block()
            here = here.descend(name, (*here.names, name))
        return here

    def _join_value(
        self, value: object, unknown: object, sensitive: object, names: tuple[str, ...]
    ) -> object:
        if unknown is True:
            resolved = self.resolve(names)
            label = ".".join(names)
            return (
                resolved
                if resolved is not None
                else Unknown("any", "runtime", f"{label} is known after the apply")
            )
        if value is None:
            return MISSING
        if sensitive is True and not isinstance(value, bool):
            return Unknown(
                "string", "secret", f"{'.'.join(names)} is secret", filled=value not in ("", [], {})
            )
        if isinstance(value, list):
            kept = (
                self._join_value(item, _find_child_node(unknown, i), _find_child_node(sensitive, i), names)
                for i, item in enumerate(value)
            )
            return [item for item in kept if item is not MISSING]
        if isinstance(value, dict):
            keys = (
                [*value, *(key for key in unknown if key not in value)]
                if isinstance(unknown, dict)
                else list(value)
            )
            joined = {
                key: self._join_value(
                    value.get(key),
                    _find_child_node(unknown, key),
                    _find_child_node(sensitive, key),
                    (*names, key),
                )
                for key in keys
            }
            return {key: item for key, item in joined.items() if item is not MISSING}
        return value


def _unwrap_single(node: object) -> object:
    return node[0] if isinstance(node, list) and len(node) == 1 else node


def _without_mark(node: object, names: tuple[str, ...]) -> object:
    """Return marks without that of a path."""
    here = node
    for name in names[:-1]:
        here = _unwrap_single(here)
        here = here.get(name) if isinstance(here, dict) else None
    here = _unwrap_single(here)
    if isinstance(here, dict):
        here.pop(names[-1], None)
    return None if node is True else node


def _find_child_node(node: object, step: str | int) -> object:
    if isinstance(node, dict):
        return node.get(step) if isinstance(step, str) else None
    if isinstance(node, list):
        return node[step] if isinstance(step, int) and step < len(node) else None
    return True if node is True else None

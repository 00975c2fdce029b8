"""What a bound rule reads of the body of the resource that it judges: a change elsewhere leaves its verdict as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope_policy import tree
from nephoscope_policy.aliases import UnknownAlias
from nephoscope_policy.arm import ArmError
from nephoscope_policy.arm.interpreter import interpret_node
from nephoscope_policy.arm.tree import Call, Node, walk
from nephoscope_policy.check import templates
from nephoscope_policy.model.resource_id import RESOURCE_GROUP_TYPE, SUBSCRIPTION_TYPE
from nephoscope_policy.paths import Segments
from nephoscope_policy.scope import HOSTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nephoscope_policy.aliases import Aliases
    from nephoscope_policy.folder import Folder

#: Members of a body that name the resource or pick alias paths; whatever reads them, a change of one concerns every rule.
IDENTITY = frozenset({"id", "name", "type", "fullname", "apiversion"})


@dataclass(frozen=True, slots=True)
class Reads:
    """The paths that are read, keys lower-cased, each cut before its first array element; `everything`: they cannot be told.

    `above` are the paths and all that they lie under.
    """

    paths: frozenset[Segments] = frozenset()
    above: frozenset[Segments] = frozenset()
    everything: bool = False

    @classmethod
    def of(cls, paths: Iterable[Segments]) -> Reads:
        """The reads of some paths."""
        cut = frozenset(map(_before_elements, paths))
        return cls(cut, frozenset(path[:length] for path in cut for length in range(len(path) + 1)))

    def concern(self, changed: Segments) -> bool:
        """Whether a change at a path may be seen: it lies on a path that is read, or under one."""
        if self.everything or changed in self.above:
            return True
        return any(changed[:length] in self.paths for length in range(len(changed)))


EVERYTHING = Reads(everything=True)
NOTHING = Reads()


def _before_elements(path: Segments) -> Segments:
    for index, segment in enumerate(path):
        if not isinstance(segment, str):
            return path[:index]
    return path


class Fields:
    """The fields of the judged resource that a rule names, in the `if` and in its effect's details.

    `texts` are None where a name is computed from more than parameters. `calls` are the host functions that are asked.
    """

    __slots__ = ("_fold", "calls", "related", "texts")

    def __init__(self, parsed: tree.Tree, fold: Folder) -> None:
        self._fold = fold
        self.calls: set[str] = set()
        found = {*self._condition(parsed.condition, own=True)}
        self.related: set[str | None] = set()
        existence = parsed.then.existence
        if existence is not None:
            parts = (existence.type, existence.name, existence.resource_group, existence.scope)
            for part in parts:
                found.update(() if part is None else self._operand(part))
            if existence.condition is not None:
                found.update(self._condition(existence.condition, own=False))
            kind = fold(existence.type)
            self.related.add(kind.lower() if isinstance(kind, str) else None)
        self.texts = None if None in found else frozenset(text for text in found if text is not None)

    def of(self, aliases: Aliases, type_: str, api_version: str, *, indexed: bool) -> Reads:
        """What is read of a resource of a lower-cased type."""
        itself = self.related & {type_, "*", None}
        container = type_ in (SUBSCRIPTION_TYPE, RESOURCE_GROUP_TYPE)
        if self.texts is None or itself or (container and self.calls & {"subscription", "resourcegroup"}):
            return EVERYTHING
        try:
            paths = [aliases.field(text, api_version, type_).segments for text in self.texts]
        except (UnknownAlias, ValueError):
            return EVERYTHING
        return Reads.of(path for path in (*paths, ("location",) if indexed else ()) if path)

    def _condition(self, node: tree.Condition, *, own: bool) -> Iterator[str | None]:
        """The field texts of a condition; one on related resources (not `own`) reads the judged resource by functions alone."""
        if isinstance(node, tree.Leaf):
            yield from self._operand(node.operand)
            yield from self._subject(node.subject, own=own)
        else:
            for child in (node.child,) if isinstance(node, tree.Not) else node.children:
                yield from self._condition(child, own=own)

    def _subject(
        self, subject: tree.FieldRef | tree.ValueRef | tree.Count, *, own: bool
    ) -> Iterator[str | None]:
        if isinstance(subject, tree.ValueRef):
            yield from self._operand(subject.operand)
        elif isinstance(subject, tree.Count):
            yield from self._subject(subject.over, own=own)
            if subject.where is not None:
                yield from self._condition(subject.where, own=own)
        else:
            yield from self._operand(subject.name)
            if own:
                name = self._fold(subject.name)
                yield name if isinstance(name, str) else None

    def _operand(self, operand: tree.Operand) -> Iterator[str | None]:
        for template in templates(operand):
            self.calls |= template.expression.calls & HOSTS.keys()
            if "field" in template.expression.calls:
                for node in walk(template.expression.tree):
                    if isinstance(node, Call) and node.key == "field":
                        yield self._named(node.arguments)

    def _named(self, arguments: tuple[Node, ...]) -> str | None:
        """The text that field() is asked for, None where more than parameters decide it."""
        if len(arguments) != 1:
            return None
        asked = {node.key for node in walk(arguments[0]) if isinstance(node, Call)}
        if asked & (HOSTS.keys() - {"parameters"}):
            return None
        try:
            found = interpret_node(arguments[0], HOSTS, self._fold.scope)
        except ArmError:
            return None
        return found if isinstance(found, str) else None

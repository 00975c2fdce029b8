"""Facts of the entities on pages of incidents and alerts: the estate's facts, assessments and attack paths."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nephoscope.alerts.investigation.entity_context import EntityContext, EntityFact, choose_context
from nephoscope.alerts.investigation.estate_reader import EstateReader
from nephoscope.estate.estate_store import StoreError
from nephoscope.lake.errors import LakeError
from nephoscope.model.resource_names import shorten_ids
from nephoscope.web.rendering.formatting import count_text
from nephoscope.web.rendering.readable_text import humanize_types

if TYPE_CHECKING:
    from nephoscope.alerts.investigation.participants import InvolvedEntity, Participant
    from nephoscope.model.entity import Entity
    from nephoscope.web.visits.request_context import Visit

#: A subscription alone, or one of its resource groups, which people know by names.
_SCOPE = re.compile(
    r"/subscriptions/([0-9a-f-]{36})(?:/resourcegroups/([\w.()-]*[\w-]))?(?![/\w-])", re.IGNORECASE
)
_LEADING = ("account", "exposure", "resource")
NOTHING_COLLECTED = "No estate was collected, or your roles do not include it."


@dataclass(frozen=True, slots=True)
class EntityFacts:
    """The contexts of the entities of a page; `error` says why there are none ('' = there are), `names` are those of subscriptions."""

    contexts: dict[Entity, EntityContext] = field(default_factory=dict)
    error: str = ""
    names: Mapping[str, str] = field(default_factory=dict)

    def find_context(self, party: Participant) -> EntityContext | None:
        """The context of a party by that of its names which tells most, None where no estate holds such."""
        return choose_context(self.contexts.get(one) for one in party.entities)

    def is_first(self, party: Participant) -> bool:
        """Return whether a party is the first that the estate holds: it is shown in full."""
        first = next((one for one in self.contexts.values() if one.is_in_estate), None)
        return first is not None and first.entity in party.entities

    def value(self, fact: EntityFact) -> str:
        """The value of a fact with subscriptions and their resource groups by their names."""
        return humanize_types(shorten_ids(_SCOPE.sub(self._get_scope_name, fact.value)))

    def _get_scope_name(self, scope: re.Match[str]) -> str:
        name = self.names.get(scope[1].lower())
        if name is None:
            return scope[0]
        return f"{scope[2]} in {name}" if scope[2] else name

    def summary(self, context: EntityContext) -> str:
        """A context in one line: what it is called by, then what is wrong."""
        lines = [
            one.value
            for one in context.facts
            if one.known and one.name in ("account", "exposure", "resource")
        ]
        weaknesses, paths = context.weaknesses or (), context.paths or ()
        lines += [f"{count_text(len(weaknesses), 'unhealthy assessment')}"] if weaknesses else []
        lines += [f"on {count_text(len(paths), 'attack path')}"] if paths else []
        return "; ".join(lines) or "unknown"


def load_entity_facts(visit: Visit, involved: Sequence[InvolvedEntity]) -> EntityFacts:
    """The contexts of entities, as the visitor may be told of them."""
    try:
        found = visit.instance.entity_contexts.describe(involved, EstateReader.of(visit.caller))
    except (StoreError, LakeError) as error:
        return EntityFacts(error=f"The estate cannot be read: {error}")
    if found is None:
        return EntityFacts(error=NOTHING_COLLECTED)
    pairs = zip((one.entity for one in involved), found, strict=True)
    return EntityFacts({entity: one for entity, one in pairs if one is not None}, names=visit.subscriptions)

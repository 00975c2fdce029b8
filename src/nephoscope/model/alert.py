"""An alert: a rule's word that something happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from nephoscope.model.entity import Entity
from nephoscope_policy.model.state import Severity


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `id` is the same for the same rule, window and group of rows, so that a second run adds nothing.

    `start` and `end` are the first and last TimeGenerated of the rows behind it (the window where they have none), `generated` when
    it was raised, `events` how many rows are behind it, `custom_details` what the rule asked to keep, `query` the text that found it,
    `properties` what its rule puts in the place of columns of its row, `searched` from when to when its rule looked.
    `held_by` is what held it back, by its id or a word that stays, `held_as` the same for a person ('' = it is raised);
    `learned` are the names of what it is about that its rule is to remember.

    `group` stands for what late rows do not change of it, `traits` for the value of each of its columns where that does not tell it
    from others of its window: a later run finds it by these.
    """

    id: str
    rule: str
    name: str
    description: str
    severity: Severity
    start: datetime
    end: datetime
    generated: datetime
    tactics: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    entities: tuple[Entity, ...] = ()
    events: int = 1
    custom_details: dict[str, list[str]] = field(default_factory=dict)
    remediation: str = ""
    query: str = field(default="", repr=False)
    properties: dict[str, str] = field(default_factory=dict)
    searched: tuple[datetime, datetime] | None = None
    held_by: str = ""
    held_as: str = ""
    learned: tuple[str, ...] = ()
    group: str = ""
    traits: dict[str, str] = field(default_factory=dict, repr=False)

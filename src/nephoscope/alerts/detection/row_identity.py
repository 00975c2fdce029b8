"""Row identity: a stable name for a row in every run of its window."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nephoscope.alerts.rules.query_result import RuleResultRow

if TYPE_CHECKING:
    from nephoscope_kql.plan.row_identity import RowIdentity

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RowName:
    """`text` is what an id is made of, `group` stands for what late rows do not change.

    `traits` are there where that does not tell the row from others: a digest of the value of each column.
    """

    text: str
    group: str
    traits: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "group", _compute_digest(self.group))


def sort_by_time(rows: Sequence[RuleResultRow]) -> Sequence[RuleResultRow]:
    """Rows that a query leaves in any order: by when they happened, then by what they say."""
    if len(rows) < 2:
        return rows
    return sorted(rows, key=lambda row: (min(row.list_times(), default=_NEVER), _to_json(row.document())))


def name_rows(rows: Sequence[RuleResultRow], identity: RowIdentity, prefix: str = "") -> list[RowName]:
    """The names of rows, each another: by what tells them apart, else by all that they say; equal ones are counted."""
    seen: Counter[str] = Counter()
    names = []
    for row in rows:
        document = row.document()
        identity_text = _to_json({name: document.get(name) for name in identity.columns})
        text = identity_text if identity.whole else _to_json(document)
        seen[text] += 1
        traits = (
            {} if identity.whole else {name: _compute_digest(_to_json(one)) for name, one in document.items()}
        )
        names.append(RowName(f"{prefix}{text}#{seen[text]}", prefix + identity_text, traits))
    return names


def _to_json(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def _compute_digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

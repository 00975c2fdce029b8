"""The profile of one entity, for a person to read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from nephoscope.behavior.profiles import EPOCH, SPAN, TRIED, Profiles, fetch_arrow
from nephoscope.behavior.tenant_context import load_knowledge

_QUERY = f"""
SELECT kind, dimension, value, sum(bit_count(bits))::BIGINT AS days,
  min(oldest(span, bits))::INT AS first, max(newest(span, bits))::INT AS last
FROM (
  SELECT kind, dimension, value, span, bit_or(bits) AS bits FROM (
    SELECT * FROM base
    UNION ALL SELECT kind, entity, dimension, value, day // {SPAN}, 1::BIGINT << (day % {SPAN})::INT FROM recent
    WHERE NOT starts_with(dimension, '{TRIED}'))
  WHERE entity = (SELECT entity FROM asked) AND value <> ''
  GROUP BY ALL)
GROUP BY kind, dimension, value ORDER BY kind, dimension, days DESC, value
"""  # noqa: S608 - numbers of ours


def read_profile(data: Path, workspace: str, entity: str) -> list[dict[str, object]]:
    """Return what is known of an entity: each value of each dimension, on how many days, the first and the last of them."""
    asked = entity.lower()
    asked = load_knowledge(data, workspace).aliases.get(asked, asked)
    profiles = Profiles(data, workspace)
    if not profiles.folder.exists():
        return []
    with profiles.open_tables() as connection:
        connection.execute("CREATE TEMP TABLE asked AS SELECT $entity AS entity", {"entity": asked})
        rows: list[dict[str, Any]] = fetch_arrow(connection, _QUERY).to_pylist()
    return [
        {**row, "first": EPOCH + timedelta(days=row["first"]), "last": EPOCH + timedelta(days=row["last"])}
        for row in rows
    ]

"""Documents as rows: the columns of Resource Graph, the whole body, and what findings are listed by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec
import pyarrow as pa

from nephoscope.posture.published.document import PublishedDocument
from nephoscope.posture.published.resource_graph_spelling import format_properties
from nephoscope.posture.reports.resource_graph_tables import COLLECTED, COLUMNS
from nephoscope_kql.types import KqlType

BATCH = 10_000
#: Columns beside those of Resource Graph: they start with `_`, so that no body has them.
PROMOTED = (
    "_key",
    "_body",
    "_subject",
    "_recommendation",
    "_state",
    "_severity",
    "_cause",
    "_title",
    "_group",
    "_open",
)
EVERYBODY = "1"
"""What `_open` says of a row that whoever reads something may read; else it names the tenants whose readers may ('' = none)."""
#: What stands over all subscriptions and tells nothing of any of them: whoever may read something may read it.
OPEN = frozenset(
    {
        "microsoft.authorization/policydefinitions",
        "microsoft.authorization/policysetdefinitions",
        "microsoft.authorization/roledefinitions",
        "microsoft.policyinsights/policymetadata",
        "microsoft.security/assessmentmetadata",
        "microsoft.security/securescorecontroldefinitions",
    }
)
#: Those of them that Azure alone makes.
_AZURES = frozenset(
    {"microsoft.policyinsights/policymetadata", "microsoft.security/securescorecontroldefinitions"}
)
_BUILT_IN = frozenset({"builtin", "builtinrole", "static"})
SCHEMA = pa.schema(
    [
        ("_table", pa.string()),
        *((name, pa.string()) for name, _ in COLUMNS),
        *((name, pa.string()) for name in PROMOTED),
    ]
)
_DYNAMIC = frozenset(name for name, kind in COLUMNS if kind is KqlType.DYNAMIC)
#: The columns of a body that has none of them.
_LACKING: dict[str, str | None] = {
    name: None if name in _DYNAMIC else "" for name, _ in COLUMNS if name != "properties"
}
_LOWERED = frozenset({"type", "resourceGroup", "subscriptionId"})


def is_common(document: PublishedDocument) -> bool:
    """Return whether Azure has the same document in every tenant: a built-in definition or role, what a recommendation is.

    A document of a kind that tenants make too must say that it is built in: one that says nothing is its tenant's.
    """
    id_ = document.id
    if id_.type not in OPEN or id_.parent:
        return False
    if id_.type in _AZURES:
        return True
    properties = document.body.get("properties")
    words = properties if isinstance(properties, dict) else {}
    kinds = {str(words.get(name) or "").lower() for name in ("type", "policyType", "assessmentType")}
    return bool(kinds & _BUILT_IN)


def row(document: PublishedDocument, table: str) -> dict[str, object]:
    """One row; a column of the body that it lacks is null where dynamic, '' where text.

    The columns are spelled as Resource Graph has them, `_body` as the document's own API; what was collected stays as it was.
    """
    body, id_ = document.body, document.id
    shown = (
        body.get("properties") if table == COLLECTED else format_properties(id_.type, body.get("properties"))
    )
    common = is_common(document)
    found = _LACKING | {
        name: _to_cell(body[name], dynamic=name in _DYNAMIC) for name in _LACKING.keys() & body
    }
    found |= {
        "id": str(body.get("id") or id_.key),
        "name": str(body.get("name") or id_.name),
        "type": id_.type,
        "tenantId": "" if common else document.tenant or str(body.get("tenantId") or "").lower(),
        "resourceGroup": id_.resource_group,
        "subscriptionId": id_.subscription,
        "properties": _to_cell(shown, dynamic=True),
    }
    return {
        "_table": table,
        **found,
        "_key": id_.key,
        "_body": msgspec.json.encode(body).decode(),
        "_subject": document.subject or id_.key,
        "_recommendation": document.key,
        "_state": document.state,
        "_severity": document.severity,
        "_cause": document.cause,
        "_title": document.title,
        "_group": id_.resource_group_id,
        "_open": (document.holders or EVERYBODY) if common else "",
    }


def _to_cell(value: object, *, dynamic: bool) -> str | None:
    if dynamic:
        return None if value is None else msgspec.json.encode(value).decode()
    return "" if value is None else str(value)


def build_batches(rows: Iterable[dict[str, object]]) -> Iterator[pa.RecordBatch]:
    """Rows as batches of the schema."""
    source = iter(rows)
    while held := list(islice(source, BATCH)):
        yield pa.RecordBatch.from_pylist(held, schema=SCHEMA)

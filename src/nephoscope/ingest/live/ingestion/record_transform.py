"""Record transform: turn the records of a request into rows by table, and collect records that fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from nephoscope.ingest.live.ingestion.data_collection_rules import DataFlow
from nephoscope.ingest.live.ingestion.transform import Transform, TransformError, TransformResult
from nephoscope.ingest.live.live_source import QuarantinedInput, RowOrigin
from nephoscope.lake.schema.coercion import to_json_text
from nephoscope.lake.schema.row_conversion import build_bag

_TOLD = 100


@dataclass(slots=True)
class ShapedRecords:
    """Rows by table, where each comes from, and what is refused."""

    rows: dict[str, list[Mapping[str, object]]] = field(default_factory=dict)
    origins: dict[str, list[RowOrigin]] = field(default_factory=dict)
    refused: tuple[QuarantinedInput, ...] = ()


def shape_records(
    flows: tuple[DataFlow, ...], stream: str, records: Sequence[Mapping[str, object]]
) -> ShapedRecords:
    """The records through every flow of their stream; a transform that fails refuses the records and stops no other flow."""
    found = ShapedRecords()
    for flow in flows:
        if flow.transform is None:
            rows, origins = list(records), [_build_origin(number, one) for number, one in enumerate(records)]
        else:
            try:
                made = flow.transform.apply(records, datetime.now(UTC))
            except TransformError as error:
                reason = f"the transform to {flow.table} failed: {error}"
                found.refused += tuple(
                    _make_refusal(stream, reason, number, one) for number, one in enumerate(records)
                )
                continue
            rows = _complete_rows(made, flow.bag)
            origins = [
                _build_origin(owner, records[owner], _describe_type_mismatch(made, owner, flow.transform))
                for owner in made.owners
            ]
        found.rows.setdefault(flow.table, []).extend(rows)
        found.origins.setdefault(flow.table, []).extend(origins)
    return found


def _build_origin(number: int, record: Mapping[str, object], unfit: str = "") -> RowOrigin:
    return RowOrigin(f"record {number}", record, unfit)


def _make_refusal(stream: str, reason: str, number: int, record: Mapping[str, object]) -> QuarantinedInput:
    return QuarantinedInput(stream, f"record {number}", reason, to_json_text(record))


def _complete_rows(made: TransformResult, bag: str) -> list[Mapping[str, object]]:
    """The rows, what the transform could not see of their records in the bag of their table."""
    rows: list[Mapping[str, object]] = []
    for owner, row in zip(made.owners, made.rows, strict=True):
        unseen = {**made.strangers.get(owner, {}), **made.unfit.get(owner, {})}
        rows.append(_add_to_bag(row, unseen, bag) if unseen else row)
    return rows


def _add_to_bag(row: dict[str, object], unseen: Mapping[str, object], bag: str) -> dict[str, object]:
    """A row with more in its bag: under its own name, behind `sent_` where the row has another value of that name."""
    kept = dict(build_bag(row.get(bag), bag))
    for name, value in unseen.items():
        free = name
        while free in kept or row.get(free) not in (None, ""):
            free = f"sent_{free}"
        kept[free] = value
    return {**row, bag: kept}


def _describe_type_mismatch(made: TransformResult, owner: int, transform: Transform) -> str:
    """Return what of a record was not of its declared type, in words."""
    unfit = made.unfit.get(owner, {})
    mismatches = (
        f"{name} is no {transform.find_kind(name).value}: {to_json_text(value)[:_TOLD]}"
        for name, value in unfit.items()
    )
    return "; ".join(mismatches)

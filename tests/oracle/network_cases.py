"""Network answers against recorded ones: `python tests/oracle/network_cases.py CORPUS [-v]`.

CORPUS has `batfish_flows.jsonl` with `batfish_estates.json`, `documented_rules.jsonl`, `diagnostic_blobs.jsonl.gz` and
`captures_expected.jsonl`, whose files are in `captures` beside CORPUS. Each record is one comparison, but for captures, where each
expected field is one. Assumed: a machine without an address of its own, NAT gateway or outbound rule does not reach the Internet where
its interface says that it has no default outbound access. A figure a part, then `N/M match`.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from corpus_records import Record, judged, lines
from network_captures import FIELDS, compare_capture
from network_documents import assess_rule
from network_flows import judge_flow

from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.log_reader import read_batches

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def diagnostic(value: dict[str, Any]) -> str:
    """What differs in the number of records that a reader finds in a blob; where none is recorded, every record is read."""
    found = bad = 0
    for batch in read_batches(
        io.BytesIO(value["text"].encode()), load_formats(), StreamContext(source="blob", now=NOW)
    ):
        found += batch.records
        bad += len(batch.bad)
    wanted = value["records"]
    if bad or not found:
        return f"{bad} records could not be read of {found}"
    return "" if wanted is None or found == wanted else f"records: wanted {wanted}, found {found}"


def parts(folder: Path) -> Iterator[tuple[str, Path, Callable[[dict[str, Any]], str]]]:
    """The parts that are one comparison a record."""
    estates = json.loads((folder / "batfish_estates.json").read_text())
    yield "flows", folder / "batfish_flows.jsonl", lambda value: judge_flow(value, estates)
    yield "documented_rules", folder / "documented_rules.jsonl", assess_rule
    yield "diagnostic_blobs", folder / "diagnostic_blobs.jsonl.gz", diagnostic


def main() -> int:
    """Judge every part and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true")
    given = parser.parse_args()
    matched, total, missed = Counter[str](), Counter[str](), []
    whole = Counter[str]()
    for part, path, assess in parts(given.corpus):
        for record in lines(path):
            wrong = record.wrong or judged(lambda: assess(record.value))  # noqa: B023 - called at once
            total[part] += 1
            matched[part] += not wrong
            if wrong:
                missed.append(f"{part} {record.value.get('id', record.place)}: {wrong}")
    for record in lines(given.corpus / "captures_expected.jsonl"):
        _captures(record, given.corpus.parent / "captures", matched, total, whole, missed)
    if given.verbose:
        print("\n".join(missed))
    for part in total:
        print(f"{part:<32}{matched[part]:>6} of {total[part]:>6}")
    print(f"captures equal in every field   {whole['equal']:>6} of {whole['all']:>6}")
    print(f"captures, flows and protocols   {whole['counts']:>6} of {whole['all']:>6}")
    print(f"{sum(matched.values())}/{sum(total.values())} match")
    return 0 if matched == total else 1


def _captures(
    record: Record,
    folder: Path,
    matched: Counter[str],
    total: Counter[str],
    whole: Counter[str],
    missed: list[str],
) -> None:
    """Compare one capture field by field."""
    wrong: dict[str, str] = {}
    failed = record.wrong or judged(lambda: wrong.update(compare_capture(record.value, folder)) or "")
    for name in FIELDS:
        total[f"captures {name}"] += 1
        why = failed or wrong.get(name, "")
        matched[f"captures {name}"] += not why
        if why:
            missed.append(
                f"captures {name} {record.value.get('id', record.place)} {record.value.get('file')}: {why}"
            )
    whole["all"] += 1
    whole["equal"] += not failed and not wrong
    whole["counts"] += not failed and not {"conversations", "protocol_frames"} & set(wrong)


if __name__ == "__main__":
    sys.exit(main())

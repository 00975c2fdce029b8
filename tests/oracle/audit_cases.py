"""Audit records, the events that they make, and rules of auditctl, against recorded ones: `audit_cases.py CORPUS [-v]`.

A record matches when its decoded fields and keys are equal, an event when all of its parts are, a rule when the bytes are equal. The
last line is `N/M match`.
"""

from __future__ import annotations

import argparse
import base64
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from corpus_records import Record, lines, raised

from nephoscope.protect.hosts.agent_package import find_source


def load_agent() -> None:
    """Make the agent's package known: it is not installed, since it runs on other machines."""
    source = find_source()
    spec = spec_from_file_location(
        source.name, source / "__init__.py", submodule_search_locations=[str(source)]
    )
    assert spec is not None
    assert spec.loader is not None
    sys.modules[source.name] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[source.name])


def judge_record(record: Record) -> str:
    """Return how the fields of a record differ, '' where they do not."""
    from nephoscope_agent.audit.records import parse_record

    value = record.value
    found = parse_record(value["raw"], value["type"])
    if value["error"]:
        return "an error was wanted"
    wanted = (value["data"], value["keys"] or [], value["sequence"])
    return difference((found.data, found.keys, found.sequence), wanted)


def judge_event(record: Record) -> str:
    """Return how an event differs, '' where it does not."""
    from nephoscope_agent.audit.events import build_event
    from nephoscope_agent.audit.records import parse_record

    found = build_event([parse_record(line) for line in record.value["raw"]])
    return difference(found, record.value["event"])


def assess_rule(record: Record) -> str:
    """Return how the bytes of a rule differ, '' where they do not."""
    from nephoscope_agent.audit.rules import build_rule

    found = build_rule(record.value["flags"], "x86_64")
    wanted = base64.b64decode(record.value["bytes_b64"])
    return "" if found == wanted else f"{record.value['flags']}: bytes differ"


def difference(found: object, wanted: object, place: str = "") -> str:
    """Return the first few places where two values of JSON differ."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        told = (
            difference(found.get(name), wanted.get(name), f"{place}.{name}")
            for name in sorted({*found, *wanted})
        )
        return "; ".join(filter(None, told))
    if isinstance(found, tuple) and isinstance(wanted, tuple):
        return "; ".join(filter(None, map(difference, found, wanted)))
    return "" if found == wanted else f"{place}: wanted {wanted!r}, found {found!r}"


JUDGES: dict[str, Callable[[Record], str]] = {
    "audit_records.jsonl.gz": judge_record, "audit_events.jsonl.gz": judge_event, "audit_rules.jsonl.gz": assess_rule,
}  # fmt: skip


def main() -> int:
    """Judge the three files of a folder, print what does not match, then the sums."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-v", "--verbose", action="store_true")
    arguments = parser.parse_args()
    load_agent()
    matched = total = 0
    for name, assess in JUDGES.items():
        right = count = 0
        for record in lines(arguments.folder / name):
            count += 1
            try:
                wrong = record.wrong or assess(record)
            except Exception as error:  # noqa: BLE001 - a runner's border: an exception in a record is a miss, and is shown
                wrong = raised(error)
            right += not wrong
            if wrong and arguments.verbose:
                print(f"{record.place} {record.value.get('case', record.value.get('id'))}: {wrong[:1500]}")
        print(f"{name}: {right}/{count}")
        matched, total = matched + right, total + count
    print(f"{matched}/{total} match")
    return 0 if total and matched == total else 1


if __name__ == "__main__":
    sys.exit(main())

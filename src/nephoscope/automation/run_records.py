"""Run records: one event, or several that belong together, as the input of a run."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.state.automation.automation_runs import AutomationRun

RECORDS = "records"


def to_records(run: AutomationRun) -> Iterator[tuple[str, dict[str, object]]]:
    """(id, record) of each; the id is the same at every try, so that who gets a record twice can tell."""
    if RECORDS not in run.document:
        yield run.id, run.document
        return
    for number, one in enumerate(run.document[RECORDS]):
        yield f"{run.id}-{number}", one


def drop_records(run: AutomationRun) -> dict[str, object]:
    """The document without its records, for a run that is done: it says how many there were."""
    if RECORDS not in run.document:
        return run.document
    kept = {name: value for name, value in run.document.items() if name != "before"}
    return {**kept, RECORDS: [], "count": kept.get("count", len(kept[RECORDS]))}

"""Work item transitions of a run: new, reopened, fixed, or unchanged."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from nephoscope.posture.code.finding import FindingState


@dataclass(frozen=True, slots=True)
class KnownItem:
    """A work item as it stands: whether it is open, and the file that it is in."""

    is_open: bool
    file: str


@dataclass(frozen=True, slots=True)
class Transition:
    """Fingerprints by what becomes of them; `kept` are open and were found again, `undecided` stay open since nothing was judged.

    `suppressed` were open, and somebody accepts them in the code now.
    """

    new: frozenset[str] = frozenset()
    reopened: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    fixed: frozenset[str] = frozenset()
    suppressed: frozenset[str] = frozenset()
    undecided: frozenset[str] = frozenset()


def compare(
    items: Mapping[str, KnownItem],
    reported: Mapping[str, FindingState],
    unread: Collection[str] = (),
    judged: Collection[str] | None = None,
) -> Transition:
    """Compare a run with the items of its series, both by fingerprint.

    An open item is fixed only where the run judged its file and says nothing of it: one that is Unknown now, or whose file could not
    be read, stays open. `judged` are the files of a run over a part of the repository; None where it looked at all of it.
    """
    failed = {
        mark
        for mark, state in reported.items()
        if state not in (FindingState.UNKNOWN, FindingState.SUPPRESSED)
    }
    opened = {mark for mark, item in items.items() if item.is_open}
    gone = opened - failed
    suppressed = {mark for mark in gone if reported.get(mark) is FindingState.SUPPRESSED}
    undecided = {
        mark
        for mark in gone - suppressed
        if mark in reported or not _is_file_assessed(items[mark].file, unread, judged)
    }
    return Transition(
        new=frozenset(failed - items.keys()),
        reopened=frozenset(failed & items.keys() - opened),
        kept=frozenset(failed & opened),
        fixed=frozenset(gone - suppressed - undecided),
        suppressed=frozenset(suppressed),
        undecided=frozenset(undecided),
    )


def _is_file_assessed(file: str, unread: Collection[str], judged: Collection[str] | None) -> bool:
    return file not in unread and (judged is None or file in judged)

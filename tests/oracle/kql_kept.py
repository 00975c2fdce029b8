"""Outcomes of rules kept in a file, so that a long run can be done in parts and summed in the end."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from kql_rule_files import Rule
from kql_workers import outcomes


def part(text: str) -> tuple[int, int]:
    """`2/6` as (2, 6): the second of six parts."""
    place, _, count = text.partition("/")
    if not (place.isdigit() and count.isdigit() and 1 <= int(place) <= int(count)):
        raise argparse.ArgumentTypeError(f"{text}: expected I/N, such as 2/6")
    return int(place), int(count)


def of_part(chosen: list[Rule], wanted: tuple[int, int]) -> list[Rule]:
    """Every Nth rule, so that parts take alike long."""
    place, count = wanted
    return chosen[place - 1 :: count]


@dataclasses.dataclass(frozen=True)
class Kept:
    """A file of outcomes, a JSON object a line; those of other `settings` stay, what took too long is judged again."""

    path: Path | None
    kind: type[Any]
    settings: str

    def outcomes(
        self,
        chosen: Sequence[Rule],
        make: Callable[..., Callable[[Any], Any]],
        arguments: Sequence[Any],
        workers: int,
        limit: float,
    ) -> Iterator[tuple[int, Any]]:
        """What kql_workers.outcomes gives; each rule is judged where the file does not know it."""
        known = self._read()
        for place, rule in enumerate(chosen):
            if rule.path in known:
                yield place, known[rule.path]
        left = [place for place, rule in enumerate(chosen) if rule.path not in known]
        for at, outcome in outcomes([chosen[place] for place in left], make, arguments, workers, limit):
            self._add(chosen[left[at]], outcome)
            yield left[at], outcome

    def _read(self) -> dict[str, Any]:
        if self.path is None or not self.path.is_file():
            return {}
        records = map(json.loads, self.path.read_text(encoding="utf-8").splitlines())
        return {
            one["rule"]: self.kind(**one["outcome"]) for one in records if one["settings"] == self.settings
        }

    def _add(self, rule: Rule, outcome: Any) -> None:
        if self.path is None or not isinstance(outcome, self.kind):
            return
        record = {"rule": rule.path, "settings": self.settings, "outcome": dataclasses.asdict(outcome)}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

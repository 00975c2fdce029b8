"""An entry of a log: when it happened, the stream it belongs to, and the record or line as Azure writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from nephoscope.sample.company import Company
    from nephoscope.sample.seeded_random import Dice

    Background = Callable[[Company, date, Dice], "Iterator[SampleEntry]"]


class SampleEntry(NamedTuple):
    """One record: `stream` names the kind of log (a file each), `record` is a JSON object or a line of text."""

    time: datetime
    stream: str
    record: dict[str, Any] | str


def format_time_stamp(moment: datetime) -> str:
    """A time as Azure writes it, with seven digits."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}0Z"


Writer = Callable[..., SampleEntry | list[SampleEntry]]


@cache
def load_writers() -> Mapping[str, Writer]:
    """Return what writes a record of a kind, by the name that attacks use; found in the folder records/."""
    found: dict[str, Writer] = {}
    for module in _list_modules("records"):
        found.update(getattr(module, "RECORDS", {}))
    return found


@cache
def load_backgrounds() -> Mapping[str, Background]:
    """Return what writes a day of the company's life, by name; found in the folder background/."""
    return {module.__name__.rpartition(".")[2]: module.generate_day for module in _list_modules("background")}


def _list_modules(name: str) -> list[Any]:
    package = import_module(f"nephoscope.sample.{name}")
    names = sorted(one.name for one in iter_modules(package.__path__))
    return [import_module(f"{package.__name__}.{one}") for one in names]

"""An estate of any size out of recorded families: every copy has ids, names, a region and leaf values of its own."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

from speed.templates import COPY, REGION, SUBSCRIPTION, Template, Templates, plain

SHARE = 0.1
PER_SUBSCRIPTION = 2_000
REGIONS = (
    "westeurope", "northeurope", "eastus", "eastus2", "westus2", "centralus", "uksouth", "francecentral", "swedencentral",
    "japaneast",
)  # fmt: skip
_DATE = re.compile(r"\d{4}-\d\d-\d\dT")
_GROUP = re.compile(r"(/subscriptions/[^/]+/resourceGroups/)([^/\"]+)", re.IGNORECASE)


@dataclass(slots=True)
class Grown:
    """What was written: resources (with embedded children), leaf values in all and changed, subscriptions."""

    resources: int = 0
    leaves: int = 0
    changed: int = 0
    subscriptions: int = 0

    @property
    def share(self) -> float:
        """The share of leaf values that differ from the recorded ones, ids, names and regions apart."""
        return self.changed / max(self.leaves, 1)


def write(templates: Templates, size: int, path: Path, seed: int = 1) -> Grown:
    """Write an estate of about `size` resources as JSON lines."""
    grown = Grown()
    with path.open("wb") as file:
        while grown.resources < size:
            _subscription(templates, size, file, grown, seed)
    return grown


def _subscription(templates: Templates, size: int, file: IO[bytes], grown: Grown, seed: int) -> None:
    number = grown.subscriptions
    grown.subscriptions += 1
    guid = str(uuid.uuid5(uuid.NAMESPACE_OID, f"nephoscope bench {seed} {number}"))
    full = min(size, grown.resources + PER_SUBSCRIPTION)
    first = True
    for template in templates.once:
        _emit(_Copy(template, guid, f"s{number}", number, seed), templates, file, grown)
    groups: set[str] = set()
    for copy in _endless():
        for step in range(len(templates.families)):
            at = (step + 97 * number) % len(templates.families)
            family = templates.families[at]
            if grown.resources >= full and not first:
                return
            for template in family:
                text = _emit(
                    _Copy(template, guid, f"n{number}x{copy}f{at}", number * 31 + copy, seed),
                    templates,
                    file,
                    grown,
                )
                _group(text, groups, file, grown)
            first = False


def _endless() -> Iterator[int]:
    number = 0
    while True:
        yield number
        number += 1


@dataclass(frozen=True, slots=True)
class _Copy:
    template: Template
    subscription: str
    number: str
    region: int
    seed: int

    def body(self, pools: dict[tuple[str, tuple[str | int, ...]], list[Any]], grown: Grown) -> dict[str, Any]:
        """The body of this copy."""
        template = self.template
        region = REGIONS[self.region % len(REGIONS)]
        text = (
            template.text.replace(SUBSCRIPTION, self.subscription)
            .replace(COPY, f"-{self.number}")
            .replace(REGION, region)
        )
        body: dict[str, Any] = msgspec.json.decode(text)
        chance = random.Random(f"{self.seed} {body['id']}")
        wanted = min(len(template.leaves), -(-template.total * (SHARE + 0.02) // 1))
        grown.leaves += template.total
        for path in chance.sample(template.leaves, int(wanted)):
            grown.changed += _change(
                body, path, pools.get((template.type, plain(path)), []), self.number, chance
            )
        return body


def _emit(copy: _Copy, templates: Templates, file: IO[bytes], grown: Grown) -> str:
    body = copy.body(templates.pools, grown)
    file.write(msgspec.json.encode(body) + b"\n")
    grown.resources += 1 + copy.template.embedded
    return str(body["id"])


def _group(id_: str, known: set[str], file: IO[bytes], grown: Grown) -> None:
    """The resource group of an id, written once."""
    match = _GROUP.match(id_)
    if match is None or match.end() == len(id_) or match.group(0).lower() in known:
        return
    known.add(match.group(0).lower())
    name = match.group(2)
    tags = {"owner": f"team{len(known) % 31}"} if len(known) % 3 else {}
    body = {
        "id": match.group(0),
        "name": name,
        "type": "Microsoft.Resources/subscriptions/resourceGroups",
        "location": REGIONS[len(known) % len(REGIONS)],
        "tags": tags,
        "properties": {"provisioningState": "Succeeded"},
    }
    file.write(msgspec.json.encode(body) + b"\n")
    grown.resources += 1


def _change(
    body: Any, path: tuple[str | int, ...], pool: list[Any], number: str, chance: random.Random
) -> bool:
    """Put another value at a path: one that was seen there in another body, else one of the same kind."""
    holder = body
    for segment in path[:-1]:
        holder = holder[segment]
    old = holder[path[-1]]
    others = [value for value in pool if type(value) is type(old) and value != old and not _refers(value)]
    holder[path[-1]] = chance.choice(others) if others else _other(old, number, chance)
    return bool(holder[path[-1]] != old)


def _refers(value: Any) -> bool:
    return isinstance(value, str) and value.lower().startswith("/subscriptions/")


def _other(value: Any, number: str, chance: random.Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + chance.randint(1, 9)
    if _DATE.match(value):
        return f"{chance.randint(2019, 2026)}{value[4:5]}{chance.randint(1, 12):02d}{value[7:]}"
    return f"{value}-{number}"


def changed(path: Path, target: Path, count: int, seed: int = 2) -> None:
    """A copy of an estate's file in which so many lines are edited; of them one in twenty is gone instead."""
    chance = random.Random(seed)
    with path.open("rb") as source:
        lines = sum(1 for _ in source)
    chosen = frozenset(chance.sample(range(lines), count))
    with path.open("rb") as source, target.open("wb") as file:
        for number, line in enumerate(source):
            if number not in chosen:
                file.write(line)
            elif chance.random() >= 0.05:
                file.write(msgspec.json.encode(_edited(msgspec.json.decode(line), chance)) + b"\n")


def _edited(body: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    tags = body.get("tags")
    body["tags"] = {**(tags if isinstance(tags, dict) else {}), "edited": str(chance.random())}
    properties = body.get("properties")
    if isinstance(properties, dict):
        for key, value in properties.items():
            if isinstance(value, bool):
                properties[key] = not value
                break
    return body

"""Names that shipped rules had before, so that what people wrote with them still finds its rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

import yaml

from nephoscope.alerts.rules.rule import AnalyticRule

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def load_former_names() -> Mapping[str, tuple[str, ...]]:
    """Return the names that each shipped rule had before, by its id (content/former_rule_names.yaml)."""
    text = (files("nephoscope.content") / "former_rule_names.yaml").read_bytes()
    named: Mapping[str, str] = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader
    known: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    for name, id_ in named.items():
        known[id_] += (name,)
    return dict(known)


def choose_rules(rules: Sequence[AnalyticRule], wanted: str) -> list[AnalyticRule]:
    """Return the rules of an id or a name in any case; where there is none, those that had the name before."""
    word = wanted.casefold()
    found = [one for one in rules if word in (one.id.casefold(), one.name.casefold())]
    return found or [one for one in rules if word in map(str.casefold, load_former_names().get(one.id, ()))]

"""Rules in files: a folder of YAML or JSON documents, each read by itself."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import yaml

from nephoscope.alerts.rules.rule import AnalyticRule, AnalyticRuleError
from nephoscope.files.symlinks import explain_outside_link
from nephoscope_policy.model.source_location import Place

SUFFIXES = (".yaml", ".yml", ".json")
MAX_BYTES = 1 << 20
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class RefusedRule:
    """A file that holds no usable rule, and why."""

    place: Place
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleFolder:
    """The rules of a folder, by id, and the files that could not be used."""

    rules: tuple[AnalyticRule, ...]
    refused: tuple[RefusedRule, ...]


def find_rules(below: Path) -> RuleFolder:
    """Every rule below a folder (or in one file); files that hold no query are passed over, those beside a rule as its test too."""
    rules: dict[str, AnalyticRule] = {}
    refused: list[RefusedRule] = []
    for path in _list_files(below):
        if path.is_symlink() and (why := explain_outside_link(path, (below,))):
            refused.append(RefusedRule(Place(str(path)), (why,)))
            continue
        try:
            rule = _load_rule(path)
        except AnalyticRuleError as error:
            refused.append(RefusedRule(error.place, error.reasons))
            continue
        if rule is None:
            continue
        known = rules.setdefault(rule.id, rule)
        if known is not rule:
            refused.append(RefusedRule(rule.place, (f"id {rule.id} is also that of {known.place.file}",)))
    return RuleFolder(tuple(rules.values()), tuple(refused))


def _load_rule(path: Path) -> AnalyticRule | None:
    document = read_document(path)
    if not isinstance(document, dict) or "query" not in document:
        return None
    return AnalyticRule.parse(document, Place(str(path)))


def _list_files(below: Path) -> Iterable[Path]:
    if below.is_file():
        return [below]
    return sorted(
        path
        for path in below.rglob("*")
        if path.suffix in SUFFIXES and not path.stem.endswith(".test") and path.is_file()
    )


def read_document(path: Path) -> object:
    """The document in a file; AnalyticRuleError with the place where it is none."""
    place = Place(str(path))
    if path.stat().st_size > MAX_BYTES:
        raise AnalyticRuleError(place, (f"the file exceeds {MAX_BYTES >> 20} MiB",))
    try:
        text = path.read_text(encoding="utf-8-sig")
        return json.loads(text) if path.suffix == ".json" else yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader
    except UnicodeDecodeError as error:
        raise AnalyticRuleError(place, ("not UTF-8",)) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = Place(str(path), mark.line + 1, mark.column + 1) if mark else place
        raise AnalyticRuleError(where, (f"not YAML: {error.problem}",)) from error
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise AnalyticRuleError(place, (f"not readable: {error}",)) from error


def locate_rules_folder() -> Path:
    """Return where the rules lie that come with the product."""
    return Path(str(files("nephoscope") / "content" / "detections"))


@cache
def load_shipped_rules() -> RuleFolder:
    """The rules that come with the product, read once."""
    return find_rules(locate_rules_folder())

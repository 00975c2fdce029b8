"""Rules are found by scanning `rules/<reader>/`: a module with RULE and `check(document)`, or `check_with(document, options)`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable
from functools import cache

import msgspec

import nephoscope.posture.code.rules as package
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.rule_match import CodeMatch, CodeOptions


class RuleFileError(Exception):
    """A module in a folder of rules that is half a rule, or two of one id."""


class CodeCheck(msgspec.Struct, frozen=True):
    """A rule with the reader whose documents it judges, and its function."""

    rule: CodeRule
    reader: str
    run: Callable[[object, CodeOptions], Iterable[CodeMatch]]


@cache
def load_code_checks() -> tuple[CodeCheck, ...]:
    """Return every rule by reader and id; raises RuleFileError."""
    found: dict[str, CodeCheck] = {}
    for folder in sorted(_list_folders()):
        for check in list_reader_rules(folder):
            if check.rule.id in found:
                raise RuleFileError(f"rules/{folder}: another rule has the id {check.rule.id}")
            found[check.rule.id] = check
    return tuple(found.values())


@cache
def list_reader_rules(reader: str) -> tuple[CodeCheck, ...]:
    """Return the rules for the documents of one reader, by id; only these are loaded. Raises RuleFileError."""
    if reader not in _list_folders():
        return ()
    room = importlib.import_module(f"{package.__name__}.{reader}")
    found = (
        _load_code_check(f"{room.__name__}.{info.name}", reader)
        for info in pkgutil.iter_modules(room.__path__)
    )
    return tuple(sorted(found, key=lambda check: check.rule.id))


def load_code_rules(readers: Iterable[str] | None = None) -> dict[str, CodeRule]:
    """Return every rule by id, or those of some readers."""
    given = (
        load_code_checks()
        if readers is None
        else [check for reader in readers for check in list_reader_rules(reader)]
    )
    return {check.rule.id: check.rule for check in given}


@cache
def _list_folders() -> frozenset[str]:
    return frozenset(info.name for info in pkgutil.iter_modules(package.__path__))


def _load_code_check(name: str, reader: str) -> CodeCheck:
    module = importlib.import_module(name)
    rule = getattr(module, "RULE", None)
    if not isinstance(rule, CodeRule):
        raise RuleFileError(f"{name} has no RULE: add one, or move it out of the folder of rules")
    if hasattr(module, "check_with"):
        return CodeCheck(rule, reader, module.check_with)
    if not hasattr(module, "check"):
        raise RuleFileError(f"{name} has RULE but neither check nor check_with")
    return CodeCheck(rule, reader, _ignore_options(module.check))


def _ignore_options(
    check: Callable[[object], Iterable[CodeMatch]],
) -> Callable[[object, CodeOptions], Iterable[CodeMatch]]:
    def run(document: object, options: CodeOptions) -> Iterable[CodeMatch]:
        del options
        return check(document)

    return run

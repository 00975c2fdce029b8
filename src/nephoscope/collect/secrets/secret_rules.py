"""Rules by which secrets are found in files: the documents of content/secrets, one a kind of provider."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from nephoscope.collect.secrets.secret_location import SecretSeverity

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from nephoscope.collect.secrets.keyword_index import KeywordIndex

#: The document of places and values that are no secrets.
ALLOWED = "allowed.yaml"


class SecretRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule: the expression whose groups `secret` and `secret2` are the secret, and the words without which it is not tried.

    `paths` narrows it to files; `entropy` is the fewest bits a character that the secret has; a `generic` rule gives way to others.
    """

    id: str
    title: str
    severity: SecretSeverity
    keywords: tuple[str, ...]
    pattern: str
    paths: str = ""
    entropy: float = 0.0
    generic: bool = False


class SecretRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules of one document."""

    rules: tuple[SecretRule, ...]


class AllowedSecrets(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Expressions of places and of values that hold no secret; `tests` are the places of tests."""

    tests: str
    places: tuple[str, ...]
    values: tuple[str, ...]


class CompiledRule(msgspec.Struct, frozen=True):
    """A rule with its expressions compiled."""

    rule: SecretRule
    pattern: re.Pattern[str]
    paths: re.Pattern[str] | None


@cache
def load_secret_rules() -> tuple[CompiledRule, ...]:
    """Return the rules that the product brings along, those that give way last."""
    documents = sorted(
        (entry for entry in _open_rule_folder().iterdir() if entry.name != ALLOWED),
        key=lambda entry: entry.name,
    )
    found = [
        rule
        for document in documents
        for rule in msgspec.yaml.decode(document.read_bytes(), type=SecretRules).rules
    ]
    return tuple(
        CompiledRule(
            rule, re.compile(rule.pattern, re.MULTILINE), re.compile(rule.paths) if rule.paths else None
        )
        for rule in sorted(found, key=lambda rule: (rule.generic, rule.id))
    )


@cache
def build_keyword_index() -> KeywordIndex:
    """Return the words of all rules."""
    # numpy is loaded where a text is looked at: a list of packages needs none of it
    from nephoscope.collect.secrets.keyword_index import KeywordIndex

    return KeywordIndex(word for rule in load_secret_rules() for word in rule.rule.keywords)


@cache
def compile_allowed_secrets() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Return the expressions of the places of tests, of the other places, and of the values that are no secrets."""
    allowed = msgspec.yaml.decode((_open_rule_folder() / ALLOWED).read_bytes(), type=AllowedSecrets)
    return re.compile(allowed.tests), _join_patterns(allowed.places), _join_patterns(allowed.values)


def _open_rule_folder() -> Traversable:
    from importlib.resources import files

    return files("nephoscope.content") / "secrets"


def _join_patterns(expressions: tuple[str, ...]) -> re.Pattern[str]:
    flags = "(?i)"
    parts = [
        f"(?i:{text.removeprefix(flags)})" if text.startswith(flags) else f"(?:{text})"
        for text in expressions
    ]
    return re.compile("|".join(parts))

"""Rule match at one place of a document, before it becomes a finding."""

from __future__ import annotations

from dataclasses import dataclass, field

from nephoscope.collect.templates.source_text import TextSpan


@dataclass(frozen=True, slots=True)
class CodeMatch:
    """A place where a rule does not hold.

    `message` says what is wrong there; `edits` replace spans by texts; `subject` is the job, step or stage. `unknown` is the reason
    where it cannot be decided, '' where the rule is broken. A comment that ignores the rule counts in the lines of `scope` too.
    """

    span: TextSpan
    message: str
    edits: tuple[tuple[TextSpan, str], ...] = ()
    subject: str = ""
    unknown: str = ""
    scope: TextSpan | None = None


@dataclass(frozen=True, slots=True)
class CodeOptions:
    """What a repository's own settings say: registries that images may come from, and labels that images have.

    `label_formats` is a name of a label -> the format of its value (text, url, email, hash, semver, rfc3339, spdx). `optional` runs
    the optional rules too.
    """

    allowed_registries: frozenset[str] = frozenset()
    label_formats: dict[str, str] = field(default_factory=dict)
    strict_labels: bool = False
    optional: bool = False

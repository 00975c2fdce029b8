"""Rule match at one place of a document, before it becomes a finding."""

from __future__ import annotations

import msgspec

from nephoscope.collect.templates.source_text import TextSpan


class CodeMatch(msgspec.Struct, frozen=True):
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


class CodeOptions(msgspec.Struct, frozen=True):
    """Settings of a repository: registries from which images may come, and labels that images must have.

    `label_formats` is a name of a label -> the format of its value (text, url, email, hash, semver, rfc3339, spdx). `optional` runs
    the optional rules too.
    """

    allowed_registries: frozenset[str] = frozenset()
    label_formats: dict[str, str] = msgspec.field(default_factory=dict)
    strict_labels: bool = False
    optional: bool = False

"""Engine differences: choices where the language specification and the known engines disagree.

Each switch is argued in docs/decisions/0020 to 0024. One profile serves everything: scans, previews and the oracle.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Switches(msgspec.Struct, frozen=True):
    """A frozen profile of semantic decisions."""

    missing_array: Literal["false", "true"] = "false"
    """What a condition on `alias[*]` outside a count yields where the array itself is absent (an empty array is always true)."""
    numeric_strings: Literal["parsed", "text"] = "parsed"
    """Whether equals reads '05' as the number 5 against a number, or compares the texts."""
    mixed_order: Literal["false", "error"] = "false"
    """What less/greater yield on two values that have no order (a number against a word)."""
    like_question_mark: Literal["one-character", "literal"] = "one-character"
    """What `?` stands for in like."""
    missing_field_value: Literal["null", "empty"] = "empty"
    """What the template function field() returns for an absent property: null or ''."""
    hash_functions_in_if: Literal["refused", "allowed"] = "refused"
    """Whether guid() and uniqueString(), whose hash is not published, may decide an `if`."""

    def __str__(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in msgspec.structs.asdict(self).items())


SWITCHES = Switches()

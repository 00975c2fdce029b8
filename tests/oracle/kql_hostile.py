"""Hostile rows for a table of a schema, seeded: values that break engines, none of which may make a query raise."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from kql_compare import Result

if TYPE_CHECKING:
    from collections.abc import Sequence

DAY = 864_000_000_000
NOW = 639_040_752_000_000_000
"""2026-01-15T12:00Z, the runners' now(): many rows are near it, so that windows of rules hold them."""
TEXTS = (
    "", " ", "a", "null", "NaN", "true", "-1", "1e999", "9223372036854775808", "0x10", "%", "_", "'", '"', "\\", "$1", "\\1", "*",
    "word1 word2", "word1_word2", "xword1", "word1x", "Word1.word2", "wörd1", "straße", "STRASSE", "İstanbul", "ıI", "café",
    "cafe\u0301", "日本語テキスト", "😀a😀", "\u200b", "a\tb\r\nc", "\u0000", "a\u0000b", "(", "[a-", "a{99999}", "(?i)x", "^$",
    "10.0.0.1", "010.1.1.1", "256.1.1.1", "10.0.0.0/8", "::1", "fe80::1%eth0", "2026-01-15T11:00:00Z", "0001-01-01",
    "9999-12-31T23:59:59.9999999Z", "2026-02-30", "1d", "-1.00:00:00", "not json", "{", "{}", "[]", '{"a":1', '"text"', "[1,2,[3]]",
    '{"a":{"b":[1,null,"x"]},"A":2}', "https://", "http://u:p@host:99999/p?q=1&q=2#f", "C:\\Windows\\system32\\cmd.exe",
    'cmd /c "whoami" | powershell -enc AAAA', "user@domain@x", "DOMAIN\\user", "=", ",", ";", "a,b,,c", "<xml>", "<a b='c'>d</a>",
    "x" * 5000, "dGVzdA==", "dGVzdA", "4624", "S-1-5-21-1-2-3-500",
)  # fmt: skip
DYNAMICS = (
    None, "", "not json", "plain", "{", '{"a":1', "null", "true", "0", "-1.5", "1e400", "9223372036854775808", "[]", "{}", "[[]]",
    "[null]", '"text"', '"{\\"a\\":1}"', '{"":1}', '{"a":null}', '{"a":1,"A":2}', '{"a":1,"a":2}', '{"a.b":1,"a":{"b":2}}',
    '{"value":[{"x":1},{"x":[]}]}', '[{"key":"k","value":"v"},{"key":1}]', '[1,1.0,"1",true,null,[],{}]', '["A","a","ä"]',
    '{"ä":"😀","\\u0000":"\\u0000"}', '{"deviceDetail":{"operatingSystem":5}}', '[{"id":"x","displayName":"y"}]',
    "[" * 60 + "]" * 60, '{"a":' * 40 + "1" + "}" * 40,
)  # fmt: skip
TIMES = (
    None,
    0,
    1,
    621_355_968_000_000_000,
    621_355_967_999_999_999,
    NOW,
    NOW - 1,
    NOW + DAY,
    3_155_378_975_999_999_999,
)
LONGS = (None, 0, 1, -1, 2**31 - 1, 2**31, -(2**31), 2**53 + 1, 2**63 - 1, -(2**63), 4624, 10)
INTS = (None, 0, 1, -1, 2**31 - 1, -(2**31), 4624, 10)
REALS = (None, 0.0, -0.0, 1.5, -2.5, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf"), 0.1)
GUIDS = (None, "00000000-0000-0000-0000-000000000000", "74be27de-1e4e-49d9-b579-fe0b331d3642")


def hostile(columns: Sequence[tuple[str, str]], count: int, seed: str, words: Sequence[str] = ()) -> Result:
    """`count` rows of a table; `words` are texts of the query (its literals), so that some conditions hold."""
    dice = random.Random(seed)
    return Result(
        tuple(columns), tuple(tuple(cell(dice, kind, words) for _, kind in columns) for _ in range(count))
    )


def cell(dice: random.Random, kind: str, words: Sequence[str]) -> Any:
    if kind == "string":
        return _text(dice, words)
    if kind == "dynamic":
        return _dynamic(dice, words)
    if kind == "datetime":
        return NOW - dice.randrange(14 * DAY) if dice.random() < 0.7 else dice.choice(TIMES)
    values = {
        "bool": (None, True, False),
        "int": INTS,
        "long": LONGS,
        "real": REALS,
        "guid": GUIDS,
        "decimal": (None,),
    }
    return dice.choice(values.get(kind, LONGS))


def _text(dice: random.Random, words: Sequence[str]) -> str:
    if words and dice.random() < 0.5:
        word = dice.choice(words)
        return dice.choice((word, word, word.upper(), f"x{word}", f"{word} ä", f"a {word}.b", f"{word}1"))
    return dice.choice(TEXTS)


def _dynamic(dice: random.Random, words: Sequence[str]) -> str | None:
    if words and dice.random() < 0.4:
        word = dice.choice(words)
        return json.dumps(
            dice.choice((word, [word], {word: word}, [{"Name": word, "Value": word}], {"a": [word, None]}))
        )
    return dice.choice(DYNAMICS)

"""Tables that an SQL statement writes, by its text: exact for plain statements, an upper bound for others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

AUDIT = "audit"
#: What a statement writes that does not say it: only the database knows.
HIDDEN = "(what a statement hides)"

#: DML at any place of a statement, since a common table expression may hold it; the schema is optional.
_DML = re.compile(
    r"\b(insert(?:\s+or\s+\w+)?\s+into|replace\s+into|update(?:\s+or\s+\w+)?(?:\s+only)?|delete\s+from(?:\s+only)?"
    r"|merge\s+into|truncate(?:\s+table)?(?:\s+only)?|copy|(?:drop|alter)\s+table(?:\s+if\s+exists)?(?:\s+only)?)"
    r"\s+(?:\"?\w+\"?\s*\.\s*)?\"?(\w+)\"?"
)
#: A word that a statement which writes cannot do without.
_WRITES = re.compile(r"\b(?:insert|update|delete|into|merge|truncate|copy|drop|alter)\b")
#: Locks the rows of a SELECT and writes nothing.
_LOCK = re.compile(r"\bfor\s+(?:no\s+key\s+)?update\b")
#: Comments, names in other quotes than the standard's, texts (SQLite takes one for a name) and a second statement.
_NOT_PLAIN = re.compile(r"--|/\*|['`\[$]|;\s*\S")
#: Statements that run others, and names that are spelt by escapes.
_HIDES = re.compile(r"^\W*(?:do|call|execute)\b|\bu&\"")
#: DDL, which changes no row that a database counts.
_DDL = re.compile(r"\b(?:drop|alter|truncate|create)\b")
_COMMITS = re.compile(r"^\W*(?:commit|end)\b|;.*\bcommit\b", re.DOTALL)


@dataclass(frozen=True, slots=True)
class WrittenTables:
    """Tables that a statement may write: names of tables, lower-cased, among them words that are none where it is not plain.

    `enters`: it inserts into the audit. `defines`: it changes what no database counts as rows. `counted`: the rows that PostgreSQL
    counts are all that it changed. `returns`: SQLite may change its rows only while its answer is read. `commits`: it ends the
    transaction itself.
    """

    tables: frozenset[str] = frozenset()
    enters: bool = False
    defines: bool = False
    counted: bool = True
    returns: bool = False
    commits: bool = False


@lru_cache(maxsize=4096)
def read_written_tables(statement: str) -> WrittenTables:
    """Return what a statement may write.

    A statement that is not plain SQL as SQLAlchemy writes it counts as writing every table that it names, and as no entry.
    """
    text = _LOCK.sub(" ", statement.lower())
    commits = _COMMITS.search(text) is not None
    if _HIDES.search(text):
        return WrittenTables(frozenset({HIDDEN}), counted=False, commits=commits)
    if not _WRITES.search(text):
        return WrittenTables(commits=commits)
    returns, defines = "returning" in text, _DDL.search(text) is not None
    if _NOT_PLAIN.search(text):
        words = frozenset(re.findall(r"\w+", text))
        return WrittenTables(words, defines=defines, counted=False, returns=returns, commits=commits)
    found = [(verb.split()[0], table) for verb, table in _DML.findall(text)]
    return WrittenTables(
        frozenset(table for _, table in found),
        enters=("insert", AUDIT) in found,
        defines=defines,
        # of a WITH the last part alone is counted
        counted=len(found) == 1 and not defines and not text.lstrip().startswith("with"),
        returns=returns,
        commits=commits,
    )

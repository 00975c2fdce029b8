"""The lake of a data folder together with its estate: queries read the tables of Resource Graph beside those of the lake."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.access.tokens import NO_TENANT
from nephoscope.lake.lake import Lake
from nephoscope.lake.queries.principal_scope import EVERYTHING
from nephoscope.live_security_resources import LiveReader, LiveResources
from nephoscope.posture.published.graph_relations import PublishedGraph, require_whole_access
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.reports.resource_graph_tables import TABLES
from nephoscope_kql.compile import compile_results
from nephoscope_kql.errors import KqlError
from nephoscope_kql.parser.lexer import parse_string_value, split_words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nephoscope.access.authenticator import Caller
    from nephoscope.lake.queries.estate_scope import Reaches
    from nephoscope.posture.published.live_rows import LiveRowSource
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot
    from nephoscope.state import State
    from nephoscope_kql.catalog import StoredFunction
    from nephoscope_kql.parser.lexer import Token


def open_lake_with_estate(
    data: Path, state: State, tenant: str = NO_TENANT, snapshots: PublishedSnapshotCache | None = None
) -> Lake:
    """Open the lake of a data folder, whose queries read the estate as it was published last; `tenant` is the id that rows carry."""
    newest = _Newest(state, tenant, snapshots or PublishedSnapshotCache(data))
    return Lake.open(data, state, newest)


@dataclass(frozen=True, slots=True)
class _Newest:
    """The tables of Resource Graph as they are now."""

    state: State
    tenant: str
    snapshots: PublishedSnapshotCache

    def __call__(self) -> PublishedGraph:
        return PublishedGraph(self.snapshots.load_newest(), self._build_live_row_source)

    def _build_live_row_source(self, snapshot: PublishedSnapshot, reaches: Reaches) -> LiveRowSource:
        reader = LiveReader.for_reaches(reaches, frozenset(snapshot.build_info.subscriptions))
        return LiveResources(self.state, self.tenant, snapshot, reader).get_live_row_source()


def require_estate_access(
    caller: Caller, lake: Lake, snapshots: PublishedSnapshotCache, workspace: str, query: str
) -> None:
    """Raise DeniedError where a rule would read more of the estate than who writes it may read; see require_whole_access."""
    with lake.catalog(EVERYTHING, workspace) as catalog:
        with suppress(KqlError):  # a query that is wrong is refused by who keeps it
            compile_results(query, catalog)
        require_whole_access(caller, snapshots.load_newest(), catalog.graph_tables, lake.workspace(workspace))


def require_estate_read(
    caller: Caller, lake: Lake, snapshots: PublishedSnapshotCache, workspace: str, function: StoredFunction
) -> None:
    """Raise DeniedError where rules that call a function might read more of the estate by it than who writes it may read.

    What the function reads is not known before it is called, so a name in its text is enough; where it names a table by a value,
    it might read every one.
    """
    tokens = split_words(function.body).tokens
    named = {_get_token_text(one).lower() for one in tokens} & TABLES.keys()
    if any(_is_computed_table(tokens[place:]) for place in range(len(tokens))):
        named = set(TABLES)
    require_whole_access(caller, snapshots.load_newest(), named, lake.workspace(workspace))


def _get_token_text(token: Token) -> str:
    return parse_string_value(token.text) if token.kind == "text" else token.text


def _is_computed_table(tokens: Sequence[Token]) -> bool:
    """Return whether words begin with `table(` and go on with other than one text."""
    if [one.text for one in tokens[:2]] != ["table", "("]:
        return False
    return [one.kind for one in tokens[2:3]] != ["text"] or [one.text for one in tokens[3:4]] not in (
        [")"],
        [","],
    )

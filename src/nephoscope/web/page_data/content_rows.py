"""Content rows: rules, hunting queries, functions, watchlists, policies, initiatives and packs as one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from nephoscope.alerts.library import content_listing
from nephoscope.alerts.library.content_packs import PackError, RulePack
from nephoscope.alerts.library.content_status import RuleAvailability
from nephoscope.alerts.rules.rule import RuleKind
from nephoscope.lake.queries.shipped_functions import load_shipped_functions
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope.state import StateError
from nephoscope.web.rendering.display_names import format_tactics
from nephoscope_policy.catalog_entry import CatalogEntry

if TYPE_CHECKING:
    from nephoscope.instance import Instance


@dataclass(frozen=True, slots=True)
class ContentRow:
    """A piece of content: `on` is None for what cannot be switched, `key` what it is switched by, `link` a path ('' = none).

    `standing` is the word to filter by, `status` says it in words; `about` is what else is told of it.
    """

    name: str
    about: str
    pack: str = ""
    standing: str = "runs"
    status: str = "runs"
    severity: str = ""
    on: bool | None = None
    key: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class WorkspaceContent:
    """The content of an instance as one workspace sees it."""

    instance: Instance
    workspace: str

    @property
    def packs(self) -> list[RulePack]:
        """The imported packs of rules; StateError for a spoilt one."""
        try:
            return content_listing.load_packs(self.instance.data)
        except PackError as error:
            raise StateError(str(error)) from error

    @property
    def workspace_tables(self) -> content_listing.WorkspaceTables:
        """Return which tables the workspace has."""
        return content_listing.WorkspaceTables.of(self.instance.lake, self.workspace)

    def _list_contents(self) -> Iterator[content_listing.RuleListing]:
        switched = self.instance.state.rule_switches.load_switches(self.workspace)
        yield from content_listing.list_content_rules(self.packs, switched, self.workspace_tables)
        yield from content_listing.list_hunting_queries()

    def rules(self) -> list[ContentRow]:
        """The rules that raise alerts."""
        return [_build_rule(one) for one in self._list_contents() if one.kind != RuleKind.HUNTING.value]

    def list_hunting_rows(self) -> list[ContentRow]:
        """The queries of hunting."""
        return [_build_query(one) for one in self._list_contents() if one.kind == RuleKind.HUNTING.value]

    def functions(self) -> list[ContentRow]:
        """The functions that queries of the workspace can call."""
        own = self.instance.lake.functions.for_workspace(self.workspace)
        found = {**load_shipped_functions(), **own}
        return [
            ContentRow(
                name,
                f"({one.parameters})",
                "" if name not in own else self.workspace,
                content_listing.SAVED,
                "",
                link="/logs",
            )
            for name, one in found.items()
        ]

    def watchlists(self) -> list[ContentRow]:
        """The watchlists of the workspace."""
        return [
            ContentRow(
                head.alias, f"{items:,} items by {head.search_key}{f': {head.description}' if head.description else ''}",
                head.provider, content_listing.SAVED, "published" if head.version == head.published else "being published",
                link="/logs",
            )
            for head, items in self.instance.state.watchlists.all(self.workspace)
        ]  # fmt: skip

    def policies(self) -> list[ContentRow]:
        """The policy definitions that are loaded."""
        return list(_list_policies(self.instance.data, Packs(self.instance.data).stamp)[0])

    def initiatives(self) -> list[ContentRow]:
        """The initiatives that are loaded."""
        return list(_list_policies(self.instance.data, Packs(self.instance.data).stamp)[1])

    def list_imported_packs(self) -> list[ContentRow]:
        """The imported packs."""
        switched, held = (
            self.instance.state.rule_switches.load_switches(self.workspace),
            self.workspace_tables,
        )
        rows = [_build_pack_row(pack, held, on=switched.packs.get(pack.name, False)) for pack in self.packs]
        policies = Packs(self.instance.data).list_imported_content()
        return rows + [
            ContentRow(one.name, f"{one.size:,} policies from {one.source}", one.name, "loaded", "loaded")
            for one in policies
        ]


def _build_rule(one: content_listing.RuleListing) -> ContentRow:
    link = f"/rules/{one.id}" if one.on or not one.pack else f"/content/packs/{one.pack}"
    about = _format_attack_words(one.tactics, one.techniques)
    return ContentRow(one.name, about, one.pack, one.standing, one.status, one.severity, one.on, one.id, link)


def _build_query(one: content_listing.RuleListing) -> ContentRow:
    link = f"/content/packs/{one.pack}" if one.pack else f"/content/hunting/{one.id}"
    about = _format_attack_words(one.tactics, one.techniques)
    return ContentRow(one.name, about, one.pack, one.standing, one.status, "", None, one.id, link)


def _format_attack_words(names: Sequence[str], techniques: Sequence[str]) -> str:
    """Return tactics and techniques of ATT&CK as a text."""
    return ", ".join(filter(None, (format_tactics(names), *techniques)))


def _build_pack_row(pack: RulePack, held: content_listing.WorkspaceTables, *, on: bool) -> ContentRow:
    counts: dict[str, int] = {}
    for row in content_listing.list_rows(pack, held):
        standing = str(row["standing"])
        counts[standing] = counts.get(standing, 0) + 1
    contents = ", ".join(f"{count:,} {word}" for word, count in counts.items())
    bad = counts.get(RuleAvailability.UNSUPPORTED.value, 0) + counts.get(RuleAvailability.REFUSED.value, 0)
    about = f"{len(pack.pieces):,} pieces from {pack.origin}, {pack.imported:%Y-%m-%d}"
    standing = "partly" if bad else "whole"
    return ContentRow(
        pack.name, about, pack.name, standing, contents, "", on, pack.name, f"/content/packs/{pack.name}"
    )


@lru_cache(maxsize=4)
def _list_policies(
    data: Path, _stamp: tuple[tuple[str, int, int], ...]
) -> tuple[tuple[ContentRow, ...], tuple[ContentRow, ...]]:
    """Definitions and initiatives, by title."""
    catalog = Packs(data).catalog()
    return tuple(map(_build_entry, catalog.definitions())), tuple(map(_build_entry, catalog.initiatives()))


def _build_entry(one: CatalogEntry) -> ContentRow:
    types = "any type" if one.types is None else ", ".join(sorted(one.types)[:3])
    state = "refused" if one.fault else "Microsoft is responsible for it" if one.static else "loaded"
    state_text = f"refused: {one.fault}" if one.fault else state
    return ContentRow(
        one.display_name or one.name, f"{types} · version {one.version}", "", state, state_text, key=one.id,
        link=f"/content/policy/{one.kind}/{quote(one.id.strip('/'))}",
    )  # fmt: skip


#: What there is: the word of the address -> its title and its rows.
KINDS: Mapping[str, tuple[str, Callable[[WorkspaceContent], list[ContentRow]]]] = {
    "rules": ("Detections", WorkspaceContent.rules),
    "hunting": ("Hunting queries", WorkspaceContent.list_hunting_rows),
    "functions": ("Functions", WorkspaceContent.functions),
    "watchlists": ("Watchlists", WorkspaceContent.watchlists),
    "policies": ("Policies", WorkspaceContent.policies),
    "initiatives": ("Initiatives", WorkspaceContent.initiatives),
    "packs": ("Imported packs", WorkspaceContent.list_imported_packs),
}

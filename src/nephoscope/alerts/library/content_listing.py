"""Content listing: shipped and imported rules and queries of a workspace with their status."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.alerts.library import hunting
from nephoscope.alerts.library.attack_coverage import CoverageRule
from nephoscope.alerts.library.content_item import ContentKind
from nephoscope.alerts.library.content_packs import RulePack, RulePacks, StoredPiece
from nephoscope.alerts.library.content_status import RuleAvailability, check_empty_tables, describe_standing
from nephoscope.alerts.rules.rule import AnalyticRule, AnalyticRuleError
from nephoscope.alerts.rules.rule_files import load_shipped_rules
from nephoscope.files.json_tree import get_list
from nephoscope.lake.storage.table_store import list_tables
from nephoscope.state.rules.rule_switches import SwitchState

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake

WAITS, UNKNOWN = "needs table (no rows in this workspace yet)", "needs table (unknown)"
SAVED = "saved"
RULES = (ContentKind.RULE, ContentKind.HUNTING)


@dataclass(frozen=True, slots=True)
class WorkspaceTables:
    """Tables of a workspace: those with rows, and the names of all known tables."""

    tables: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()

    @classmethod
    def of(cls, lake: Lake, workspace: str) -> WorkspaceTables:
        """Return what a workspace has in a lake."""
        held = (table for _, table in list_tables(lake.data, workspace))
        return cls(frozenset(held), frozenset(lake.tables.by_name))


@dataclass(frozen=True, slots=True)
class RuleListing:
    """A rule or query of a pack ('' = shipped): `standing` is the word by which standings are counted, `status` says it in words."""

    on: bool
    kind: str
    severity: str
    name: str
    pack: str
    status: str
    standing: str
    id: str
    version: str
    tactics: tuple[str, ...]
    techniques: tuple[str, ...]


def list_content_rules(
    packs: list[RulePack], switched: SwitchState, held: WorkspaceTables
) -> Iterator[RuleListing]:
    """The rules that are shipped, and the rules and queries of packs."""
    for rule in load_shipped_rules().rules:
        on = switched.is_rule_enabled(rule.id, default=rule.enabled)
        yield _build_shipped_listing(rule, on=on)
    for pack in packs:
        for one in pack.list_pieces(*RULES):
            yield _build_imported_listing(pack, one, switched, held)


def list_hunting_queries() -> Iterator[RuleListing]:
    """The hunting queries that are shipped."""
    return (_build_shipped_listing(query, on=False) for query in hunting.load_shipped_queries().rules)


def _build_shipped_listing(rule: AnalyticRule, *, on: bool) -> RuleListing:
    return RuleListing(
        on, rule.kind.value, rule.severity.value, rule.name, "", RuleAvailability.RUNS.value, RuleAvailability.RUNS.value, rule.id,
        rule.version, rule.tactics, rule.techniques,
    )  # fmt: skip


def _build_imported_listing(
    pack: RulePack, one: StoredPiece, switched: SwitchState, held: WorkspaceTables
) -> RuleListing:
    document = one.document
    on = switched.is_rule_enabled(one.id, pack.name, default=False) and one.kind == ContentKind.RULE
    words = get_list(document, "relevantTechniques") or get_list(document, "techniques")
    return RuleListing(
        on and (one.id in switched.rules or document.get("enabled") is not False),
        str(document.get("kind") or ("Scheduled" if one.kind == ContentKind.RULE else "Hunting")),
        str(document.get("severity") or ""), one.name, pack.name, describe_status(one, held), label_status(one, held),
        one.id, one.version,
        tuple(map(str, get_list(document, "tactics"))), tuple(map(str, words)),
    )  # fmt: skip


def describe_status(one: StoredPiece, held: WorkspaceTables) -> str:
    """Return how a piece stands, in words."""
    return (
        describe_standing(check_empty_tables(one.judged, held.tables), held.known) if one.standing else SAVED
    )


def label_status(one: StoredPiece, held: WorkspaceTables) -> str:
    """The word by which standings are counted: of `needs table` those that only wait for rows are apart."""
    if not one.standing:
        return SAVED
    needs = check_empty_tables(one.judged, held.tables).needs
    if not needs:
        return RuleAvailability(one.standing).value
    return WAITS if all(name in held.known for name in needs) else UNKNOWN


def list_rows(pack: RulePack, held: WorkspaceTables) -> Iterator[dict[str, object]]:
    """A row a piece of a pack: rules with their standing, what could not be used with why."""
    for one in pack.pieces:
        judged = check_empty_tables(one.judged, held.tables) if one.standing else None
        yield {
            "kind": one.kind, "name": one.name, "version": one.version, "status": describe_status(one, held), "file": one.source,
            "id": one.id, "standing": label_status(one, held), "needs": list(judged.needs) if judged else [],
            "tables": list(judged.tables) if judged else [], "reasons": list(one.reasons), "notes": list(one.notes),
        }  # fmt: skip
    for bad in pack.refusals:
        word = RuleAvailability.UNSUPPORTED.value if bad.unsupported else RuleAvailability.REFUSED.value
        yield {
            "kind": "", "name": bad.name, "version": "", "status": f"{word}: {'; '.join(bad.reasons)}", "file": bad.place,
            "id": "", "standing": word, "needs": [], "tables": [], "reasons": list(bad.reasons), "notes": [],
        }  # fmt: skip


def list_coverage_sources(packs: list[RulePack], switched: SwitchState) -> Iterator[CoverageRule]:
    """Yield what speaks of ATT&CK: every rule and query, and whether it is on."""
    for rule in load_shipped_rules().rules:
        yield CoverageRule(rule, "", switched.is_rule_enabled(rule.id, default=rule.enabled))
    for query in hunting.load_shipped_queries().rules:
        yield CoverageRule(query)
    for pack in packs:
        yield from (CoverageRule(query, pack.name) for query in hunting.collect_queries([pack]).rules)
        for stored in pack.list_pieces(ContentKind.RULE):
            try:
                rule = AnalyticRule.parse(stored.document, stored.piece.place)
            except AnalyticRuleError:
                continue  # it is told by import and test: what cannot run covers nothing
            on = switched.is_rule_enabled(stored.id, pack.name, default=False)
            yield CoverageRule(rule, pack.name, on and (rule.enabled or stored.id in switched.rules))


def load_packs(data: Path) -> list[RulePack]:
    """The imported packs of rules; PackError for a spoilt one."""
    return RulePacks(data).all()

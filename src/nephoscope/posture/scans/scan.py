"""A scan: load what is asked for, judge it, compare it with what was known, and report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from nephoscope.collect import resources
from nephoscope.collect.facts.fact_reader import FactReader
from nephoscope.collect.resources import SnapshotSpool, Survey
from nephoscope.collect.resources.unstated_tenants import KnownTenants
from nephoscope.estate.estate import Estate
from nephoscope.estate.tenant_stores import read_kept_tenants
from nephoscope.model.tenant_name import describe_tenant, is_tenant_id
from nephoscope.posture.evaluation.analyzer_results import (
    Analysis,
    LogReader,
    PreviousEvaluation,
    open_no_logs,
    run_all_analyzers,
)
from nephoscope.posture.evaluation.evaluation_run import evaluate_estate
from nephoscope.posture.evaluation.finished_run import EvaluationRun
from nephoscope.posture.evaluation.partial_loading import evaluate_parts, list_types_needed_whole
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.policies.plan_builder import OWN_INITIATIVE, build_plan
from nephoscope.posture.policies.policy_packs import Packs
from nephoscope.posture.scans.known_scopes import KnownScopes, UnknownScopeError
from nephoscope.posture.scans.live_estate import LIVE, TENANT, collect_live_snapshot, find_tenant_snapshot
from nephoscope.posture.scans.stdin_snapshot import PIPED, store_piped_snapshot
from nephoscope_policy.documents import ContentError
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.source_location import Place

_T = TypeVar("_T")
SAMPLE = "sample:"
#: External facts alone, of whatever subscription; beside other targets those that no other target holds too.
FACTS = "facts:"

#: Told what is being done, how much of it is done, and of how much.
Progress = Callable[[str, int, int], None]


class NoSuchScopeError(Exception):
    """No resource lies in the scope that was asked for: it is hardly the scope that was meant."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"--scope {scope}: no resource of the snapshot lies at or under it")


class ScanRequest(msgspec.Struct, frozen=True):
    """Request of a scan: its targets, and the policies that it evaluates.

    `targets` are paths, `-` (what is piped in), `sample:`, `facts:` (external facts), `azure:`, `azure:<subscription id>` or
    `tenant:<name>` of a connected tenant. Without `initiatives`, `policies` folders are judged definition by definition, and
    without those the own initiative. `assigned` judges by the assignments of the estate and of `decisions` instead; `decisions`
    are files of assignments, exemptions and attestations. `scope` limits what is judged to an id and what lies under it,
    `tenant` to one tenant of the targets; where none of them names a tenant it is theirs.
    """

    targets: tuple[str, ...]
    policies: tuple[str, ...] = ()
    initiatives: tuple[str, ...] = ()
    parameters: tuple[tuple[str, Any], ...] = ()
    decisions: tuple[str, ...] = ()
    assigned: bool = False
    scope: str = ""
    history: str = "default"
    tenant: str = ""

    @property
    def label(self) -> str:
        """The targets as one line."""
        return " ".join(self.targets)

    @property
    def series(self) -> str:
        """The series of the history that it continues: the estate's name and what it is judged by."""
        judged_by = self.initiatives or self.policies or (OWN_INITIATIVE,)
        parts = [self.history, "assigned" if self.assigned else ", ".join(judged_by), self.scope]
        return " | ".join([*parts, self.tenant] if self.tenant else parts)


@dataclass(frozen=True)
class EstateScan:
    """Loads and judges; one object can judge several estates by the same content.

    `put` returns the ARM documents that people put, of a tenant by its id. `facts` are the external facts beside the targets, `logs`
    opens what analyzers ask of logs.
    """

    request: ScanRequest
    data: Path
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    progress: Progress = lambda *_: None
    collected: dict[str, str] = field(default_factory=dict)
    put: Callable[[str], Iterable[Mapping[str, Any]]] = lambda _: ()
    facts: FactReader = field(default_factory=FactReader)
    logs: LogReader = open_no_logs

    @property
    def repeatable(self) -> ScanRequest:
        """The request with the snapshots that were collected in place of live targets and with whole paths: repeating it asks Azure
        nothing, and a server that runs in another folder finds the same files."""
        return msgspec.structs.replace(
            self.request,
            targets=tuple(_complete_path(self.collected.get(one, one)) for one in self.request.targets),
            decisions=tuple(map(_complete_path, self.request.decisions)),
        )

    def list_known_scopes(self, coverage: Coverage) -> KnownScopes:
        """Return the scopes of a manifest, which a filter can name; those of estates, or of their parts, are added."""
        return KnownScopes(coverage, lambda: Packs(self.data).aliases().types())

    def load_estates(self, targets: Sequence[str] | None = None) -> tuple[Estate, ...]:
        """The estate of each tenant of the targets; SnapshotError when a target is not there."""
        with self._list_paths(targets) as paths:
            found = resources.load_tenants(
                paths,
                self._report_reading,
                learning=self._read_facts(targets),
                aliases=Packs(self.data).aliases(),
                knowledge=self._know_tenants(),
            )
        forgotten = self.facts.list_forgotten()
        kept = (replace(one, forgotten=forgotten) for one in found) if forgotten else found
        return self._limit_to_tenant(tuple(kept), lambda one: one.tenant)

    def _read_facts(self, targets: Sequence[str] | None) -> FactReader:
        """The external facts beside targets: about their subscriptions, or all where they are a target themselves."""
        everywhere = FACTS in (targets or self.request.targets)
        return msgspec.structs.replace(self.facts, everywhere=everywhere, now=self.now)

    def _know_tenants(self) -> KnownTenants:
        """What is known of the tenants of files that name none: the id that was asked for, and what the data folder holds."""
        stated = self.request.tenant.lower()
        return KnownTenants(stated if is_tenant_id(stated) else "", partial(read_kept_tenants, self.data))

    def collect(self) -> None:
        """Collect the live targets now: what is read afterwards asks Azure nothing."""
        for target in self.request.targets:
            if target.startswith(LIVE):
                self._build_live(target)

    def estate(self, targets: Sequence[str] | None = None) -> Estate:
        """The estate of targets of one tenant; SnapshotError when one is not there, or when the tenants are several."""
        found = self.load_estates(targets)
        if len(found) > 1:
            names = ", ".join(describe_tenant(one.tenant) for one in found)
            raise resources.SnapshotError(
                f"the targets belong to {len(found)} tenants ({names}): choose one with --tenant ID"
            )
        return found[0]

    def survey_estates(self, folder: Path, targets: Sequence[str] | None = None) -> tuple[Survey, ...]:
        """The estates of the targets taken apart on disk, in an empty folder that exists; SnapshotError when a target is not there."""
        with self._list_paths(targets) as paths:
            spool = SnapshotSpool.of(
                paths,
                folder,
                self._report_reading,
                learning=self._read_facts(targets),
                aliases=Packs(self.data).aliases(),
                knowledge=self._know_tenants(),
            )
        found = spool.read_surveys(list_types_needed_whole())
        forgotten = self.facts.list_forgotten()
        for one in found:
            one.whole = replace(one.whole, forgotten=forgotten)
        return self._limit_to_tenant(found, lambda one: one.whole.tenant)

    def _limit_to_tenant(self, found: tuple[_T, ...], tenant_of: Callable[[_T], str]) -> tuple[_T, ...]:
        """Return those of the tenant that was asked for, all where none was; NoSuchScopeError where there is none of it."""
        wanted = self.request.tenant.lower()
        kept = tuple(one for one in found if not wanted or tenant_of(one) == wanted)
        if not kept:
            named = ", ".join(describe_tenant(tenant_of(one)) for one in found)
            raise UnknownScopeError(f"--tenant {self.request.tenant}: the snapshot belongs to {named}")
        return kept

    def size(self) -> int:
        """About how many bytes of JSON the targets are; SnapshotError when one is not there."""
        with self._list_paths() as paths:
            return resources.estimate_unpacked_size(paths)

    def _report_reading(self, done: int, total: int) -> None:
        self.progress("reading", done, total)

    @contextmanager
    def _list_paths(self, targets: Sequence[str] | None = None) -> Iterator[list[Path]]:
        with as_file(files("nephoscope.content") / "sample" / "snapshot") as sample:
            wanted = targets or self.request.targets
            yield [self._build_path(target, sample) for target in wanted if target != FACTS]

    def _build_path(self, target: str, sample: Path) -> Path:
        """The folder or file behind a target; a live one is collected now."""
        if target in self.collected:
            return Path(self.collected[target])
        if target.startswith(LIVE):
            return self._build_live(target)
        if target == PIPED:
            folder = store_piped_snapshot(self.data)
            self.collected[target] = str(folder)
            return folder
        if target.startswith(TENANT):
            return find_tenant_snapshot(target, self.data)
        return sample if target == SAMPLE else Path(target)

    def _build_live(self, target: str) -> Path:
        """The folder of a live target, collected once."""
        if target not in self.collected:
            folders = [Path(path) for path in self.request.policies]
            self.collected[target] = str(collect_live_snapshot(target, self.data, folders, self.progress))
        return Path(self.collected[target])

    def plan(self, estate: Estate) -> EvaluationPlan:
        """Return what the estate is judged by; NotHeldError when an initiative is not loaded."""
        return build_plan(self.request, Packs(self.data), estate, self.put(estate.tenant))

    def _analyze_estate(
        self, estate: Estate, now: datetime, before: PreviousEvaluation | None = None
    ) -> Analysis:
        """Return what every analyzer says of an estate."""
        with self.logs(estate, now) as logs:
            return run_all_analyzers(estate, now, before, logs)

    def parts(self, survey: Survey, plan: EvaluationPlan, size: int) -> Iterator[EvaluationRun]:
        """Judge a surveyed estate part by part."""
        report_progress = lambda done, total: self.progress("judging", done, total)  # noqa: E731 - a callback
        return evaluate_parts(
            survey,
            plan,
            self.now,
            scope=self.request.scope,
            analyzers=self._analyze_estate,
            aliases=Packs(self.data).aliases(),
            size=size,
            progress=report_progress,
        )

    def run(self, estate: Estate, since: EvaluationRun | None = None) -> EvaluationRun:
        """Judge an estate; what is the same as in an earlier run is taken over from it."""
        return self.assess(estate, self.plan(estate), self.now, since)

    def assess(
        self, estate: Estate, plan: EvaluationPlan, now: datetime, since: EvaluationRun | None = None
    ) -> EvaluationRun:
        """Judge an estate by a plan at a time."""
        report_progress = lambda done, total: self.progress("judging", done, total)  # noqa: E731 - a callback
        return evaluate_estate(
            estate,
            plan,
            now,
            scope=self.request.scope,
            analyzers=self._analyze_estate,
            aliases=Packs(self.data).aliases(),
            since=since,
            progress=report_progress,
        )


def _complete_path(target: str) -> str:
    """The absolute path of a file or folder; a target of another kind as it is."""
    return str(Path(target).absolute()) if Path(target).exists() else target


def save_request(request: ScanRequest, data: Path) -> None:
    """Remember a request, so that `score` and the like can repeat it."""
    path = data / "posture" / "last-scan.json"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(request), indent=2))


def forget_request(data: Path) -> None:
    """Nothing is to be scanned any more."""
    (data / "posture" / "last-scan.json").unlink(missing_ok=True)


def read_last_scan_request(data: Path) -> ScanRequest | None:
    """The request of the last scan in a data folder, None where there was none; ContentError where it cannot be read."""
    path = data / "posture" / "last-scan.json"
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=ScanRequest)
    except msgspec.DecodeError as error:
        raise ContentError(f"damaged, scan again: {error}", Place(str(path))) from error

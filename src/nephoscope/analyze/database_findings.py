"""SQL servers should be scanned for vulnerabilities, and what the scans find should be fixed.

Reads the latest scan record of every database (vulnerabilityAssessments/scans, sqlVulnerabilityAssessments/scans): any failed
check is unhealthy. Where vulnerability assessment is known to be off on the server the assessment carries no status, so that
the policy that asks for an assessment and the one that asks for its result both find fault, as in Azure. Where it is on and no
scan was collected, a database has none, or a scan is too old, the key is Unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.assessment_overlay import NOT_ASSESSED
from nephoscope.analyze.verdict import assess_all, make_finding, report_healthy, report_unhealthy
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.resource_lookup import get_properties, require_complete

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment, SubAssessment
    from nephoscope_policy.model.resource import Resource

SERVERS = ("microsoft.sql/servers", "microsoft.sql/managedinstances")
KINDS = ("sqlvulnerabilityassessments", "vulnerabilityassessments")
SETTINGS = tuple(f"{server}/{kind}" for server in SERVERS for kind in KINDS)
SCANS = tuple(f"{server}/databases/{kind}/scans" for server in SERVERS for kind in KINDS)

#: Databases that the server itself has.
_SYSTEM = frozenset(("master", "model", "msdb", "tempdb"))

FIXED = Key(
    "82e20e14-edc5-4373-bfc4-f13121257c37",
    "Vulnerabilities in the server's databases should be resolved",
    SERVERS,
    ("feedbf84-6b99-488c-acc2-71c829aa5ffc", "ef2a8f2a-b3d9-49cd-a8a8-9a3aaaf647d9"),
)
KEYS = index_keys(FIXED)
TYPES = (*SERVERS, *SETTINGS, *SCANS)


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every SQL server and managed instance."""
    latest = _index_latest_scans(view)

    def assess(server: Resource, key: Key) -> Assessment:
        id_ = str(server.body["id"])
        scans = latest.get(server.key)
        if scans:
            failed = [
                part for scan in scans.values() if (part := _find_failed_finding(view, scan)) is not None
            ]
            if failed:
                return report_unhealthy(
                    id_, key, f"{len(failed)} of {len(scans)} databases have findings", failed
                )
            _require_scans(view, server, scans)
            return report_healthy(id_, key, f"the latest scans of {len(scans)} databases found nothing")
        if _is_on(view, server):
            raise DataNotCollectedError(f"{SCANS[0]} of the databases of {server.key}")
        return report_unhealthy(id_, key, "vulnerability assessment is not enabled", cause=NOT_ASSESSED)

    for type_ in SERVERS:
        yield from assess_all(view.list_resources(type_), FIXED, assess)


def _require_scans(view: EstateView, server: Resource, scans: Mapping[str, Resource]) -> None:
    """Raise DataNotCollectedError unless every database of the server is known and has a scan; those of the system need none."""
    type_ = f"{server.type}/databases"
    for database in view.list_children(type_, server.key):
        if database.key not in scans and database.id.name not in _SYSTEM:
            raise DataNotCollectedError(f"{type_}/{KINDS[0]}/scans of {database.key}")
    view.require_collected(type_, server.key)


def _index_latest_scans(view: EstateView) -> dict[str, dict[str, Resource]]:
    """Server -> database -> the scan that ended last."""
    found: dict[str, dict[str, Resource]] = {}
    for type_ in SCANS:
        for scan in view.list_resources(type_):
            database = scan.key.rsplit("/", 4)[0]
            server = database.rsplit("/", 2)[0]
            held = found.setdefault(server, {})
            if database not in held or _get_end_time(scan) > _get_end_time(held[database]):
                held[database] = scan
    return found


def _get_end_time(scan: Resource) -> str:
    body = get_properties(scan)
    return str(body.get("endTime") or body.get("startTime") or "")


def _find_failed_finding(view: EstateView, scan: Resource) -> SubAssessment | None:
    """The finding of one database; raises DataNotCollectedError where its latest scan did not run to an end or is too old."""
    body = view.get_report(scan)
    count = body.get("numberOfFailedSecurityChecks", body.get("totalFailedRulesCount"))
    if str(body.get("state", "")).lower() in ("failedtorun", "inprogress") or not isinstance(count, int):
        raise DataNotCollectedError(f"a finished one among {scan.type} of {scan.key.rsplit('/', 4)[0]}")
    if count == 0:
        return None
    database = scan.key.rsplit("/", 4)[0]
    name = database.rsplit("/", 1)[1]
    return make_finding(database, f"{name}: {count} failed checks", "High", database=database, failed=count)


def _is_on(view: EstateView, server: Resource) -> bool:
    """Return whether vulnerability assessment is on, in the express or the classic configuration."""
    for kind in KINDS:
        for setting in view.list_children(f"{server.type}/{kind}", server.key):
            body = require_complete(setting)
            if str(body.get("state", "")).lower() == "enabled" or body.get("storageContainerPath"):
                return True
    for kind in KINDS:
        view.require_collected(f"{server.type}/{kind}", server.key)
    return False

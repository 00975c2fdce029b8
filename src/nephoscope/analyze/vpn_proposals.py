"""VPN gateways should negotiate strong algorithms, as their IKE logs show.

Reads 30 days of AzureDiagnostics of the category IKEDiagnosticLog: the algorithms that each remote device proposed. Unhealthy where
a device proposed DES, 3DES, MD5, or a Diffie-Hellman group below 2048 bits (1, 2, 5): the finding names the device, the proposals,
whether it offered anything else, and the last time. Healthy where all that was proposed is stronger; Unknown where no negotiation
was logged, or none lately.

Sources: RFC 8247 (algorithms of IKEv2), https://learn.microsoft.com/azure/vpn-gateway/troubleshoot-vpn-with-azure-diagnostics
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.transport.log_ages import ArrivedRows, find_stale
from nephoscope.analyze.transport.logged_requests import DAYS
from nephoscope.analyze.verdict import assess_all, join_names, make_finding, report_healthy, report_unhealthy
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.log_queries import FileAggregate
from nephoscope_policy.data_gap import STALE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment, SubAssessment
    from nephoscope_policy.model.resource import Resource

GATEWAY = "microsoft.network/virtualnetworkgateways"
STRONG = Key(
    "02f97fd6-4ea4-5003-b8af-1d798bf9f6fc", "VPN gateways should negotiate strong algorithms", (GATEWAY,)
)
KEYS = index_keys(STRONG)
TYPES = (GATEWAY,)
TABLES = ("AzureDiagnostics",)

_PROPOSALS = FileAggregate(
    "AzureDiagnostics",
    r"""AzureDiagnostics
| where Category =~ 'IKEDiagnosticLog' and Message has 'RECEIVED' and Message has_any ('Cipher', 'Integrity', 'DhGroup')
| extend Remote = extract(@'Remote ([0-9A-Fa-f.:]+):\d+', 1, Message),
    Proposals = tostring(extract_all(@'((?:Cipher|Integrity|PRF|DhGroup)=[\w-]+)', Message))
| summarize Seen = count(), Last = max(TimeGenerated) by Day = bin(TimeGenerated, 1d), _ResourceId,
    Workspace = column_ifexists('TenantId', ''), Remote, Proposals""",
    f"""Groups
| where Day > ago({DAYS}d)
| summarize Seen = sum(Seen), Last = max(Last) by _ResourceId, Workspace, Remote, Proposals""",
)
_WEAK = re.compile(
    r"Cipher=(?:DES\b(?!-EDE)|3DES|DES3|DES-EDE|NONE|NULL)|(?:Integrity|PRF)=(?:HMAC-)?MD5|DhGroup=(?:DhGroup|Group)?[125]\b",
    re.IGNORECASE,
)


class Negotiation(msgspec.Struct, frozen=True):
    """A negotiation: what a remote device proposed to a gateway: the algorithms as `Cipher=AES-CBC-256`, how often and when last."""

    remote: str
    proposals: tuple[str, ...]
    seen: int
    last: datetime
    workspace: str

    @property
    def weak(self) -> list[str]:
        """The algorithms that no gateway should agree to."""
        return sorted({one for one in self.proposals if _WEAK.match(one)})


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every VPN gateway."""
    negotiations = cache(lambda: _read_negotiations(view))
    stale = cache(lambda: _find_stale(view, negotiations()))

    def assess(gateway: Resource, key: Key) -> Assessment:
        id_ = str(gateway.body["id"])
        own = negotiations().get(gateway.key, [])
        if not own:
            raise DataNotCollectedError(f"negotiations (IKEDiagnosticLog) of {gateway.key}")
        if reason := stale().get((gateway.key, *TABLES)):
            raise DataNotCollectedError(reason, STALE)
        findings = [_build_finding(gateway, one) for one in _merge_negotiations(own) if one.weak]
        if findings:
            return report_unhealthy(id_, key, "; ".join(one.title for one in findings), findings)
        remotes = join_names(sorted({one.remote for one in own}))
        return report_healthy(id_, key, f"{remotes} proposed strong algorithms alone in {DAYS} days")

    return assess_all(view.list_resources(GATEWAY), STRONG, assess, by_body=False)


def _read_negotiations(view: EstateView) -> Mapping[str, list[Negotiation]]:
    found: dict[str, list[Negotiation]] = {}
    for row in view.aggregate(_PROPOSALS):
        last, seen, listed = row["Last"], row["Seen"], json.loads(str(row["Proposals"] or "[]"))
        if isinstance(last, datetime) and isinstance(seen, int) and listed:
            one = Negotiation(
                str(row["Remote"]) or "a device without an address",
                tuple(listed),
                seen,
                last,
                str(row["Workspace"] or ""),
            )
            found.setdefault(str(row["_ResourceId"]).lower(), []).append(one)
    return found


def _find_stale(
    view: EstateView, negotiations: Mapping[str, list[Negotiation]]
) -> Mapping[tuple[str, str], str]:
    (table,) = TABLES
    rows = (
        ArrivedRows(key, table, one.workspace, one.last)
        for key, several in negotiations.items()
        for one in several
    )
    return find_stale(rows, view.clock)


def _merge_negotiations(negotiations: Iterable[Negotiation]) -> list[Negotiation]:
    """One negotiation a device, with all that it proposed."""
    found: dict[str, Negotiation] = {}
    for one in negotiations:
        held = found.get(one.remote)
        if held is not None:
            proposals = tuple(dict.fromkeys(held.proposals + one.proposals))
            one = Negotiation(
                one.remote, proposals, held.seen + one.seen, max(held.last, one.last), one.workspace
            )
        found[one.remote] = one
    return [found[remote] for remote in sorted(found)]


def _build_finding(gateway: Resource, one: Negotiation) -> SubAssessment:
    only = all(_WEAK.match(text) for text in one.proposals if text.lower().startswith("cipher="))
    return make_finding(
        f"{gateway.key}/{one.remote}",
        f"{one.remote} proposed {'only ' if only else ''}{join_names(one.weak)}, the last time on {one.last:%Y-%m-%d %H:%M}",
        "High" if only else "Medium",
        remote=one.remote,
        weak=one.weak,
        proposals=list(one.proposals),
        requests=one.seen,
        last=one.last.isoformat(),
        tables=list(TABLES),
    )

"""Conditional access policies of all collected tenants, and the users whom a control is not enforced on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.tenant_stores import open_tenant_stores
from nephoscope.identity import administrators, conditional_access
from nephoscope.identity.conditional_access import AccessEvaluation, AccessGap, AccessPolicy
from nephoscope.service.actors import ROOT_SCOPE
from nephoscope.service.identity_risk import READ

if TYPE_CHECKING:
    from nephoscope.service.service_context import ServiceContext


class EvaluatedAccess(msgspec.Struct, frozen=True):
    """Policies, gaps, the ids of administrators, how many users can sign in, and what was not collected."""

    policies: tuple[AccessPolicy, ...]
    gaps: tuple[AccessGap, ...]
    administrators: frozenset[str]
    users: int
    missing: tuple[str, ...]


def evaluate_access(context: ServiceContext) -> EvaluatedAccess:
    """Return the policies of all tenants with the gaps that they leave; DeniedError for who may not read risks."""
    context.require(READ, ROOT_SCOPE)
    policies: list[AccessPolicy] = []
    gaps: list[AccessGap] = []
    privileged: set[str] = set()
    missing: list[str] = []
    users = 0
    stores = [one for one in open_tenant_stores(context.data) if one.list_snapshots()]
    for store in stores:
        estate = store.select_types({*conditional_access.TYPES, *administrators.TYPES})
        try:
            evaluation = AccessEvaluation(estate)
        except DataNotCollectedError as gap:
            missing.append(gap.what)
            continue
        policies += evaluation.policies
        gaps += evaluation.find_gaps()
        users += len(evaluation.users)
        privileged |= {one.id for one in administrators.list_administrators(estate).administrators}
    if not stores:
        missing.append("the estate: no snapshot was imported")
    return EvaluatedAccess(
        tuple(policies), tuple(gaps), frozenset(privileged), users, tuple(dict.fromkeys(missing))
    )

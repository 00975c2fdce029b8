"""A subscription should have more than one owner, and at most three.

Counts the distinct users who are owners of the whole subscription: by an assignment on it, on a management group above it or
at the root, directly or through groups. Service principals and eligible assignments do not count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.verdict import assess_all, join_names, make_finding, report_healthy, report_unhealthy
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.role_definitions import RoleClass
from nephoscope.estate.roles import READS
from nephoscope_policy.model.resource_id import MANAGEMENT_GROUP_TYPE, SUBSCRIPTION_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope.estate.roles import RoleAccounts
    from nephoscope_policy.model.assessment import Assessment, SubAssessment
    from nephoscope_policy.model.resource import Resource

AT_MOST = Key(
    "6f90a6d6-d4d6-0794-0ec1-98fa77878c2e",
    "The subscription should have at most three owners",
    (SUBSCRIPTION_TYPE,),
    ("4f11b553-d42e-4e3a-89be-32ca364cad4c",),
)
AT_LEAST = Key(
    "2c79b4af-f830-b61e-92b9-63dfa30f16e4",
    "The subscription should have more than one owner",
    (SUBSCRIPTION_TYPE,),
    ("09024ccc-0c5f-475e-9457-b7c0d9ed487b",),
)
KEYS = index_keys(AT_MOST, AT_LEAST)
TYPES = (SUBSCRIPTION_TYPE, MANAGEMENT_GROUP_TYPE, *READS)

LIMIT = 3


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every subscription under both keys."""

    def list_owner_accounts(subscription: Resource) -> RoleAccounts:
        return view.roles.find_accounts(subscription.key, frozenset([RoleClass.OWNER]), below=False)

    def _assess_maximum(subscription: Resource, key: Key) -> Assessment:
        found, id_ = list_owner_accounts(subscription), str(subscription.body["id"])
        if len(found.users) > LIMIT:
            return report_unhealthy(
                id_,
                key,
                f"{len(found.users)} owners, at most {LIMIT} wanted",
                _list_owner_findings(view, found),
            )
        _require_all_known(view, found)
        return report_healthy(id_, key, f"{len(found.users)} owners")

    def _assess_minimum(subscription: Resource, key: Key) -> Assessment:
        found, id_ = list_owner_accounts(subscription), str(subscription.body["id"])
        if len(found.users) > 1:
            return report_healthy(id_, key, f"{len(found.users)} owners")
        _require_all_known(view, found)
        return report_unhealthy(
            id_, key, f"{len(found.users)} owner, more than one wanted", _list_owner_findings(view, found)
        )

    yield from assess_all(view.list_resources(SUBSCRIPTION_TYPE), AT_MOST, _assess_maximum, by_body=False)
    yield from assess_all(view.list_resources(SUBSCRIPTION_TYPE), AT_LEAST, _assess_minimum, by_body=False)


def _require_all_known(view: EstateView, found: RoleAccounts) -> None:
    if found.unsure:
        raise DataNotCollectedError(view.roles.principals.explain(join_names(found.unsure)))


def _list_owner_findings(view: EstateView, found: RoleAccounts) -> list[SubAssessment]:
    return [
        make_finding(
            user,
            f"{view.roles.principals.find_name(user)} is an owner",
            "Medium",
            user=user,
            assignments=[grant.assignment for grant in grants],
        )
        for user, grants in found.users.items()
    ]

"""Role accounts: accounts with a role on a subscription that fail a condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope.analyze.verdict import assess_all, join_names, make_finding, report_healthy, report_unhealthy
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.role_definitions import RoleClass
from nephoscope_policy.model.resource_id import SUBSCRIPTION_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nephoscope.analyze.assessment_key import Key
    from nephoscope.estate.estate_view import EstateView
    from nephoscope.estate.roles import RoleGrant
    from nephoscope_policy.model.assessment import Assessment, SubAssessment
    from nephoscope_policy.model.resource import Resource


class AccountCheck(msgspec.Struct, frozen=True):
    """Selection of accounts for a key: holders of `classes`, with `below` also on resource groups and resources."""

    key: Key
    classes: frozenset[RoleClass]
    below: bool


def build_account_checks(
    living: tuple[Key, Key, Key], whole: tuple[Key, Key, Key]
) -> tuple[AccountCheck, ...]:
    """Rules for owners, writers and readers: the living keys ask in the whole subscription, the retired ones at it alone."""
    classes = (RoleClass.OWNER, RoleClass.WRITE, RoleClass.READ)
    return tuple(
        AccountCheck(key, frozenset([class_]), below=below)
        for keys, below in ((living, True), (whole, False))
        for key, class_ in zip(keys, classes, strict=True)
    )


def assess_accounts(
    view: EstateView, rules: Iterable[AccountCheck], is_bad: Callable[[str], bool], what: str
) -> Iterable[Assessment]:
    """Judge every subscription under each rule: unhealthy where an account `is_bad`; `what` says what that is."""
    for rule in rules:

        def assess(subscription: Resource, key: Key, rule: AccountCheck = rule) -> Assessment:
            return _assess_accounts(view, rule, subscription, key, is_bad, what)

        yield from assess_all(view.list_resources(SUBSCRIPTION_TYPE), rule.key, assess, by_body=False)


def _assess_accounts(
    view: EstateView,
    rule: AccountCheck,
    subscription: Resource,
    key: Key,
    is_bad: Callable[[str], bool],
    what: str,
) -> Assessment:
    found = view.roles.find_accounts(subscription.key, rule.classes, below=rule.below)
    bad: list[str] = []
    unsure = list(found.unsure)
    for user in found.users:
        try:
            if is_bad(user):
                bad.append(user)
        except DataNotCollectedError as gap:
            unsure.append(gap.what)
    id_ = str(subscription.body["id"])
    if bad:
        names = join_names(view.roles.principals.find_name(user) for user in bad)
        return report_unhealthy(
            id_,
            key,
            f"{what}: {names}",
            [_build_account_finding(view, user, found.users[user], what) for user in bad],
        )
    if unsure:
        raise DataNotCollectedError(view.roles.principals.explain(join_names(unsure)))
    return report_healthy(id_, key, f"none of {len(found.users)} accounts: {what}")


def _build_account_finding(
    view: EstateView, user: str, grants: tuple[RoleGrant, ...], what: str
) -> SubAssessment:
    return make_finding(
        user,
        f"{what}: {view.roles.principals.find_name(user)}",
        "High",
        user=user,
        assignments=[grant.assignment for grant in grants],
        scopes=sorted({grant.scope for grant in grants}),
    )

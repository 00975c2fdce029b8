"""Accounts that are blocked from signing in should hold no role on a subscription.

A blocked account has accountEnabled false; one that no longer exists is not counted. The living keys look at everything in the
subscription, the retired ones at the subscription as a whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.role_accounts import AccountCheck, assess_accounts
from nephoscope.estate.role_definitions import RoleClass
from nephoscope.estate.roles import READS
from nephoscope_policy.model.resource_id import MANAGEMENT_GROUP_TYPE, SUBSCRIPTION_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment

_ON = (SUBSCRIPTION_TYPE,)
OWNER = Key(
    "050ac097-3dda-4d24-ab6d-82568e7a50cf",
    "Blocked accounts should not have owner permissions on the subscription or its resources",
    _ON,
    ("0cfea604-3201-4e14-88fc-fae4c427a6c5",),
)
READ_WRITE = Key(
    "1ff0b4c9-ed56-4de6-be9c-d7ab39645926",
    "Blocked accounts should not have read or write permissions in the subscription",
    _ON,
    ("8d7e1fde-fe26-4b5f-8108-f8e432cbc2be",),
)
OWNER_WHOLE = Key(
    "e52064aa-6853-e252-a11e-dffc675689c2",
    "Blocked accounts should not have owner permissions on the subscription",
    _ON,
    retired=("ebb62a0c-3560-49e1-89ed-27e074e9f8ad",),
)
ANY_WHOLE = Key(
    "00c6d40b-e990-6acf-d4f3-471e747a27c4",
    "Blocked accounts should not have roles on the subscription",
    _ON,
    retired=("6b1cbf55-e8b6-442f-ba4c-7246b6381474",),
)
KEYS = index_keys(OWNER, READ_WRITE, OWNER_WHOLE, ANY_WHOLE)
TYPES = (SUBSCRIPTION_TYPE, MANAGEMENT_GROUP_TYPE, *READS)

RULES = (
    AccountCheck(OWNER, frozenset([RoleClass.OWNER]), below=True),
    AccountCheck(READ_WRITE, frozenset([RoleClass.READ, RoleClass.WRITE]), below=True),
    AccountCheck(OWNER_WHOLE, frozenset([RoleClass.OWNER]), below=False),
    AccountCheck(ANY_WHOLE, frozenset(RoleClass), below=False),
)


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every subscription under every key."""
    return assess_accounts(view, RULES, view.roles.principals.is_blocked, "blocked account with access")

"""Accounts with a role on a subscription should have a second factor registered.

Reads Graph's registration details: isMfaRegistered (a strong method is registered) and isMfaCapable (the tenant's policy lets the
account use it); either of them false is unhealthy. Blocked accounts, which cannot sign in, are not asked. An account without a
registration record is Unknown. Whether a conditional access policy demands the second factor is not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.role_accounts import assess_accounts, build_account_checks
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.roles import READS
from nephoscope_policy.model.resource_id import MANAGEMENT_GROUP_TYPE, SUBSCRIPTION_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment

_ON = (SUBSCRIPTION_TYPE,)
OWNER = Key(
    "6240402e-f77c-46fa-9060-a7ce53997754",
    "MFA should be enabled for owners of the subscription or its resources",
    _ON,
    retired=("e3e008c3-56b9-4133-8fd7-d3347377402a",),
)
WRITE = Key(
    "c0cb17b2-0607-48a7-b0e0-903ed22de39b",
    "MFA should be enabled for accounts with write access in the subscription",
    _ON,
    retired=("931e118d-50a1-4457-a5e4-78550e086c52",),
)
READ = Key(
    "dabc9bc4-b8a8-45bd-9a5a-43000df8aa1c",
    "MFA should be enabled for accounts with read access in the subscription",
    _ON,
    retired=("81b3ccb4-e6e8-4e4a-8d05-5df25cd29fd4",),
)
OWNER_WHOLE = Key(
    "94290b00-4d0c-d7b4-7cea-064a9554e681",
    "MFA should be enabled for subscription owners",
    _ON,
    retired=("aa633080-8b72-40c4-a2d7-d00c03e80bed",),
)
WRITE_WHOLE = Key(
    "57e98606-6b1e-6193-0e3d-fe621387c16b",
    "MFA should be enabled for accounts with write access to the subscription",
    _ON,
    retired=("9297c21d-2ed6-4474-b48f-163f75654ce3",),
)
READ_WHOLE = Key(
    "151e82c5-5341-a74b-1eb0-bc38d2c84bb5",
    "MFA should be enabled for accounts with read access to the subscription",
    _ON,
    retired=("e3576e28-8b17-4677-84c3-db2990658d64",),
)
KEYS = index_keys(OWNER, WRITE, READ, OWNER_WHOLE, WRITE_WHOLE, READ_WHOLE)
TYPES = (SUBSCRIPTION_TYPE, MANAGEMENT_GROUP_TYPE, *READS)

RULES = build_account_checks((OWNER, WRITE, READ), (OWNER_WHOLE, WRITE_WHOLE, READ_WHOLE))


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every subscription under every key."""
    principals = view.roles.principals

    def is_sign_in_impossible(user: str) -> bool:
        return principals.find_user(user) is None or principals.is_blocked(user)

    def is_factor_missing(user: str) -> bool:
        try:
            lacking = not principals.has_second_factor(user)
        except DataNotCollectedError:
            if is_sign_in_impossible(user):
                return False
            raise
        return lacking and not is_sign_in_impossible(user)

    return assess_accounts(view, RULES, is_factor_missing, "no second factor")

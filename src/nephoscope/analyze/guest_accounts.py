"""Guest accounts should hold no role on a subscription: three keys for owner, write and read, three retired ones.

A guest has userType Guest (or, where Graph says no type, a user principal name with #EXT#). A key looks at assignments of its
own class only. The living keys look at everything in the subscription, the retired ones at the subscription as a whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.analyze.assessment_key import Key, index_keys
from nephoscope.analyze.role_accounts import assess_accounts, build_account_checks
from nephoscope.estate.roles import READS
from nephoscope_policy.model.resource_id import MANAGEMENT_GROUP_TYPE, SUBSCRIPTION_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.assessment import Assessment

_ON = (SUBSCRIPTION_TYPE,)
OWNER = Key(
    "20606e75-05c4-48c0-9d97-add6daa2109a",
    "Guest accounts should not have owner permissions on the subscription or its resources",
    _ON,
    ("339353f6-2387-4a45-abe4-7f529d121046",),
)
WRITE = Key(
    "0354476c-a12a-4fcc-a79d-f0ab7ffffdbb",
    "Guest accounts should not have write permissions in the subscription",
    _ON,
    ("94e1c2ac-cbbe-4cac-a2b5-389c812dee87",),
)
READ = Key(
    "fde1c0c9-0fd2-4ecc-87b5-98956cbc1095",
    "Guest accounts should not have read permissions in the subscription",
    _ON,
    ("e9ac8f8e-ce22-4355-8f04-99b911d6be52",),
)
OWNER_WHOLE = Key(
    "c3b6ae71-f1f0-31b4-e6c1-d5951285d03d",
    "External accounts should not have owner permissions on the subscription",
    _ON,
    retired=("f8456c1c-aa66-4dfb-861a-25d127b775c9",),
)
WRITE_WHOLE = Key(
    "04e7147b-0deb-9796-2e5c-0336343ceb3d",
    "External accounts should not have write permissions on the subscription",
    _ON,
    retired=("5c607a2e-c700-4744-8254-d77e7c9eb5e4",),
)
READ_WHOLE = Key(
    "a8c6a4ad-d51e-88fe-2979-d3ee3c864f8b",
    "External accounts should not have read permissions on the subscription",
    _ON,
    retired=("5f76cf89-fbf2-47fd-a3f4-b891fa780b60",),
)
KEYS = index_keys(OWNER, WRITE, READ, OWNER_WHOLE, WRITE_WHOLE, READ_WHOLE)
TYPES = (SUBSCRIPTION_TYPE, MANAGEMENT_GROUP_TYPE, *READS)

RULES = build_account_checks((OWNER, WRITE, READ), (OWNER_WHOLE, WRITE_WHOLE, READ_WHOLE))


def analyze(view: EstateView) -> Iterable[Assessment]:
    """Judge every subscription under every key."""
    return assess_accounts(view, RULES, view.roles.principals.is_guest, "guest with access")

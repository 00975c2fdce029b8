"""Emergency access accounts: which accounts work when policies or people fail, how they sign in, and when one was used."""

from __future__ import annotations

from datetime import datetime

from nephoscope.identity.emergency_accounts import LEAST_ACCOUNTS, EmergencyAccount
from nephoscope.operations.declaration.operation import ApiRoute, CommandLine, OperationCall, OperationGroup
from nephoscope.operations.declaration.operation_page import PageColumn, SectionList
from nephoscope.operations.declaration.schemas import InWorkspace, Shape
from nephoscope.service.administrators import review_emergency_accounts
from nephoscope.service.identity_risk import READ

OPERATIONS = OperationGroup("emergencyAccounts", "Emergency access accounts", "The emergency access account")
_UNKNOWN = "not collected"


class EmergencyAccountShape(Shape, frozen=True, kw_only=True):
    """An emergency access account: registered methods and whether one resists phishing (null = not collected), last sign-in."""

    id: str
    name: str
    tenant: str
    phishing_resistant: bool | None
    methods: tuple[str, ...] | None
    last_sign_in: datetime | None


class ShortTenant(Shape, frozen=True, kw_only=True):
    """A tenant with fewer emergency access accounts than two."""

    tenant: str
    accounts: int


class EmergencyAccountList(Shape, frozen=True, kw_only=True):
    """Emergency access accounts, tenants with too few, what was not collected, and the days that sign-ins reach back."""

    value: tuple[EmergencyAccountShape, ...]
    too_few: tuple[ShortTenant, ...]
    not_collected: tuple[str, ...]
    sign_in_days: int


def _list_rows(found: EmergencyAccountList) -> list[dict[str, object]]:
    return [
        {
            "name": one.name, "phishingResistant": _format_flag(one.phishing_resistant),
            "methods": _UNKNOWN if one.methods is None else ", ".join(one.methods) or "none", "lastSignIn": one.last_sign_in,
            "tenant": one.tenant, "id": one.id,
        }
        for one in found.value
    ]  # fmt: skip


def _describe_gaps(found: EmergencyAccountList) -> list[str]:
    several = len({one.tenant for one in found.value} | {one.tenant for one in found.too_few}) > 1
    short = [
        f"{one.accounts} of {LEAST_ACCOUNTS} emergency access accounts{f' in tenant {one.tenant}' if several else ''}:"
        " no other cloud-only account is always Global Administrator and excluded from every conditional access policy"
        for one in found.too_few
    ]
    gaps = [f"not collected: {', '.join(found.not_collected)}"] if found.not_collected else []
    unknown_use = (
        [f"sign-ins reach back {found.sign_in_days} days"] if found.value and found.sign_in_days < 30 else []
    )
    return [*short, *gaps, *unknown_use]


@OPERATIONS.operation(
    READ, ApiRoute("GET", "/emergencyAccounts"),
    CommandLine(
        "emergency", columns=("name", "phishingResistant", "methods", "lastSignIn", "tenant", "id"), rows=_list_rows,
        notes=_describe_gaps,
        nothing="no emergency access accounts",
    ),
    needs_lake=True,
    page=SectionList(
        "Emergency accounts", "Identity", "emergency account",
        "Cloud-only accounts that are always Global Administrator and excluded from every conditional access policy.",
        key="id", name="name", guide="identity.md", facets=("phishingResistant", "tenant"), names=("tenant",), order=45,
        tab="Administrators",
        nothing="No emergency accounts.",
        columns=(
            PageColumn("name", "Account"), PageColumn("phishingResistant", "Phishing-resistant"),
            PageColumn("methods", "Registered methods", optional=True), PageColumn("lastSignIn", "Last sign-in"),
            PageColumn("tenant", "Tenant", optional=True),
        ),
    ),
)  # fmt: skip
def list_emergency_accounts(call: OperationCall, query: InWorkspace) -> EmergencyAccountList:
    """List emergency access accounts with their registered methods and last sign-in, and tenants that have fewer than two."""
    found = review_emergency_accounts(call.service, call.lake, call.workspace(query.workspace))
    return EmergencyAccountList(
        value=tuple(_build_account_shape(tenant, one) for tenant, one in found.accounts),
        too_few=tuple(ShortTenant(tenant=tenant, accounts=count) for tenant, count in found.short),
        not_collected=found.gaps,
        sign_in_days=found.days,
    )


def _build_account_shape(tenant: str, one: EmergencyAccount) -> EmergencyAccountShape:
    return EmergencyAccountShape(
        id=one.id, name=one.name, tenant=tenant, phishing_resistant=one.is_strong, methods=one.methods, last_sign_in=one.used
    )  # fmt: skip


def _format_flag(value: bool | None) -> str:
    return _UNKNOWN if value is None else "yes" if value else "no"

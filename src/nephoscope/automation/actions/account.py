"""Secure the accounts of an event after an approval: revoke sessions, require a password change, block sign-in, and undo.

Microsoft Graph is changed only where operator.yaml allows it; without, the plan has the steps for a person.
Source: https://learn.microsoft.com/graph/api/user-revokesigninsessions, .../user-update
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec
from msgspec import Meta

from nephoscope.automation.action import ActionContext, ActionError, ActionKind, ActionOutcome
from nephoscope.automation.operator_policy import AccountPolicy
from nephoscope.automation.planned_settings import ApprovalHours, UndoHours
from nephoscope.connect.cloud import CloudError, load_cloud
from nephoscope.connect.credentials import SignInError, TokenProvider, create_credential_source
from nephoscope.connect.graph_changes import GraphChange, GraphChangeClient, GraphChangeError
from nephoscope.state.automation.automation_runs import AutomationRun

Measure = Literal["revokeSessions", "requirePasswordChange", "block"]
_GRAPH = "https://graph.microsoft.com"


class AccountActionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the account action: the measures applied to the accounts of an event, and their duration."""

    measures: Annotated[
        tuple[Measure, ...],
        Meta(description="revokeSessions, requirePasswordChange or block.", min_length=1),
    ]
    hours: UndoHours = 0.0
    wait: ApprovalHours = 24.0


class PlannedAccount(msgspec.Struct, frozen=True):
    """An account of a plan: `enabled` says whether it could sign in before (None = not known)."""

    id: str
    name: str
    enabled: bool | None = None


class AccountPlan(msgspec.Struct, frozen=True):
    """A plan: the accounts, the measures, those that are spared with the reason, and the steps that apply and undo it."""

    accounts: tuple[PlannedAccount, ...]
    measures: tuple[Measure, ...]
    spared: tuple[tuple[str, str], ...]
    apply: str
    undo: str


def plan(settings: AccountActionSettings, run: AutomationRun, around: ActionContext) -> ActionOutcome:
    """Return what would be done: nothing to accounts that operator.yaml excludes, and to so many at most."""
    allowed = around.operator.accounts or AccountPolicy()
    found: list[PlannedAccount] = []
    spared: list[tuple[str, str]] = []
    never = {one.lower() for one in allowed.never}
    for account in dict.fromkeys(_read_accounts(run.document)):
        known = _look_up_account(account, around)
        if known is None:
            spared.append((account.name or account.id, "Microsoft Graph has no such user"))
        elif {known.id.lower(), known.name.lower(), account.id.lower(), account.name.lower()} & never:
            spared.append((known.name or known.id, "operator.yaml excludes it"))
        elif len(found) >= allowed.most:
            spared.append((known.name or known.id, f"over {allowed.most} accounts at once"))
        elif known not in found:
            found.append(known)
    if not found:
        why = "; ".join(f"{name}: {reason}" for name, reason in spared) or "the event has no account"
        return ActionOutcome(f"no account to secure: {why}")
    made = AccountPlan(
        tuple(found), settings.measures, tuple(spared), _format_commands(_plan_changes(found, settings.measures)),
        _format_commands(_plan_reversals(found, settings.measures)),
    )  # fmt: skip
    names = ", ".join(one.name or one.id for one in found)
    document: dict[str, object] = msgspec.to_builtins(made)
    return ActionOutcome(
        f"would {', '.join(settings.measures)}: {names}",
        document,
        around.now + timedelta(hours=settings.wait),
    )


def approve(settings: AccountActionSettings, run: AutomationRun, around: ActionContext) -> ActionOutcome:
    """Check once more what is excluded; then change Graph where that is allowed, else say what is to be run."""
    made = _read_plan(run)
    never = {one.lower() for one in (around.operator.accounts or AccountPolicy()).never}
    excluded = [one.name or one.id for one in made.accounts if {one.id.lower(), one.name.lower()} & never]
    if excluded:
        raise ActionError(f"operator.yaml excludes accounts of the plan: {', '.join(excluded)}", again=False)
    until = around.now + timedelta(hours=settings.hours) if settings.hours else None
    said = _send_graph_changes(_plan_changes(made.accounts, made.measures), made.apply, around)
    return ActionOutcome(f"approved by {run.by}; {said}", None, until)


def undo(_: AccountActionSettings, run: AutomationRun, around: ActionContext) -> ActionOutcome:
    """Take back what can be: blocks of accounts that could sign in before, and password changes; sessions stay revoked."""
    made = _read_plan(run)
    changes = list(_plan_reversals(made.accounts, made.measures))
    if not changes:
        return ActionOutcome("nothing to undo: revoked sessions cannot be restored")
    return ActionOutcome(_send_graph_changes(changes, made.undo, around))


def _read_plan(run: AutomationRun) -> AccountPlan:
    return msgspec.convert(run.plan, AccountPlan)


def _send_graph_changes(
    changes: Iterator[GraphChange] | list[GraphChange], steps: str, around: ActionContext
) -> str:
    """Send changes to Graph in order and say how many; where that is not allowed, say the steps."""
    client = _open_client(around)
    if client is None:
        return f"run: {steps}"
    count = 0
    for change in changes:
        try:
            client.change(change)
        except GraphChangeError as error:
            raise ActionError(str(error), again=error.again) from error
        count += 1
    return f"Microsoft Graph made {count} {'change' if count == 1 else 'changes'}"


def _look_up_account(account: PlannedAccount, around: ActionContext) -> PlannedAccount | None:
    """Return an account as Graph has it, itself where Graph may not be asked, None where there is none."""
    client = _open_client(around)
    if client is None:
        return account
    try:
        found = client.get_account(_build_path(account))
    except GraphChangeError as error:
        raise ActionError(str(error), again=error.again) from error
    if found is None:
        return None
    return PlannedAccount(found.id, found.user_principal_name or account.name, found.account_enabled)


def _open_client(around: ActionContext) -> GraphChangeClient | None:
    allowed = around.operator.accounts
    if allowed is None or not allowed.sign_in:
        return None
    try:
        cloud = load_cloud(allowed.cloud)
        source = create_credential_source(allowed.sign_in, cloud, allowed.tenant)
    except (CloudError, SignInError) as error:
        raise ActionError(f"operator.yaml (accounts): {error}", again=False) from error
    return GraphChangeClient(cloud.graph, TokenProvider(source, cloud.graph_scope))


def _read_accounts(document: dict[str, object]) -> Iterator[PlannedAccount]:
    """Yield the accounts of the entities of an event that have an object id or a principal name."""
    entities = document.get("Entities")
    for one in entities if isinstance(entities, list) else ():
        if str(one.get("Type", "")).lower() != "account":
            continue
        id_, name, suffix = (str(one.get(word) or "") for word in ("AadUserId", "Name", "UPNSuffix"))
        principal = f"{name}@{suffix}" if name and suffix else name if "@" in name else ""
        if id_ or principal:
            yield PlannedAccount(id_, principal)


def _build_path(account: PlannedAccount) -> str:
    return f"/v1.0/users/{quote(account.id or account.name, safe='@')}"


def _plan_changes(
    accounts: list[PlannedAccount] | tuple[PlannedAccount, ...], measures: tuple[Measure, ...]
) -> Iterator[GraphChange]:
    for account in accounts:
        path = _build_path(account)
        if "block" in measures:
            yield GraphChange("PATCH", path, {"accountEnabled": False})
        if "requirePasswordChange" in measures:
            yield _require_password_change(path, required=True)
        if "revokeSessions" in measures:
            yield GraphChange("POST", f"{path}/revokeSignInSessions")


def _plan_reversals(
    accounts: list[PlannedAccount] | tuple[PlannedAccount, ...], measures: tuple[Measure, ...]
) -> Iterator[GraphChange]:
    for account in accounts:
        path = _build_path(account)
        if "requirePasswordChange" in measures:
            yield _require_password_change(path, required=False)
        if "block" in measures and account.enabled is not False:
            yield GraphChange("PATCH", path, {"accountEnabled": True})


def _require_password_change(path: str, *, required: bool) -> GraphChange:
    profile = {"forceChangePasswordNextSignInWithMfa": required}
    return GraphChange("PATCH", path, {"passwordProfile": profile})


def _format_commands(changes: Iterator[GraphChange]) -> str:
    """The commands of the Azure CLI that carry out changes, one after the other."""
    lines = []
    for one in changes:
        body = ["--body", json.dumps(one.body)] if one.body else []
        lines.append(
            shlex.join(["az", "rest", "--method", one.method.lower(), "--url", f"{_GRAPH}{one.path}", *body])
        )
    return " && ".join(lines)


KIND = ActionKind(
    "account",
    "Secure accounts after an approval",
    AccountActionSettings,
    plan=plan,
    approve=approve,
    undo=undo,
    receiver=lambda _: "Microsoft Graph",
)

"""Analytics rules: switch them, put settings over their files, keep rules of people's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nephoscope.alerts.tuning.tuning_service import TuningEditor
from nephoscope.service.service_context import get_workspace_scope

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from nephoscope.alerts.rules.rule import AnalyticRule
    from nephoscope.service.service_context import ServiceContext
    from nephoscope.state.rules.rule_switches import SwitchState

READ, WRITE, DELETE = (f"Microsoft.SecurityInsights/alertRules/{one}" for one in ("read", "write", "delete"))


def switch_rules(
    context: ServiceContext, workspace: str, chosen: Mapping[str, Iterable[str]], *, enabled: bool
) -> None:
    """Enable or disable rules by id and packs by name, `chosen` by RULE and PACK; an entry for each, in one transaction."""
    context.require(WRITE, get_workspace_scope(workspace))
    with context.state.transaction() as session:
        for kind, subjects in chosen.items():
            _switch_content(session, context, workspace, kind, list(subjects), enabled=enabled)


def switch_rules_unchanged(
    context: ServiceContext,
    workspace: str,
    kind: str,
    keys: Sequence[str],
    seen: SwitchState,
    *,
    enabled: bool,
) -> bool:
    """Enable or disable rules or packs where all switches of the workspace are as they were `seen`; whether they were."""
    context.require(WRITE, get_workspace_scope(workspace))
    with context.state.transaction() as session:
        if context.state.rule_switches.lock_switches(session, workspace) != seen:
            return False
        _switch_content(session, context, workspace, kind, keys, enabled=enabled)
    return True


def _switch_content(
    session: Session,
    context: ServiceContext,
    workspace: str,
    kind: str,
    keys: Sequence[str],
    *,
    enabled: bool,
) -> None:
    context.state.rule_switches.switch(
        session, workspace, kind, keys, context.now, context.author, enabled=enabled
    )
    for key in keys:
        context.enter(session, WRITE, f"{kind} {key}", enabled=enabled, workspace=workspace)


def set_rule_settings(
    context: ServiceContext,
    workspace: str,
    rule: AnalyticRule,
    values: dict[str, object],
    *,
    comment: str = "",
    expires: datetime | None = None,
) -> None:
    """Put settings such as `triggerThreshold` over the file of a rule; SettingError where the rule cannot have them."""
    detail: dict[str, Any] = {
        "act": "set", "rule": rule.id, "workspace": workspace, "settings": values,
        "before": _build_settings(context, workspace, rule.id),
        "comment": comment, "expires": expires,
    }  # fmt: skip
    with context.transact(WRITE, get_workspace_scope(workspace), rule.name, **detail):
        _make_tuning_editor(context, workspace).set_settings(rule, values, comment=comment, expires=expires)


def reset_rule_settings(
    context: ServiceContext,
    workspace: str,
    rule: AnalyticRule,
    names: Iterable[str] = (),
    *,
    forget: bool = False,
) -> list[str]:
    """Take settings off the file of a rule, some by name or all; `forget`: what it has learned too. Returns the names."""
    wanted = set(names)
    known = _build_settings(context, workspace, rule.id)
    before = {name: value for name, value in known.items() if not wanted or name in wanted}
    detail: dict[str, Any] = {
        "act": "reset",
        "rule": rule.id,
        "workspace": workspace,
        "before": before,
        "forget": forget or None,
    }
    editing = _make_tuning_editor(context, workspace)
    with context.transact(WRITE, get_workspace_scope(workspace), rule.name, **detail):
        if forget:
            editing.forget(rule.id)
        return editing.reset_settings(rule.id, wanted)


def resume_rules(
    context: ServiceContext, workspace: str, rules: Sequence[AnalyticRule], targets: str | Sequence[str]
) -> int:
    """Let rules run again that were switched off because they failed; how many. `targets` names them in entries."""
    with context.transact(
        WRITE, get_workspace_scope(workspace), targets, act="run again", workspace=workspace
    ):
        return context.state.rule_standings.enable(workspace, [one.id for one in rules])


def _build_settings(context: ServiceContext, workspace: str, rule: str) -> dict[str, object]:
    """The settings over the file of a rule as they are."""
    found = context.state.rule_settings.all(workspace)
    return {one.setting: one.value for one in found if one.rule == rule}


def _make_tuning_editor(context: ServiceContext, workspace: str) -> TuningEditor:
    return TuningEditor(context.state, workspace, context.author, context.now)

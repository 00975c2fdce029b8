"""Accounts that are easier to take over than others: guests, those without a second factor, those that nobody uses."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.principals import REGISTRATION_TYPE
from nephoscope.estate.principals import USER_TYPE as USERS
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.posture.attack_paths.entity import USER_TYPE, GraphEntity, Insight, InsightKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nephoscope.posture.attack_paths.graph import SecurityGraph
    from nephoscope.posture.attack_paths.graph_inputs import GraphFacts
    from nephoscope_policy.model.resource import Resource

#: Days without a sign-in after which an account counts as forgotten.
STALE_DAYS = 90


def connect(facts: GraphFacts, graph: SecurityGraph) -> None:
    """An entity for each account that can sign in and is weak; its permissions are connected with those of identities."""
    if not facts.view.covers(USERS, ""):
        facts.record_gap("", "the accounts of the tenant")
    for user in facts.view.list_resources(USERS):
        if get_properties(user).get("accountEnabled") is False:
            continue
        insights = tuple(_list_insights(facts, user))
        if insights:
            entity = graph.add(
                GraphEntity(user.id.name, USER_TYPE, facts.view.roles.principals.find_name(user.id.name))
            )
            for insight in insights:
                graph.add_insight(entity, insight)


def _list_insights(facts: GraphFacts, user: Resource) -> Iterator[Insight]:
    principals, id_ = facts.view.roles.principals, user.id.name
    findings = facts.findings.list_findings_naming(id_)
    name = principals.find_name(id_)
    if _query_or_record_gap(facts, lambda: principals.is_guest(id_), "whether accounts are guests"):
        yield Insight(
            InsightKind.GUEST, f"{name} is a guest: another organization decides how it is kept", findings
        )
    gap = f"the sign-in methods of accounts ({REGISTRATION_TYPE})"
    if _query_or_record_gap(facts, lambda: not principals.has_second_factor(id_), gap):
        yield Insight(InsightKind.NO_SECOND_FACTOR, f"{name} signs in with nothing but a password", findings)
    if (last := _read_last_sign_in(user)) and last < facts.view.now - timedelta(days=STALE_DAYS):
        reason = f"{name} has not signed in since {last:%Y-%m-%d}: nobody would miss it or notice its use"
        yield Insight(InsightKind.STALE, reason, findings)


def _query_or_record_gap(facts: GraphFacts, question: Callable[[], bool], gap: str) -> bool:
    """The answer; False with a gap where it was not read."""
    try:
        return question()
    except DataNotCollectedError:
        facts.record_gap("", gap)
        return False


def _read_last_sign_in(user: Resource) -> datetime | None:
    """The last sign-in that Graph tells of an account, None where it was not read or never happened."""
    activity: object = get_properties(user).get("signInActivity")
    sign_ins = activity if isinstance(activity, dict) else {}
    texts = [sign_ins.get("lastSignInDateTime"), sign_ins.get("lastNonInteractiveSignInDateTime")]
    moments = [_parse_time(text) for text in texts if isinstance(text, str)]
    return max((one for one in moments if one is not None), default=None)


def _parse_time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None

"""From a judged observation to its row of BehaviorAnalytics and, where it stands out, of Anomalies."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nephoscope.behavior.accounts import Account
from nephoscope.behavior.anomaly_detection import JudgedObservation
from nephoscope.behavior.anomaly_kinds import find_anomaly_kind
from nephoscope.behavior.entities import HOST, build_entities, describe_unlisted_account
from nephoscope.behavior.observation_reader import EPOCH
from nephoscope.behavior.profile_dimensions import DIMENSIONS
from nephoscope.behavior.scoring import (
    ActivityContext,
    AnomalyScore,
    ProfileFacts,
    explain_score,
    score_facts,
)
from nephoscope.behavior.settings import BehaviorSettings
from nephoscope.geolocation.place import PHRASES
from nephoscope.geolocation.provider import Geolocator

BEHAVIOR, ANOMALIES = "BehaviorAnalytics", "Anomalies"
NEW_ACCOUNT, DORMANT = 30, 180
_ACTIVITY_WORDS = {
    "LogOn": "sign-in",
    "FailedLogOn": "failed sign-in",
    "Administrative": "change",
    "ResourceAccess": "access",
}
VENDOR = "nephoscope"


@dataclass(slots=True)
class InsightWriter:
    """Makes rows; `accounts` are the directory's by object id, `names` what other principals are called."""

    settings: BehaviorSettings
    accounts: Mapping[str, Account] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    places: Geolocator = field(default_factory=Geolocator)

    def build_row(self, judged: JudgedObservation, now: dt.datetime) -> dict[str, object] | None:
        """The row of an observation; None where nothing about it is worth one."""
        event = judged.event
        around = self._to_context(judged)
        score = score_facts(judged.facts, around)
        tells = any(one.first and DIMENSIONS[one.dimension].tells for one in judged.facts)
        if score.priority < 1 and not tells:
            return None
        account = self.accounts.get(event["entity"])
        user = event["kind"] == "user"
        host = event["Name"] if event["kind"] == HOST else event["Host"]
        return {
            "TimeGenerated": _format_time(event["time"]),
            "TimeProcessed": now.isoformat(),
            "ActivityType": event["Activity"],
            "ActionType": event["ActionType"],
            "UserName": self._read_user_name(event, account),
            "UserPrincipalName": (account.name if account else event["Name"]) if user else "",
            "ActorName": str(account.body.get("displayName") or "") if account else event["Name"],
            "ActorPrincipalName": event["Name"],
            "TargetName": event["TargetName"],
            "TargetPrincipalName": event["TargetPrincipal"],
            "SourceIPAddress": event["Address"],
            "SourceIPLocation": event["Country"],
            "SourceDevice": event["Device"],
            "DestinationDevice": host or (event["Resource"] if event["Activity"] == "ResourceAccess" else ""),
            "Device": host,
            "NativeTableName": event["source"],
            "EventSource": _SOURCES.get(event["source"], event["source"]),
            "EventVendor": "Microsoft",
            "SourceRecordId": event["Record"],
            "InvestigationPriority": score.priority,
            "ActivityInsights": self._build_activity(judged, score, around),
            "UsersInsights": self._build_user(judged, account),
            "DevicesInsights": self._build_device(event),
            "SourceSystem": VENDOR,
            "_ResourceId": event["Resource"] if event["Resource"].startswith("/subscriptions/") else "",
            "_ItemId": event["id"],
        }

    def build_anomaly(self, row: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, object] | None:
        """The row of Anomalies of an event's row of BehaviorAnalytics, None where its priority is below the setting."""
        if row["InvestigationPriority"] < self.settings.anomaly_priority:
            return None
        kind = find_anomaly_kind(row["ActivityType"], row["ActionType"])
        insights = row["ActivityInsights"]
        return {
            "Id": row["_ItemId"],
            "_ItemId": row["_ItemId"],
            "TimeGenerated": row["TimeGenerated"],
            "StartTime": row["TimeGenerated"],
            "EndTime": row["TimeGenerated"],
            "RuleId": kind.id,
            "RuleName": kind.name,
            "AnomalyTemplateId": kind.id,
            "AnomalyTemplateName": kind.name,
            "AnomalyTemplateVersion": "1.0.0",
            "RuleConfigVersion": "1.0.0",
            "RuleStatus": "Production",
            "Description": "; ".join(insights["Why"]),
            "Score": row["InvestigationPriority"] / 10,
            "AnomalyReasons": [
                {"Name": "Why", "IsAnomalous": True, "Description": one} for one in insights["Why"]
            ],
            "AnomalyDetails": insights["Score"],
            "Tactics": kind.tactic,
            "Techniques": f'["{kind.technique}"]',
            "Entities": build_entities(row, event["kind"]),
            "UserName": row["UserName"],
            "UserPrincipalName": row["UserPrincipalName"],
            "SourceIpAddress": row["SourceIPAddress"],
            "SourceLocation": {"CountryCode": row["SourceIPLocation"]},
            "SourceDevice": row["SourceDevice"],
            "DestinationDevice": row["DestinationDevice"],
            "ActivityInsights": insights,
            "UserInsights": row["UsersInsights"],
            "DeviceInsights": row["DevicesInsights"],
            "ExtendedProperties": {
                "SourceRecordId": row["SourceRecordId"],
                "NativeTableName": row["NativeTableName"],
            },
            "VendorName": VENDOR,
            "SourceSystem": VENDOR,
            "_ResourceId": row["_ResourceId"],
        }

    def _to_context(self, judged: JudgedObservation) -> ActivityContext:
        event = judged.event
        account = self.accounts.get(event["entity"])
        sharing = max(
            0, event["sharing"] - (0 if any(one.dimension == "Address" for one in judged.facts) else 1)
        )
        return ActivityContext(
            blast=account.blast if account else "Low",
            failed=not event["ok"],
            dormant=self._is_dormant(judged, account),
            sharing=sharing,
            shared=sharing >= self.settings.shared_users,
        )

    def _is_dormant(self, judged: JudgedObservation, account: Account | None) -> bool:
        """Nothing in 180 days, of an account that is older, where the baseline reaches back so far."""
        history = max((one.history for one in judged.facts), default=0)
        age = _compute_age_days(account, judged.event["time"])
        return not judged.event["active_days"] and history >= DORMANT and age is not None and age > DORMANT

    def _build_activity(
        self, judged: JudgedObservation, score: AnomalyScore, around: ActivityContext
    ) -> dict[str, object]:
        found: dict[str, Any] = {}
        for facts in judged.facts:
            found |= _build_insights(facts)
        word = _ACTIVITY_WORDS.get(judged.event["Activity"], "activity")
        if not judged.event["ok"] and not word.startswith("failed"):
            word = f"failed {word}"
        why = [
            explain_score(one, word)
            for one in sorted(judged.facts, key=lambda one: -_score_profile_facts(score, one))
        ]
        place = self.places.locate(judged.event["Address"])
        if place.origin in PHRASES:
            why.append(f"the address is of {PHRASES[place.origin]} ({place.service})")
        if around.shared:
            why.append(f"the address is shared: {around.sharing} others use it, so places count little")
        found["SourceIPLocation"] = judged.event["Country"]
        return {
            **found,
            "Why": why,
            "Score": {
                "Parts": [
                    {"Dimension": name, "Bits": round(bits, 2), "Counts": round(counts, 3)}
                    for name, bits, counts in score.parts
                ],
                "Factor": round(score.factor, 3),
            },
        }

    def _build_user(self, judged: JudgedObservation, account: Account | None) -> dict[str, object]:
        event = judged.event
        if event["kind"] == HOST:
            return {}
        if account is None:
            return {
                **describe_unlisted_account(event["entity"]),
                "AccountDisplayName": self._get_display_name(event),
                "BlastRadius": "Low",
            }
        age = _compute_age_days(account, event["time"])
        return {
            "AccountObjectID": account.id,
            "AccountDisplayName": str(account.body.get("displayName") or ""),
            "AccountDomain": account.name.partition("@")[2],
            "BlastRadius": account.blast,
            "IsDormantAccount": self._is_dormant(judged, account),
            "IsNewAccount": age is not None and age <= NEW_ACCOUNT,
            "IsServiceAccount": account.service,
            **({"OnPremisesSID": sid} if (sid := account.body.get("onPremisesSecurityIdentifier")) else {}),
        }

    def _build_device(self, event: Mapping[str, Any]) -> dict[str, object]:
        place = self.places.locate(event["Address"])
        named = place.network_name
        said = {
            "Browser": event["Browser"],
            "OperatingSystem": event["System"],
            "DeviceFamily": event["System"],
            "ISP": f"{event['ISP']} {named}".strip(),
            "UserAgent": event["UserAgent"],
            "UserAgentFamily": event["Browser"],
            "AddressOrigin": place.origin.value,
            "AddressService": place.service,
        }
        return {name: value for name, value in said.items() if value}

    def _read_user_name(self, event: Mapping[str, object], account: Account | None) -> str:
        """The name of a user without its domain, that of an application; a machine is no user."""
        if event["kind"] == HOST:
            return ""
        if event["kind"] != "user":
            return self._get_display_name(event)
        name = account.name if account else str(event["Name"])
        return name.rpartition("\\")[2].partition("@")[0]

    def _get_display_name(self, event: Mapping[str, Any]) -> str:
        return self.names.get(event["entity"]) or str(event["Name"])


_SOURCES = {
    "SigninLogs": "Azure AD",
    "AADNonInteractiveUserSignInLogs": "Azure AD",
    "AADServicePrincipalSignInLogs": "Azure AD",
    "AuditLogs": "Azure AD",
    "AzureActivity": "Azure Activity",
    "SecurityEvent": "Windows Security Events",
    "AZKVAuditLogs": "Azure Key Vault",
    "StorageBlobLogs": "Azure Storage",
}


def _build_insights(facts: ProfileFacts) -> dict[str, object]:
    """The insights of a value by name; those of peers and tenant only where it is unusual for the entity."""
    dimension = DIMENSIONS[facts.dimension]
    found: dict[str, object] = {dimension.first: facts.first}
    if dimension.uncommon:
        found[dimension.uncommon] = facts.is_uncommon
    if dimension.among_peers and facts.are_peers_known:
        found[dimension.among_peers] = facts.is_uncommon_among_peers
    if dimension.first_in_tenant:
        found[dimension.first_in_tenant] = facts.is_first_in_tenant
    if dimension.uncommon_in_tenant:
        found[dimension.uncommon_in_tenant] = facts.is_uncommon_in_tenant
    if dimension.name == "Operation" and facts.last is not None:
        found["DaysSinceUserPerformedAction"] = facts.last
    return found


def _score_profile_facts(score: AnomalyScore, facts: ProfileFacts) -> float:
    return next(counts for name, _, counts in score.parts if name == facts.dimension)


def _format_time(micros: int) -> str:
    return (EPOCH + dt.timedelta(microseconds=micros)).isoformat()


def _compute_age_days(account: Account | None, micros: int) -> int | None:
    """Days since an account was made."""
    created = str(account.body.get("createdDateTime") or "") if account else ""
    if not created:
        return None
    try:
        made = dt.datetime.fromisoformat(created)
    except ValueError:
        return None
    made = made.replace(tzinfo=dt.UTC) if made.tzinfo is None else made
    return (EPOCH + dt.timedelta(microseconds=micros) - made).days

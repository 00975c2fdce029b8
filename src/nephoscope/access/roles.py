"""The roles that can be given, with the operations that Azure's roles of the same names allow.

Source: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles and
https://learn.microsoft.com/azure/defender-for-cloud/permissions
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Role:
    """A role: `id` is its GUID in Azure; an operation is allowed where one of `actions` fits and none of `not_actions` does."""

    id: str
    name: str
    description: str
    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()

    def allows(self, operation: str) -> bool:
        """Return whether it allows an operation such as `Microsoft.Security/alerts/write`, in any case of its letters."""
        return _matches_any(self.actions, operation) and not _matches_any(self.not_actions, operation)


_SECURITY_READS = (
    "Microsoft.Authorization/*/read", "Microsoft.Insights/alertRules/read", "Microsoft.Management/managementGroups/read",
    "Microsoft.OperationalInsights/workspaces/*/read", "Microsoft.PolicyInsights/*/read", "Microsoft.Resources/deployments/*/read",
    "Microsoft.Resources/subscriptions/read", "Microsoft.Resources/subscriptions/resourceGroups/read", "Microsoft.Security/*/read",
    "Microsoft.SecurityInsights/*/read", "Microsoft.Support/*/read", "Microsoft.PolicyInsights/policyStates/queryResults/action",
    "Microsoft.PolicyInsights/policyEvents/queryResults/action", "Microsoft.PolicyInsights/policyStates/summarize/action",
    "Microsoft.ResourceGraph/resources/read", "Nephoscope.Posture/*/read",
)  # fmt: skip
#: Who may come in, with what, and what they did: an owner's alone.
_OWNERS_ALONE = (
    "Nephoscope/principals/*",
    "Nephoscope/secrets/*",
    "Nephoscope/signInProviders/*",
    "Nephoscope/audit/*",
)
READER = Role(
    "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    "Reader",
    "Can read everything and change nothing.",
    (
        "*/read",
        "Microsoft.PolicyInsights/policyStates/queryResults/action",
        "Microsoft.PolicyInsights/policyEvents/queryResults/action",
        "Microsoft.PolicyInsights/policyStates/summarize/action",
    ),
    _OWNERS_ALONE,
)
SECURITY_READER = Role(
    "39bc4728-0917-49c7-9d2c-d95423bc2eb4",
    "Security Reader",
    "Can read recommendations, alerts, policies and logs, but not the rest of resources.",
    _SECURITY_READS,
)
SECURITY_ADMIN = Role(
    "fb1c8493-542b-48eb-b624-b4c8fea62acd",
    "Security Admin",
    "As Security Reader; can also change security policy, alerts, incidents, rules and plans.",
    (
        *_SECURITY_READS, "Nephoscope/agents/read", "Nephoscope/agents/respond/action",
        "Microsoft.Authorization/policyAssignments/*", "Microsoft.Authorization/policyDefinitions/*",
        "Microsoft.Authorization/policyExemptions/*", "Microsoft.Authorization/policySetDefinitions/*", "Microsoft.PolicyInsights/*",
        "Microsoft.Security/*", "Microsoft.SecurityInsights/*", "Microsoft.OperationalInsights/workspaces/savedSearches/*",
    ),
)  # fmt: skip
CONTRIBUTOR = Role(
    "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Contributor",
    "Can change everything except access.",
    ("*",),
    (
        "Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write", "Microsoft.Authorization/elevateAccess/Action",
        *_OWNERS_ALONE,
    ),
)  # fmt: skip
OWNER = Role(
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "Owner",
    "Has full access, including access management.",
    ("*",),
)
PUBLISHER = Role(
    "3913510d-42f4-4e42-8a64-420c390055eb",
    "Monitoring Metrics Publisher",
    "Can only send logs by the Logs Ingestion protocol.",
    ("Microsoft.Insights/Telemetry/Write",),
)
PIPELINE_PUBLISHER = Role(
    "2f9b1c54-6d0e-5a57-9b8e-0c6f6a3d7e21",
    "Pipeline Publisher",
    "Can only send results of pipelines; Azure has no such role.",
    ("Microsoft.Security/pipelineRuns/write",),
)
IMAGE_REQUESTER = Role(
    "55e4fc1b-5f7a-5aff-8ad8-199daa3fb2dc",
    "Image Requester",
    "Can only request public images; Azure has no such role.",
    ("Microsoft.Security/imageRequests/read", "Microsoft.Security/imageRequests/write"),
)
CREDENTIAL_CHECKER = Role(
    "1f6b9f0e-5d0c-5a4f-9a55-6a7f0d1e5c42",
    "Credential Checker",
    "Can only check whether the hash of a password is leaked; Azure has no such role.",
    ("Nephoscope/leakedCredentials/check/action",),
)
MACHINE_ENROLMENT = Role(
    "c4c6a0c5-6f5e-5d0a-9a0b-7a8f0c3b1d52",
    "Machine Enrolment",
    "Can only enrol machines; Azure has no such role.",
    ("Nephoscope/agents/enrol/action",),
)
MACHINE_AGENT = Role(
    "9b1a7d6e-2c43-5f0f-8b3e-51d2f6a4c807",
    "Machine Agent",
    "Can only report about its own machine; Azure has no such role.",
    (
        "Nephoscope/agents/report/action",
        "Microsoft.HybridCompute/machines/write",
        "Microsoft.HybridCompute/machines/extensions/write",
        "Microsoft.HybridCompute/machines/patchAssessmentResults/write",
        "Microsoft.Compute/virtualMachines/patchAssessmentResults/write",
        "Microsoft.GuestConfiguration/guestConfigurationAssignments/write",
    ),
)
ROLES = (
    READER,
    SECURITY_READER,
    SECURITY_ADMIN,
    CONTRIBUTOR,
    OWNER,
    PUBLISHER,
    PIPELINE_PUBLISHER,
    IMAGE_REQUESTER,
    CREDENTIAL_CHECKER,
    MACHINE_ENROLMENT,
    MACHINE_AGENT,
)


#: From those that allow least to those that allow most.
_SMALLEST_FIRST = (
    PUBLISHER,
    PIPELINE_PUBLISHER,
    IMAGE_REQUESTER,
    CREDENTIAL_CHECKER,
    MACHINE_ENROLMENT,
    MACHINE_AGENT,
    SECURITY_READER,
    READER,
    SECURITY_ADMIN,
    CONTRIBUTOR,
    OWNER,
)


def find_least_role(operation: str) -> Role:
    """The role that allows an operation and little else."""
    return next(one for one in _SMALLEST_FIRST if one.allows(operation))


def find_role(name: str) -> Role | None:
    """The role of a name or GUID, in any case."""
    wanted = name.strip().lower()
    return next((one for one in ROLES if wanted in (one.name.lower(), one.id)), None)


def _matches_any(patterns: tuple[str, ...], operation: str) -> bool:
    return any(_parse_pattern(one).fullmatch(operation) for one in patterns)


@cache
def _parse_pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in text.split("*")), re.IGNORECASE)

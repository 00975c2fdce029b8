"""The properties that documents of a list can have: those of the lists that people filter, whatever their documents say now.

Source: https://learn.microsoft.com/rest/api/securityinsights/incidents/list (Incident, AlertRule, Bookmark)
Source: https://learn.microsoft.com/rest/api/defenderforcloud/alerts/list (Alert)
Source: https://learn.microsoft.com/rest/api/defenderforcloud/assessments/list (SecurityAssessmentResponse)
"""

from __future__ import annotations

import re

#: What any ARM document may have beside its properties.
_ENVELOPE = frozenset(
    [
        "id",
        "name",
        "type",
        "kind",
        "etag",
        "location",
        "tags",
        "identity",
        "sku",
        "plan",
        "managedby",
        "systemdata",
        "properties",
    ]
)
_TEXTS = {
    "microsoft.securityinsights/incidents": """additionalData classification classificationComment classificationReason
        createdTimeUtc description firstActivityTimeUtc firstActivityTimeGenerated incidentUrl incidentNumber labels
        lastActivityTimeUtc lastActivityTimeGenerated lastModifiedTimeUtc owner providerIncidentId providerName
        relatedAnalyticRuleIds severity status teamInformation title""",
    "microsoft.securityinsights/alertrules": """alertDetailsOverride alertRuleTemplateName customDetails description displayName
        displayNamesExcludeFilter displayNamesFilter enabled entityMappings eventGroupingSettings incidentConfiguration
        lastModifiedUtc productFilter alertRulesCreatedByTemplateCount createdDateUTC lastUpdatedDateUTC
        requiredDataConnectors status version query queryFrequency queryPeriod sentinelEntitiesMappings severitiesFilter severity
        subTechniques suppressionDuration suppressionEnabled tactics techniques templateVersion triggerOperator
        triggerThreshold""",
    "microsoft.securityinsights/bookmarks": """created createdBy displayName entityMappings eventTime incidentInfo labels notes
        query queryEndTime queryResult queryStartTime tactics techniques updated updatedBy""",
    "microsoft.security/alerts": """alertDisplayName alertType alertUri compromisedEntity correlationKey description endTimeUtc
        entities extendedLinks extendedProperties intent isIncident processingEndTimeUtc productComponentName productName
        remediationSteps resourceIdentifiers severity startTimeUtc status subTechniques supportingEvidence systemAlertId
        techniques timeGeneratedUtc vendorName version""",
    "microsoft.security/assessments": """additionalData displayName links metadata partnersData resourceDetails risk
        status statusPerInitiative""",
}
_OF_LISTS = {kind: frozenset(text.lower().split()) for kind, text in _TEXTS.items()}


def is_known_field(kind: str, path: str) -> bool | None:
    """Return whether documents of a kind (lower-cased) can have a property; None where only the documents themselves tell."""
    names = re.split("[/.]", path.lower())
    if names[0] not in _ENVELOPE:
        return False
    if names[0] != "properties" or len(names) == 1:
        return True
    fields = _OF_LISTS.get(kind)
    return None if fields is None else names[1] in fields

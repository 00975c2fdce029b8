"""Whatever is sent, no operation answers with a fault of the server: bodies, paths and options of every shape, for every operation."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nephoscope.api.wire.operation import OperationRegistry

OPERATIONS = list(OperationRegistry.load_all_operations())
#: Words that documents of the surfaces use: what is sent looks like what is meant, and is not.
WORDS = (
    "properties", "kind", "etag", "id", "name", "type", "location", "tags", "query", "options", "$top", "$skipToken", "facets",
    "value", "expression", "resultFormat", "status", "code", "severity", "title", "displayName", "enabled", "policyAssignmentId",
    "actions", "actionType", "sources", "eventSource", "ruleSets", "rules", "scopes", "scopePath", "virtualMachines", "ports",
    "number", "resourceIds", "resourceId", "interval", "start", "end", "resourceDetails", "itemsKeyValue", "itemsSearchKey",
    "rawContent", "message", "owner", "labels", "classification", "relatedResourceId", "emails", "pricingTier", "pattern",
    "patternType", "validFrom", "threatIntelligenceTags", "timespan", "workspaces", "requests", "body", "csl", "db", "results",
    "suppressionAlertsScope", "allOf", "field", "in", "alertType", "state", "expirationDateUtc", "queryFrequency",
    "triggerOperator", "triggerThreshold", "entityMappings", "policyRule", "if", "then", "effect", "parameters", "metadata",
    "exemptionCategory", "expiresOn", "filters", "locations", "subscriptions", "managementGroups", "pathRecommendations",
    "authenticationDetails", "logicAppResourceId",
)  # fmt: skip
TEXTS = st.sampled_from((
    "", "x", "\x00", "é", "a" * 300, "2026-01-01", "9999-99-99T00:00:00Z", "P1D", "PT", "Scheduled", "indicator", "New", "Closed",
    "High", "resources | count", "print 1", "let x = ", "AzureActivity | take 1", "/subscriptions/x", "[url:value = 'x']", "1e999",
    "NaN", "Audit",
    "' or 1 eq 1", "groupby((a))", "🙂", "..", "%2e%2e", "-1", "true", "<x>", "{{", "[parameters('a')]",
))  # fmt: skip
SCALARS = st.one_of(
    TEXTS,
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(WORDS), TEXTS), inner, max_size=5),
    ),
    max_leaves=12,
)
DOCUMENTS = st.one_of(
    JSON,
    st.dictionaries(st.sampled_from(WORDS), JSON, max_size=6),
    st.fixed_dictionaries(
        {"properties": st.dictionaries(st.sampled_from(WORDS), JSON, max_size=8)}, optional={"kind": TEXTS}
    ),
)
OPTIONS = st.dictionaries(
    st.sampled_from(
        (
            "$filter",
            "$top",
            "$skipToken",
            "$apply",
            "$orderby",
            "$select",
            "$from",
            "$to",
            "$expand",
            "query",
            "timespan",
        )
    ),
    TEXTS,
    max_size=3,
)
KNOWN = {
    "workspaceName": "default", "workspaceId": "default", "workspace": "default", "ruleId": "default", "version": "v1.0",
    "policyStatesResource": "latest", "policyStatesSummaryResource": "latest", "policyEventsResource": "default",
    "namespace": "Microsoft.X",
    "operationalInsightsResourceProvider": "Microsoft.OperationalInsights", "stream": "Microsoft-Syslog", "rest": "settings/x",
}  # fmt: skip
QUICK = settings(max_examples=6, suppress_health_check=list(HealthCheck))
MANY = settings(max_examples=60, suppress_health_check=list(HealthCheck))
GUID = "0b0d9b3e-6f4e-4b11-9a53-1f6ef4c0a1aa"


def address(operation, word: str) -> str:
    """A path of an operation; a parameter that nothing is known of is a word."""

    def filled(found: re.Match[str]) -> str:
        name = found[1]
        if name in ("scope", "resourceId", "resourceScope"):
            return f"subscriptions/{GUID}"
        return GUID if name == "subscriptionId" else KNOWN.get(name, word)

    return re.sub(r"\{(\w+)\}", filled, operation.template.text)


def sound(answer) -> None:
    """An answer that is no fault: below 500, or 501 with its reason; an error has Azure's shape."""
    if answer.status_code < 500:
        return
    assert answer.status_code == 501, answer.text
    assert answer.json()["error"]["code"] == "NotAssessed"
    assert answer.json()["error"]["message"]


@pytest.mark.sampled(18, each=lambda given: given["operation"].surface)
@pytest.mark.parametrize("how", [QUICK, pytest.param(MANY, marks=pytest.mark.full)], ids=["few", "many"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_no_operation_is_at_fault(server, owner, operation, how):
    @how
    @given(DOCUMENTS, OPTIONS, st.sampled_from(("x", GUID, "a b", "1", "$metadata")))
    def asked(body, options, word):
        path = address(operation, word)
        content = json.dumps(body).encode("utf-8", "surrogatepass")
        query = {"api-version": "2023-01-01", **options}
        sound(server.request(operation.method, path, params=query, headers=owner, content=content))

    asked()


@QUICK
@given(st.binary(max_size=200), st.sampled_from(OPERATIONS))
def test_no_bytes_are_too_odd(server, owner, content, operation):
    sound(
        server.request(
            operation.method,
            address(operation, "x"),
            params={"api-version": "1"},
            headers=owner,
            content=content,
        )
    )

"""Reasons of editions that earlier releases published are read as those of today: the cause stands in its field alone."""

from __future__ import annotations

import pytest

from nephoscope.posture.published.legacy_reasons import read_reason

SUB = "/subscriptions/11111111-1111-1111-1111-111111111111"
VAULT = f"{SUB}/resourcegroups/rg/providers/microsoft.keyvault/vaults/kv"
ROLES = f"microsoft.authorization/roleassignments in {SUB}"
GENERATION = "the generation of the machine (properties.instanceView)"
#: what is published -> cause and description
PUBLISHED = [
    ("not-collected", f"not-collected: not collected: {ROLES}", "not-collected", ROLES),
    ("not-collected", f"not collected: {ROLES}", "not-collected", ROLES),
    ("not-collected", ROLES, "not-collected", ROLES),
    ("not-collected", f"not collected: {GENERATION}", "not-collected", GENERATION),
    ("not-collected", f"microsoft.insights/diagnosticsettings was not collected in {SUB} (403)", "not-collected",
     f"microsoft.insights/diagnosticsettings in {SUB} (403)"),
    ("not-collected", f"the properties of {VAULT} were not read", "not-collected", f"the properties of {VAULT}"),
    ("not-collected", f"microsoft.security/pricings 'ai' of {SUB} was not read: in Azure it always exists", "not-collected",
     f"microsoft.security/pricings 'ai' of {SUB} (in Azure it always exists)"),
    ("not-collected", f"properties.sku of {VAULT} was cut to text by its export and not read: export again with -Depth 100",
     "not-collected", f"properties.sku of {VAULT} (cut to text by its export: export again with -Depth 100)"),
    ("not-collected", "no-analyzer: no analyzer yet: it needs flow logs", "no-analyzer", "no analyzer yet: it needs flow logs"),
    ("not-collected", "classic: a classic machine's endpoints are not in its ARM body", "classic",
     "a classic machine's endpoints are not in its ARM body"),
    ("stale", "stale: the report is 9 days old", "stale", "the report is 9 days old"),
    ("stale", "the report is 9 days old", "stale", "the report is 9 days old"),
    ("security-admin-rules", f"not known: the effect of rules on {VAULT}", "security-admin-rules", f"the effect of rules on {VAULT}"),
    ("request-only", "the rule judges the identity behind a request", "request-only", "the rule judges the identity behind a request"),
    ("", "Encrypt it: twice", "", "Encrypt it: twice"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("cause", "said", "expected", "text"), PUBLISHED, ids=[one[1][:50] for one in PUBLISHED]
)
def test_a_published_reason_is_read_without_its_cause(
    cause: str, said: str, expected: str, text: str
) -> None:
    assert read_reason(cause, said) == (expected, text)
    assert read_reason(expected, text) == (expected, text)

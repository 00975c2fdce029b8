"""Names of protected branches with wildcards, and of variables that hold secrets."""

from __future__ import annotations

import pytest

from nephoscope.analyze.gitlab_branches import is_named_by
from nephoscope.analyze.secret_names import names_azure_key, names_secret


@pytest.mark.parametrize(
    ("branch", "pattern", "named"),
    [
        ("main", "main", True), ("main", "Main", False), ("main", "*", True), ("main", "m*n", True), ("main", "mai", False),
        ("main", "main*", True), ("main", "*main*", True), ("release/1.0", "release/*", True), ("main", "release/*", False),
        ("aba", "ab*ba", False), ("abba", "ab*ba", True), ("a-b-c-d", "a*b*d", True), ("a-c-d", "a*b*d", False),
        ("a.c", "a?c", False), ("[x]", "[x]", True), ("", "*", True), ("main", "", False),
    ],
)  # fmt: skip
def test_a_protected_branch_names_branches(branch: str, pattern: str, named: bool) -> None:
    assert is_named_by(branch, pattern) is named


@pytest.mark.parametrize(
    "name",
    ["TOKEN", "NPM_TOKEN", "db_password", "SSH_PRIVATE_KEY", "API_KEY_PROD", "CONNECTION_STRING", "CONNECTIONSTRING_2",
     "AZURE_CREDENTIALS", "GITHUB_PAT", "SIGNING_KEY_BASE64", "ARM_CLIENT_SECRET"],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert names_secret(name)


@pytest.mark.parametrize(
    "name", ["", "TOKEN_URL", "ACCESS_KEY_ID", "PUBLIC_KEY", "COMPATIBLE", "PATH", "SECRETS_FOLDER", "KEYVAULT_NAME", "PASSWORDLESS"]
)  # fmt: skip
def test_names_of_other_variables(name: str) -> None:
    assert not names_secret(name)
    assert not names_azure_key(name)

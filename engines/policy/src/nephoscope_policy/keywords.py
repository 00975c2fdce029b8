"""The keywords of the language: they are read in any case and written in the documented one."""

from __future__ import annotations

OPERATORS: dict[str, str] = {
    name.lower(): name
    for name in (
        "equals",
        "notEquals",
        "like",
        "notLike",
        "match",
        "notMatch",
        "matchInsensitively",
        "notMatchInsensitively",
        "contains",
        "notContains",
        "in",
        "notIn",
        "containsKey",
        "notContainsKey",
        "less",
        "lessOrEquals",
        "greater",
        "greaterOrEquals",
        "exists",
    )
}
"""Lower-cased operator -> its documented spelling."""

CASED = frozenset({"match", "notmatch"})
"""Operators that see the case of a type as its source spelled it, which the lower-cased type does not tell."""

EFFECTS: dict[str, str] = {
    name.lower(): name
    for name in (
        "audit",
        "deny",
        "append",
        "modify",
        "auditIfNotExists",
        "deployIfNotExists",
        "disabled",
        "manual",
        "denyAction",
        "auditAction",
        "mutate",
        "addToNetworkGroup",
        "enforceOPAConstraint",
        "enforceRegoPolicy",
        "enforceSetting",
    )
}
"""Lower-cased effect -> its documented spelling."""

IF_NOT_EXISTS = frozenset({"auditifnotexists", "deployifnotexists"})
FORBIDDEN = frozenset(
    {
        "copyindex",
        "deployment",
        "environment",
        "extensionresourceid",
        "lambda",
        "listaccountsas",
        "listkeys",
        "listsecrets",
        "list",
        "managementgroup",
        "managementgroupresourceid",
        "newguid",
        "pickzones",
        "providers",
        "reference",
        "resourceid",
        "subscriptionresourceid",
        "tenant",
        "tenantresourceid",
        "variables",
    }
)
"""Template functions that a policy rule must not call. Source: learn.microsoft.com, policy definition structure, policy functions."""
HASHES = frozenset({"guid", "uniquestring"})
PARAMETER_TYPES = frozenset({"string", "array", "object", "boolean", "integer", "float", "datetime"})
MODIFY_OPERATIONS: dict[str, str] = {"add": "add", "addorreplace": "addOrReplace", "remove": "remove"}
SCANNED_MODES = frozenset({"all", "indexed"})
EXISTENCE_SCOPES = frozenset({"subscription", "resourcegroup"})
DATA_PLANE = ".data"
"""What the name of every data-plane mode ends with, in lower case."""

SUBJECTS = ("field", "value", "count")
"""What a condition asks."""
COUNT_MEMBERS = ("field", "value", "name", "where")
"""The members of a count."""
PROPERTIES = frozenset(
    {"displayname", "description", "mode", "parameters", "policyrule", "metadata", "policytype", "version"}
)
"""The lower-cased properties of a definition."""

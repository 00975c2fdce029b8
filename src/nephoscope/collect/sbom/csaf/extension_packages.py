"""Extensions of CSAF 2.1 whose schema and metadata are known: what their content holds, and where and how often they may be used.

Schemas are never loaded from where an extension says that they are. Source: the extensions that OASIS publishes for documentation
(https://github.com/oasis-tcs/csaf, csaf_2.1/test/extension), after which an extension of one's own is written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

#: The lists that may hold extensions, by the place in a document.
_LISTS = {
    "root": re.compile(r"/x_extensions"),
    "document": re.compile(r"/document/x_extensions"),
    "branch": re.compile(r"/product_tree(?:/branches/\d+)+/product/x_extensions"),
    "product": re.compile(r"/product_tree/full_product_names/\d+/x_extensions"),
    "combination": re.compile(
        r"/product_tree/(?:product_paths|relationships)/\d+/full_product_name/x_extensions"
    ),
    "metric": re.compile(r"/vulnerabilities/\d+/metrics/\d+/content/x_extensions"),
    "vulnerability": re.compile(r"/vulnerabilities/\d+/x_extensions"),
}
_MANY = 4096
#: Drafts of the standard had the documents in another folder.
_PUBLISHED = re.compile(
    r"https://raw\.githubusercontent\.com/oasis-tcs/csaf/refs/heads/master/csaf_2\.1/(?:test/)?extension/data/valid/([\w-]+)/\1-content_1\.0\.0\.json"
)
_NOTICE = "This extension is for documentation and test purposed only. It is valid. It is not allowed to be used in a production CSAF."

Predicate = Callable[[object], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionPackage:
    """Schema and metadata of an extension: its properties with what each may be, and how often a list may have it.

    `most` is by the kind of list; one that is not named may not have the extension.
    """

    properties: Mapping[str, Predicate]
    most: Mapping[str, int]
    required: frozenset[str] = frozenset()
    is_critical: bool = False
    incompatible: frozenset[str] = frozenset()


def _is_notice(value: object) -> bool:
    return value == _NOTICE


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) and one for one in value)


def _is_configuration_tree(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    needed = {
        "configurations": {"configuration_id", "details"},
        "relationships": {"configuration_reference", "full_product_name", "product_reference"},
    }
    return all(_is_list_of_objects(value.get(key), parts) for key, parts in needed.items())


def _is_list_of_objects(value: object, keys: set[str]) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(o, dict) and o.keys() == keys for o in value)
    )


_PACKAGES = {
    "documentation-11": ExtensionPackage(
        properties={"documentation": _is_notice},
        most=dict.fromkeys(_LISTS, 1),
        incompatible=frozenset({"documentation-12"}),
    ),
    "documentation-12": ExtensionPackage(
        properties={"documentation": _is_notice, "notes": _is_list_of_texts},
        required=frozenset({"documentation"}),
        most=dict.fromkeys(_LISTS, _MANY) | {"product": 10, "combination": 2, "metric": 0},
        incompatible=frozenset({"documentation-11"}),
    ),
    "documentation-13": ExtensionPackage(
        properties={"configuration_tree": _is_configuration_tree}, most={"root": 1}, is_critical=True
    ),
}


def find_package(schema: object) -> str:
    """Return the name of the extension whose schema an extension declares, '' where it is not known."""
    found = _PUBLISHED.fullmatch(schema) if isinstance(schema, str) else None
    return found[1] if found and found[1] in _PACKAGES else ""


def check_content(name: str, extension: Mapping[str, object]) -> Iterator[str]:
    """Give what an extension does against the schema of its package."""
    package, content = _PACKAGES[name], extension.get("content")
    if not isinstance(content, dict):
        return
    for key in sorted(package.required - content.keys()):
        yield f"the content of {name} has no {key}"
    for key, value in content.items():
        allowed = package.properties.get(key)
        if allowed is None:
            yield f"the schema of {name} has no {key[:80]!r}"
        elif not allowed(value):
            yield f"{key} is not what the schema of {name} asks for"
    if extension.get("critical") is not package.is_critical:
        yield f"critical is {str(package.is_critical).lower()} in {name}"


def check_list(place: str, names: list[str]) -> Iterator[str]:
    """Give what the known extensions of a list do against their metadata; `place` is that of the list."""
    kind = next((kind for kind, pattern in _LISTS.items() if pattern.fullmatch(place)), "")
    for name in dict.fromkeys(names):
        most = _PACKAGES[name].most.get(kind, 0)
        if names.count(name) > most:
            yield f"{name} is here {names.count(name)} times and may be {most} times"
        for other in sorted(_PACKAGES[name].incompatible.intersection(names)):
            yield f"{name} may not be used with {other}"

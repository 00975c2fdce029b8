"""Document metadata: languages, category, distribution and license."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.sbom.bill_of_materials import UnreadableBillError
from nephoscope.collect.sbom.csaf.language_tags import is_language
from nephoscope.collect.sbom.csaf.mandatory_test import declare_mandatory_test
from nephoscope.files.json_tree import get_text, get_tree, list_trees
from nephoscope.model.extras import get_install_command
from nephoscope.vulnerability.documents.csaf_document import AdvisoryDocument, Problem

_EVERYBODY = "ffffffff-ffff-ffff-ffff-ffffffffffff"
_NOBODY = "00000000-0000-0000-0000-000000000000"
#: The names of sharing groups that their identifiers have alone.
_RESERVED = {"Public": _EVERYBODY, "No sharing allowed": _NOBODY}
_GROUP = "/document/distribution/sharing_group"

#: The profiles of each version, in the words that their names have too.
PROFILES = {
    "2.0": ("security_incident_response", "informational_advisory", "security_advisory", "vex"),
    "2.1": (
        "security_incident_response",
        "informational_advisory",
        "security_advisory",
        "vex",
        "deprecated_security_advisory",
        "withdrawn",
        "superseded",
    ),
}
#: A license or an exception; one of another document is not allowed.
_LICENSE = re.compile(r"[A-Za-z0-9.\-]+\+?")
_LICENSE_TOKEN = re.compile(r"\s*([()]|[^\s()]+)")
_OWN = ("LicenseRef-", "AdditionRef-", "DocumentRef-")


@declare_mandatory_test("6.1.12")
def check_languages(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the languages that are none."""
    for key in ("lang", "source_lang"):
        language = get_text(document.head, key)
        if language and not is_language(language):
            yield f"/document/{key}", f"{language[:40]!r} is no language"


@declare_mandatory_test("6.1.15")
def check_translations_have_a_source(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the translation without the language that it was made of."""
    if get_text(document.head, "publisher", "category") == "translator" and not get_text(
        document.head, "source_lang"
    ):
        yield "/document/source_lang", "a translator says which language the source has"


@declare_mandatory_test("6.1.28")
def check_translations_are_translated(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the translation into its own language."""
    language = get_text(document.head, "lang")
    if language and language.lower() == get_text(document.head, "source_lang").lower():
        yield "/document/source_lang", f"the document and its source have the language {language[:40]}"


def _simplify_name(name: str) -> str:
    """Return a name without dashes, spaces and underscores, in lower case."""
    return "".join(one for one in name.lower() if one.isalnum())


@declare_mandatory_test("6.1.26")
def check_category(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the category that looks like a profile and is none."""
    category, profiles = document.category, PROFILES[document.version]
    if category == "csaf_base" or (
        category.removeprefix("csaf_") in profiles and category.startswith("csaf_")
    ):
        return
    names = {_simplify_name(each) for name in profiles for each in (name, f"csaf_{name}")}
    if category.lower().startswith("csaf_") or _simplify_name(category) in names:
        yield "/document/category", f"{category[:80]!r} is no category, but looks like that of a profile"


@declare_mandatory_test("6.1.38", since="2.1")
def check_everybody_is_public(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the group of everybody of a document that is not public."""
    if (
        get_text(document.head, "distribution", "sharing_group", "id") == _EVERYBODY
        and _read_label(document) != "CLEAR"
    ):
        yield f"{_GROUP}/id", "the group of everybody is that of public documents"


@declare_mandatory_test("6.1.39", since="2.1")
def check_public_is_everybody(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the group of a public document that is not that of everybody."""
    group = get_text(document.head, "distribution", "sharing_group", "id")
    if group and group != _EVERYBODY and _read_label(document) == "CLEAR":
        yield f"{_GROUP}/id", "a public document is shared with everybody"


def _read_label(document: AdvisoryDocument) -> str:
    return get_text(document.head, "distribution", "tlp", "label")


@declare_mandatory_test("6.1.40", since="2.1")
def check_reserved_names(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the reserved name of another group."""
    group = get_tree(document.head, "distribution", "sharing_group")
    name = get_text(group, "name")
    if name in _RESERVED and get_text(group, "id") != _RESERVED[name]:
        yield f"{_GROUP}/name", f"the name {name} is reserved"


@declare_mandatory_test("6.1.41", since="2.1")
def check_reserved_groups_are_named(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the reserved group without its name."""
    group = get_tree(document.head, "distribution", "sharing_group")
    for name, identifier in _RESERVED.items():
        if get_text(group, "id") == identifier and get_text(group, "name") != name:
            yield f"{_GROUP}/name", f"the group {identifier} has the name {name}"


def _parse_licenses(expression: str) -> list[str] | None:
    """Return the licenses and exceptions of an expression, None for a text that is none."""
    parts = _LICENSE_TOKEN.findall(expression)
    found, depth, wants_license = [], 0, True
    for part in parts:
        if part == "(" and wants_license:
            depth += 1
        elif part == ")" and not wants_license and depth:
            depth -= 1
        elif part in {"AND", "OR", "WITH"} and not wants_license:
            wants_license = True
        elif wants_license and _LICENSE.fullmatch(part) and not _is_miswritten(part):
            found.append(part)
            wants_license = False
        else:
            return None
    return found if found and not wants_license and not depth else None


def _is_miswritten(token: str) -> bool:
    """Return whether a name of one's own is written in other capitals."""
    lower = token.lower()
    return any(lower.startswith(own.lower()) and not token.startswith(own) for own in _OWN)


@declare_mandatory_test("6.1.54", since="2.1")
def check_license(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the license that is no expression."""
    expression = get_text(document.head, "license_expression")
    if expression and _parse_licenses(expression) is None:
        yield "/document/license_expression", f"{expression[:80]!r} is no expression of licenses"


@declare_mandatory_test("6.1.55", since="2.1")
def check_license_text(document: AdvisoryDocument) -> Iterator[Problem]:
    """Give the license of one's own whose text is not there."""
    licenses = _parse_licenses(get_text(document.head, "license_expression")) or []
    own = [one for one in licenses if not _is_listed_license(one)] if document.is_english else []
    if not own:
        return
    notes = [one for one in list_trees(document.head, "notes") if get_text(one, "title") == "License"]
    if len(notes) != 1 or get_text(notes[0], "category") != "legal_disclaimer":
        yield (
            "/document/notes",
            f"the text of {own[0][:80]} is not there as one legal disclaimer with the title License",
        )


def _is_listed_license(license_: str) -> bool:
    """Return whether a license or an exception is in the list of SPDX, or in that of ScanCode by its prefix."""
    try:
        from cyclonedx.spdx import is_supported_id
    except ModuleNotFoundError:
        raise UnreadableBillError(f"licenses require the extra sbom: {get_install_command('sbom')}") from None
    return (
        license_.startswith("LicenseRef-scancode-")
        or is_supported_id(license_)
        or is_supported_id(license_.removesuffix("+"))
    )

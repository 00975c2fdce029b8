"""The tag-value encoding of SPDX 2 as the tree that its JSON is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.sbom.bill_of_materials import UnreadableBillError
from nephoscope.files.json_tree import Tree, append_to

_LINE = re.compile(r"([A-Za-z][A-Za-z0-9]*)\s*:\s*(.*)")

#: Tags of the document, and of what creates it.
_DOCUMENT = {
    "SPDXVersion": "spdxVersion",
    "DataLicense": "dataLicense",
    "DocumentName": "name",
    "DocumentNamespace": "documentNamespace",
    "DocumentComment": "comment",
}
_CREATION = {"Created": "created", "LicenseListVersion": "licenseListVersion", "CreatorComment": "comment"}
#: Tags of a package, a file, a snippet and a license, in JSON's words.
_PACKAGE = {
    "PackageVersion": "versionInfo",
    "PackageFileName": "packageFileName",
    "PackageSupplier": "supplier",
    "PackageOriginator": "originator",
    "PackageDownloadLocation": "downloadLocation",
    "FilesAnalyzed": "filesAnalyzed",
    "PackageHomePage": "homepage",
    "PackageSourceInfo": "sourceInfo",
    "PackageLicenseConcluded": "licenseConcluded",
    "PackageLicenseDeclared": "licenseDeclared",
    "PackageLicenseComments": "licenseComments",
    "PackageCopyrightText": "copyrightText",
    "PackageSummary": "summary",
    "PackageDescription": "description",
    "PackageComment": "comment",
    "PrimaryPackagePurpose": "primaryPackagePurpose",
}
_FILE = {
    "LicenseConcluded": "licenseConcluded",
    "LicenseComments": "licenseComments",
    "FileCopyrightText": "copyrightText",
    "FileComment": "comment",
    "FileNotice": "noticeText",
}
_SNIPPET = {
    "SnippetFromFileSPDXID": "snippetFromFile",
    "SnippetName": "name",
    "SnippetLicenseConcluded": "licenseConcluded",
}
_LICENSE = {"ExtractedText": "extractedText", "LicenseName": "name", "LicenseComment": "comment"}
#: Tags that begin a part: the list that it stands in, its first field, the tags that it has.
_PARTS = {
    "PackageName": ("packages", "name", _PACKAGE),
    "FileName": ("files", "fileName", _FILE),
    "SnippetSPDXID": ("snippets", "SPDXID", _SNIPPET),
    "LicenseID": ("hasExtractedLicensingInfos", "licenseId", _LICENSE),
}
_CHECKSUMS = frozenset({"PackageChecksum", "FileChecksum"})


class TagValueDocument:
    """Reads tags line by line; what stands behind a part belongs to it."""

    def __init__(self) -> None:
        self._creation: Tree = {"creators": []}
        self.tree: Tree = {"creationInfo": self._creation, "relationships": []}
        self._part: Tree = self.tree
        self._tags: dict[str, str] = _DOCUMENT
        self._package: Tree | None = None

    def read(self, text: str) -> Tree:
        """Read the whole text; UnreadableBillError with the line that is no tag."""
        for tag, value in _list_tags(text):
            self._add_tag(tag, value)
        return self.tree

    def _add_tag(self, tag: str, value: str) -> None:
        """Put one tag where it belongs."""
        if tag in _PARTS:
            self._begin_part(tag, value)
        elif tag in _DOCUMENT:
            self.tree[_DOCUMENT[tag]] = value
        elif tag in _CREATION:
            self._creation[_CREATION[tag]] = value
        elif tag == "Creator":
            append_to(self._creation, "creators", value)
        elif tag == "Relationship":
            self._record_relationship(value)
        elif tag == "SPDXID":
            self._identify_part(value)
        elif tag in self._tags:
            self._part[self._tags[tag]] = value
        else:
            self._add_repeated_tag(tag, value)

    def _add_repeated_tag(self, tag: str, value: str) -> None:
        """Put a tag that repeats: checksums and references to elsewhere; others say nothing that is read."""
        if tag in _CHECKSUMS:
            algorithm, _, checksum = value.partition(":")
            checksums = {"algorithm": algorithm.strip(), "checksumValue": checksum.strip()}
            append_to(self._part, "checksums", checksums)
        elif tag == "ExternalRef":
            category, kind, *locator = [*value.split(None, 2), "", ""][:3]
            reference = {
                "referenceCategory": category,
                "referenceType": kind,
                "referenceLocator": "".join(locator),
            }
            append_to(self._part, "externalRefs", reference)

    def _begin_part(self, tag: str, value: str) -> None:
        """Begin a part."""
        key, first, self._tags = _PARTS[tag]
        self._part = {first: value}
        append_to(self.tree, key, self._part)
        if key == "packages":
            self._package = self._part

    def _identify_part(self, value: str) -> None:
        """Give a part its identifier; a file behind a package is in it."""
        self._part["SPDXID"] = value
        if self._tags is _FILE and self._package is not None:
            append_to(self._package, "hasFiles", value)

    def _record_relationship(self, value: str) -> None:
        """Keep a relationship, `A KIND B`."""
        element, kind, related = [*value.split(None, 2), "", "", ""][:3]
        relationship = {
            "spdxElementId": element,
            "relationshipType": kind.upper(),
            "relatedSpdxElement": related.strip(),
        }
        append_to(self.tree, "relationships", relationship)


def _list_tags(text: str) -> Iterator[tuple[str, str]]:
    """Give tags with their values; a value in <text> may have several lines."""
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.match(line.strip())
        if not match:
            raise UnreadableBillError(f"{line[:80]!r} is not a tag with a value", number)
        tag, value = match[1], match[2].strip()
        if value.startswith("<text>"):
            value = value.removeprefix("<text>")
            while "</text>" not in value:
                following = next(lines, None)
                if following is None:
                    raise UnreadableBillError(f"the text of {tag} does not end", number)
                value += "\n" + following[1]
            value = value.partition("</text>")[0]
        yield tag, value

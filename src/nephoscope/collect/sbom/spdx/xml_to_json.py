"""The XML of SPDX 2 as the tree that its JSON is: items of lists are elements of the same name."""

from __future__ import annotations

from nephoscope.collect.sbom.text_word_sets import split_words
from nephoscope.files.json_tree import Tree, append_to
from nephoscope.files.xml_tree import XmlElement

#: Elements that are items of lists.
_LISTS = split_words(
    """
    annotations attributionTexts checksums creators crossRefs documentDescribes externalDocumentRefs externalRefs
    fileContributors fileTypes files hasExtractedLicensingInfos hasFiles licenseInfoFromFiles licenseInfoInFiles
    licenseInfoInSnippets packageVerificationCodeExcludedFiles packages ranges relationships seeAlsos snippets
    """
)


def convert_xml(root: XmlElement) -> Tree:
    """Return the tree of a document."""
    tree: Tree = {}
    for child in root.children:
        value: object = convert_xml(child) if child.children else child.text
        if child.name in _LISTS:
            append_to(tree, child.name, value)
        else:
            tree[child.name] = value
    return tree

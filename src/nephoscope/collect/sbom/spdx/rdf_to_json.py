"""The RDF/XML of SPDX 2 as the tree that its JSON is."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.files.json_tree import Tree
from nephoscope.files.xml_tree import XmlElement

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
TERMS = "http://spdx.org/rdf/terms#"
_LICENSES = "spdx.org/licenses/"
_RELATIONSHIP = "relationshipType_"

#: Nodes that combine licenses, with the word between them.
_SETS = {"ConjunctiveLicenseSet": " AND ", "DisjunctiveLicenseSet": " OR "}


class RdfDocument:
    """The nodes of a document by class, wherever they stand inside one another."""

    def __init__(self, root: XmlElement) -> None:
        self._by_identifier: dict[str, XmlElement] = {}
        self._nodes: dict[str, list[XmlElement]] = {}
        self._related: list[XmlElement] = []
        for node in _iterate_nodes(root):
            self._related += [node] if node.find_first("relationship") else []
            self._nodes.setdefault(node.name, []).append(node)
            for identifier in filter(None, (_read_identifier(node),)):
                known = self._by_identifier.get(identifier)
                if known is None or len(node.children) > len(known.children):
                    self._by_identifier[identifier] = node

        self._documents = {
            _read_resource(one.find_first("spdxDocument")).rstrip("#"): one.get_text("externalDocumentId")
            or _read_fragment(one)
            for one in self._nodes.get("ExternalDocumentRef", ())
        }

    def build_tree(self) -> Tree:
        """Return the tree that the JSON of the document is."""
        document = next(iter(self._nodes.get("SpdxDocument", ())), XmlElement("", "SpdxDocument", {}, 1))
        about = document.attributes.get("about", "")
        creation = self._read_target(document, "creationInfo")
        return {
            "SPDXID": about.partition("#")[2] or "SPDXRef-DOCUMENT",
            "documentNamespace": about.partition("#")[0],
            "spdxVersion": document.get_text("specVersion"),
            "name": document.get_text("name"),
            "dataLicense": self._read_license(document.find_first("dataLicense")),
            "creationInfo": {
                "created": creation.get_text("created") if creation else "",
                "creators": [one.text for one in creation.iterate_children("creator")] if creation else [],
            },
            "packages": [self._read_package(one) for one in self._list_distinct_nodes("Package")],
            "files": [self._read_file(one) for one in self._list_distinct_nodes("File")],
            "relationships": list(self._list_relationships()),
        }

    def _list_distinct_nodes(self, name: str) -> list[XmlElement]:
        """Return the nodes of a class, those with the same identifier once."""
        found: dict[str, XmlElement] = {}
        for number, node in enumerate(self._nodes.get(name, ())):
            identifier = _read_identifier(node)
            if node.children:
                found[identifier or str(number)] = self._by_identifier.get(identifier, node)
        return list(found.values())

    def _read_target(self, node: XmlElement, name: str) -> XmlElement | None:
        """Return the node that a property leads to, inside of it or elsewhere."""
        found = node.find_first(name)
        if found is None:
            return None
        return found.children[0] if found.children else self._by_identifier.get(_read_resource(found))

    def _read_package(self, node: XmlElement) -> Tree:
        references = [one.children[0] for one in node.iterate_children("externalRef") if one.children]
        return {
            "SPDXID": _read_fragment(node),
            "name": node.get_text("name"),
            "versionInfo": node.get_text("versionInfo"),
            "supplier": node.get_text("supplier"),
            "downloadLocation": _get_text_or_resource(node.find_first("downloadLocation")),
            "licenseConcluded": self._read_license(node.find_first("licenseConcluded")),
            "licenseDeclared": self._read_license(node.find_first("licenseDeclared")),
            "primaryPackagePurpose": _read_resource(node.find_first("primaryPackagePurpose"))
            .rpartition("purpose_")[2]
            .upper(),
            "externalRefs": [_read_external_reference(one) for one in references],
        }

    def _read_file(self, node: XmlElement) -> Tree:
        return {"SPDXID": _read_fragment(node), "fileName": node.get_text("fileName")}

    def _list_relationships(self) -> Iterator[Tree]:
        """Give the relationships of every node that has any."""
        for node in self._related:
            for one in node.iterate_children("relationship"):
                yield from self._read_relationship(node, one)

    def _read_relationship(self, node: XmlElement, held: XmlElement) -> Iterator[Tree]:
        one = held.children[0] if held.children else self._by_identifier.get(_read_resource(held))
        related = one.find_first("relatedSpdxElement") if one else None
        if one is None or related is None:
            return
        inner = related.children[0] if related.children else None
        kind = _read_resource(one.find_first("relationshipType")).rpartition(_RELATIONSHIP)[2]
        yield {
            "spdxElementId": self._read_element_id(_read_identifier(node)),
            "relationshipType": _to_upper_snake_case(kind),
            "relatedSpdxElement": self._read_element_id(
                _read_identifier(inner) if inner else _read_resource(related)
            ),
        }

    def _read_element_id(self, identifier: str) -> str:
        """Return the identifier of an element, with the name of its document where that is another one."""
        document = self._documents.get(identifier.partition("#")[0], "")
        return (
            f"{document}:{_extract_local_name(identifier)}" if document else _extract_local_name(identifier)
        )

    def _read_license(self, held: XmlElement | None, depth: int = 0) -> str:
        """Return the license of a property as an expression."""
        if held is None or depth > 50:
            return ""
        if not held.children:
            resource = _read_resource(held)
            known = self._by_identifier.get(resource)
            return (
                self._format_license_node(known, depth)
                if known is not None
                else held.text or _extract_license_name(resource)
            )
        return self._format_license_node(held.children[0], depth)

    def _format_license_node(self, node: XmlElement, depth: int) -> str:
        if node.name in _SETS:
            members = [self._read_license(one, depth + 1) for one in node.iterate_children("member")]
            return "(" + _SETS[node.name].join(members) + ")"
        if node.name == "WithExceptionOperator":
            exception = self._read_license(node.find_first("licenseException"), depth + 1)
            return f"{self._read_license(node.find_first('member'), depth + 1)} WITH {exception}"
        if node.name == "OrLaterOperator":
            return self._read_license(node.find_first("member"), depth + 1) + "+"
        return (
            node.get_text("licenseId")
            or node.get_text("licenseExceptionId")
            or _extract_license_name(_read_identifier(node))
        )


def _iterate_nodes(root: XmlElement) -> Iterator[XmlElement]:
    """Give every node: children of the root, and of properties, in the order of the document."""
    waiting = list(reversed(root.children))
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [inner for held in reversed(node.children) for inner in reversed(held.children)]


def _read_identifier(node: XmlElement) -> str:
    return node.attributes.get("about") or node.attributes.get("nodeID") or node.attributes.get("ID") or ""


def _read_resource(held: XmlElement | None) -> str:
    return held.attributes.get("resource") or held.attributes.get("nodeID") or "" if held is not None else ""


def _read_fragment(node: XmlElement) -> str:
    return _extract_local_name(_read_identifier(node))


def _extract_local_name(identifier: str) -> str:
    """Return what is behind the # of an identifier, or NONE and NOASSERTION."""
    name = identifier.rpartition("#")[2]
    return {"none": "NONE", "noassertion": "NOASSERTION"}.get(name, name)


def _extract_license_name(resource: str) -> str:
    return resource.rpartition("/")[2] if _LICENSES in resource else _extract_local_name(resource)


def _get_text_or_resource(held: XmlElement | None) -> str:
    return "" if held is None else held.text or _extract_local_name(_read_resource(held))


def _read_external_reference(node: XmlElement) -> Tree:
    """Return a reference to elsewhere; its category and type are resources."""
    category = _to_upper_snake_case(
        _read_resource(node.find_first("referenceCategory")).rpartition("referenceCategory_")[2]
    )
    kind = _read_resource(node.find_first("referenceType"))
    return {
        "referenceCategory": category.replace("_", "-"),
        "referenceType": kind.rpartition("/")[2].rpartition("#")[2],
        "referenceLocator": node.get_text("referenceLocator"),
    }


def _to_upper_snake_case(word: str) -> str:
    """Return camel case as words with underscores: dependsOn as DEPENDS_ON."""
    return "".join(f"_{one}" if one.isupper() else one.upper() for one in word).lstrip("_")

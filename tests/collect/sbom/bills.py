"""One bill in each encoding that it can be written in."""

from __future__ import annotations

import json

CYCLONEDX = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "serialNumber": "urn:uuid:11111111-2222-4333-8444-555555555555",
    "version": 1,
    "metadata": {
        "timestamp": "2026-01-01T00:00:00Z",
        "component": {"type": "application", "bom-ref": "shop", "name": "shop", "version": "7"},
    },
    "components": [
        {
            "type": "framework",
            "bom-ref": "web",
            "group": "org.acme",
            "name": "web",
            "version": "2.1",
            "licenses": [{"license": {"id": "MIT"}}],
            "purl": "pkg:maven/org.acme/web@2.1",
            "components": [{"type": "library", "bom-ref": "core", "name": "core", "version": "2.0"}],
        },
        {"type": "file", "bom-ref": "notes", "name": "notes.txt"},
    ],
    "services": [{"bom-ref": "pay", "name": "pay", "endpoints": ["https://pay.example"]}],
    "dependencies": [{"ref": "web", "dependsOn": ["core"]}],
    "vulnerabilities": [
        {
            "id": "CVE-2026-1000",
            "cwes": [79],
            "ratings": [{"severity": "high"}],
            "updated": "2026-01-02T00:00:00Z",
            "analysis": {
                "state": "not_affected",
                "justification": "code_not_reachable",
                "detail": "The parser is off.",
            },
            "affects": [{"ref": "web"}],
        }
    ],
}

CYCLONEDX_XML = """<?xml version="1.0" encoding="UTF-8"?>
<bom xmlns="http://cyclonedx.org/schema/bom/1.5" serialNumber="urn:uuid:11111111-2222-4333-8444-555555555555" version="1">
  <metadata>
    <timestamp>2026-01-01T00:00:00Z</timestamp>
    <component type="application" bom-ref="shop"><name>shop</name><version>7</version></component>
  </metadata>
  <components>
    <component type="framework" bom-ref="web">
      <group>org.acme</group><name>web</name><version>2.1</version>
      <licenses><license><id>MIT</id></license></licenses>
      <purl>pkg:maven/org.acme/web@2.1</purl>
      <components><component type="library" bom-ref="core"><name>core</name><version>2.0</version></component></components>
    </component>
    <component type="file" bom-ref="notes"><name>notes.txt</name></component>
  </components>
  <services><service bom-ref="pay"><name>pay</name><endpoints><endpoint>https://pay.example</endpoint></endpoints></service></services>
  <dependencies><dependency ref="web"><dependency ref="core"/></dependency></dependencies>
  <vulnerabilities>
    <vulnerability>
      <id>CVE-2026-1000</id>
      <ratings><rating><severity>high</severity></rating></ratings>
      <cwes><cwe>79</cwe></cwes>
      <updated>2026-01-02T00:00:00Z</updated>
      <analysis>
        <state>not_affected</state><justification>code_not_reachable</justification><detail>The parser is off.</detail>
      </analysis>
      <affects><target><ref>web</ref></target></affects>
    </vulnerability>
  </vulnerabilities>
</bom>
"""

CYCLONEDX_TEXT = r"""# a comment
spec_version: "1.5"
serial_number: "urn:uuid:11111111-2222-4333-8444-" "555555555555"
version: 1
metadata {
  timestamp { seconds: 1767225600 }
  component { type: CLASSIFICATION_APPLICATION, bom_ref: "shop"; name: "shop" version: '7' }
}
components: {
  type: CLASSIFICATION_FRAMEWORK
  bom_ref: "web" group: "org.acme" name: "w\145b" version: "2.1"
  licenses { license { id: "MIT" } }
  purl: "pkg:maven/org.acme/web@2.1"
  components: [{ type: CLASSIFICATION_LIBRARY bom_ref: "core" name: "core" version: "2.0" }]
}
components < type: CLASSIFICATION_FILE bom_ref: "notes" name: "notes.txt" >
services { bom_ref: "pay" name: "pay" endpoints: ["https://pay.example"] }
dependencies { ref: "web" dependencies { ref: "core" } }
vulnerabilities {
  id: "CVE-2026-1000"
  ratings { severity: SEVERITY_HIGH }
  cwes: 79
  updated { seconds: 1767312000 }
  analysis {
    state: IMPACT_ANALYSIS_STATE_NOT_AFFECTED
    justification: IMPACT_ANALYSIS_JUSTIFICATION_CODE_NOT_REACHABLE
    detail: "The parser is off."
  }
  affects { ref: "web" }
}
"""


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number: int, value: str | bytes | int) -> bytes:
    """Return a field of protocol buffers."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def cyclonedx_wire() -> bytes:
    """Return the bill in protocol buffers, with a field that nobody knows."""
    core = field(1, 3) + field(3, "core") + field(8, "core") + field(9, "2.0")
    web = field(1, 2) + field(3, "web") + field(7, "org.acme") + field(8, "web") + field(9, "2.1")
    web += field(13, field(1, field(1, "MIT"))) + field(16, "pkg:maven/org.acme/web@2.1") + field(21, core)
    shop = field(1, 1) + field(3, "shop") + field(8, "shop") + field(9, "7")
    analysis = field(1, 6) + field(2, 2) + field(4, "The parser is off.")
    vulnerability = (
        field(2, "CVE-2026-1000")
        + field(5, field(3, 2))
        + field(6, b"\x4f")
        + field(13, field(1, 1767312000))
    )
    vulnerability += field(16, analysis) + field(17, field(1, "web"))
    return b"".join(
        [
            field(1, "1.5"),
            field(2, 1),
            field(3, "urn:uuid:11111111-2222-4333-8444-555555555555"),
            field(4, field(1, field(1, 1767225600)) + field(4, shop)),
            field(5, web),
            field(5, field(1, 6) + field(3, "notes") + field(8, "notes.txt")),
            field(6, field(1, "pay") + field(4, "pay") + field(7, "https://pay.example")),
            field(8, field(1, "web") + field(2, field(1, "core"))),
            field(10, vulnerability),
            field(99, "unknown"),
        ]
    )


SPDX = {
    "spdxVersion": "SPDX-2.3",
    "dataLicense": "CC0-1.0",
    "SPDXID": "SPDXRef-DOCUMENT",
    "name": "shop",
    "documentNamespace": "https://acme.example/shop",
    "creationInfo": {"created": "2026-01-01T00:00:00Z", "creators": ["Tool: own"]},
    "packages": [
        {
            "SPDXID": "SPDXRef-web",
            "name": "web",
            "versionInfo": "2.1",
            "supplier": "Organization: Acme",
            "downloadLocation": "NOASSERTION",
            "licenseConcluded": "(MIT OR Apache-2.0)",
            "licenseDeclared": "MIT",
            "externalRefs": [
                {
                    "referenceCategory": "PACKAGE-MANAGER",
                    "referenceType": "purl",
                    "referenceLocator": "pkg:npm/web@2.1",
                }
            ],
        },
        {"SPDXID": "SPDXRef-core", "name": "core", "versionInfo": "2.0", "downloadLocation": "NONE"},
    ],
    "files": [{"SPDXID": "SPDXRef-file", "fileName": "./a.js"}],
    "relationships": [
        {
            "spdxElementId": "SPDXRef-DOCUMENT",
            "relationshipType": "DESCRIBES",
            "relatedSpdxElement": "SPDXRef-web",
        },
        {
            "spdxElementId": "SPDXRef-web",
            "relationshipType": "DEPENDS_ON",
            "relatedSpdxElement": "SPDXRef-core",
        },
    ],
}

SPDX_TAGS = """SPDXVersion: SPDX-2.3
DataLicense: CC0-1.0
SPDXID: SPDXRef-DOCUMENT
DocumentName: shop
DocumentNamespace: https://acme.example/shop
DocumentComment: <text>Two lines:
not a tag</text>
# who
Creator: Tool: own
Created: 2026-01-01T00:00:00Z

FileName: ./a.js
SPDXID: SPDXRef-file

PackageName: web
SPDXID: SPDXRef-web
PackageVersion: 2.1
PackageSupplier: Organization: Acme
PackageDownloadLocation: NOASSERTION
PackageLicenseConcluded: (MIT OR Apache-2.0)
PackageLicenseDeclared: MIT
ExternalRef: PACKAGE-MANAGER purl pkg:npm/web@2.1

PackageName: core
SPDXID: SPDXRef-core
PackageVersion: 2.0
PackageDownloadLocation: NONE

Relationship: SPDXRef-DOCUMENT DESCRIBES SPDXRef-web
Relationship: SPDXRef-web DEPENDS_ON SPDXRef-core
"""

SPDX_YAML = """
spdxVersion: "SPDX-2.3"
dataLicense: CC0-1.0
SPDXID: SPDXRef-DOCUMENT
name: shop
documentNamespace: https://acme.example/shop
creationInfo:
  created: 2026-01-01T00:00:00Z
  creators: ["Tool: own"]
packages:
- SPDXID: SPDXRef-web
  name: web
  versionInfo: 2.1
  supplier: "Organization: Acme"
  downloadLocation: NOASSERTION
  licenseConcluded: (MIT OR Apache-2.0)
  licenseDeclared: MIT
  externalRefs:
  - {referenceCategory: PACKAGE-MANAGER, referenceType: purl, referenceLocator: "pkg:npm/web@2.1"}
- {SPDXID: SPDXRef-core, name: core, versionInfo: 2.0, downloadLocation: NONE}
files:
- {SPDXID: SPDXRef-file, fileName: ./a.js}
relationships:
- {spdxElementId: SPDXRef-DOCUMENT, relationshipType: DESCRIBES, relatedSpdxElement: SPDXRef-web}
- {spdxElementId: SPDXRef-web, relationshipType: DEPENDS_ON, relatedSpdxElement: SPDXRef-core}
"""

SPDX_RDF = """<?xml version="1.0" encoding="UTF-8"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:spdx="http://spdx.org/rdf/terms#">
  <spdx:SpdxDocument rdf:about="https://acme.example/shop#SPDXRef-DOCUMENT">
    <spdx:specVersion>SPDX-2.3</spdx:specVersion>
    <spdx:dataLicense rdf:resource="http://spdx.org/licenses/CC0-1.0"/>
    <spdx:name>shop</spdx:name>
    <spdx:creationInfo>
      <spdx:CreationInfo><spdx:created>2026-01-01T00:00:00Z</spdx:created><spdx:creator>Tool: own</spdx:creator></spdx:CreationInfo>
    </spdx:creationInfo>
    <spdx:relationship>
      <spdx:Relationship>
        <spdx:relationshipType rdf:resource="http://spdx.org/rdf/terms#relationshipType_describes"/>
        <spdx:relatedSpdxElement>
          <spdx:Package rdf:about="https://acme.example/shop#SPDXRef-web">
            <spdx:name>web</spdx:name>
            <spdx:versionInfo>2.1</spdx:versionInfo>
            <spdx:supplier>Organization: Acme</spdx:supplier>
            <spdx:downloadLocation rdf:resource="http://spdx.org/rdf/terms#noassertion"/>
            <spdx:licenseConcluded>
              <spdx:DisjunctiveLicenseSet>
                <spdx:member rdf:resource="http://spdx.org/licenses/MIT"/>
                <spdx:member rdf:resource="http://spdx.org/licenses/Apache-2.0"/>
              </spdx:DisjunctiveLicenseSet>
            </spdx:licenseConcluded>
            <spdx:licenseDeclared rdf:resource="http://spdx.org/licenses/MIT"/>
            <spdx:externalRef>
              <spdx:ExternalRef>
                <spdx:referenceCategory rdf:resource="http://spdx.org/rdf/terms#referenceCategory_packageManager"/>
                <spdx:referenceType rdf:resource="http://spdx.org/rdf/references/purl"/>
                <spdx:referenceLocator>pkg:npm/web@2.1</spdx:referenceLocator>
              </spdx:ExternalRef>
            </spdx:externalRef>
            <spdx:relationship>
              <spdx:Relationship>
                <spdx:relationshipType rdf:resource="http://spdx.org/rdf/terms#relationshipType_dependsOn"/>
                <spdx:relatedSpdxElement rdf:resource="https://acme.example/shop#SPDXRef-core"/>
              </spdx:Relationship>
            </spdx:relationship>
          </spdx:Package>
        </spdx:relatedSpdxElement>
      </spdx:Relationship>
    </spdx:relationship>
  </spdx:SpdxDocument>
  <spdx:Package rdf:about="https://acme.example/shop#SPDXRef-core">
    <spdx:name>core</spdx:name>
    <spdx:versionInfo>2.0</spdx:versionInfo>
    <spdx:downloadLocation rdf:resource="http://spdx.org/rdf/terms#none"/>
  </spdx:Package>
  <spdx:File rdf:about="https://acme.example/shop#SPDXRef-file"><spdx:fileName>./a.js</spdx:fileName></spdx:File>
</rdf:RDF>
"""


def _xml(name: str, value: object) -> str:
    if isinstance(value, list):
        return "".join(_xml(name, one) for one in value)
    inner = "".join(_xml(key, one) for key, one in value.items()) if isinstance(value, dict) else str(value)
    return f"<{name}>{inner}</{name}>"


CYCLONEDX_ENCODINGS = {
    "json": json.dumps(CYCLONEDX).encode(),
    "xml": CYCLONEDX_XML.encode(),
    "text": CYCLONEDX_TEXT.encode(),
    "wire": cyclonedx_wire(),
}
SPDX_ENCODINGS = {
    "json": json.dumps(SPDX).encode(),
    "tag-value": SPDX_TAGS.encode(),
    "yaml": SPDX_YAML.encode(),
    "xml": _xml("Document", SPDX).encode(),
    "rdf": SPDX_RDF.encode(),
}

SPDX_3 = {
    "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
    "@graph": [
        {
            "@id": "_:c",
            "type": "CreationInfo",
            "specVersion": "3.0.1",
            "created": "2026-01-01T00:00:00Z",
            "createdBy": ["urn:me"],
        },
        {"spdxId": "urn:me", "type": "Person", "name": "Somebody", "creationInfo": "_:c"},
        {"spdxId": "urn:doc", "type": "SpdxDocument", "creationInfo": "_:c", "rootElement": ["urn:web"]},
        {
            "spdxId": "urn:web",
            "type": "software_Package",
            "creationInfo": "_:c",
            "name": "web",
            "software_packageVersion": "2.1",
            "software_packageUrl": "pkg:npm/web@2.1",
            "software_primaryPurpose": "framework",
        },
        {"spdxId": "urn:core", "type": "software_Package", "creationInfo": "_:c", "name": "core"},
        {
            "spdxId": "urn:mit",
            "type": "simplelicensing_LicenseExpression",
            "creationInfo": "_:c",
            "simplelicensing_licenseExpression": "MIT",
        },
        {
            "spdxId": "urn:r1",
            "type": "Relationship",
            "creationInfo": "_:c",
            "from": "urn:web",
            "relationshipType": "hasDeclaredLicense",
            "to": ["urn:mit"],
        },
        {
            "spdxId": "urn:r2",
            "type": "LifecycleScopedRelationship",
            "creationInfo": "_:c",
            "from": "urn:web",
            "relationshipType": "dependsOn",
            "to": ["urn:core"],
        },
    ],
}

OPENVEX = {
    "@context": "https://openvex.dev/ns/v0.2.0",
    "@id": "https://acme.example/vex/1",
    "author": "Acme",
    "timestamp": "2026-01-01T00:00:00Z",
    "version": 1,
    "statements": [
        {
            "vulnerability": {"name": "CVE-2026-1000", "aliases": ["GHSA-aaaa-bbbb-cccc"]},
            "products": [
                {"@id": "pkg:oci/shop@sha256:aa", "subcomponents": [{"@id": "pkg:npm/web@2.1"}]},
                {"@id": "urn:shop", "identifiers": {"cpe23": "cpe:2.3:a:acme:shop:7:*:*:*:*:*:*:*"}},
            ],
            "status": "not_affected",
            "justification": "vulnerable_code_not_in_execute_path",
        },
        {
            "vulnerability": {"name": "CVE-2026-1001"},
            "products": [{"@id": "pkg:npm/core@2.0"}],
            "status": "affected",
            "action_statement": "Update to 2.2.",
        },
    ],
}

SYFT = {
    "artifacts": [
        {
            "id": "a1",
            "name": "zlib1g",
            "version": "1:1.2.13",
            "type": "deb",
            "locations": [{"path": "/var/lib/dpkg/status", "layerID": "sha256:aa"}],
            "licenses": [{"value": "Zlib", "spdxExpression": "Zlib"}],
            "cpes": [{"cpe": "cpe:2.3:a:zlib:zlib:1.2.13:*:*:*:*:*:*:*"}],
            "purl": "pkg:deb/debian/zlib1g@1%3A1.2.13?arch=amd64&distro=debian-12&upstream=zlib",
        },
        {
            "id": "a2",
            "name": "libc6",
            "version": "2.36",
            "licenses": ["LGPL-2.1"],
            "purl": "pkg:deb/debian/libc6@2.36",
        },
    ],
    "artifactRelationships": [{"parent": "a2", "child": "a1", "type": "dependency-of"}],
    "source": {"id": "s", "name": "shop", "version": "7", "type": "image"},
    "distro": {"id": "debian", "versionID": "12"},
    "descriptor": {"name": "syft", "version": "1.0"},
    "schema": {"version": "16.0.0"},
}

GITHUB = {
    "version": 0,
    "sha": "0123456789012345678901234567890123456789",
    "ref": "refs/heads/main",
    "job": {"id": "1", "correlator": "build"},
    "detector": {"name": "own", "version": "1", "url": "https://acme.example"},
    "scanned": "2026-01-01T00:00:00Z",
    "manifests": {
        "package-lock.json": {
            "name": "package-lock.json",
            "file": {"source_location": "web/package-lock.json"},
            "resolved": {
                "@acme/web": {
                    "package_url": "pkg:npm/%40acme/web@2.1",
                    "relationship": "direct",
                    "dependencies": ["core"],
                },
                "core": {
                    "package_url": "pkg:npm/core@2.0",
                    "relationship": "indirect",
                    "scope": "development",
                },
            },
        }
    },
}
EVERY = {
    **{f"cyclonedx-{name}": content for name, content in CYCLONEDX_ENCODINGS.items()},
    **{f"spdx-{name}": content for name, content in SPDX_ENCODINGS.items()},
    "spdx-3": json.dumps(SPDX_3).encode(),
    "openvex": json.dumps(OPENVEX).encode(),
    "syft": json.dumps(SYFT).encode(),
    "github": json.dumps(GITHUB).encode(),
}

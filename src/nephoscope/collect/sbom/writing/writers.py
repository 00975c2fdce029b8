"""The forms in which bills and statements are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nephoscope.collect.sbom.writing.cyclonedx_json import write_cyclonedx_json
from nephoscope.collect.sbom.writing.cyclonedx_vex import write_cyclonedx_vex
from nephoscope.collect.sbom.writing.cyclonedx_xml import write_cyclonedx_xml
from nephoscope.collect.sbom.writing.document_metadata import WrittenAs
from nephoscope.collect.sbom.writing.openvex import write_openvex
from nephoscope.collect.sbom.writing.spdx_json import write_spdx_json
from nephoscope.model.package import Package
from nephoscope.model.vex import VexStatement

#: What writes a list of packages, by the usual ending of the file.
WRITERS: dict[str, Callable[[Sequence[Package], WrittenAs], bytes]] = {
    "bom.cdx.json": write_cyclonedx_json,
    "bom.cdx.xml": write_cyclonedx_xml,
    "bom.spdx.json": write_spdx_json,
}

#: What writes statements, by the usual ending of the file.
STATEMENT_WRITERS: dict[str, Callable[[Sequence[VexStatement], WrittenAs], bytes]] = {
    "vex.cdx.json": write_cyclonedx_vex,
    "vex.openvex.json": write_openvex,
}

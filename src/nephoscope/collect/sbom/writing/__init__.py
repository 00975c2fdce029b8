"""Bills and statements as bytes: the same content gives the same bytes, and times are those that the caller gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nephoscope.collect.sbom.writing.cyclonedx_json import write_cyclonedx_json
from nephoscope.collect.sbom.writing.cyclonedx_xml import write_cyclonedx_xml
from nephoscope.collect.sbom.writing.spdx_json import write_spdx_json
from nephoscope.collect.sbom.writing.written_as import WrittenAs
from nephoscope.model.package import Package

__all__ = ["WRITERS", "WrittenAs"]

#: What writes a list of packages, by the usual ending of the file.
WRITERS: dict[str, Callable[[Sequence[Package], WrittenAs], bytes]] = {
    "bom.cdx.json": write_cyclonedx_json,
    "bom.cdx.xml": write_cyclonedx_xml,
    "bom.spdx.json": write_spdx_json,
}

"""CycloneDX 1.6 in JSON."""

from __future__ import annotations

from collections.abc import Sequence

from nephoscope.collect.sbom.writing.cyclonedx_tree import build_cyclonedx_tree
from nephoscope.collect.sbom.writing.document_metadata import WrittenAs, to_json
from nephoscope.model.package import Package


def write_cyclonedx_json(packages: Sequence[Package], written_as: WrittenAs) -> bytes:
    """Write packages as a bill of CycloneDX 1.6 in JSON."""
    return to_json(build_cyclonedx_tree(packages, written_as))

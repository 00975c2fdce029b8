"""Files of VEX that a scan is given: what they say is not affected, or fixed, is no finding of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message
from nephoscope.cli.terminal.sanitize_output import format_count

if TYPE_CHECKING:
    from nephoscope.collect.images.image import Image
    from nephoscope.model.vex import VexStatement
    from nephoscope.vulnerability.matching.findings import PackageAssessment


def read_statements(paths: Iterable[Path]) -> tuple[VexStatement, ...]:
    """Read the statements of OpenVEX, CSAF and CycloneDX files; a usage error names a file that cannot be read or says nothing."""
    from nephoscope.collect.sbom.bill_of_materials import UnreadableBillError
    from nephoscope.collect.sbom.sbom_reader import read_bill

    found: list[VexStatement] = []
    for path in paths:
        try:
            statements = read_bill(path.name, path.read_bytes()).statements
        except (UnreadableBillError, OSError) as error:
            exit_with_usage_error(f"--vex {path}: {error}")
        if not statements:
            exit_with_usage_error(
                f"--vex {path}: the file holds no statement: use OpenVEX, CSAF or CycloneDX with VEX"
            )
        found += statements
    return tuple(found)


def close_by_statements(
    assessments: tuple[PackageAssessment, ...],
    statements: Sequence[VexStatement],
    holders: Iterable[str] = ("",),
) -> tuple[PackageAssessment, ...]:
    """Leave out the findings that statements on the packages, or on what holds them, close, and tell how many."""
    if not statements:
        return assessments
    from nephoscope.vulnerability.matching.exploitability import PackageHolder, apply_statements

    kept = assessments
    for holder in holders:
        kept = tuple(apply_statements(one, statements, PackageHolder(holder)) for one in kept)
    closed = sum(len(one.findings) for one in assessments) - sum(len(one.findings) for one in kept)
    if closed:
        print_message(f"closed by VEX: {format_count(closed, 'finding')}")
    return kept


def list_image_names(image: Image, target: str) -> tuple[str, ...]:
    """Return the names by which statements know an image: its package URLs by manifest and index, and the name it was asked by."""
    from nephoscope.collect.images.errors import ImageError
    from nephoscope.collect.images.image_name import DOCKER, ImageReference
    from nephoscope.model import package_url

    try:
        named = ImageReference.parse(target)
    except ImageError:
        return (target,)
    hosts = (DOCKER, f"index.{DOCKER}") if named.host == DOCKER else (named.host,)
    name = named.repository.rpartition("/")[2]
    return (
        target,
        *(
            str(
                package_url.build_package_url(
                    "oci", name, version=digest, qualifiers={"repository_url": f"{host}/{named.repository}"}
                )
            )
            for digest in (image.digest, image.index_digest)
            if digest
            for host in hosts
        ),
    )

"""Providers that Terraform or OpenTofu locked: .terraform.lock.hcl.

A provider of the public registries goes by `namespace/type`, one of another registry by its whole address.
Source: https://developer.hashicorp.com/terraform/language/files/dependency-lock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = ".terraform.lock.hcl"
PATTERNS = ("**/.terraform.lock.hcl",)

_PROVIDER = re.compile(r'[ \t]*provider[ \t]+"([^"\s]+)"[ \t]*\{[ \t]*')
_VERSION = re.compile(r'[ \t]*version[ \t]*=[ \t]*"([^"\s]+)"[ \t]*')
_PUBLIC = re.compile(r"registry\.(?:terraform\.io|opentofu\.org)/")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked providers; raises UnreadableInventoryError."""
    address, begun, version = "", 0, ""
    for number, line in enumerate(file.text.splitlines(), 1):
        if found := _PROVIDER.fullmatch(line):
            if address:
                raise file.make_error("the block of a provider has no end", begun)
            address, begun, version = found[1], number, ""
        elif address and (found := _VERSION.fullmatch(line)):
            version = found[1]
        elif address and line.strip() == "}":
            yield from _build_provider(file, address, version, begun)
            address = ""
        elif not address and line.strip() and not line.lstrip().startswith(("#", "//")):
            raise file.make_error("a block of a provider is expected", number)
    if address:
        raise file.make_error("the block of a provider has no end", begun)


def _build_provider(file: InventoryFile, address: str, version: str, line: int) -> Iterator[Package]:
    if not version:
        file.record_left_out_entry(line, f"the provider {address[:80]!r} has no version")
        return
    yield Package(
        type="terraform", name=_PUBLIC.sub("", address, count=1), version=version, path=file.path, line=line
    )

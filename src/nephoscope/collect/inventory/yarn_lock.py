"""npm packages that Yarn locked: yarn.lock of the classic version and of the later ones."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package, Relationship

TITLE = "yarn.lock"
PATTERNS = ("**/yarn.lock",)

_DESCRIPTOR = re.compile(r"((?:@[^/@\s]+/)?[^@\s]+)@(.*)")
_ALIAS = re.compile(r"npm:((?:@[^/@\s]+/)?[^@\s]+)@.+")
_FIELD = re.compile(r"""\s+["']?([^"':\s]+)["']?:?\s+["']?(.*)""")
_PROTOCOL = re.compile(r"([a-z][a-z+.-]*):")
#: What a range may begin with; of any other word no package is known.
_PROTOCOLS = (
    "npm",
    "file",
    "link",
    "portal",
    "workspace",
    "patch",
    "git",
    "github",
    "http",
    "https",
    "ssh",
    "exec",
)
_NEEDED = ("dependencies", "optionalDependencies", "peerDependencies")


class _Block(msgspec.Struct):
    line: int
    descriptors: list[str]
    fields: dict[str, str] = msgspec.field(default_factory=dict)
    needed: list[tuple[str, str]] = msgspec.field(default_factory=list)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked packages, in a group where they come from elsewhere than a registry, and the members of the project.

    Raises UnreadableInventoryError.
    """
    blocks = [block for block in _read_blocks(file) if not block.descriptors[0].startswith("__metadata")]
    owners = {descriptor: block for block in blocks for descriptor in block.descriptors}
    for block in blocks:
        yield from _build_package(file, block, owners)


def _read_blocks(file: InventoryFile) -> Iterator[_Block]:
    block: _Block | None = None
    section = ""
    for number, line in enumerate(file.text.split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if not line[0].isspace():
            if not line.rstrip().endswith(":"):
                raise file.make_error(f"packages, then `:`, are expected: {line[:60]!r}", number)
            if block:
                yield block
            named = line.rstrip()[:-1].strip()
            block = _Block(number, [part.strip().strip('"') for part in named.strip('"').split(",")])
            section = ""
        elif block is None:
            raise file.make_error("a field precedes the first package", number)
        elif not line.startswith(("    ", "\t\t")) and line.rstrip().endswith(":"):
            section = line.strip()[:-1]
        elif found := _FIELD.fullmatch(line):
            _set_field(
                block, section if line.startswith("    ") else "", found[1], found[2].rstrip().rstrip("\"'")
            )
    if block:
        yield block


def _set_field(block: _Block, section: str, name: str, value: str) -> None:
    if section in _NEEDED and section != "peerDependencies":
        block.needed.append((name, value))
    elif not section:
        block.fields.setdefault(name, value)


def _build_package(file: InventoryFile, block: _Block, owners: dict[str, _Block]) -> Iterator[Package]:
    named = _parse_name(block)
    version = block.fields.get("version", "")
    if named is None or not version:
        file.record_left_out_entry(
            block.line, f"this entry has no name or no version: {block.descriptors[0][:80]!r}"
        )
        return
    name, asked = named
    if asked == "workspace:.":
        return  # the project itself
    protocol = _PROTOCOL.match(asked)
    if (
        protocol
        and protocol[1].partition("+")[0] not in _PROTOCOLS
        and not block.fields.keys() & {"resolved", "resolution"}
    ):
        file.record_left_out_entry(block.line, f"ranges of {protocol[1]}: are not known")
        return
    relationship: Relationship = "member" if asked.startswith("workspace:") else ""
    groups = (protocol[1],) if protocol and protocol[1] not in ("npm", "workspace") else ()
    needed = (_find_owner(name, wanted, owners) for name, wanted in block.needed)
    yield Package(
        type="npm",
        name=name,
        version=version,
        path=file.path,
        line=block.line,
        groups=groups,
        relationship=relationship,
        dependencies=tuple(entry for entry in needed if entry),
    )


def _parse_name(block: _Block) -> tuple[str, str] | None:
    resolution = _DESCRIPTOR.fullmatch(block.fields.get("resolution", ""))
    if resolution:
        return resolution[1], resolution[2]
    found = _DESCRIPTOR.fullmatch(block.descriptors[0])
    if found is None:
        return None
    alias = _ALIAS.fullmatch(found[2])
    return (alias[1] if alias else found[1]), found[2]


def _find_owner(name: str, wanted: str, owners: dict[str, _Block]) -> str:
    block = owners.get(f"{name}@{wanted}") or owners.get(f"{name}@npm:{wanted}")
    if block is None:
        return name
    found = _parse_name(block)
    return f"{found[0] if found else name}@{block.fields.get('version', '')}"

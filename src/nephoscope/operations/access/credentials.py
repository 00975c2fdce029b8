"""Credentials of sources, tenants and sign-in providers: listed without what they are, and encrypted anew."""

from __future__ import annotations

from nephoscope.operations.declaration.operation import CommandLine, OperationCall, OperationGroup
from nephoscope.operations.declaration.operation_page import OperationForm, PageColumn, Row, SectionList

OPERATIONS = OperationGroup(
    "credentials", "Credentials", "A credential", "Manage the credentials of log sources; `sources` sets and removes them."
)  # fmt: skip
READ, WRITE = "Nephoscope/secrets/read", "Nephoscope/secrets/write"


@OPERATIONS.operation(
    READ, command=CommandLine("list", columns=("name", "key", "changed", "opens", "usedBy"), nothing="no credentials"),
    page=SectionList(
        "Credentials", "Access", "credential", "Stored encrypted. A credential that its key file does not open must be entered again.",
        key="name", guide="connect.md", facets=("opens",),
        columns=(
            PageColumn("name", "Credential"), PageColumn("usedBy", "Used by", optional=True), PageColumn("changed", "Changed"),
            PageColumn("opens", "Opens", optional=True), PageColumn("key", "Key", optional=True),
        ),
    ),
)  # fmt: skip
def list_credentials(call: OperationCall) -> list[Row]:
    """List credentials: encryption key, whether the key file decrypts them, and the sources that use them."""
    sources = call.state.sources.all()
    return [
        {
            "name": one.name, "key": one.key, "changed": one.changed, "opens": one.opens,
            "usedBy": [source.name for source in sources if source.credential == one.name],
        }
        for one in call.state.credentials.all()
    ]  # fmt: skip


@OPERATIONS.operation(
    WRITE,
    command=CommandLine(
        "rotate",
        lambda count: f"{count:,} {'credential' if count == 1 else 'credentials'} encrypted with a new key",
    ),
    page=OperationForm("Encrypt with a new key"),
)
def rotate_credentials(call: OperationCall) -> int:
    """Encrypt every credential with a new key and delete the old keys. Backups of the old key file become
    useless.
    """
    from nephoscope.service.credentials import rotate_credentials

    return rotate_credentials(call.service)

"""The one loader of content: documents of the pack that is shipped in the package, or of any folder."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope_policy.documents import read_documents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope_policy.documents import ContentDocument

TEST_SUFFIX = ".test.json"


def load_documents(root: Path | None = None, kind: str = "") -> Iterator[ContentDocument]:
    """Yield the JSON documents of a pack, in path order, without the `<name>.test.json` files.

    `root` None is the pack shipped in the package, else any folder, or one file; `kind` and errors as of documents_in.
    """
    return (
        document for document in _list_all_documents(root, kind) if not document.name.endswith(TEST_SUFFIX)
    )


def iterate_case_documents(root: Path | None = None, kind: str = "policies") -> Iterator[ContentDocument]:
    """Yield the `<name>.test.json` documents of a pack, in path order; arguments and errors as for `load_documents`."""
    return (document for document in _list_all_documents(root, kind) if document.name.endswith(TEST_SUFFIX))


def _list_all_documents(root: Path | None, kind: str) -> Iterator[ContentDocument]:
    return (
        read_documents(files("nephoscope.content"), "content", kind)
        if root is None
        else read_documents(root, kind=kind)
    )

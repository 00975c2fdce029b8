"""Python scripts, and what is written like them, as syntax trees; nothing of them is run."""

from __future__ import annotations

import ast
import warnings

from nephoscope.collect.inventory.inventory_file import InventoryFile

#: The tree of a script takes a few hundred times the room of its text.
MAX_SIZE = 500_000


def parse_python(file: InventoryFile) -> ast.Module:
    """Return the tree of a script; raises SyntaxError for what is no Python 3, UnreadableInventoryError for what is too deep."""
    if len(file.content) > MAX_SIZE:
        raise file.make_error(f"a script of more than {MAX_SIZE} bytes is not read")
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # what Python has to say of a foreign script's style is not ours to show
        try:
            return ast.parse(file.text)
        except SyntaxError:
            raise
        except (ValueError, RecursionError, MemoryError) as error:
            raise file.make_error(
                f"the script cannot be read: {str(error)[:200] or 'it is too deep'}"
            ) from error

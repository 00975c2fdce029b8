"""Template bytecode: kept beside the templates where Python keeps that of modules, so that no server compiles them at its start.

Whoever can write there can change the modules themselves: what is read back needs no more trust than they do.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path
from types import CodeType

import jinja2
from jinja2 import BytecodeCache, Environment, nodes
from jinja2.bccache import Bucket
from jinja2.compiler import CodeGenerator, Frame


class RuntimeCodeGenerator(CodeGenerator):
    """Leaves what filters make of constants to the run, as the filters may change while the template does not."""

    def _output_child_to_const(
        self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo
    ) -> str:
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible
        return super()._output_child_to_const(node, frame, finalize)


class TemplateBytecodeCache(BytecodeCache):
    """Keeps the bytecode of an environment's templates; where nothing can be written, templates are compiled as without it."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """Return the file of a template's bytecode, '' for a template that is no file."""
        if not filename:
            return ""
        return str(Path(cache_from_source(filename)).parent / f"{name}.{sys.implementation.cache_tag}.jinja")

    def get_source_checksum(self, source: str) -> str:
        """Return what a template's bytecode depends on: its source, the interpreter, and how the environment compiles."""
        return hashlib.sha256(self._compiler + source.encode()).hexdigest()

    def load_bytecode(self, bucket: Bucket) -> None:
        """Read a template's bytecode where it is of this source."""
        try:
            checksum, _, code = Path(bucket.key).read_bytes().partition(b"\n")
        except OSError:
            return
        if checksum.decode(errors="replace") == bucket.checksum:
            with suppress(EOFError, ValueError, TypeError):  # cut off by a full disk or a power cut
                found = marshal.loads(code)  # noqa: S302 - of the same trust as the modules' own
                bucket.code = found if isinstance(found, CodeType) else None

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Write a template's bytecode, unless Python writes none of modules either."""
        if sys.dont_write_bytecode or not bucket.key:
            return
        file = Path(bucket.key)
        new = file.with_name(f"{file.name}.{os.getpid()}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            new.write_bytes(bucket.checksum.encode() + b"\n" + marshal.dumps(bucket.code))
            new.replace(file)
        except OSError:  # a folder of another user, or a full disk: the next start compiles again
            with suppress(OSError):
                new.unlink(missing_ok=True)

    @cached_property
    def _compiler(self) -> bytes:
        made = self._environment
        escapes = made.autoescape("") if callable(made.autoescape) else made.autoescape
        flags = (made.trim_blocks, made.lstrip_blocks, escapes, made.optimized)
        known = [_list_function_names(one) for one in (made.filters, made.tests)]
        return repr((jinja2.__version__, MAGIC_NUMBER, flags, known)).encode()


def _list_function_names(functions: Mapping[str, object]) -> list[tuple[str, str]]:
    """Name functions, each with what else Jinja passes to it: calls of them are compiled accordingly."""
    return sorted((name, str(getattr(one, "jinja_pass_arg", ""))) for name, one in functions.items())

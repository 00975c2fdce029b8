"""The Bicep files of a repository, compiled: documents whose places are those of the Bicep text, modules as documents of their own."""

from __future__ import annotations

import posixpath
import tempfile
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from nephoscope.collect.templates.arm.template_repository import Repository
from nephoscope.collect.templates.bicep import BICEP, PARAMETERS
from nephoscope.collect.templates.bicep.bicep_source import BicepSource
from nephoscope.collect.templates.bicep.compiler import BicepCompiler, BicepError, BicepOutput
from nephoscope.collect.templates.bicep.source_map import (
    build_parameters_mark,
    build_template_mark,
    is_module,
    match_declarations,
)
from nephoscope_policy.arm.template import TemplateDocument
from nephoscope_policy.arm.template.errors import TemplateProblem
from nephoscope_policy.model.source_location import Place

_COMPILED_FROM = (BICEP, PARAMETERS, ".json", ".jsonc")
_REGISTRIES = ("br:", "br/", "ts:", "ts/")
_HOW = "install Bicep (https://aka.ms/bicep-install, or `az bicep install`) and scan again"


@dataclass(slots=True)
class BicepFiles:
    """Result of resolving Bicep files: problems of files that could not be assessed, and JSON files that they replace.

    `unverified` are those whose compiled output is judged in their place, although it may be out of date.
    """

    problems: list[TemplateProblem] = field(default_factory=list)
    unverified: set[str] = field(default_factory=set)
    superseded: set[str] = field(default_factory=set)


def compile_bicep(repository: Repository, names: Iterable[str], compiler: BicepCompiler | None) -> BicepFiles:
    """Compile the Bicep files among names into the repository's documents; without a compiler, say what is not judged."""
    wanted = sorted({name for name in names if name.lower().endswith((BICEP, PARAMETERS))})
    found = BicepFiles()
    if not wanted:
        return found
    if compiler is None:
        left = [name for name in wanted if name not in repository.compiled]
        found.problems = [one for name in left for one in _report_uncompiled_file(repository, name, {*names})]
        found.unverified = {
            name for name in left if find_compiled_file(repository, name, {*names}) is not None
        }
        return found
    with _materialize_repository(repository) as root:
        outputs = compiler.compile_files(root / name for name in wanted)
        for name in wanted:
            _add_output(repository, root, name, outputs[root / name], found)
    return found


def _report_uncompiled_file(repository: Repository, name: str, names: set[str]) -> Iterator[TemplateProblem]:
    compiled = find_compiled_file(repository, name, names)
    if compiled is not None:
        yield TemplateProblem(
            Place(name, 1, 1),
            f"whether {compiled} is its output cannot be determined, and `bicep` is not installed: {_HOW}",
        )
    elif name.lower().endswith(PARAMETERS):
        reason = (
            f"a Bicep parameters file is judged as what it compiles to, and `bicep` is not installed: {_HOW}"
        )
        yield TemplateProblem(Place(name, 1, 1), reason)
    else:
        how = f"{_HOW}, or run `bicep build {name}`"
        reason = f"Bicep is judged as the template that it compiles to, and `bicep` is not installed: {how}"
        yield TemplateProblem(Place(name, 1, 1), reason)


def find_compiled_file(repository: Repository, name: str, names: Container[str]) -> str | None:
    """Return the JSON file among names beside a Bicep file that has what it compiled to once; None where there is none."""
    stem = name.rpartition(".")[0]
    if name.lower().endswith(PARAMETERS):
        ends = (".json", ".parameters.json")
        return next((f"{stem}{end}" for end in ends if repository.is_parameters(f"{stem}{end}")), None)
    return f"{stem}.json" if f"{stem}.json" in names else None


@contextmanager
def _materialize_repository(repository: Repository) -> Iterator[Path]:
    """A folder that holds the files of a repository: its root, or a copy of what is not on disk."""
    if repository.on_disk:
        yield repository.root
        return
    with tempfile.TemporaryDirectory(prefix="nephoscope-") as folder:
        root = Path(folder).resolve()
        for name, data in repository.overlay.items():
            path = (root / name).resolve()
            if name.endswith(_COMPILED_FROM) and path.is_relative_to(root):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        yield root


def _add_output(
    repository: Repository, root: Path, name: str, output: BicepOutput | BicepError, found: BicepFiles
) -> None:
    if isinstance(output, BicepError):
        found.problems.append(TemplateProblem(Place(name, 1, 1), str(output)))
        return
    value = _parse_json(output.text)
    if value is None:
        found.problems += _list_errors(root, name, output)
    elif name.lower().endswith(PARAMETERS):
        _add_parameters(repository, name, value, found)
    else:
        _add_template(repository, name, value)
        compiled = f"{name.removesuffix(BICEP)}.json"
        if _is_generated_template(repository, compiled):
            found.superseded.add(compiled)


def _parse_json(text: str | None) -> dict[str, object] | None:
    try:
        found = None if text is None else msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, dict) else None


def _list_errors(root: Path, name: str, output: BicepOutput) -> Iterator[TemplateProblem]:
    """The errors of a file that does not compile, each where it is."""
    errors = [one for one in output.diagnostics if one.level.lower() == "error"]
    for one in errors:
        path = Path(one.source)
        file = path.relative_to(root).as_posix() if path.is_relative_to(root) else name
        start = one.range.start
        yield TemplateProblem(
            Place(file, start.line + 1, start.char + 1),
            f"bicep does not compile it: {one.code}: {one.message}",
        )
    if not errors:
        yield TemplateProblem(
            Place(name, 1, 1), f"bicep gave no template: run `bicep build {name}` to see why"
        )


def _is_generated_template(repository: Repository, name: str) -> bool:
    """Return whether a file is a template that the Bicep compiler wrote."""
    if not repository.is_template(name):
        return False
    found = _parse_json((repository.load(name) or b"").decode("utf-8", "replace").removeprefix("\ufeff"))
    metadata = (found or {}).get("metadata")
    generator = metadata.get("_generator") if isinstance(metadata, dict) else None
    return isinstance(generator, dict) and generator.get("name") == "bicep"


def _add_parameters(repository: Repository, name: str, value: dict[str, object], found: BicepFiles) -> None:
    source = _load_source(repository, name)
    using = next(source.find_declarations("using"), None) if source is not None else None
    template = _resolve_sibling_path(name, using.type) if using is not None else None
    if source is None or template is None:
        reason = "the template that it is for is not in the repository (`using`): scan it with that template"
        found.problems.append(TemplateProblem(Place(name, 1, 1), reason))
        return
    repository.compiled[name] = TemplateDocument.from_source(
        value, name, source.text, build_parameters_mark(source, value)
    )
    before = repository.compiled_parameters.get(template, ())
    repository.compiled_parameters[template] = (*before, name)


def _add_template(repository: Repository, name: str, template: dict[str, object]) -> bool:
    """Add a compiled template to the repository's documents, and the templates of its modules under the names of their files.

    False where the Bicep file is not in the repository.
    """
    if name in repository.compiled:
        return True
    source = _load_source(repository, name)
    if source is None:
        return False
    mark = build_template_mark(source, template)
    _link_modules(repository, name, source, template)
    repository.compiled[name] = TemplateDocument.from_source(template, name, source.text, mark)
    return True


def _link_modules(
    repository: Repository, name: str, source: BicepSource, template: dict[str, object]
) -> None:
    """Put a link to a module's file in the place of the template that the compiler took in, where the repository has the file."""
    for _, resource, declared in match_declarations(source, template.get("resources")):
        if declared.kind != "module" or not is_module(resource):
            continue
        file = _resolve_sibling_path(name, declared.type)
        properties = resource["properties"]
        if file is not None and _is_held(repository, file, properties["template"]):
            del properties["template"]
            properties["templateLink"] = {"relativePath": declared.type}


def _is_held(repository: Repository, file: str, template: dict[str, object]) -> bool:
    if file.endswith(BICEP):
        return _add_template(repository, file, template)
    return repository.is_template(file)


def _resolve_sibling_path(name: str, path: str) -> str | None:
    """The name of a file by its path in another; None where it is in a registry or outside of the repository."""
    if path.startswith(_REGISTRIES):
        return None
    found = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
    return None if found.startswith(("/", "..")) else found


def _load_source(repository: Repository, name: str) -> BicepSource | None:
    data = repository.load(name)
    return None if data is None else BicepSource.parse(data.decode("utf-8", "replace"))

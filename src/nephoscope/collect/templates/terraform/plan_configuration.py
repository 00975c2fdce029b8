"""The files that a plan was made from: from a part of the plan to the block, attribute, variable or module call that says it."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from nephoscope.collect.templates.terraform.configuration_node import ConfigurationNode, ModuleFiles
from nephoscope.collect.templates.terraform.hcl.hcl_source import mark_configuration
from nephoscope.collect.templates.terraform.plan_differences import (
    PlanDifference,
    WrittenModule,
    find_differences,
)
from nephoscope.collect.templates.terraform.plan_references import (
    find_module_configuration,
    split_module_names,
)
from nephoscope.collect.templates.terraform.plan_resources import strip_instance_keys
from nephoscope_policy.arm.json_text import TextMark
from nephoscope_policy.arm.template.document import Path, TemplateDocument, WrittenValue

MAX_FILE = 4_000_000
_REFERENCE = re.compile(r"\"?(?:\$\{\s*)?(var|local)\.([\w-]+)(?:\s*\}\")?")
_MAX_STEPS = 12
_SIDES = ("after", "before")


class ConfigurationFiles:
    """The configuration of one plan in the files of a repository; `root` is the folder of its root module."""

    def __init__(
        self,
        plan: TemplateDocument,
        root: str,
        names_in: Callable[[str], Iterable[str]],
        load: Callable[[str], bytes | None],
    ) -> None:
        self.plan = plan
        self._root = root
        self._names_in, self._load = names_in, load
        given = plan.value.get("configuration") if isinstance(plan.value, dict) else None
        self._configuration: Mapping[str, object] = given if isinstance(given, dict) else {}
        self._modules: dict[str, ModuleFiles | None] = {}
        self._trails: dict[Path, tuple[WrittenValue, ...]] = {}

    def count_declared_resources(self) -> int:
        """Return how many resources of the plan's root module the files declare."""
        listed = find_module_configuration(self._configuration, "").get("resources")
        files = self._find_files("")
        names = [
            (str(one.get("type")), str(one.get("name")))
            for one in (listed if isinstance(listed, list) else ())
            if isinstance(one, dict)
        ]
        calls = find_module_configuration(self._configuration, "").get("module_calls")
        modules = [("module", str(name)) for name in (calls if isinstance(calls, dict) else ())]
        if files is None:
            return 0
        found = sum(files.find("resource", *name) is not None for name in names)
        return found + sum(files.find(*name) is not None for name in modules)

    def list_folders(self) -> frozenset[str]:
        """Return the folders of the root module and of the modules that it calls by a path."""
        found = (self._find_folder(module) for module in self._list_addresses())
        return frozenset({self._root, *(one for one in found if one is not None)})

    def differences(self) -> list[PlanDifference]:
        """List what the files say otherwise than the plan was made from."""
        found = ((module, self._find_files(module)) for module in self._list_addresses())
        return list(
            find_differences(
                WrittenModule(find_module_configuration(self._configuration, module), files)
                for module, files in found
                if files is not None
            )
        )

    def _list_addresses(self) -> Iterator[str]:
        """Give the addresses of the root module and of those that are called, each once whatever makes several of it."""
        waiting = [""]
        while waiting:
            module = waiting.pop()
            yield module
            calls = find_module_configuration(self._configuration, module).get("module_calls")
            waiting += [
                f"{module}.module.{name}".lstrip(".") for name in (calls if isinstance(calls, dict) else ())
            ]

    def find_trail(self, path: Path) -> tuple[WrittenValue, ...]:
        """Return the places of a part of the plan: the block of its resource first, what decides last; none where no file has it."""
        found = self._trails.get(path)
        if found is None:
            found = self._trails[path] = self._trace_values(path)
        return found

    def is_set(self, path: Path, name: str) -> bool | None:
        """Return whether the block of a resource, by its path in the plan, sets an attribute or block; None where no file has it."""
        block = self._find_block(path)
        return None if block is None else block.descend(name) is not None

    def _find_block(self, path: Path) -> ConfigurationNode | None:
        item, _, _ = _find_resource(self.plan.value, path)
        files = self._find_files(str(item.get("module_address") or "")) if item else None
        return files.find("resource", str(item.get("type")), _read_name(item)) if files is not None else None

    def _trace_values(self, path: Path) -> tuple[WrittenValue, ...]:
        item, values, steps = _find_resource(self.plan.value, path)
        module = str(item.get("module_address") or "") if item else ""
        block = self._find_block(path)
        if block is None:
            return self._find_call(module) if item else ()
        found = [block.written_place]
        inner = _descend_into_block(block, values, steps)
        if inner.mark is not block.mark:
            found.append(inner.written_place)
            found += self._follow_variable(module, inner)
        return tuple(found)

    def _find_call(self, module: str) -> tuple[WrittenValue, ...]:
        """Return the place of the call of a module whose files are not there: the innermost that is written."""
        while module:
            above, name = _split_calling_module(module)
            files = self._find_files(above)
            held = files.find("module", name) if files is not None else None
            if held is not None:
                return (held.written_place,)
            module = above
        return ()

    def _follow_variable(self, module: str, held: ConfigurationNode) -> Iterator[WrittenValue]:
        """Give the places that a value comes through where it is nothing but a variable or a local value."""
        for _ in range(_MAX_STEPS):
            match = _REFERENCE.fullmatch(held.text)
            files = self._find_files(module) if match else None
            if match is None or files is None:
                return
            found = files.find("locals", match[2]) if match[1] == "local" else None
            if match[1] == "var":
                module, found = self._find_variable(module, match[2])
            if found is None:
                return
            yield found.written_place
            held = found

    def _find_variable(self, module: str, name: str) -> tuple[str, ConfigurationNode | None]:
        """Return what gives a variable its value, and the module that it is written in."""
        files = self._find_files(module)
        default = files.find("variable", name, "default") if files is not None else None
        if not module:
            return module, (files.find_value(name) if files is not None else None) or default
        above, call = _split_calling_module(module)
        around = self._find_files(above)
        given = around.find("module", call, name) if around is not None else None
        return (above, given) if given is not None else (module, default)

    def _find_files(self, module: str) -> ModuleFiles | None:
        """Return the files of a module by its address; None where its source is no folder here."""
        plain = strip_instance_keys(module)
        if plain not in self._modules:
            folder = self._find_folder(plain)
            self._modules[plain] = None if folder is None else self._read_module_files(folder)
        return self._modules[plain]

    def _find_folder(self, module: str) -> str | None:
        folder, here = self._root, ""
        for name in split_module_names(module):
            calls = find_module_configuration(self._configuration, here).get("module_calls")
            call = calls.get(name) if isinstance(calls, dict) else None
            source = call.get("source") if isinstance(call, dict) else None
            if not isinstance(source, str) or not source.startswith(("./", "../")):
                return None
            folder = posixpath.normpath(posixpath.join(folder, source))
            here = f"{here}.module.{name}".lstrip(".")
        return "" if folder == "." else folder

    def _read_module_files(self, folder: str) -> ModuleFiles:
        names = sorted(self._names_in(folder))
        given = [one for one in names if one.rpartition("/")[2] == "terraform.tfvars"]
        given += [one for one in names if one.endswith(".auto.tfvars")]
        return ModuleFiles(
            [one for name in names if name.endswith(".tf") for one in self._list_documents(name)],
            [one for name in given for one in self._list_documents(name)],
        )

    def _list_documents(self, name: str) -> Iterator[tuple[TemplateDocument, TextMark]]:
        data = self._load(name)
        if data is not None and len(data) <= MAX_FILE:
            text = data.decode("utf-8", "replace")
            mark = mark_configuration(text)
            yield TemplateDocument.from_source(None, name, text, mark), mark


def _split_calling_module(module: str) -> tuple[str, str]:
    """Return the address of the module that calls a module, and the name of the call."""
    *around, name = split_module_names(module)
    return ".".join(f"module.{one}" for one in around), name


def _read_name(item: Mapping[str, object]) -> str:
    given = item.get("name")
    plain = strip_instance_keys(str(item.get("address"))).rpartition(".")[2]
    return given if isinstance(given, str) and given == plain else plain


def _find_resource(root: object, path: Path) -> tuple[Mapping[str, object], object, Path]:
    """Return the resource that a path of a plan lies in, its values, and the rest of the path."""
    here, found, values, at = root, None, None, 0
    module = ""
    for index, step in enumerate(path):
        here = _read_step(here, step)
        if (
            isinstance(here, dict)
            and isinstance(here.get("address"), str)
            and "type" in here
            and found is None
        ):
            found = {"module_address": module, **here}
        elif isinstance(here, dict) and isinstance(here.get("address"), str) and found is None:
            module = here["address"]
        if found is not None and (step in _SIDES or step == "values"):
            values, at = here, index + 1
            break
    return found or {}, values, path[at:] if at else ()


def _descend_into_block(block: ConfigurationNode, values: object, steps: Path) -> ConfigurationNode:
    """Return what is written of a part of a block; blocks of a set are told apart by what they say."""
    held = block
    for step in steps:
        inner = held.descend(step)
        if isinstance(step, int) and held.mark.elements:
            inner = _find_matching_block(held, _read_step(values, step), step) or inner
        if inner is None:
            return held
        held, values = inner, _read_step(values, step)
    return held


def _find_matching_block(listed: ConfigurationNode, values: object, step: int) -> ConfigurationNode | None:
    """Return the element of a list that says most of a value, the one at its place before others."""
    elements = listed.mark.elements or []
    if len(elements) < 2 or not isinstance(values, dict):
        return listed.descend(min(step, len(elements) - 1))
    said = [_rate_agreement(listed.document.text, one, values) for one in elements]
    most = max(said)
    return listed.descend(step if step < len(said) and said[step] == most else said.index(most))


def _rate_agreement(text: str, mark: TextMark, values: Mapping[str, object]) -> int:
    return sum(
        text[inner.start : inner.end] == json.dumps(values.get(name))
        for name, (_, inner) in (mark.members or {}).items()
    )


def _read_step(node: object, step: str | int) -> object:
    if isinstance(node, dict):
        return node.get(step) if isinstance(step, str) else None
    if isinstance(node, list) and isinstance(step, int):
        return node[step] if step < len(node) else None
    return None

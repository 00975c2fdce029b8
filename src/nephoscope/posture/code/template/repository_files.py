"""The files of a repository as a scan goes through them: which are templates, what each holds, under which key its verdict is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from nephoscope.collect.templates import kubernetes_manifest, policy_as_code
from nephoscope.collect.templates.arm.template_repository import Repository, TemplateFile
from nephoscope.collect.templates.arm.template_specs import TemplateSpecs, is_template_spec
from nephoscope.collect.templates.arm.what_if import is_what_if
from nephoscope.collect.templates.bicep import BICEP, PARAMETERS
from nephoscope.collect.templates.bicep.built_parameters import BUILT
from nephoscope.collect.templates.discovery import find_reader
from nephoscope.collect.templates.source_text import SourceText
from nephoscope.collect.templates.terraform.plan_repository import TERRAFORM, list_plan_names
from nephoscope.posture.code.finding import Region, UnreadFile
from nephoscope.posture.code.template.verdict_cache import hash_content
from nephoscope_policy.arm.template import DeploymentScope, TemplateDocument

_CLAIMABLE = re.compile(r"(?:^|/)[^/]*(?:dockerfile|containerfile)[^/]*$|\.(?:ya?ml|sh|bash)$", re.IGNORECASE)

READ_BY_OTHERS = (".json", ".jsonc", BICEP, PARAMETERS, *TERRAFORM)
"""Ends of the names of templates and of what templates and plans read."""


class RepositoryFiles(msgspec.Struct):
    """The files of a repository with its templates by name, which are taken to be deployed to a scope."""

    repository: Repository
    templates: Mapping[str, TemplateFile]
    scope: DeploymentScope
    specs: TemplateSpecs | None = None
    _digests: dict[str, str] = msgspec.field(default_factory=dict)

    def load(self, name: str) -> bytes | TemplateDocument | None:
        """Give what a file holds, of a Bicep file what it compiles to, or a template spec by its id; None where there is none."""
        if self.specs is not None and is_template_spec(name):
            return self.specs.find(name)
        return self.repository.compiled.get(name) or self.repository.load(name)

    def digest(self, name: str) -> str:
        """Give the digest of what a file holds, '' where there is none; of a folder (`modules/`) that of the names in it."""
        if name not in self._digests:
            listed = self.repository.list_file_names(name[:-1]) if name.endswith("/") else None
            held = self.load(name) if listed is None else msgspec.json.encode(listed)
            self._digests[name] = _compute_digest(held)
        return self._digests[name]

    def key(self, name: str) -> bytes:
        """Give what a verdict on a file rests on in the repository, but for the files that it reads."""
        template = self.templates.get(name)
        parameters = template.parameters if template is not None else ()
        entries = (
            name,
            template is not None,
            self.digest(name),
            [(one, self.digest(one)) for one in parameters],
            self.scope,
        )
        return msgspec.msgpack.encode(entries)

    def plan_key(self, name: str, names: Iterable[str]) -> bytes:
        """Give what a verdict on a Terraform plan rests on, but for the files that it reads: where configurations may be, too."""
        configured = sorted(one for one in names if one.lower().endswith(TERRAFORM))
        return msgspec.msgpack.encode(("plan", name, self.digest(name), configured, self.scope))

    def weight(self, name: str) -> int:
        """Give about how much work a file is."""
        return len(self.repository.load(name) or b"") if name in self.templates else 0

    def is_file_judged(self, name: str) -> bool:
        """Say whether a file is a template, or one that another reader may claim."""
        return name in self.templates or is_file_claimable(name) or self._is_other_json(name)

    def _is_other_json(self, name: str) -> bool:
        """Return whether a file is JSON that is a policy or a manifest."""
        if not name.lower().endswith(".json"):
            return False
        head = self.repository.read_head(name).decode("utf-8", "replace")
        return policy_as_code.recognizes(name, head) or kubernetes_manifest.recognizes(name, head)

    def source(self, name: str) -> SourceText | None:
        """Give the text that readers of templates, pipelines, Dockerfiles and scripts may claim; None for what they do not."""
        compiled = self.repository.compiled.get(name)
        if compiled is not None and name.lower().endswith(BICEP):
            return SourceText(name, compiled.text, compiled)
        data = self.repository.load(name) if self.is_file_judged(name) else None
        if data is None:
            return None
        text, parsed = data.decode("utf-8", "replace"), self.repository.find_parsed_document(name)
        return SourceText(name, text, parsed if parsed is not None and parsed.text == text else None)


def list_refused_files(repository: Repository, names: Iterable[str]) -> Iterator[UnreadFile]:
    """Give the files that a scan would judge, or that others read, and that are not read."""
    for name in names:
        if (
            name.lower().endswith(READ_BY_OTHERS)
            or is_file_claimable(name)
            or repository.is_linked_folder(name)
        ):
            reason = repository.explain_refusal(name)
            if reason and (not repository.read_head(name) or _is_code(repository, name)):
                yield UnreadFile(Region(name, 1), reason)


def _is_code(repository: Repository, name: str) -> bool:
    head = repository.read_head(name)
    text = head.decode("utf-8", "replace")
    return (
        name.lower().endswith(TERRAFORM)
        or find_reader(name, text) is not None
        or repository.is_parameters(name)
        or BUILT.search(head) is not None
        or is_what_if(name, text)
        or bool(list_plan_names(repository, [name]))
    )


def is_file_claimable(name: str) -> bool:
    """Say whether readers of pipelines, Dockerfiles and scripts may claim a file, by its name."""
    return _CLAIMABLE.search(name) is not None


def _compute_digest(held: bytes | TemplateDocument | None) -> str:
    if held is None:
        return ""
    if isinstance(held, bytes):
        return hash_content(held)
    return hash_content(json.dumps((held.file, held.text, held.value)).encode())

"""Known properties of actions: caches that they fill, archives, what they publish."""

from __future__ import annotations

from typing import NamedTuple

from nephoscope.collect.templates.workflow.expression import WorkflowExpression
from nephoscope.collect.templates.workflow.workflow_model import Workflow, WorkflowStep
from nephoscope.collect.templates.yaml_tree import YamlNode


class CacheSwitch(NamedTuple):
    """Caching of an action: by itself (`default`) or where asked for; `on` inputs switch it on, `off` inputs off."""

    default: bool
    on: tuple[str, ...] = ()
    off: tuple[str, ...] = ()


CACHES: dict[str, CacheSwitch] = {
    "actions/cache": CacheSwitch(True, off=("lookup-only",)),
    "actions/setup-dotnet": CacheSwitch(False, ("cache",)),
    "actions/setup-go": CacheSwitch(True, ("cache",)),
    "actions/setup-java": CacheSwitch(False, ("cache",)),
    "actions/setup-node": CacheSwitch(True, ("cache", "package-manager-cache")),
    "actions/setup-python": CacheSwitch(False, ("cache",)),
    "actions-rust-lang/setup-rust-toolchain": CacheSwitch(True, ("cache",)),
    "astral-sh/setup-uv": CacheSwitch(True, ("enable-cache",)),
    "bahmutov/npm-install": CacheSwitch(True),
    "denoland/setup-deno": CacheSwitch(False, ("cache",)),
    "determinatesystems/magic-nix-cache-action": CacheSwitch(True),
    "graalvm/setup-graalvm": CacheSwitch(False, ("cache",)),
    "gradle/actions/setup-gradle": CacheSwitch(True, off=("cache-disabled",)),
    "gradle/gradle-build-action": CacheSwitch(True, off=("cache-disabled",)),
    "hynek/setup-cached-uv": CacheSwitch(True),
    "jdx/mise-action": CacheSwitch(True, ("cache",)),
    "mamba-org/setup-micromamba": CacheSwitch(False, ("cache-environment", "cache-downloads")),
    "moonrepo/setup-rust": CacheSwitch(True, ("cache",)),
    "mozilla-actions/sccache-action": CacheSwitch(True),
    "nix-community/cache-nix-action": CacheSwitch(True),
    "oven-sh/setup-bun": CacheSwitch(True, off=("no-cache",)),
    "pnpm/action-setup": CacheSwitch(False, ("cache",)),
    "prefix-dev/setup-pixi": CacheSwitch(False, ("cache",)),
    "pyo3/maturin-action": CacheSwitch(False, ("sccache",)),
    "ramsey/composer-install": CacheSwitch(True, off=("ignore-cache",)),
    "ruby/setup-ruby": CacheSwitch(False, ("bundler-cache",)),
    "swatinem/rust-cache": CacheSwitch(True, off=("lookup-only",)),
}
#: Actions that publish what the job built, with the input that must be true for it.
PUBLISHERS: dict[str, str] = {
    "softprops/action-gh-release": "",
    "pypa/gh-action-pypi-publish": "",
    "goreleaser/goreleaser-action": "",
    "release-drafter/release-drafter": "",
    "ncipollo/release-action": "",
    "changesets/action": "",
    "cycjimmy/semantic-release-action": "",
    "rubygems/release-gem": "",
    "docker/build-push-action": "push",
    "redhat-actions/push-to-registry": "",
    "js-devtools/npm-publish": "",
    "katyo/publish-crates": "",
    "actions/create-release": "",
    "actions/upload-release-asset": "",
    "svenstaro/upload-release-action": "",
    "googleapis/release-please-action": "",
    "google-github-actions/release-please-action": "",
    "cargo-bins/release-plz": "",
    "release-plz/action": "",
    "nuget/login": "",
    "apple-actions/upload-testflight-build": "",
    "r0adkll/upload-google-play": "",
    "wangyoucao577/go-release-action": "",
    "taiki-e/upload-rust-binary-action": "",
    "crazy-max/ghaction-github-pages": "",
    "jamesives/github-pages-deploy-action": "",
    "peaceiris/actions-gh-pages": "",
    "actions/deploy-pages": "",
    "azure/webapps-deploy": "",
    "azure/functions-action": "",
    "azure/aci-deploy": "",
    "azure/k8s-deploy": "",
    "aws-actions/amazon-ecs-deploy-task-definition": "",
    "google-github-actions/deploy-cloudrun": "",
    "cloudflare/wrangler-action": "",
}
#: Repositories of actions that their owners archived: they get no fixes.
ARCHIVED = frozenset({
    "actions/create-release", "actions/setup-elixir", "actions/setup-haskell", "actions/setup-ruby", "actions/upload-release-asset",
    "actions-rs/audit-check", "actions-rs/cargo", "actions-rs/clippy", "actions-rs/clippy-check", "actions-rs/components-nightly",
    "actions-rs/grcov", "actions-rs/install", "actions-rs/tarpaulin", "actions-rs/toolchain", "artichoke/setup-rust",
    "azure/appservice-actions", "azure/container-actions", "azure/k8s-actions", "gradle/gradle-build-action",
    "gradle/wrapper-validation-action", "repo-sync/pull-request",
})  # fmt: skip
#: Actions that install a tool, and the input that names its version.
TOOL_INSTALLERS: dict[str, str] = {
    "aquasecurity/setup-trivy": "version",
    "1password/load-secrets-action": "version",
    "1password/install-cli-action": "version",
    "anchore/sbom-action/download-syft": "syft-version",
    "anchore/scan-action/download-grype": "grype-version",
    "azure/setup-helm": "version",
    "azure/setup-kubectl": "version",
    "digitalocean/action-doctl": "version",
    "snyk/actions/setup": "snyk-version",
    "terraform-linters/setup-tflint": "tflint_version",
    "hashicorp/setup-terraform": "terraform_version",
    "opentofu/setup-opentofu": "tofu_version",
}
_TAG = frozenset({"github.ref_type", "github.ref"})
_FALSE = frozenset({"", "false", "no", "0", "off", "n"})


def fills_cache(workflow: Workflow, step: WorkflowStep) -> bool:
    """Tell whether a step restores or fills the cache that all branches share."""
    uses = step.uses
    switch = CACHES.get(uses.name) if uses else None
    if switch is None:
        return False
    given = [(name, step.get_input(name)) for name in (*switch.on, *switch.off)]
    states = [
        _read_cache_switch(workflow, node, name in switch.on) for name, node in given if node is not None
    ]
    if True in states:
        return True
    return switch.default and False not in states


def _read_cache_switch(workflow: Workflow, node: YamlNode, enables: bool) -> bool | None:
    """Return whether an input switches the cache on (True) or off (False)."""
    if "${{" in node.text:
        trees = workflow.list_expressions(node)
        return not (trees and _is_false_for_tags(trees[0])) if enables else True
    is_set = node.text.strip().lower() not in _FALSE
    return is_set if enables else not is_set


def _is_false_for_tags(tree: WorkflowExpression) -> bool:
    """Tell whether an expression is false when a tag is pushed."""
    if tree.kind == "not":
        return any(context.path in _TAG for context in tree.list_contexts())
    if tree.kind == "binary" and tree.value == "!=":
        return any(context.path == "github.ref_type" for context in tree.list_contexts())
    return tree.kind == "literal" and tree.value.lower() in _FALSE


def publishes(step: WorkflowStep) -> bool:
    """Tell whether a step publishes what the job built."""
    uses = step.uses
    if uses is None or uses.name not in PUBLISHERS:
        return False
    condition = PUBLISHERS[uses.name]
    node = step.get_input(condition) if condition else None
    return not condition or (node is not None and node.text.lower() not in _FALSE)

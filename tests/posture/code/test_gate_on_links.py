"""A change is compared through links and submodules: what they lead to is known as it was, and what is new in it is new."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from nephoscope.cli.main import cli

pytestmark = pytest.mark.system
IDENTITY = ("-c", "user.name=Gate", "-c", "user.email=gate@example.com", "-c", "protocol.file.allow=always")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *IDENTITY, *arguments], cwd=folder, check=True, capture_output=True)


def write(path: Path, name: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    account = {
        "type": "Microsoft.Storage/storageAccounts",
        "apiVersion": "2022-09-01",
        "name": name,
        "location": "westeurope",
        "properties": {"supportsHttpsTrafficOnly": False},
    }
    schema = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    path.write_text(
        json.dumps({"$schema": schema, "contentVersion": "1.0.0.0", "resources": [account]}, indent=1)
    )


def commit(folder: Path) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "change")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a template, links to it and to its folder, links that lead nowhere, and a submodule in a submodule."""
    tmp_path = tmp_path_factory.mktemp("links")
    for name in ("inner", "outer", "repo"):
        (tmp_path / name).mkdir()
        git(tmp_path / name, "init", "-qb", "main")
        write(tmp_path / name / "infra" / "main.json", f"st{name}")
        commit(tmp_path / name)
    for above, below in (("outer", "inner"), ("repo", "outer")):
        git(tmp_path / above, "submodule", "add", "-q", str(tmp_path / below), below)
        git(tmp_path / above, "submodule", "update", "-q", "--init", "--recursive")
        commit(tmp_path / above)
    made = tmp_path / "repo"
    for link, target in {
        "link.json": "infra/main.json",
        "infra/second.json": "../link.json",
        "linked": "infra",
        "infra/loop": "..",
        "round.json": "round.json",
        "gone.json": "nothing.json",
    }.items():
        (made / link).symlink_to(target)
    commit(made)
    return made


@pytest.fixture
def repository(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copied = shutil.copytree(made, tmp_path / "repo", symlinks=True)
    monkeypatch.chdir(copied)
    return copied


def nothing(_: Path) -> None:
    """Change nothing."""


def move_in_submodule(folder: Path) -> None:
    git(folder / "outer", "mv", "infra/main.json", "moved.json")


def add_to_submodule(folder: Path) -> None:
    write(folder / "outer" / "new.json", "stnew")


def bump_inner_submodule(folder: Path) -> None:
    write(folder / "outer" / "inner" / "new.json", "stnew")
    for one in (folder / "outer" / "inner", folder / "outer", folder):
        commit(one)
    git(folder, "reset", "-q", "--soft", "HEAD~1")


def add_submodule(folder: Path) -> None:
    git(folder, "submodule", "add", "-q", str(folder / "outer" / "inner"), "again")


def link_anew(folder: Path) -> None:
    (folder / "new.json").symlink_to("infra/main.json")


def lead_link_elsewhere(folder: Path) -> None:
    write(folder / "infra" / "other.json", "stother")
    commit(folder)
    (folder / "infra" / "other.json").replace(folder / "infra" / "main.json")


@pytest.mark.parametrize(
    ("change", "new"),
    [
        (nothing, set()),
        (move_in_submodule, set()),
        (add_to_submodule, {"outer/new.json"}),
        (bump_inner_submodule, {"outer/inner/new.json"}),
        (add_submodule, {"again/infra/main.json"}),
        (link_anew, {"new.json"}),
        (lead_link_elsewhere, {"infra/main.json", "infra/second.json", "link.json"}),
    ],
)
def test_only_what_is_new_behind_links_and_in_submodules_fails(
    repository: Path, change: Callable[[Path], None], new: set[str]
) -> None:
    change(repository)
    arguments = ["scan", ".", "--since", "HEAD", "--tools", "none", "--fail-on", "High", "-o", "json"]
    result = CliRunner().invoke(cli, ["--data", str(repository.parent / "data"), *arguments])
    found = json.loads(result.stdout)["findings"]
    assert {one["finding"]["region"]["file"] for one in found if one["finding"]["state"] == "Failed"} == new
    assert result.exit_code == (1 if new else 0), result.output


def test_a_former_commit_of_a_submodule_that_is_not_there_is_told(repository: Path) -> None:
    git(repository, "update-index", "--cacheinfo", f"160000,{'1' * 40},outer")
    git(repository, "commit", "-qm", "a commit that was never fetched")
    result = CliRunner().invoke(
        cli, ["--data", str(repository.parent / "data"), "scan", ".", "--since", "HEAD"]
    )
    assert result.exit_code == 2
    assert f"the submodule outer was at {'1' * 40}, which is not there: fetch it" in result.output

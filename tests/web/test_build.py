"""The browser's libraries are in what is built, and no file of the repository says where they are downloaded."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
LIBRARIES = {
    "codemirror.js",
    "cytoscape.js",
    "htmx.js",
    "icons.svg",
    "dejavu-sans.ttf",
    "dejavu-sans-bold.ttf",
    "inter.woff2",
    "jetbrains-mono.woff2",
    "uplot.js",
    "uplot.min.css",
    "licenses.txt",
    "made-of",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of a wheel and an sdist of this checkout; what setup brought is used, nothing is downloaded."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def libraries(names):
    return {name.rsplit("/", 1)[-1] for name in names if "/web/static/vendor/" in name}


def test_the_wheel_has_the_libraries(built):
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        assert libraries(wheel.namelist()) == LIBRARIES
        assert not [name for name in wheel.namelist() if "node_modules" in name]


@pytest.mark.full
def test_the_sdist_has_the_libraries_and_what_makes_them(built):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as sdist:
        names = [name.split("/", 1)[1] for name in sdist.getnames()]
    assert libraries(names) == LIBRARIES
    assert {"hatch_build.py", "package.json", "package-lock.json"} <= set(names)


def test_the_lock_names_no_host_and_has_a_hash_of_everything():
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    for name, one in packages.items():
        assert "resolved" not in one
        assert not name or one["integrity"].startswith("sha512-"), name

"""The images that are scanned, each built by the package managers of its ecosystems.

What no package manager here can install is not among them: apk, NuGet and Conda have no registry that is reached (Debian, PyPI and npm
are); their readers are held against files in the tests.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from images.building import Workshop, is_program, tool, virtual_environment
from images.layouts import write_layout
from images.measuring import run
from images.rpm_roots import rpm_root

#: Programs that the recipes need, and the packages of Debian that have them.
PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "npm": "npm",
    "rpm": "rpm",
    "rpmbuild": "rpm",
    "composer": "composer",
    "cargo-auditable": "cargo-auditable",
    "cargo": "cargo",
}
#: Crates of Debian that the program of Rust is built of.
CRATES = ("librust-serde-dev", "librust-serde-json-dev", "librust-regex-dev")

_PYTHON = (
    "flask==3.0.3", "django==5.1.1", "requests==2.32.3", "sqlalchemy==2.0.35", "celery==5.4.0", "pydantic==2.9.2", "boto3==1.35.30",
    "cryptography==43.0.1", "jinja2==3.1.4", "aiohttp==3.10.8", "pyyaml==6.0.2", "lxml==5.3.0",
)  # fmt: skip
_NODE = {
    "express": "4.21.0",
    "webpack": "5.95.0",
    "eslint": "9.11.1",
    "lodash": "4.17.21",
    "@babel/core": "7.25.2",
    "jest": "29.7.0",
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """An image: its name, the ecosystems whose packages are in it, and what gives the tars of its layers."""

    name: str
    ecosystems: tuple[str, ...]
    layers: Callable[[Workshop], list[Path]]


def build(recipe: Recipe, shop: Workshop, images: Path) -> Path:
    """Return the layout of an image, built where it is not there yet."""
    folder = images / recipe.name
    if not (folder / "oci-layout").exists():
        write_layout(folder, recipe.layers(shop))
    return folder


def _debian(name: str, *packages: str) -> Callable[[Workshop], list[Path]]:
    return lambda shop: [shop.debian(name, *packages)]


def _pip(shop: Workshop) -> list[Path]:
    work = shop.work("pip")
    environment = virtual_environment(work / "venv", *_PYTHON)
    return [shop.base, shop.layer("pip", environment, "opt/venv")]


def _manifest(folder: Path) -> None:
    (folder / "package.json").write_text(
        json.dumps({"name": "shop", "version": "1.0.0", "private": True, "dependencies": _NODE})
    )


def _npm(shop: Workshop) -> list[Path]:
    work = shop.work("npm")
    _manifest(work)
    run(["npm", "install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=work)
    return [shop.base, shop.layer("npm", work, "srv/app")]


def _yarn(shop: Workshop) -> list[Path]:
    work = shop.work("yarn")
    _manifest(work)
    run(
        [tool(shop.folder, "yarn@1.22.22"), "install", "--silent", "--ignore-scripts", "--non-interactive"],
        cwd=work,
    )
    return [shop.base, shop.layer("yarn", work, "srv/app")]


def _pnpm(shop: Workshop) -> list[Path]:
    work = shop.work("pnpm")
    _manifest(work)
    run([tool(shop.folder, "pnpm@9.11.0"), "install", "--silent", "--ignore-scripts"], cwd=work)
    return [shop.base, shop.layer("pnpm", work, "srv/app")]


def _go(shop: Workshop) -> list[Path]:
    """Programs of Debian, which are built without modules, and the peers' own, which are built with them."""
    work = shop.work("go")
    for program in sorted((shop.folder.parent / "peers").rglob("*")):
        if program.name in ("trivy", "syft") and program.is_file() and is_program(program):
            shutil.copy(program, work / program.name)
    return [
        shop.debian("go", "skopeo", "umoci", "docker-registry", "runc"),
        shop.layer("go", work, "usr/local/bin"),
    ]


def _rust(shop: Workshop) -> list[Path]:
    """A program with the list of its crates in it, built of the crates that Debian packages."""
    work = shop.work("rust")
    (work / "src").mkdir()
    (work / "src/main.rs").write_text(
        'fn main() { let m = regex::Regex::new("a").unwrap(); let v: serde_json::Value = serde_json::from_str("1").unwrap();'
        ' println!("{} {}", m, v); }\n'
    )
    (work / "Cargo.toml").write_text(
        '[package]\nname = "shop"\nversion = "1.0.0"\nedition = "2021"\n\n[dependencies]\nserde_json = "1"\nregex = "1"\n'
    )
    (work / ".cargo").mkdir()
    (work / ".cargo/config.toml").write_text(
        '[source.crates-io]\nreplace-with = "debian"\n[source.debian]\ndirectory = "/usr/share/cargo/registry"\n'
    )
    run(["cargo", "auditable", "build", "--release", "--offline", "--quiet"], cwd=work)
    built = shop.work("rust-built")
    shutil.copy(work / "target/release/shop", built / "shop")
    shutil.copy(work / "Cargo.lock", built / "Cargo.lock")
    return [shop.base, shop.layer("rust", built, "srv/app")]


def _composer(shop: Workshop) -> list[Path]:
    """A project that composer installs from the PHP libraries which Debian packages."""
    root = shop.work("php-root")
    run(["tar", "-xf", shop.debian("php", "phpunit", "composer", "php-twig"), "-C", root])
    work = shop.work("composer")
    repositories, required = [], {}
    for library in sorted((root / "usr/share/php").iterdir()):
        if not library.is_dir() or library.name in ("data", "tests", "docs"):
            continue
        name, version = f"debian/{library.name.lower()}", "1.2.3"
        repositories.append(
            {
                "type": "package",
                "package": {"name": name, "version": version, "dist": {"type": "path", "url": str(library)}},
            }
        )
        required[name] = version
    (work / "composer.json").write_text(
        json.dumps(
            {
                "name": "shop/app",
                "repositories": [*repositories, {"packagist.org": False}],
                "require": required,
            }
        )
    )
    run(["composer", "install", "--quiet", "--no-interaction", "--no-plugins", "--no-scripts"], cwd=work)
    return [shop.debian("php", "phpunit", "composer", "php-twig"), shop.layer("composer", work, "srv/app")]


def _removed(shop: Workshop) -> list[Path]:
    """A Debian of which dpkg removes packages in a second layer: whiteouts and a changed list of packages."""
    purge = [
        "dpkg",
        "--root=ROOT",
        "--force-depends",
        "--force-remove-essential",
        "--purge",
        "tzdata",
        "login.defs",
        "sysvinit-utils",
    ]
    return [shop.base, shop.changed("removed", shop.base, [purge])]


def _rpm(backend: str, family: str) -> Callable[[Workshop], list[Path]]:
    return lambda shop: [shop.layer(f"rpm-{backend}", rpm_root(shop, backend, family), ".")]


_PYTHONS = ("python3-django", "python3-numpy", "python3-requests", "python3-sqlalchemy", "python3-yaml")
_JARS = (
    "libspring-web-java", "liblogback-java", "libjetty9-java", "libcommons-io-java", "libjackson2-databind-java",
    "libmaven3-core-java",
)  # fmt: skip

RECIPES = (
    Recipe("debian-minimal", ("deb",), _debian("minimal")),
    Recipe("debian-removed", ("deb",), _removed),
    Recipe("debian-python", ("deb", "pypi"), _debian("python", *_PYTHONS)),
    Recipe("pip", ("deb", "pypi"), _pip),
    Recipe("debian-node", ("deb", "npm"), _debian("node", "node-express", "webpack", "node-typescript")),
    Recipe("npm", ("deb", "npm"), _npm),
    Recipe("yarn", ("deb", "npm"), _yarn),
    Recipe("pnpm", ("deb", "npm"), _pnpm),
    Recipe("debian-java", ("deb", "maven"), _debian("java", *_JARS)),
    Recipe("debian-ruby", ("deb", "gem"), _debian("ruby", "ruby-rails", "ruby-sinatra", "bundler")),
    Recipe("composer", ("deb", "composer"), _composer),
    Recipe("go", ("deb", "golang"), _go),
    Recipe("rust", ("deb", "cargo"), _rust),
    Recipe("rpm-sqlite", ("rpm",), _rpm("sqlite", "rocky")),
    Recipe("rpm-ndb", ("rpm",), _rpm("ndb", "opensuse-leap")),
)

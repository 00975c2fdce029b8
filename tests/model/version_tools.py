"""The ecosystems' own tools as judges of the order of versions: one process of each answers any number of pairs.

A tool gets a JSON list of pairs on standard input and prints a JSON list of -1, 0, 1, or null for a pair that it refuses.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from pip._vendor.packaging.version import InvalidVersion, Version

Pair = tuple[str, str]

_PERL = """
use Dpkg::Version; use JSON::PP; local $/; my @out;
for my $pair (@{decode_json(<STDIN>)}) {
  my ($a, $b) = map { Dpkg::Version->new($_) } @$pair;
  push @out, ($a->is_valid && $b->is_valid) ? $a <=> $b : undef;
}
print encode_json(\\@out);
"""
_RUBY = """
require 'json'
puts JSON.generate(JSON.parse(STDIN.read).map { |a, b|
  Gem::Version.correct?(a) && Gem::Version.correct?(b) ? Gem::Version.new(a) <=> Gem::Version.new(b) : nil })
"""
_NODE = """
const semver = require(process.argv[1]);
const pairs = JSON.parse(require('fs').readFileSync(0));
console.log(JSON.stringify(pairs.map(([a, b]) =>
  semver.valid(a, true) && semver.valid(b, true) ? semver.compare(a, b, true) : null)));
"""
_PHP = """
require '/usr/share/php/Composer/Semver/autoload.php';
$parser = new Composer\\Semver\\VersionParser();
$out = [];
foreach (json_decode(stream_get_contents(STDIN)) as [$a, $b]) {
  try { $out[] = version_compare($parser->normalize($a), $parser->normalize($b)); }
  catch (UnexpectedValueException $e) { $out[] = null; }
}
echo json_encode($out);
"""
_LUA = """
local out = {}
for line in io.lines(%s) do
  local a, b = line:match("^(.-)\\t(.*)$")
  out[#out + 1] = tostring(rpm.vercmp(a, b))
end
print("[" .. table.concat(out, ",") .. "]")
"""
MAVEN = Path("/usr/share/java/maven3-artifact.jar")
SEMVER = Path(__file__).parents[2] / ".venv/node/node_modules/semver"


def _ask(command: Sequence[str], pairs: list[Pair]) -> list[int | None]:
    done = subprocess.run(
        command, input=json.dumps(pairs), capture_output=True, text=True, check=True, timeout=300
    )
    answers: list[int | None] = json.loads(done.stdout)
    return answers


def ask_dpkg(pairs: list[Pair]) -> list[int | None]:
    """Ask dpkg's own library."""
    return _ask(["perl", "-e", _PERL], pairs)


def ask_gem(pairs: list[Pair]) -> list[int | None]:
    """Ask RubyGems."""
    return _ask(["ruby", "-e", _RUBY], pairs)


def ask_npm(pairs: list[Pair]) -> list[int | None]:
    """Ask npm's semver, which reads loosely."""
    return _ask(["node", "-e", _NODE, str(SEMVER)], pairs)


def ask_composer(pairs: list[Pair]) -> list[int | None]:
    """Ask Composer for normal versions and PHP for their order."""
    return _ask(["php", "-r", _PHP], pairs)


def ask_rpm(pairs: list[Pair], folder: Path) -> list[int | None]:
    """Ask rpm."""
    listed = folder / "pairs.tsv"
    listed.write_text("".join(f"{one}\t{other}\n" for one, other in pairs))
    script = _LUA % json.dumps(str(listed))
    done = subprocess.run(
        ["rpm", "--eval", "%{lua:" + script + "}"], capture_output=True, text=True, check=True, timeout=300
    )
    answers: list[int | None] = json.loads(done.stdout)
    return answers


def ask_maven(pairs: list[Pair]) -> list[int | None]:
    """Ask Maven, whose class prints how each of its arguments stands to the one before."""
    answers: list[int | None] = []
    for start in range(0, len(pairs), 500):
        some = [version for pair in pairs[start : start + 500] for version in pair]
        main = ["java", "-cp", str(MAVEN), "org.apache.maven.artifact.versioning.ComparableVersion", *some]
        done = subprocess.run(main, capture_output=True, text=True, check=True, timeout=300)
        signs = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("   ")]
        answers += [{"<": -1, "==": 0, ">": 1}[sign] for sign in signs[::2]]
    return answers


def ask_pip(pairs: list[Pair]) -> list[int | None]:
    """Ask the library inside of pip."""
    return [_compare_pip(*pair) for pair in pairs]


def _compare_pip(one: str, other: str) -> int | None:
    try:
        first, second = Version(one), Version(other)
    except InvalidVersion:
        return None
    return (first > second) - (first < second)


#: Who judges an ecosystem's order; rpm needs a folder and is asked by itself.
JUDGES: dict[str, Callable[[list[Pair]], list[int | None]]] = {
    "debian": ask_dpkg,
    "rubygems": ask_gem,
    "npm": ask_npm,
    "packagist": ask_composer,
    "maven": ask_maven,
    "pypi": ask_pip,
}

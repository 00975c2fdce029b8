"""Layout snapshots: the boxes of landmarks, headings, panels, tables, forms and buttons of a page, kept as text and compared.

Each box is placed by what stands before it: the left edge from that of the box around it, the gap down from the end of the box before.
So a list with more rows moves nothing after it, and a bar that is shifted moves alone.
"""

from __future__ import annotations

import re
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "golden" / "layout"
#: Pixels that an edge may lie elsewhere: fonts are drawn a little differently by other builds of the browser.
EDGE = 6
#: The part of its size, and pixels, that a box may be larger or smaller: what it holds says times and counts.
PART, SIZE = 0.15, 24
BOXES = r"""
() => {
  const inside = ['h1', 'h2', 'section', 'table', 'form', 'button', '.button'].map((one) => `main ${one}`);
  const wanted = ['header.topbar', 'nav.nav', 'main', 'footer', ...inside].join(', ');
  const shown = (one) => one.checkVisibility() && one.getBoundingClientRect().height > 0;
  const within = (one) => one.closest('tbody, .cm-editor, svg, dialog, .visually-hidden') && !one.matches('table');
  const found = [...document.querySelectorAll(wanted)].filter((one) => shown(one) && !within(one));
  const name = (one) => {
    const said = one.textContent.trim().replace(/\s+/g, ' ').replace(/[0-9][0-9.,:-]*/g, '#');
    const words = /^(H1|H2|BUTTON|A)$/.test(one.tagName) ? said : '';
    return `${one.tagName.toLowerCase()}${words ? ' ' + words.slice(0, 40) : ''}`;
  };
  const ends = new Map(), lines = [];
  for (const one of found) {
    let around = one.parentElement;
    while (around && !found.includes(around)) around = around.parentElement;
    const box = one.getBoundingClientRect();
    const outer = around ? around.getBoundingClientRect() : { left: 0, top: -scrollY };
    const before = ends.get(around) ?? outer.top;
    const beside = box.top < before - 1;
    lines.push([name(one), box.left - outer.left, beside ? box.top - outer.top : box.top - before, box.width, box.height].map(
      (value) => typeof value === 'number' ? Math.round(value) : value).join('\t') + (beside ? '\tbeside' : ''));
    ends.set(around, Math.max(ends.get(around) ?? -Infinity, box.bottom));
  }
  return lines;
}
"""


def slug(path: str) -> str:
    """The name of the file of a page."""
    return re.sub(r"[^a-z0-9]+", "-", path.lower()).strip("-") or "overview"


def is_kept(path: str) -> bool:
    """Return whether the boxes of a page are kept."""
    return (GOLDEN / f"{slug(path)}.txt").exists()


def read_snapshot(path: str) -> dict[str, list[str]]:
    """State and width -> the boxes, as they are kept of a page."""
    parts = re.split(
        r"^## (.+)\n", (GOLDEN / f"{slug(path)}.txt").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    return {head: body.splitlines() for head, body in zip(parts[1::2], parts[2::2], strict=True)}


def write_snapshot(path: str, found: dict[str, list[str]]) -> None:
    """Keep the boxes of a page; states that were not looked at stay as they are."""
    file = GOLDEN / f"{slug(path)}.txt"
    kept = {**(read_snapshot(path) if file.exists() else {}), **found}
    GOLDEN.mkdir(parents=True, exist_ok=True)
    file.write_text(
        "".join(f"## {head}\n" + "".join(f"{one}\n" for one in kept[head]) for head in sorted(kept)),
        encoding="utf-8",
    )


def differences(kept: list[str], found: list[str]) -> list[str]:
    """What lies elsewhere, is of another size, is missing or is new."""
    if [one.split("\t")[0] for one in kept] != [one.split("\t")[0] for one in found]:
        old, new = ({one.split("\t")[0] for one in several} for several in (kept, found))
        return [f"missing: {one}" for one in sorted(old - new)] + [
            f"new: {one}" for one in sorted(new - old)
        ] or [f"{len(found)} boxes instead of {len(kept)}, or in another order"]
    return [
        f"{a} -> {b}" for a, b in zip(kept, found, strict=True) if not _alike(a.split("\t"), b.split("\t"))
    ]


def _alike(kept: list[str], found: list[str]) -> bool:
    if kept[5:] != found[5:]:
        return False
    left, down, width, height = ((int(kept[at]), int(found[at])) for at in range(1, 5))
    near = all(abs(a - b) <= EDGE for a, b in (left, down))
    return near and all(abs(a - b) <= max(SIZE, PART * a) for a, b in (width, height))

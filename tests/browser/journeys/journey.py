"""A person at a browser: with a mouse, by the keyboard alone, or without JavaScript; what is done is counted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from playwright.sync_api import Frame, Locator, Page, expect

#: Presses of Tab after which an element counts as out of reach.
MOST_TABS = 400


class Way(StrEnum):
    """Ways to use a page."""

    MOUSE = "mouse"
    KEYBOARD = "keyboard"
    NO_SCRIPT = "no-script"


@dataclass(frozen=True, slots=True)
class Effort:
    """Effort of a job: clicks (a choice in a list is two), fields that are typed into, and pages that are waited for."""

    clicks: int
    fields: int
    waits: int

    def __le__(self, most: Effort) -> bool:
        """Return whether it is in nothing more than another."""
        return self.clicks <= most.clicks and self.fields <= most.fields and self.waits <= most.waits


class Journey:
    """Does what a person does in a page, and counts it; by the keyboard, each element is reached with Tab."""

    def __init__(self, page: Page, way: Way) -> None:
        self.page, self.way = page, way
        self._clicks = self._fields = self._waits = self.tabs = 0
        page.on("framenavigated", self._note_wait)

    @property
    def effort(self) -> Effort:
        """Return what was counted since the start page."""
        return Effort(self._clicks, self._fields, self._waits)

    def start(self, address: str) -> None:
        """Open the page that a job begins at; nothing of it is counted."""
        self.page.goto(address)
        self._clicks = self._fields = self._waits = 0

    def press(self, target: Locator, *, leads_to: str = "") -> None:
        """Press a link, a button or the head of a drawer; wait for the address that it leads to."""
        self._clicks += 1
        if self.way is Way.KEYBOARD:
            self._reach(target)
            self.page.keyboard.press("Enter")
        else:
            target.click()
        if leads_to:
            self.page.wait_for_url(leads_to)

    def tick(self, target: Locator) -> None:
        """Tick a box."""
        self._clicks += 1
        if self.way is Way.KEYBOARD:
            self._reach(target)
            self.page.keyboard.press("Space")
        else:
            target.check()
        expect(target).to_be_checked()

    def choose(self, target: Locator, label: str) -> None:
        """Choose an option of a list: by the keyboard as people do, by typing how it begins."""
        self._clicks += 2
        if self.way is Way.KEYBOARD:
            self._reach(target)
            self.page.keyboard.type(label)
        else:
            target.select_option(label=label)
        chosen = target.evaluate("one => one.selectedOptions[0].label")
        assert chosen == label, f"{label} was to be chosen, {chosen} is"

    def type(self, target: Locator, text: str, *, enter: bool = False, leads_to: str = "") -> None:
        """Type into a field, in the place of what is in it; Enter may send its form."""
        self._fields += 1
        if self.way is Way.KEYBOARD:
            self._reach(target)
            self.page.keyboard.press("Control+A")
            self.page.keyboard.insert_text(text)
        else:
            target.fill(text)
        if enter:
            target.press("Enter")
        if leads_to:
            self.page.wait_for_url(leads_to)

    def _note_wait(self, frame: Frame) -> None:
        if frame == self.page.main_frame:
            self._waits += 1

    def _reach(self, target: Locator) -> None:
        target.wait_for()
        for _ in range(MOST_TABS):
            if target.evaluate("one => one === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
            self.tabs += 1
        raise AssertionError(f"{target} is not reached within {MOST_TABS} presses of Tab")

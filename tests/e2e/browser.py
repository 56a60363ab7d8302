"""A real browser that opens a file, cut off from every network, and what it saw there."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Page, Route, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Root may not use the sandbox; the rest keeps the browser from calling home.
_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PHONE, DESKTOP = (375, 812), (1280, 800)


class Seen(NamedTuple):
    """An open page, what it wanted from a network, and what its console and its scripts complained of."""

    page: Page
    wanted: list[str]
    complaints: list[str]

    def value_of(self, expression: str) -> Any:
        """Evaluate JavaScript on the page."""
        return self.page.evaluate(expression)


@contextmanager
def started() -> Iterator[Browser]:
    """Start a headless browser with a profile of its own."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    assert program is not None, f"none of {', '.join(NAMES)} is installed: make browser"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=list(_FLAGS))
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, file: Path, size: tuple[int, int], scheme: str = "light") -> Iterator[Seen]:
    """Open a file in a window of this size, offline, and wait until what it draws is there."""
    wanted: list[str] = []
    complaints: list[str] = []

    def pass_files_only(route: Route) -> None:
        if route.request.url.startswith("file:"):
            route.continue_()
        else:
            wanted.append(route.request.url)
            route.abort()

    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, offline=True)
    context.route("**/*", pass_files_only)
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
    page.goto(file.as_uri())
    page.wait_for_function(
        "() => [...document.querySelectorAll('.chart')].every((place) => place.querySelector('.scatterlayer .trace'))"
    )
    yield Seen(page, wanted, complaints)
    context.close()

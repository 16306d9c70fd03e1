"""A real headless Chromium for tests, which fails a test that contacts any other host."""

from __future__ import annotations

import contextlib
import shutil
from urllib.parse import urlsplit

from tests import services

FLAGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking"]
LAPTOP = {"width": 1280, "height": 800}
HERE = {"127.0.0.1", "localhost"}


class Visit:
    """A page, and all that it asked for and complained about.

    Attributes:
        page: Playwright's.
        strangers: URLs of other hosts that the page asked for; none was answered.
        errors: exceptions that its scripts did not catch.
    """

    def __init__(self, page):
        self.page, self.strangers, self.errors = page, [], []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", self._refuse)
        page.route("**/*", self._filter)

    def _filter(self, route):
        url = urlsplit(route.request.url)
        if url.scheme in ("http", "https", "ws", "wss") and url.hostname not in HERE:
            self.strangers.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    def _refuse(self, dialog):
        """A dialog is a script that ran out of a name."""
        self.errors.append(f"dialog: {dialog.message}")
        dialog.dismiss()


@contextlib.contextmanager
def chromium():
    """A browser of Debian's, closed at the end."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        services.absent("no chromium on the PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def visiting(browser, scheme="light", **more):
    """A page at laptop width; at the end no other host was asked and no script failed."""
    context = browser.new_context(**{"viewport": LAPTOP, "color_scheme": scheme} | more)
    context.set_default_timeout(60_000)
    try:
        visit = Visit(context.new_page())
        yield visit
        assert not visit.strangers
        assert not visit.errors
    finally:
        context.close()

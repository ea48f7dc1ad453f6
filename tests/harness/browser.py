"""The monitor's page in a real browser, which notes whatever a good page would not do."""

import os
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Dialog, Page, Playwright, Request, Route, expect, sync_playwright

from harness.driver import ROOT
from harness.process import Unavailable

AXE = ROOT / "monitor" / "node_modules" / "axe-core" / "axe.min.js"
SHOTS = ROOT / "build" / "monitor-shots"
VIEWS = {"overview": "#/", "blasts": "#/blasts", "queue": "#/queue", "causes": "#/causes"}

# How long something may take to be seen, in milliseconds: the machine may be busy.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)


class Chromium:
    """Debian's Chromium, without a window."""

    def __init__(self) -> None:
        path = os.environ.get("FREESMTP_CHROMIUM") or shutil.which("chromium")
        if path is None:
            raise Unavailable("not installed: chromium")
        if not AXE.exists():
            raise Unavailable("not installed: axe-core; `npm ci` in monitor/ brings it")
        self.playwright: Playwright = sync_playwright().start()
        # Without a sandbox, since root has none; it sees pages of this machine alone.
        self.browser: Browser = self.playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )

    def close(self) -> None:
        self.browser.close()
        self.playwright.stop()


class Look:
    """A tab that shows an agent's page. What it must never do is noted, and fails the test at its end."""

    def __init__(
        self, chromium: Chromium, address: str, token: str = "", width: int = 1440, scheme: str = "light"
    ) -> None:
        self.address = address
        self.faults: list[str] = []
        self.requests: list[Request] = []
        height = 900 if width > 600 else 740
        self.context = chromium.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            accept_downloads=True,
        )
        self.context.set_default_timeout(PATIENCE)
        self.page: Page = self.context.new_page()
        # Nothing of another origin is ever asked for, not even in vain.
        self.context.route("**/*", self._judge)
        self.page.on("request", lambda request: self.requests.append(request))
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("console", lambda message: self._console(message.type, message.text))
        self.page.on("dialog", self._dialog)
        self.page.goto(f"{address}/{f'#token={token}' if token else ''}")

    def _judge(self, route: Route) -> None:
        asked, own = urlsplit(route.request.url), urlsplit(self.address)
        if asked.scheme not in ("blob", "data") and asked.netloc != own.netloc:
            self.faults.append(f"a request to elsewhere: {route.request.url}")
            route.abort()
        else:
            route.continue_()

    def _dialog(self, dialog: Dialog) -> None:
        self.faults.append(f"a script ran: {dialog.message}")
        dialog.dismiss()

    def _console(self, kind: str, text: str) -> None:
        # That a server is gone is said by the browser itself.
        if kind == "error" and "net::ERR_" not in text and "status of 4" not in text and "status of 503" not in text:
            self.faults.append(f"console: {text}")

    def show(self, fragment: str) -> Page:
        """Goes to a view as a link would."""
        self.page.evaluate("fragment => { location.hash = fragment }", fragment)
        self.page.locator("main h1").wait_for()
        return self.page

    def overflow(self) -> list[str]:
        """What stands out of the page at its right."""
        width: int = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if width <= 0:
            return []
        out: list[str] = self.page.evaluate(
            """() => [...document.querySelectorAll("body *")]
                .filter(one => one.getBoundingClientRect().right > innerWidth + 1)
                .map(one => one.outerHTML.slice(0, 90))"""
        )
        return out or [f"{width} px"]

    def accessibility(self) -> list[str]:
        """Serious faults that axe finds in what is shown."""
        # As a user script, which the page's policy is not for.
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: list[dict[str, Any]] = self.page.evaluate(
            "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
        )
        return [
            f"{fault['id']}: {fault['help']}: {fault['nodes'][0]['html'][:160]}: {fault['nodes'][0]['failureSummary']}"
            for fault in found
            if fault["impact"] in ("serious", "critical")
        ]

    def shot(self, name: str) -> Path:
        """Keeps a picture of the whole page."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        path = SHOTS / f"{name}.png"
        self.page.screenshot(path=path, full_page=True)
        return path

    def close(self) -> None:
        self.context.close()

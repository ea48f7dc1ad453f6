"""Subjects, addresses, names and replies that want to be more than text."""

from collections.abc import Callable
from email.header import Header

from playwright.sync_api import expect

from harness.agent import submit, until
from harness.browser import Look
from harness.monitored import Monitored
from harness.recorder import HOSTILE

Open = Callable[..., Look]


# As the page shows it; the server's reply was escaped by the agent's log before.
SHOWN = "<img src=x onerror=alert(1)><script>alert(2)</script>\\u{202e}gnp.exe\\x07\\x1b[2J"
NAME = "<script>alert(3)</script>\u202e\u2066&amp;"


def test_hostile_text_is_text(monitored: Monitored, look: Open) -> None:
    subject = Header(HOSTILE, "utf-8", maxlinelen=998).encode()
    monitored.drop(
        "hostile",
        f"X-Sender: <a@x.test>\r\nX-Receiver: <evil1@x.test>\r\nFrom: a@x.test\r\nTo: evil1@x.test\r\n"
        f"Subject: {subject}\r\nMessage-ID: <1@x.test>\r\n\r\nText\r\n".encode(),
    )
    submit(monitored.spool, 1, "evil2@x.test", tag="named", blast=NAME)
    until(lambda: monitored.ask("status")["queue"]["later"] == 2, 30, "they were not tried")
    for width in (1440, 360):
        shown = look(monitored, width=width)
        page = shown.show("#/queue")
        lines = page.locator(".messages tbody tr")
        expect(lines).to_have_count(2)
        expect(lines.filter(has_text="evil1").locator(".said")).to_contain_text(SHOWN)
        assert shown.overflow() == []
        shown.shot(f"hostile-queue-{width}")
        lines.filter(has_text="evil1").get_by_role("link").click()
        expect(page.locator("h1")).to_have_text(SHOWN)
        expect(page.locator(".conversation .is-trouble").first).to_contain_text(SHOWN)
        # What is turned around stays inside its own piece.
        assert page.locator("h1 bdi .unseen").all_inner_texts() == ["\\u{202e}", "\\x07", "\\x1b"]
        assert shown.overflow() == []
        shown.shot(f"hostile-message-{width}")
        shown.show("#/blasts")
        name = page.locator(".card h2")
        expect(name).to_have_text("<script>alert(3)</script>\\u{202e}\\u{2066}&amp;")
        # Its name goes to the agent as it is.
        page.get_by_role("button", name="Pause").click()
        expect(page.locator(".card .state")).to_have_text("Paused")
        page.get_by_role("button", name="Resume").click()
        expect(page.locator(".card .state")).to_have_text("Running")
        assert shown.overflow() == []
        page.get_by_role("link", name="In the queue").click()
        expect(page.locator(".chips")).to_contain_text("alert(3)")
        expect(lines).to_have_count(1)
        shown.show("#/causes")
        page.locator(".remedy").first.wait_for()
        # Nothing of it became a part of the page.
        assert page.locator("main img, main script, main iframe, main style").count() == 0
        assert shown.overflow() == []

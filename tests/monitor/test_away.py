"""The agent stops, is killed, and comes back while its page is open."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from harness.agent import submit, until
from harness.browser import Look
from harness.monitored import Monitored

Open = Callable[..., Look]


def gone(page: Page) -> None:
    expect(page.locator(".link")).to_have_text("No answer")
    banner = page.locator(".banner")
    expect(banner).to_contain_text("The agent does not answer.")
    # What is old says how old it is.
    expect(banner).to_contain_text(" ago.")
    expect(page.locator("main")).to_have_class("is-stale")
    expect(page.locator("[role=status]").last).to_have_text("The agent does not answer. What is shown is old.")


def back(page: Page) -> None:
    expect(page.locator(".link")).to_have_text("Live")
    expect(page.locator(".banner")).to_have_count(0)
    expect(page.locator("[role=status]").last).to_contain_text("restarted")


def test_the_page_says_that_the_agent_is_gone_and_comes_back_with_it(monitored: Monitored, look: Open) -> None:
    shown = look(monitored)
    page = shown.page
    submit(monitored.spool, 20, "wait{n}@x.test", blast="news")
    until(lambda: monitored.blast("news").get("deferred") == 20, 30, "not all were tried")
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "0")
    assert monitored.agent.stop() == 0
    gone(page)
    # Nothing can be ordered of it; what was seen stays.
    shown.show("#/blasts")
    expect(page.get_by_role("button", name="Pause news")).to_have_attribute("aria-disabled", "true")
    monitored.start()
    back(page)
    expect(page.get_by_role("button", name="Pause news")).to_have_attribute("aria-disabled", "false")
    # And when it is killed, with a view open that asks for more.
    shown.show("#/queue")
    expect(page.locator(".messages tbody tr")).to_have_count(20)
    monitored.agent.kill()
    gone(page)
    page.get_by_role("button", name="Search").click()
    monitored.start()
    page.get_by_role("button", name="Try now").first.click()
    back(page)
    # It lives: what happens now is shown.
    submit(monitored.spool, 5, "b{n}@x.test", blast="more", tag="more")
    shown.show("#/blasts")
    expect(page.get_by_role("progressbar", name="Progress of more")).to_have_attribute("aria-valuenow", "5")


def test_a_page_that_was_open_before_shows_an_agent_that_was_away_for_long(monitored: Monitored, look: Open) -> None:
    page = look(monitored).page
    expect(page.locator(".lead")).to_be_visible()
    monitored.agent.kill()
    gone(page)
    expect(page.locator(".banner")).to_contain_text("Trying again")
    submit(monitored.spool, 3, "wait{n}@x.test", blast="meanwhile")
    monitored.start()
    back(page)
    expect(page.get_by_role("progressbar", name="Progress of meanwhile")).to_be_visible()

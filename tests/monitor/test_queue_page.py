"""Finding messages, and ordering what becomes of them."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from harness.agent import submit, until
from harness.browser import Look
from harness.monitored import Monitored, number

Open = Callable[..., Look]


def rows(page: Page) -> int:
    return page.locator(".messages tbody tr").count()


def search(page: Page, text: str = "", subject: str = "") -> None:
    page.get_by_label("Address, Message-ID or id").fill(text)
    page.get_by_label("Subject").fill(subject)
    page.get_by_role("button", name="Search").click()


def waiting(monitored: Monitored, count: int, tag: str = "m", blast: str = "") -> dict[str, str]:
    ids = submit(monitored.spool, count, "wait{n}@" + f"{tag}.test", tag=tag, blast=blast)
    until(lambda: monitored.ask(f"queue?state=later&limit=1000&text=@{tag}.test")["next"] is None, 30, "no answer")
    until(
        lambda: len(monitored.ask(f"queue?state=later&limit=1000&text=@{tag}.test")["messages"]) == count,
        30,
        "not all were tried",
    )
    return ids


def test_a_search_finds_by_address_subject_and_id(monitored: Monitored, look: Open) -> None:
    ids = waiting(monitored, 60)
    waiting(monitored, 3, tag="other")
    page = look(monitored).show("#/queue")
    lines = page.locator(".messages tbody tr")
    expect(lines).to_have_count(50)
    search(page, "WAIT7@m.test")
    expect(lines).to_have_count(1)
    expect(lines.first).to_contain_text("wait7@m.test")
    assert "text=WAIT7%40m.test" in page.url
    search(page, subject="other 2")
    expect(lines).to_have_count(1)
    expect(lines.first).to_contain_text("wait2@other.test")
    search(page, ids["<m.41@example.test>"])
    expect(lines.first).to_contain_text("wait41@m.test")
    expect(lines).to_have_count(1)
    search(page, "<other.1@example.test>")
    expect(lines.first).to_contain_text("wait1@other.test")
    search(page, "nobody@nowhere.test")
    expect(page.get_by_text("Nothing in the queue fits.")).to_be_visible()
    # The way back is that of the browser.
    page.go_back()
    expect(lines).to_have_count(1)
    # The state is a filter too.
    search(page)
    page.get_by_label("State").select_option("held")
    expect(page.get_by_text("Nothing in the queue fits.")).to_be_visible()


def test_a_long_list_has_pages(monitored: Monitored, look: Open) -> None:
    waiting(monitored, 120)
    page = look(monitored).show("#/queue")
    lines = page.locator(".messages tbody tr")
    expect(lines).to_have_count(50)
    first = lines.first.inner_text()
    pages = page.get_by_role("navigation", name="Pages of the list")
    pages.get_by_role("button", name="Further").click()
    expect(pages).to_contain_text("Page 2")
    pages.get_by_role("button", name="Further").click()
    expect(pages).to_contain_text("Page 3")
    expect(lines).to_have_count(20)
    expect(pages.get_by_role("button", name="Further")).to_be_disabled()
    # Two steps back are two, however quick they are.
    pages.get_by_role("button", name="Back").evaluate("one => { one.click(); one.click() }")
    expect(pages).to_contain_text("Page 1")
    expect(lines.first).to_contain_text(first.split()[0])


def test_those_that_are_chosen_are_held_released_and_cancelled(monitored: Monitored, look: Open) -> None:
    waiting(monitored, 5)
    shown = look(monitored)
    page = shown.show("#/queue")
    lines = page.locator(".messages tbody tr")
    expect(lines).to_have_count(5)
    expect(page.get_by_role("button", name="Hold")).to_have_attribute("aria-disabled", "true")
    for index in (1, 3):
        lines.nth(index).get_by_role("checkbox").check()
    expect(page.locator(".orders")).to_contain_text("2 messages chosen")
    page.get_by_role("button", name="Hold").click()
    expect(page.locator(".note")).to_have_text("2 messages are held.")
    expect(lines.locator(".state").filter(has_text="Held")).to_have_count(2)
    page.get_by_role("button", name="Release").click()
    expect(lines.locator(".state").filter(has_text="Held")).to_have_count(0)
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel them").click()
    expect(lines).to_have_count(3)
    # And all that fit, on whatever page they are.
    page.get_by_label("all that fit, on every page").check()
    page.get_by_role("button", name="Try now").click()
    page.get_by_role("dialog").get_by_role("button", name="Try now").click()
    until(lambda: monitored.ask("status")["queue"]["messages"] == 0, 30, "they are not tried")
    assert len(monitored.recorder.kept()) == 3


def test_destinations_by_age_lead_to_their_messages(monitored: Monitored, look: Open) -> None:
    waiting(monitored, 4)
    page = look(monitored).show("#/queue")
    line = page.locator(".matrix tbody tr").first
    assert number(line.locator("td").first.inner_text()) == 4
    line.get_by_role("link").click()
    expect(page.locator(".chips")).to_contain_text("site")
    expect(page.locator(".messages tbody tr")).to_have_count(4)
    page.locator(".chips a").click()
    expect(page.locator(".chips")).to_have_count(0)


def test_a_message_is_held_released_saved_and_cancelled(monitored: Monitored, look: Open) -> None:
    ids = waiting(monitored, 1)
    (id_,) = ids.values()
    shown = look(monitored)
    page = shown.show(f"#/messages/{id_}")
    state = page.locator(".facts .state")
    expect(state).to_have_text("Later")
    page.get_by_role("button", name="Hold").click()
    expect(state).to_have_text("Held")
    page.get_by_role("button", name="Release").click()
    expect(state).to_have_text("Later")
    with page.expect_download() as started:
        page.get_by_role("button", name="Download").click()
    assert started.value.suggested_filename == f"{id_}.eml"
    assert b"Subject: m 0" in started.value.path().read_bytes()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the message").click()
    expect(state).to_have_text("Done")
    expect(page.locator(".card .state").first).to_have_text("Cancelled")
    unknown(shown)


def unknown(shown: Look) -> None:
    """An id that nobody knows says so, and what to do."""
    page = shown.show("#/messages/01ARZ3NDEKTSV4RRFFQ69G5FAV")
    expect(page.get_by_role("alert")).to_contain_text("01ARZ3NDEKTSV4RRFFQ69G5FAV")
    page = shown.show("#/messages/%3Cscript%3E")
    expect(page.get_by_role("alert")).to_be_visible()

"""A blast of 20,000, watched from its first message to its last in a real browser."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from harness.agent import Submitter, until
from harness.browser import PATIENCE, Look
from harness.monitored import Monitored, number

Open = Callable[..., Look]


# Recipients that are taken, refused, put off, and greylisted: 20,000 in all.
PARTS = {"a{n}@x.test": 18_800, "never{n}@x.test": 500, "wait{n}@x.test": 400, "grey{n}@x.test": 300}

# Whether the canvas has a dot of the colour that means delivered.
DRAWN = """() => {
    const canvas = document.querySelector(".plot canvas")
    if (!canvas) return false
    const probe = document.body.appendChild(document.createElement("i"))
    probe.style.color = "var(--delivered)"
    const [red, green, blue] = getComputedStyle(probe).color.match(/\\d+/g).map(Number)
    probe.remove()
    const dots = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
    for (let at = 0; at < dots.length; at += 4)
        if (dots[at] === red && dots[at + 1] === green && dots[at + 2] === blue && dots[at + 3] === 255) return true
    return false
}"""


# Notes what a screen reader is told.
WATCH_WORDS = """() => {
    window.words = []
    const watch = new MutationObserver(() => {
        for (const one of document.querySelectorAll("[role=status]")) if (one.textContent) words.push(one.textContent)
    })
    for (const one of document.querySelectorAll("[role=status]"))
        watch.observe(one, {childList: true, characterData: true, subtree: true})
}"""


def submit(monitored: Monitored, parts: dict[str, int], blast: str) -> None:
    """Hands the parts over at the same time, each by a process of its own."""
    running = [
        Submitter(monitored.spool, count, recipient, tag=f"{blast}-{index}", group=100, blast=blast)
        for index, (recipient, count) in enumerate(parts.items())
    ]
    for one in running:
        one.wait()


def card(page: Page, name: str) -> Locator:
    return page.locator("main .card").filter(has=page.get_by_role("heading", name=name, exact=True))


def shares(where: Locator) -> dict[str, int]:
    """The numbers of a blast as they are shown."""
    names, counts = where.locator(".shares dt").all_inner_texts(), where.locator(".shares dd").all_inner_texts()
    return {name.strip().lower(): number(count) for name, count in zip(names, counts, strict=True)}


def test_a_blast_from_its_first_message_to_its_last(tmp_path: Path, look: Open) -> None:
    monitored = Monitored(tmp_path, delay=0.02)
    try:
        watch(monitored, look(monitored))
    finally:
        monitored.close()


def watch(monitored: Monitored, shown: Look) -> None:
    page = shown.page
    expect(page.get_by_text("Nothing waits.")).to_be_visible()
    expect(page.locator(".link")).to_have_text("Live")
    submit(monitored, PARTS, "news")

    # Bars move.
    bar = page.get_by_role("progressbar", name="Progress of news")
    seen: set[int] = set()

    def moves() -> bool:
        seen.add(int(bar.get_attribute("aria-valuenow") or 0))
        return len(seen) > 3

    until(moves, 60, "the bar does not move")
    expect(bar).to_have_attribute("aria-valuemax", "20000")
    expect(page.locator(".lead")).to_contain_text("a second")
    # The chart draws, and its table says the same.
    page.wait_for_function(DRAWN)
    expect(page.locator(".readout")).to_contain_text("peak")
    assert number(page.locator(".figures dd").first.inner_text()) > 0
    # What is read out is not every number that changes.
    expect(page.locator("[role=status]").last).to_have_text("The agent answers. Blasts that run: 1.")
    page.evaluate(WATCH_WORDS)
    said = int(bar.get_attribute("aria-valuenow") or 0)
    until(lambda: int(bar.get_attribute("aria-valuenow") or 0) > said + 200, 60, "the bar does not move")
    assert page.evaluate("words") == []
    shown.shot("blast-overview")

    # Pause, and it stands; resume, and it goes on.
    shown.show("#/blasts")
    news = card(page, "news")
    news.get_by_role("button", name="Pause news").click()
    expect(news.locator(".state")).to_have_text("Paused")
    expect(page.locator(".note")).to_contain_text("news is paused.")
    until(lambda: monitored.ask("status")["sessions"]["open"] == 0, 30, "sessions stay busy")
    before = monitored.ask("blasts/news")
    assert before["state"] == "paused"
    assert before["open"] > 0
    news.get_by_role("button", name="Resume news").click()
    expect(news.locator(".state")).to_have_text("Running")
    until(lambda: monitored.ask("blasts/news")["delivered"] > before["delivered"], 30, "it does not go on")

    # In the end everybody has a result but those who were put off.
    until(lambda: monitored.blast("news").get("open") == 700, 120, "the blast does not end")
    wanted = {"delivered": 18_800, "failed": 500, "cancelled": 0, "deferred": 700, "waiting": 0}
    until(lambda: shares(news) == wanted, 20, "the page says something else")
    expect(news.locator(".big")).to_have_text("96.5 %")
    expect(news).to_contain_text("what is left waits for another attempt")
    shown.shot("blast-put-off")

    # The causes, with what to do, lead to the messages.
    shown.show("#/causes")
    greylisted = card(page, "Greylisted")
    expect(greylisted.locator(".big")).to_have_text("300")
    assert len(greylisted.locator(".remedy li").first.inner_text()) > 20
    refused = page.locator("main .card").filter(has_text="no such user").first
    refused.locator("summary").click()
    expect(refused.locator(".rows li").first).to_contain_text("never")
    greylisted.get_by_role("link", name="Show 300 deliveries").click()
    expect(page.get_by_role("heading", name="Queue", level=1)).to_be_focused()
    rows = page.locator(".messages tbody tr")
    expect(rows).to_have_count(50)
    expect(rows.first).to_contain_text("grey")
    expect(rows.first).to_contain_text("Greylisted")

    # A message, and its conversation.
    which = number(rows.first.get_by_role("link").inner_text())
    rows.first.get_by_role("link").click()
    expect(page.get_by_role("heading", name=f"news-3 {which}", exact=True)).to_be_visible()
    talk = page.locator(".conversation")
    expect(talk.locator(".is-client").filter(has_text=f"RCPT TO:<grey{which}@x.test>")).to_have_count(1)
    expect(talk.locator(".is-trouble").first).to_contain_text("451 4.7.1 Greylisted, please try again in 300 seconds")
    shown.shot("blast-message")
    # Tried now it is delivered, and the page hears of it.
    page.get_by_role("button", name="Try now").click()
    expect(page.locator(".facts .state")).to_have_text("Done")
    expect(page.locator(".card .state").first).to_have_text("Delivered")

    # Cancel asks first.
    shown.show("#/blasts")
    news.get_by_role("button", name="Cancel news").click()
    asked = page.get_by_role("dialog", name="Cancel news?")
    expect(asked).to_contain_text("699 recipients")
    asked.get_by_role("button", name="Leave it").click()
    assert monitored.ask("blasts/news")["state"] == "running"
    news.get_by_role("button", name="Cancel news").click()
    asked.get_by_role("button", name="Cancel the blast").click()
    expect(news.locator(".state")).to_have_text("Cancelled")
    until(lambda: monitored.ask("blasts/news")["done"], 30, "some are left")
    wanted |= {"delivered": 18_801, "cancelled": 699, "deferred": 0}
    until(lambda: shares(news) == wanted, 20, "the page says something else")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_view_has_a_serious_fault_for_who_cannot_see(monitored: Monitored, look: Open, scheme: str) -> None:
    parts = {"a{n}@x.test": 30, "never{n}@x.test": 5, "wait{n}@x.test": 60, "grey{n}@x.test": 5}
    shown = look(monitored, scheme=scheme)
    submit(monitored, parts, "news")
    until(lambda: monitored.blast("news").get("open") == 65, 30, "not all who are not put off have a result")
    # One that was put off: what nobody has tried yet, and what is delivered, shows no conversation.
    put_off = "queue?state=later&limit=1"
    until(lambda: monitored.ask(put_off)["messages"], 30, "nothing was put off")
    page = shown.page
    id_ = monitored.ask(put_off)["messages"][0]["id"]
    views = {
        "overview": "#/",
        "blasts": "#/blasts",
        "queue": "#/queue",
        "causes": "#/causes",
        "message": f"#/messages/{id_}",
    }
    ready = {
        "overview": ".bar",
        "blasts": ".bar",
        "queue": ".messages",
        "causes": ".remedy",
        "message": ".conversation",
    }
    for width in (1440, 360):
        page.set_viewport_size({"width": width, "height": 800})
        for name, fragment in views.items():
            shown.show(fragment)
            page.locator(ready[name]).first.wait_for()
            assert shown.accessibility() == [], f"{name}, {scheme}, {width} px"
            assert shown.overflow() == [], f"{name}, {width} px"
            shown.shot(f"{name}-{scheme}-{width}")
    # Dialogs, and the page of an agent that is gone.
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").wait_for()
    assert shown.accessibility() == [], f"a dialog, {scheme}"
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    monitored.agent.kill()
    page.locator(".banner").wait_for(timeout=PATIENCE)
    assert shown.accessibility() == [], f"without an agent, {scheme}"
    assert shown.overflow() == []
    shown.shot(f"away-{scheme}-360")

"""The token, the keyboard, the colours, and what the page asks of whom."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from harness.agent import submit, until
from harness.browser import VIEWS, Look
from harness.monitored import Monitored

Open = Callable[..., Look]


def test_without_the_token_everything_is_shown_and_nothing_changes(monitored: Monitored, look: Open) -> None:
    submit(monitored.spool, 3, "wait{n}@x.test", blast="news")
    until(lambda: monitored.blast("news").get("deferred") == 3, 30, "not all were tried")
    shown = look(monitored, token=False)
    page = shown.show("#/blasts")
    expect(page.get_by_role("button", name="the agent's token")).to_be_visible()
    page.get_by_role("button", name="Pause news").click()
    asked = page.get_by_role("dialog", name="Token")
    expect(asked).to_contain_text("freesmtp monitor")
    assert monitored.ask("blasts/news")["state"] == "running"
    # One that is wrong is not kept.
    asked.get_by_label("Token").fill("wrong")
    asked.get_by_role("button", name="Use it").click()
    page.get_by_role("button", name="Pause news").click()
    expect(page.locator(".note.is-bad")).to_be_visible()
    expect(asked).to_be_visible()
    asked.get_by_label("Token").fill(monitored.token)
    asked.get_by_role("button", name="Use it").click()
    page.get_by_role("button", name="Pause news").click()
    expect(page.locator(".card .state")).to_have_text("Paused")
    # It lasts over a reload of this tab, and is in no address.
    page.reload()
    page.get_by_role("button", name="Resume news").click()
    expect(page.locator(".card .state")).to_have_text("Running")
    assert not any(monitored.token in request.url for request in shown.requests)


def test_who_comes_from_elsewhere_sees_nothing_without_the_token(tmp_path: Path, look: Open) -> None:
    monitored = Monitored(tmp_path, settings="[http]\nbehind_proxy = true\n")
    try:
        submit(monitored.spool, 3, "wait{n}@x.test")
        until(lambda: monitored.ask("status")["queue"]["later"] == 3, 30, "not all were tried")
        shown = look(monitored, token=False)
        page = shown.show("#/queue")
        expect(page.locator(".link")).to_have_text("Locked")
        expect(page.locator(".banner")).to_contain_text("The agent tells nothing without its token.")
        assert "x.test" not in page.content()
        assert shown.accessibility() == []
        page.get_by_role("button", name="Give the token").click()
        page.get_by_role("dialog").get_by_label("Token").fill(monitored.token)
        page.get_by_role("dialog").get_by_role("button", name="Use it").click()
        expect(page.locator(".link")).to_have_text("Live")
        expect(page.locator(".messages tbody tr")).to_have_count(3)
        assert not any(monitored.token in request.url for request in shown.requests)
    finally:
        monitored.close()


def test_the_token_of_the_address_is_taken_out_of_it(monitored: Monitored, look: Open) -> None:
    shown = look(monitored)
    page = shown.page
    expect(page.locator(".lead")).to_be_visible()
    assert page.url == f"{monitored.address}/#/"
    assert not any(monitored.token in request.url for request in shown.requests)
    page.get_by_role("button", name="Token: given").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget it").click()
    expect(page.get_by_role("button", name="Token: missing")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_the_keyboard_reaches_everything_and_sees_where_it_is(monitored: Monitored, look: Open) -> None:
    submit(monitored.spool, 1, "wait{n}@x.test", blast="news")
    until(lambda: monitored.blast("news").get("deferred") == 1, 30, "it was not tried")
    shown = look(monitored)
    page = shown.page
    expect(page.locator(".bar")).to_be_visible()
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    # Round the whole page: every stop shows itself, and the way leads out of it again.
    page.reload()
    expect(page.locator(".bar")).to_be_visible()
    stops: list[str] = []
    for _ in range(80):
        page.keyboard.press("Tab")
        stop = page.evaluate(
            """() => {
                const one = document.activeElement
                if (!one || one === document.body) return ""
                const seen = one.matches(".switch input") ? one.nextElementSibling : one
                const style = getComputedStyle(seen)
                const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2
                return `${ring ? "" : "unseen: "}${one.tagName} ${one.getAttribute("aria-label") ?? one.textContent}`
            }"""
        )
        if stop == "" or stop in stops:
            break
        stops.append(stop)
    assert [stop for stop in stops if stop.startswith("unseen")] == []
    assert len(stops) >= 12, stops
    # By keyboard alone into a question and out of it: the focus stays inside, and comes back.
    shown.show("#/blasts")
    cancel = page.get_by_role("button", name="Cancel news")
    cancel.focus()
    page.keyboard.press("Enter")
    asked = page.get_by_role("dialog", name="Cancel news?")
    expect(asked).to_be_visible()
    for _ in range(5):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")
    expect(asked).to_have_count(0)
    expect(cancel).to_be_focused()
    assert monitored.ask("blasts/news")["state"] == "running"


def test_a_change_of_view_leads_to_its_head_and_names_the_tab(monitored: Monitored, look: Open) -> None:
    page = look(monitored).page
    for name in ("Blasts", "Queue", "Causes", "Overview"):
        page.get_by_role("navigation", name="Views").get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", level=1, name=name)).to_be_focused()
        expect(page).to_have_title(f"{name} – freesmtp")
        expect(page.locator("nav [aria-current=page]")).to_contain_text(name)


def test_light_and_dark_follow_the_system_or_the_reader(monitored: Monitored, look: Open) -> None:
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light, dark = "rgb(245, 244, 240)", "rgb(16, 20, 24)"
    shown = look(monitored, scheme="dark")
    page = shown.page
    expect(page.locator(".lead")).to_be_visible()
    assert page.evaluate(ground) == dark
    page.emulate_media(color_scheme="light")
    assert page.evaluate(ground) == light
    page.get_by_role("button", name="Theme: Auto").click()
    page.get_by_role("button", name="Theme: Light").click()
    assert page.evaluate(ground) == dark
    # It stays for the next time.
    page.reload()
    expect(page.get_by_role("button", name="Theme: Dark")).to_be_visible()
    assert page.evaluate(ground) == dark


def test_the_policy_is_strict_and_the_page_keeps_it(monitored: Monitored, look: Open) -> None:
    shown = look(monitored)
    page = shown.page
    answer = page.request.get(f"{monitored.address}/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    # Whatever breaks it is an error of the console, which fails the test at its end.
    for fragment in VIEWS.values():
        shown.show(fragment)
    assert page.locator("[style*=url], script:not([src]), style").count() == 0
    kinds = {request.resource_type for request in shown.requests}
    assert kinds <= {"document", "script", "stylesheet", "image", "fetch", "other"}
    assert all(request.url.startswith(monitored.address) for request in shown.requests)


def test_an_empty_agent_says_so(monitored: Monitored, look: Open) -> None:
    shown = look(monitored)
    said = {
        "overview": "Nothing stands in the way.",
        "blasts": "No blast yet.",
        "queue": "The queue is empty.",
        "causes": "Nothing has failed.",
    }
    for name, fragment in VIEWS.items():
        page = shown.show(fragment)
        expect(page.get_by_text(said[name])).to_be_visible()

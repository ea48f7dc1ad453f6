"""The monitor in a real browser with a million messages in the queue; `python tests/soak/million.py [MESSAGES]`.

Each step says how long it took until it was to be seen, and how the page was meanwhile: the longest task of its one
thread, and the longest time without a frame. Then come orders for all that fit, through the API, beside questions: how
long each took, and the longest that anybody waited for an answer. It needs
`cargo build --release -p freesmtp-agent --bins --examples`, and Chromium.
"""

import http.client
import json
import re
import shutil
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent.parent / "bench"))

from measure.monitor import Agent, age, fill
from playwright.sync_api import Page, expect

from harness.browser import Chromium, Look
from harness.driver import ROOT

#: Further pages that are turned to.
PAGES = 20

#: Notes tasks of more than 50 ms, and the time between frames.
WATCH = """() => {
  window.seen = {task: 0, tasks: 0, frame: 0, frames: []};
  new PerformanceObserver(list => {
    for (const one of list.getEntries()) {
      window.seen.tasks += 1;
      window.seen.task = Math.max(window.seen.task, one.duration);
    }
  }).observe({type: "longtask"});
  let last = performance.now();
  const frame = now => {
    window.seen.frames.push(now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""
READ = """() => {
  const {task, tasks, frames} = window.seen;
  window.seen = {task: 0, tasks: 0, frames: []};
  return {task, tasks, frames};
}"""


class Steps:
    """Does one after the other, and notes how the page was."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.evaluate(WATCH)

    def step(self, name: str, act: Callable[[], None]) -> None:
        self.page.evaluate(READ)
        began = time.perf_counter()
        act()
        took = (time.perf_counter() - began) * 1000
        seen: dict[str, Any] = self.page.evaluate(READ)
        frames = sorted(seen["frames"]) or [0]
        print(
            f"{name:44} {took:8.0f} ms   {seen['tasks']:3} long tasks, longest {seen['task']:5.0f} ms   "
            f"frames: median {statistics.median(frames):3.0f} ms, longest {frames[-1]:4.0f} ms",
            flush=True,
        )


def look_around(page: Page, agent: Agent) -> None:
    """Every view, as somebody does who looks for a message."""
    steps = Steps(page)
    lines = page.locator(".messages tbody tr")

    def go(fragment: str) -> Callable[[], None]:
        def act() -> None:
            page.evaluate("fragment => { location.hash = fragment }", fragment)
            page.locator("main h1").wait_for()

        return act

    def listed(fragment: str) -> Callable[[], None]:
        def act() -> None:
            go(fragment)()
            expect(lines.first).to_be_visible()

        return act

    def watched() -> None:
        go("#/")()
        page.wait_for_timeout(10_000)

    steps.step("overview, watched for 10 s", watched)
    steps.step("queue", listed("#/queue"))
    pages = page.get_by_role("navigation", name="Pages of the list")

    def further(number: int) -> Callable[[], None]:
        def act() -> None:
            pages.get_by_role("button", name="Further").click()
            expect(pages).to_contain_text(f"Page {number}")

        return act

    for number in range(2, PAGES + 2):
        if number in (2, PAGES + 1):
            steps.step(f"queue, page {number}", further(number))
        else:
            further(number)()
    steps.step("queue, a state", listed("#/queue?state=later"))
    steps.step("queue, a cause", listed("#/queue?cause=greylisted"))
    steps.step("queue, a blast", listed("#/queue?blast=news&state=ready"))
    text = agent.ask("/api/queue?limit=1&blast=news")[1]
    id_ = re.findall(r'"id":"([^"]+)"', text)[0]
    steps.step("search for an id", listed(f"#/queue?text={id_}"))

    def nothing(fragment: str) -> Callable[[], None]:
        def act() -> None:
            go(fragment)()
            # It looks on by itself for a while, and says what it came to.
            end = page.get_by_text(re.compile("Nothing (in the queue fits|so far)"))
            expect(end).to_be_visible(timeout=120_000)

        return act

    steps.step("search for an address that nobody has", nothing("#/queue?text=nobody%40nowhere.example"))
    steps.step("search for a subject that nothing has", nothing("#/queue?subject=nothing+of+that+kind"))

    def told(fragment: str, text: str) -> Callable[[], None]:
        def act() -> None:
            go(fragment)()
            expect(page.locator("main")).to_contain_text(text)

        return act

    steps.step("a message", told(f"#/messages/{id_}", id_))
    steps.step("causes", told("#/causes", "greylisted"))
    steps.step("blasts", told("#/blasts", "news"))


class Asking(threading.Thread):
    """Asks for the state of things all the time, as a page does, and notes the longest that it waited."""

    def __init__(self, agent: Agent) -> None:
        super().__init__(daemon=True)
        self.agent = agent
        self.ends = False
        self.longest = 0.0

    def run(self) -> None:
        while not self.ends:
            for path in ("/api/status", "/api/queue?limit=50", "/api/blasts"):
                self.longest = max(self.longest, self.agent.ask(path)[0])
            time.sleep(0.05)


def order(agent: Agent, path: str, body: dict[str, Any] | None) -> None:
    """An order, with the longest that a question waited beside it."""
    token = (agent.spool / "queue" / "token").read_text().strip()
    asking = Asking(agent)
    asking.start()
    connection = http.client.HTTPConnection("127.0.0.1", agent.port, timeout=600)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    began = time.perf_counter()
    connection.request("POST", path, json.dumps(body) if body else None, headers)
    response = connection.getresponse()
    answer = response.read().decode()
    took = time.perf_counter() - began
    asking.ends = True
    asking.join()
    name = f"{path} {json.dumps(body) if body else ''}"
    print(
        f"{name:70} {took:7.2f} s   questions meanwhile: at most {asking.longest:5.0f} ms   {answer[:120]}", flush=True
    )
    assert response.status == 200, answer


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    (ROOT / "build").mkdir(exist_ok=True)
    spool = Path(tempfile.mkdtemp(prefix="million-", dir=ROOT / "build"))
    chromium = Chromium()
    try:
        # A port that nobody listens at, and that nobody else can take.
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            server = f"127.0.0.1:{nobody.getsockname()[1]}"
            fill(spool, count)
            with Agent(spool, server, count):
                pass
            age(spool)
            with Agent(spool, server, count) as agent:
                token = (spool / "queue" / "token").read_text().strip()
                look = Look(chromium, f"http://127.0.0.1:{agent.port}", token)
                look_around(look.page, agent)
                assert not look.faults, look.faults
                order(agent, "/api/blasts/news/pause", None)
                order(agent, "/api/blasts/news/resume", None)
                order(agent, "/api/queue/retry", {"filter": {"cause": "greylisted"}})
                order(agent, "/api/queue/hold", {"filter": {"blast": "news"}})
                order(agent, "/api/queue/release", {"filter": {"state": "held"}})
                order(agent, "/api/queue/retry", {"all": True})
                order(agent, "/api/blasts/news/cancel", None)
                order(agent, "/api/queue/cancel", {"all": True})
                look.close()
    finally:
        chromium.close()
        shutil.rmtree(spool, ignore_errors=True)


if __name__ == "__main__":
    main()

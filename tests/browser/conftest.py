"""A console on a free port in this process, and Debian's Chromium to look at it."""

import shutil
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from consoleparts import CODE, Console
from lineparts import PASSPHRASE, Line
from playwright.sync_api import Browser, Page, expect, sync_playwright

from wayseal.model.border import Seat
from wayseal.model.clock import utc_now
from wayseal.seal.keys import PassphraseCost
from wayseal.station.site import init_site, open_site
from wayseal.web.app import create_app

expect.set_options(timeout=60_000)
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """A site with three vehicles, served on loopback."""
    home = tmp_path_factory.mktemp("console") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PassphraseCost.__init__, "__defaults__", (64, 1, 4))
        init_site(home, PASSPHRASE, evaluation=True)
        site = open_site(home, PASSPHRASE)
        server = uvicorn.Server(
            uvicorn.Config(create_app(site, CODE), port=0, log_level="error", timeout_graceful_shutdown=1)
        )
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)  # waiting for a server to say that it is up, not for time to pass
        port = server.servers[0].sockets[0].getsockname()[1]
        ready = Console(f"http://127.0.0.1:{port}", Line(site, utc_now), [])
        ready.drive({Seat.DRIVER: 1, Seat.FRONT_PASSENGER: 77, Seat.REAR_LEFT: None}, "6NM162")
        ready.drive({}, None)
        ready.drive({Seat.DRIVER: 2}, "469BWW")
        yield ready
        server.should_exit = True
        thread.join(timeout=10)
        site.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless Chromium for all pages."""
    if CHROMIUM is None:
        pytest.skip("no chromium; tools/setup-system installs it")
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser, console: Console) -> Iterator[Page]:
    """A signed-in page. Any error on the browser's console fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    opened = context.new_page()
    problems: list[str] = []
    opened.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto(console.url + "/sign-in")
    opened.fill("#officer", "officer-7")
    opened.fill("#code", CODE)
    opened.keyboard.press("Enter")
    opened.wait_for_selector("#vehicles")
    opened.wait_for_load_state("load")  # keys are heard when the page's script has run
    yield opened
    context.close()
    assert problems == []

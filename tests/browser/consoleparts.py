"""The running console that browser tests look at, and vehicles with pictures that a browser can show."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from lineparts import Line, make_vehicle
from playwright.sync_api import Page

from wayseal.flow.review import record_crossings
from wayseal.model.border import Encounter, PlainImage, Seat, VehiclePass
from wayseal.model.clock import utc_now

CODE = "c0ffee42"


def paint_picture(seed: int) -> PlainImage:
    """A small real JPEG: a grey disc on a ground, nobody's face."""
    canvas = np.full((160, 128, 3), 40 + 10 * seed, np.uint8)
    cv2.circle(canvas, (64, 70), 40, (150, 160, 170), -1)
    done, data = cv2.imencode(".jpg", canvas)
    assert done
    return PlainImage(data.tobytes(), 128, 160)


@dataclass
class Console:
    """The running console and the line behind it."""

    url: str
    line: Line
    answered: list[Encounter]

    def drive(self, people: dict[Seat, int | None], plate: str | None) -> Encounter:
        """Let one vehicle pass."""
        seen = make_vehicle(utc_now, people, plate=plate)
        answered = self.line.drive(self.line.lane(), _with_pictures(seen))
        record_crossings(self.line.register, answered)
        self.answered.append(answered)
        return answered


def _with_pictures(seen: VehiclePass) -> VehiclePass:
    """Give a made-up vehicle pictures that a browser can show."""
    people = [
        person if person.picture is None else replace(person, picture=paint_picture(number))
        for number, person in enumerate(seen.occupants)
    ]
    return replace(seen, occupants=tuple(people))


def enter(page: Page, console: Console, staff: str, role: str = "officer") -> None:
    """Sign in at the console in a role."""
    page.goto(console.url + "/sign-in")
    page.fill("#officer", staff)
    page.fill("#code", CODE)
    page.select_option("#role", role)
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector("nav.menu")


def check_reflow(page: Page) -> None:
    """Fail when a page of 320 CSS pixels must be scrolled sideways (WCAG 1.4.10); its tables scroll by themselves."""
    size = page.viewport_size
    page.set_viewport_size({"width": 320, "height": 800})
    width = page.evaluate("document.documentElement.scrollWidth")
    wide = page.evaluate(
        "() => [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > 321 && !e.closest('.scroll'))"
        ".map(e => e.outerHTML.slice(0, 90))"
    )
    assert (width, wide) == (320, []), (width, wide)
    if size is not None:
        page.set_viewport_size(size)

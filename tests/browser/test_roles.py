"""Who may reach what: one table for all routes of the console, tried with every role against every route."""

import http.client
import urllib.parse

import pytest
from consoleparts import CODE, Console
from fastapi import FastAPI

from wayseal.model.errors import Refused
from wayseal.station.badge import ROLES
from wayseal.web.app import create_app
from wayseal.web.door import ASKABLE
from wayseal.web.roles import ANYBODY, APPROVER, ROUTES, check_routes, list_routes

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
FILL = {
    "lane": "lane1", "encounter": "0" * 26, "seat": "driver", "release": "x", "name": "vendors", "device": "none", "vendor": "none",
    "assessment": "0" * 26, "probe": "p01", "incident": "0" * 26, "index": "0", "export": "0" * 26,
    "heap": "releases", "matter": "0" * 26, "key": "0" * 64,
}  # fmt: skip


def ask(console: Console, method: str, path: str, cookie: str = "", body: str = "") -> tuple[int, str]:
    """Return the status and the cookie of a request; the body of an answer that goes on for ever is not read."""
    place = urllib.parse.urlsplit(console.url)
    line = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
    head = {"Cookie": cookie, "Origin": console.url, "Content-Type": "application/x-www-form-urlencoded"}
    line.request(method, path, body=body, headers=head)
    answer = line.getresponse()
    status, given = answer.status, (answer.getheader("set-cookie") or "").partition(";")[0]
    line.close()
    return status, given


def test_table_names_every_route(console: Console) -> None:
    """The table has exactly the routes that the console has: a route that is not in it would be seen here first."""
    app = create_app(console.line.site, CODE)
    assert set(list_routes(app)) == set(ROUTES)
    assert all(readers in (ANYBODY, APPROVER) or readers <= set(ROLES) for readers in ROUTES.values())


def test_stranger_stops_the_console(console: Console) -> None:
    """A console with a route that the table does not have, or without one that it has, does not start."""
    app = create_app(console.line.site, CODE)
    app.get("/back-door")(lambda: "")
    with pytest.raises(Refused, match="table of roles") as refusal:
        check_routes(app)
    assert refusal.value.facts["routes"] == "GET /back-door"
    with pytest.raises(Refused):
        check_routes(FastAPI())


@pytest.mark.parametrize("role", ASKABLE)
def test_every_role_against_every_route(console: Console, role: str) -> None:
    """A route that is not a role's answers 403 and nothing else; one that is does not refuse the role."""
    staff = role.replace("_", "-") + "-5"
    form = urllib.parse.urlencode({"officer": staff, "code": CODE, "role": role})
    status, cookie = ask(console, "POST", "/sign-in", body=form)
    assert status == 303
    wrong = []
    for route, readers in ROUTES.items():
        method, path = route.split()
        if readers in (ANYBODY, APPROVER):
            continue
        status, _ = ask(console, method, path.format(**FILL), cookie)
        if (status == 403) is (role in readers):
            wrong.append((route, status))
    assert wrong == []


@pytest.mark.parametrize("route", [one for one, readers in ROUTES.items() if readers != ANYBODY])
def test_nothing_without_a_session(console: Console, route: str) -> None:
    """Without a session every route but the doors answers 401, also before a malformed form is looked at."""
    method, path = route.split()
    assert ask(console, method, path.format(**FILL))[0] == 401


@pytest.mark.parametrize("role", ["assessor", "vendor", "matcher", "exporter", "anybody", "Officer"])
def test_role_that_nobody_gives_themselves(console: Console, role: str) -> None:
    """A service's role, an assessor's, and one that there is not are refused to whoever only asks for them, without a session."""
    form = urllib.parse.urlencode({"officer": "stranger-1", "code": CODE, "role": role})
    status, cookie = ask(console, "POST", "/sign-in", body=form)
    assert (status, cookie) == (403, "")


def test_code_comes_first(console: Console) -> None:
    """Without the code nobody learns whether a staff id is registered: the same answer for everybody."""
    answers = set()
    for staff, role in (("stranger-1", "matcher"), ("officer-7", "officer")):
        form = urllib.parse.urlencode({"officer": staff, "code": "wrong", "role": role})
        answers.add(ask(console, "POST", "/sign-in", body=form))
    assert answers == {(403, "")}

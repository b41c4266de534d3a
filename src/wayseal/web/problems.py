"""What a refused or failed request says to a person: a title in words and what to do at the screen, without a command line.

Owns wording. The message itself is the error's own, which holds no personal data.
"""

import re
from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from wayseal.model import errors
from wayseal.web.console import Console
from wayseal.web.session import COOKIE

TITLES: Final[dict[type[errors.WaysealError], str]] = {
    errors.Refused: "That is not permitted",
    errors.NoIntent: "Ask first, then open",
    errors.Unwitnessed: "No witness answers",
    errors.Unapproved: "A second person must agree",
    errors.NotArmed: "The lane is disarmed",
    errors.QuotaExceeded: "Too many for now",
    errors.Integrity: "Something was altered",
    errors.WrongModel: "The recognition model is another one",
    errors.NotFound: "That is not here",
    errors.Erased: "It was erased",
    errors.Unavailable: "Something does not answer",
    errors.KeeperLocked: "The keys are locked",
    errors.StoreFull: "The store is full",
    errors.Invalid: "That cannot be used",
    errors.BadPicture: "That picture cannot be read",
    errors.WaysealError: "That did not work",
}
"""By kind of error; a kind that is not here has the title of the one above it."""
STEPS: Final[dict[type[errors.WaysealError], str]] = {
    errors.Refused: "If your work needs it, ask the privacy officer which role may do it.",
    errors.NoIntent: "Go back and open the picture again from its vehicle.",
    errors.Unwitnessed: "Tell IT that a witness is down, and try again. Until then check documents by hand.",
    errors.Unapproved: (
        "A colleague of another role finds the number below under Approvals. When they have signed it, open the picture again."
    ),
    errors.NotArmed: "Check documents by hand, and tell whoever maintains the lane.",
    errors.QuotaExceeded: "Wait until your allowance refills, or ask the privacy officer.",
    errors.Integrity: "Change nothing, and tell the security officer: the bytes are evidence.",
    errors.WrongModel: "Tell IT: the recognition model must be installed again.",
    errors.NotFound: "Go back and choose from the list.",
    errors.Erased: "Nothing can bring it back: its time was over. The ledger proves it.",
    errors.Unavailable: "Try again in a minute. If it stays, tell IT; until then check documents by hand.",
    errors.KeeperLocked: "Tell IT: the keys must be unlocked where the console runs.",
    errors.StoreFull: "Tell IT that the disk is full. Nothing that was acknowledged is lost.",
    errors.Invalid: "Correct it, and try again.",
    errors.BadPicture: "Choose another file.",
    errors.WaysealError: "Try again. If it stays, tell IT what stands here.",
}
"""What to do next, where the error's own hint is a command, or is only its kind's."""
_COMMAND: Final = re.compile(r"wayseal [a-z]|--[a-z]")


def name_problem(error: errors.WaysealError) -> str:
    """Return an error's title in words."""
    return TITLES[_known(error)]


def advise_problem(error: errors.WaysealError) -> str:
    """Return what to do next at the screen: the error's own hint where somebody wrote one for people, else its kind's."""
    own = error.hint
    return STEPS[_known(error)] if own == type(error).default_hint or _COMMAND.search(own) else own


def say_problem(error: errors.WaysealError) -> str:
    """Return what went wrong and what to do next, as one line for a form."""
    return f"{error}. {advise_problem(error)}"


def add_problem_pages(app: FastAPI, console: Console) -> None:
    """Answer everything that fails with a page in words; a script that sent JSON gets the same as JSON."""

    def show(request: Request, error: errors.WaysealError, status: int) -> Response:
        message, hint = str(error), advise_problem(error)
        if request.headers.get("content-type", "").startswith("application/json"):
            return JSONResponse({"error": message, "hint": hint}, status_code=status)
        session = console.sessions.find(request.cookies.get(COOKIE))
        return console.page(
            request, "problem.html", session, status, title=name_problem(error), message=message, hint=hint,
            facts=error.facts,
        )  # fmt: skip

    @app.exception_handler(errors.WaysealError)
    def to_problem(request: Request, error: Exception) -> Response:
        """Show an error of Wayseal's own."""
        if not isinstance(error, errors.WaysealError):
            raise error
        return show(request, error, error.http_status)

    @app.exception_handler(HTTPStatus.NOT_FOUND)
    def to_no_page(request: Request, _: Exception) -> Response:
        """Show the problem page for an address that the console does not have."""
        missing = errors.NotFound(
            "there is no such page", hint="Go back to the beginning and choose from there."
        )
        return show(request, missing, missing.http_status)

    @app.exception_handler(HTTPStatus.METHOD_NOT_ALLOWED)
    def to_no_form(request: Request, _: Exception) -> Response:
        """Show it for the address of a form that somebody opened as a page, or the other way round."""
        return show(request, errors.NotFound("there is no such page"), HTTPStatus.METHOD_NOT_ALLOWED)

    @app.exception_handler(RequestValidationError)
    def to_bad_form(request: Request, _: Exception) -> Response:
        """Show it for a form with a field that is missing or malformed, and repeat nothing of what it held."""
        return show(
            request, errors.Invalid("something in that form is missing or is not what it asks for"), 400
        )


def _known(error: errors.WaysealError) -> type[errors.WaysealError]:
    """Return the nearest kind of an error that has words."""
    return next(kind for kind in type(error).__mro__ if kind in TITLES)

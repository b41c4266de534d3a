"""What goes on by itself while a site is open: the ledger stays witnessed, what is due is erased, what is overdue is found.

Owns threads with a steady pace. None of them may stop the station: a problem is kept to be shown, and the act tried again.
"""

import threading
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from wayseal.flow.egress_duty import settle_ports
from wayseal.flow.erase import erase_due
from wayseal.flow.oversee.duties import open_overdue
from wayseal.ledger.policy import parse_policy
from wayseal.ledger.publish import publish_checkpoint
from wayseal.model.errors import WaysealError
from wayseal.station.arming import list_unfit
from wayseal.station.exports import watch_exports
from wayseal.station.site import Site

POLICY = "policy"


class Steady(ABC):
    """An act that is repeated at a pace (seconds) while this is open. `problem` says what went wrong the last time."""

    pace_s: float = 60.0

    def __init__(self, site: Site, *, pace_s: float | None = None) -> None:
        self._site = site
        self._pace = self.pace_s if pace_s is None else pace_s
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._work, name=f"wayseal-{type(self).__name__.lower()}", daemon=True
        )
        self.problem: str | None = None

    @abstractmethod
    def act(self) -> str | None:
        """Do it once and return what is wrong, if anything."""

    def do_once(self) -> None:
        """Do it now; an error becomes the problem to show."""
        try:
            self.problem = self.act()
        except (WaysealError, OSError) as error:
            self.problem = str(error)

    def _work(self) -> None:
        while not self._stop.wait(self._pace):
            self.do_once()

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do it a last time and stop."""
        self._stop.set()
        self._thread.join(timeout=30)
        self.do_once()


class Publisher(Steady):
    """Signs the ledger and, where its folder has a trust policy, collects the witnesses' cosignatures."""

    pace_s = 10.0

    def act(self) -> str | None:
        """Publish once; a missing quorum is a problem and no error."""
        file = self._site.ledger.folder / POLICY
        if not file.is_file():
            self._site.sign_checkpoint()
            return None
        policy = parse_policy(file.read_bytes())
        done = publish_checkpoint(self._site.ledger, self._site.keys.log_signer, policy)
        return None if done.quorum else "the witnesses' quorum does not stand"


class Sweeper(Steady):
    """Erases what is due, so that no record outlives its class by more than the hour that the class allows for.

    What recipients owe for exports is looked at on the same round.
    """

    pace_s = 300.0

    def act(self) -> str | None:
        """Sweep once."""
        erase_due(self._site.eraser)
        watch_exports(self._site)
        return None


class Overseer(Steady):
    """Keeps oversight's computed facts on the ledger: lanes that lost their fitness, certificates that are overdue, ports unwatched."""

    pace_s = 60.0

    def act(self) -> str | None:
        """Look once."""
        list_unfit(self._site)
        open_overdue(self._site.oversight)
        settle_ports(self._site.oversight)
        return None

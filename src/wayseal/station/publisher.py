"""Keeps the ledger witnessed while a console runs: signs and asks for cosignatures at a steady pace.

Owns one thread. It must never stop the console: a missing quorum is shown, and asked for again.
"""

import threading
from types import TracebackType
from typing import Self

from wayseal.ledger.policy import parse_policy
from wayseal.ledger.publish import publish_checkpoint
from wayseal.model.errors import WaysealError
from wayseal.station.site import Site

POLICY = "policy"
PACE_S = 10.0


class Publisher:
    """Publishes checkpoints while it is open, where the home's ledger folder has a trust policy; otherwise only signs them."""

    def __init__(self, site: Site, *, pace_s: float = PACE_S) -> None:
        self._site = site
        self._pace = pace_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="wayseal-publisher", daemon=True)
        self.problem: str | None = None

    def publish(self) -> None:
        """Sign the ledger as it stands and, with a policy, collect cosignatures. Notes the problem instead of raising it."""
        file = self._site.ledger.folder / POLICY
        try:
            if file.is_file():
                done = publish_checkpoint(
                    self._site.ledger, self._site.keys.log_signer, parse_policy(file.read_bytes())
                )
                self.problem = None if done.quorum else "the witnesses' quorum does not stand"
            else:
                self._site.sign_checkpoint()
                self.problem = None
        except (WaysealError, OSError) as error:
            self.problem = str(error)

    def _work(self) -> None:
        while not self._stop.wait(self._pace):
            self.publish()

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Publish a last time and stop."""
        self._stop.set()
        self._thread.join(timeout=30)
        self.publish()

"""The gate's watch: allowances, canaries, and what is said on the ledger when one of them is touched.

Owns no key and no record. It can only refuse, and tell.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from wayseal.flow.canary import CanaryBook
from wayseal.flow.meter import Meter, Shared
from wayseal.flow.policy import Principal
from wayseal.model.clock import to_text
from wayseal.model.custody import Kind, SealHeader
from wayseal.model.errors import QuotaExceeded, Refused

Tell = Callable[[Sequence[Mapping[str, Any]]], Sequence[int]]
"""Appends entries to the ledger, and gives their indices."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What watches one gate. An organisation's people, and a client's, draw together on `shared_factor` people's allowances."""

    meter: Meter
    canaries: CanaryBook
    tell: Tell
    shared_factor: float

    def admit(
        self,
        who: Principal,
        headers: Sequence[SealHeader],
        now: datetime,
        *,
        client: str,
        sessions: Sequence[str] = (),
    ) -> None:
        """Draw on the allowances for these records, or refuse all of them and say why on the ledger.

        Raises `Refused` for a canary, and `QuotaExceeded`. An unusual rate is told and not refused.
        """
        for header in headers:
            if self.canaries.is_canary(header.object_id):
                self.tell(
                    [
                        _entry("canary-hit", who, now, object=header.object_id),
                        _alarm("canary", who, now, "high"),
                    ]
                )
                raise Refused(
                    "this record is not for reading",
                    hint="The security officer has been told.",
                    record=header.object_id,
                )
        self.draw(who, [header.kind for header in headers], now, client=client, sessions=sessions)

    def draw(
        self,
        who: Principal,
        kinds: Sequence[Kind],
        now: datetime,
        *,
        client: str,
        sessions: Sequence[str] = (),
    ) -> None:
        """Draw on the allowances of a person, their organisation and the client. Raises `QuotaExceeded`, and tells it.

        An unusual rate is told as well, whether anything was drawn or not: it is told once, and counting then starts anew.
        """
        shared = [
            Shared(f"organisation/{who.organisation}", self.shared_factor),
            Shared(f"client/{client}", self.shared_factor),
        ]
        drawn = self.meter.draw(who.id, kinds, now, shared=shared, sessions=sessions)
        alarms = [f"unusual-rate-{pool}" for pool in dict.fromkeys(drawn.suspicious)]
        alarms += [] if drawn.short is None else ["quota"]
        if alarms:
            self.tell([_alarm(name, who, now, "medium") for name in alarms])
        if drawn.short is not None:
            account, pool = drawn.short
            raise QuotaExceeded(f"the allowance of {pool} is spent", account=account, pool=pool)


def _entry(kind: str, who: Principal, now: datetime, **fields: object) -> dict[str, object]:
    """Return a ledger entry about somebody's attempt."""
    return {"type": kind, "time": to_text(now), "actor": who.id, "org": who.organisation, **fields}


def _alarm(name: str, who: Principal, now: datetime, severity: str) -> dict[str, object]:
    """Return an alarm."""
    return _entry("alarm", who, now, alarm=name, severity=severity)

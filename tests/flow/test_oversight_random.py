"""Whatever happens in whatever order, a lane has a key only when everything is in order, and the rows are what the ledger says."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lineparts import MovableClock
from overseeparts import BOSS, DAY, add_subcontractor, assess, enrol_host, open_test_desk

from wayseal.flow.oversee.desk import Desk, verify_rows
from wayseal.flow.oversee.duties import add_notice, sign_off
from wayseal.flow.oversee.fitness import judge_lane, tell_lane
from wayseal.flow.oversee.register import end_contract, note_change, retire_equipment
from wayseal.flow.oversee.standing import reinstate_vendor, suspend_vendor
from wayseal.model.errors import WaysealError
from wayseal.model.oversight import AssessmentKind, Duty

Act = tuple[str, int, bool]
NAMES = (
    "full",
    "daily",
    "change",
    "suspend",
    "reinstate",
    "contract",
    "notice",
    "operations",
    "it",
    "move",
    "retire",
    "enrol",
)
acts = st.tuples(st.sampled_from(NAMES), st.integers(0, 5), st.booleans())


@dataclass
class Story:
    """What a careful clerk would have written down, and how they would judge from it."""

    desk: Desk
    clock: MovableClock
    contract_ends: datetime
    enrolled: bool = False
    ever: bool = False
    changed: datetime | None = None
    full: tuple[datetime, bool] | None = None
    newest: tuple[datetime, bool] | None = None
    suspended: set[str] = field(default_factory=set)
    notices: list[tuple[datetime, datetime]] = field(default_factory=list)
    signed: list[tuple[str, str, datetime]] = field(default_factory=list)

    def is_fit(self) -> bool:
        """The clerk's judgement at this moment."""
        now = self.clock()
        if not self.ever:
            return True
        if not self.enrolled or self.full is None or self.newest is None or self.changed is None:
            return False
        ops = {who for duty, who, when in self.signed if duty == "operations" and now < when + 365 * DAY}
        other = {who for duty, who, when in self.signed if duty == "it" and now < when + 365 * DAY}
        return (
            not self.suspended
            and now < self.contract_ends
            and self.full[1]
            and self.full[0] >= self.changed
            and now < self.full[0] + 90 * DAY
            and self.newest[1]
            and now < self.newest[0] + DAY
            and any(start <= now < end for start, end in self.notices)
            and bool(ops)
            and bool(other)
        )

    def do(self, act: Act) -> None:
        """Let one thing happen, and write it down unless it was refused."""
        name, number, flag = act
        with suppress(WaysealError):
            getattr(self, f"do_{name}")(number, flag=flag)

    def do_full(self, _number: int, *, flag: bool) -> None:
        """A whole assessment, with a failing probe or without."""
        done = assess(self.desk, failing={"p03"} if flag else ()).assessment
        self.full = self.newest = (done.finished_at, not flag)

    def do_daily(self, _number: int, *, flag: bool) -> None:
        """The daily probes."""
        done = assess(self.desk, kind=AssessmentKind.DAILY, failing={"p03"} if flag else ()).assessment
        self.newest = (done.finished_at, not flag)

    def do_change(self, _number: int, *, flag: bool) -> None:  # noqa: ARG002
        """The device is changed."""
        self.changed = note_change(self.desk, "host-1", actor=BOSS).changed_at

    def do_suspend(self, _number: int, *, flag: bool) -> None:
        """The prime or the subcontractor is suspended."""
        self.suspended |= set(
            suspend_vendor(self.desk, "prime" if flag else "sub", reason="drill", actor=BOSS).reached
        )

    def do_reinstate(self, _number: int, *, flag: bool) -> None:  # noqa: ARG002
        """The subcontractor comes back, if it may."""
        reinstate_vendor(self.desk, "sub", approvers=("chief:1", "lab:1"), actor=BOSS)
        self.suspended.discard("sub")

    def do_contract(self, number: int, *, flag: bool) -> None:
        """Now and then, the contract is ended."""
        if flag and number == 0:
            self.contract_ends = end_contract(self.desk, "sub-1", actor=BOSS).ends

    def do_notice(self, number: int, *, flag: bool) -> None:
        """A notice that begins now or later."""
        start = self.clock() + number * DAY * flag
        made = add_notice(
            self.desk, "lane1", text_sha256="cd" * 32, starts=start, ends=start + 50 * DAY, actor=BOSS
        )
        self.notices.append((made.starts, made.ends))

    def do_operations(self, number: int, *, flag: bool) -> None:  # noqa: ARG002
        """Somebody signs for operations."""
        done = sign_off(self.desk, Duty.OPERATIONS, principal=f"staff:{number}")
        self.signed.append(("operations", done.principal, done.signed_at))

    def do_it(self, number: int, *, flag: bool) -> None:  # noqa: ARG002
        """Somebody signs for IT."""
        done = sign_off(self.desk, Duty.IT, principal=f"staff:{number}")
        self.signed.append(("it", done.principal, done.signed_at))

    def do_move(self, number: int, *, flag: bool) -> None:
        """Hours pass, or weeks."""
        self.clock.move(timedelta(hours=number * 5) if flag else number * 20 * DAY)

    def do_retire(self, number: int, *, flag: bool) -> None:  # noqa: ARG002
        """Now and then the device is taken out of service."""
        if number == 0:
            retire_equipment(self.desk, "host-1", actor=BOSS)
            self.enrolled = False

    def do_enrol(self, _number: int, *, flag: bool) -> None:  # noqa: ARG002
        """The device is enrolled, or taken back."""
        enrol_host(self.desk)
        self.enrolled = self.ever = True
        self.changed = self.clock()


@contextmanager
def begin_story() -> Iterator[Story]:
    """A desk with a subcontractor and nothing else."""
    folder = Path(tempfile.mkdtemp(prefix="wayseal-story-"))
    clock = MovableClock(datetime(2026, 11, 22, 7, 15, tzinfo=UTC))
    desk = open_test_desk(folder, f"sqlite:///{folder / 'records.sqlite'}", clock)
    add_subcontractor(desk)
    try:
        yield Story(desk, clock, clock() + 365 * DAY)
    finally:
        desk.ledger.close()
        desk.engine.dispose()
        shutil.rmtree(folder)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)  # fmt: skip
@given(st.lists(acts, min_size=4, max_size=16), st.booleans())
def test_no_key_out_of_order(history: list[Act], in_order: bool) -> None:  # noqa: FBT001 - drawn by hypothesis
    """After each act the register judges as a careful clerk would; at the end the ledger accounts for every row."""
    with begin_story() as story:
        if in_order:
            start: list[Act] = [
                ("enrol", 0, False),
                ("notice", 0, False),
                ("operations", 1, False),
                ("it", 2, False),
            ]
            history = [*start, ("full", 0, False), *history]
        for act in history:
            story.do(act)
            fitness = judge_lane(story.desk, "lane1", story.clock())
            assert fitness.fit == story.is_fit(), (act, fitness.reasons)
            tell_lane(story.desk, fitness)
        assert verify_rows(story.desk) > 0

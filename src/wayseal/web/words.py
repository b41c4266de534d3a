"""Words for the codes of duty, and what to do next about each: one table, so that no screen invents another.

Owns wording only. Every command that is named here exists; a test runs through them.
"""

from typing import Final

from wayseal.flow.followup import DELETION_OVERDUE, RECEIPT_OVERDUE
from wayseal.flow.ticket_carried import OVERRUN

REASONS: Final = {
    "organisation-suspended": "its maintainer is suspended", "no-contract": "its maintainer has no contract here",
    "no-equipment": "no equipment is enrolled for it", "never-assessed": "its equipment was never assessed",
    "assessment-failed": "its equipment failed its assessment", "assessment-overdue": "its assessment is overdue",
    "changed-since-assessment": "its equipment was changed since its assessment",
    "daily-probes-failed": "its daily probes failed", "daily-probes-overdue": "its daily probes are overdue",
    "assessment-unfinished": "its assessment was not finished", "poam-overdue": "a finding should have been mended by now",
    "no-notice": "no public notice is in force", "no-sign-off": "operations and IT have not both signed off",
}  # fmt: skip
"""Why a lane gets no key, in words."""

NOTES: Final = {
    ("usb-event", "refused"): "USB device refused", ("usb-event", "allowed"): "USB device let in",
    ("usb-event", "add"): "Device plugged in", ("egress-watch", "started"): "Port watch began",
    ("egress-watch", "stopped"): "Port watch was stopped", ("egress-watch", "beat"): "Device events were lost",
    ("lane-status", "disarmed"): "Lane disarmed", ("org-status", "suspended"): "Organisation suspended",
    ("org-status", "reinstated"): "Organisation reinstated", ("canary-hit", "canary-hit"): "A canary record was opened",
    ("alarm", "egress-guard-drift"): "Removable media policy was changed",
    ("alarm", "quota"): "Somebody reached their allowance of openings",
    ("alarm", "clock-step"): "The clock stepped", ("alarm", "pass-broken"): "A delivery is not as its lane made it",
    ("alarm", "assessment-refused"): "An assessment was not accepted",
    ("alarm", OVERRUN): "A ticket was used that was over or revoked",
    ("alarm", "model-changed"): "The recognition model changed",
    ("alarm", "lane-capture-rate"): "Lane captures too few people", ("alarm", "lane-face-quality"): "Lane pictures are poor",
    ("alarm", "lane-stranger-scores"): "Lane sees too many near matches",
    ("alarm", "lane-seconds-to-result"): "Lane answers too slowly",
    ("alarm", RECEIPT_OVERDUE): "A receipt is overdue", ("alarm", DELETION_OVERDUE): "An attestation of deletion is overdue",
}  # fmt: skip
"""What happened, by type and code."""

_GENERAL: Final = {
    "usb-event": "Go to that port and see who is there. wayseal egress guard status --device {subject}",
    "egress-watch": "Look at the host, then start the watch again: wayseal egress guard status --device {subject}",
    "lane-status": "Check documents by hand. wayseal equipment lanes",
    "org-status": "See whose people and lanes it reaches: wayseal vendor show {subject}",
    "canary-hit": "Nobody has a reason to open it. wayseal ledger show --object {subject}; then wayseal incident open",
    "incident": "Its clocks run: wayseal incident show {subject}",
    "ticket": "Ask the technician what for. wayseal ticket list",
    "alarm": "wayseal ledger show --type alarm",
}  # fmt: skip
_PARTICULAR: Final = {
    ("usb-event", "allowed"): "A ticket let it in; see that it leaves again. wayseal ticket list",
    ("egress-watch", "started"): "Nothing to do.", ("org-status", "reinstated"): "Nothing to do.",
    ("alarm", "egress-guard-drift"): "Somebody changed the host's policy. wayseal egress guard check",
    ("alarm", "quota"): "Ask {subject} why so many. wayseal ledger show --actor {subject}",
    ("alarm", "clock-step"): "Look at the time source; nothing is erased until it is right. wayseal retention plan",
    ("alarm", "pass-broken"): "Tell the security officer and keep the bytes. wayseal reconcile",
    ("alarm", "assessment-refused"): "Draw a new one: wayseal equipment assess {subject}",
    ("alarm", OVERRUN): "Ask who was at {subject} while its line was down. wayseal ledger show --type ticket --lane {subject}",
    ("alarm", "model-changed"): "Was that planned? wayseal models list",
    ("alarm", RECEIPT_OVERDUE): "Ask the recipient: wayseal export show {subject}",
    ("alarm", DELETION_OVERDUE): "Ask the recipient: wayseal export show {subject}",
}  # fmt: skip
OVER: Final = "It is over: nothing to do."
"""Of what a later entry has ended."""
_LANE_HEALTH: Final = "Clean the glass, look at the light, then: wayseal lane health"
_RATE: Final = "Ask {subject} why so many. wayseal ledger show --actor {subject}"


def name_note(kind: str, code: str) -> str:
    """Return what happened, in words."""
    if kind == "alarm" and code.startswith("unusual-rate-"):
        return f"Unusual rate of openings: {code.removeprefix('unusual-rate-').replace('-', ' ')}"
    head = {"alarm": "Alarm", "incident": "Incident", "ticket": "Maintenance ticket refused"}.get(kind, kind)
    return NOTES.get((kind, code)) or f"{head}: {code.replace('-', ' ')}"


def advise_note(kind: str, code: str, subject: str) -> str:
    """Return what to do next about what happened."""
    text = _PARTICULAR.get((kind, code)) or _GENERAL.get(kind, "")
    if kind == "alarm" and code.startswith("lane-"):
        text = _LANE_HEALTH
    elif kind == "alarm" and code.startswith("unusual-rate-"):
        text = _RATE
    return text.replace("{subject}", subject)


ITEMS: Final = {
    ("lane", "disarmed"): "Lane disarmed", ("lane", "loses-its-key"): "Lane gets no next key",
    ("lane", "late"): "Lane armed, within its grace", ("lane", "arms-again"): "Lane ready to arm",
    ("lane", "not-under-oversight"): "Lane not under oversight", ("lane", "armed"): "Lane armed",
    ("incident", "open"): "Incident open", ("incident", "contained"): "Incident contained",
    ("owed", RECEIPT_OVERDUE): "Receipt overdue", ("owed", DELETION_OVERDUE): "Attestation of deletion overdue",
    ("keyroom", "unreachable"): "The keyroom does not answer",
}  # fmt: skip
"""What stands on the board, by kind and code."""
KINDS: Final = {
    "clock": "Incident: somebody must be told", "finding": "Finding overdue", "silence": "Nobody watches the ports"
}  # fmt: skip
NEXT: Final = {
    ("lane", "loses-its-key"): "Before the hour is over: {advice}", ("lane", "late"): "{advice}",
    ("lane", "disarmed"): "Check documents by hand. {advice}",
    ("lane", "not-under-oversight"): "Enrol its equipment: wayseal equipment enrol --lane {subject}",
    ("lane", "arms-again"): "Nothing to do: it fetches its next key by itself.", ("lane", "armed"): "Nothing to do.",
    ("incident", "open"): "Stop the loss, then: wayseal incident contain {subject}",
    ("incident", "contained"): "When all is told: wayseal incident close {subject}",
    ("keyroom", "unreachable"): "Nothing can be opened until it does. wayseal keyroom run",
}  # fmt: skip
"""What to do next about what stands."""
NEXT_KINDS: Final = {
    "clock": "Tell them, then: wayseal incident notify {subject} --to {more}",
    "finding": "{more} owns it. wayseal equipment findings {subject}",
    "silence": "Look at the host. wayseal egress guard status --device {subject}",
    "owed": "Ask {more}. wayseal export show {subject}",
}  # fmt: skip

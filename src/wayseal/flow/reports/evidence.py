"""The answer to the auditors' three recommendations of 2020, each with live figures and the command that gives them again.

Figures that speak against the site are in it like all others.
"""

from collections import Counter
from datetime import timedelta
from typing import Any, Final

from wayseal.flow.egress import list_silences
from wayseal.flow.egress_duty import LOOKED_AT
from wayseal.flow.oversee.describe import list_coverage, list_finding_rows, list_lane_rows
from wayseal.flow.oversee.desk import view
from wayseal.flow.oversee.fitness import is_signed_off
from wayseal.flow.oversee.schedule import is_fresh
from wayseal.flow.reports.value import Figure, Report, Section, Sources, Table, new_report, say, share
from wayseal.model.clock import to_text
from wayseal.model.oversight import Equipment, EquipmentKind, Result
from wayseal.store.oversight import assessments as assessment_rows
from wayseal.store.oversight import duties as duty_rows
from wayseal.store.oversight import equipment as equipment_rows

TITLE = "Evidence for the auditors' recommendations"
WINDOW: Final = timedelta(days=90)
_MEDIA: Final = ("p01", "p02", "p03", "p04")
_ENCRYPTION: Final = ("p05", "p06", "p07", "p08")
_HOSTS: Final = (EquipmentKind.LANE_HOST, EquipmentKind.CENTRE_HOST)


def build(sources: Sources) -> Report:
    """Return the report."""
    return new_report(
        sources, "evidence", TITLE, [_encryption(sources), _coordination(sources), _assessment(sources), _ledger(sources)]
    )  # fmt: skip


def _count(sources: Sources, kind: str, **wanted: str) -> int:
    """Return how many entries of a type the last 90 days have."""
    since = to_text(sources.now - WINDOW)
    return len(sources.desk.ledger.find(type=kind, since=since, **wanted))


def _encryption(sources: Sources) -> Section:
    """Return the first: enhanced encryption, and restrictions on removable media."""
    ledger = sources.desk.ledger
    events = Counter(ledger.entry(index)["action"] for index in _recent(sources, "usb-event"))
    hosts = _hosts(sources)
    watched = [one for one in hosts if one["watch"] == "kept"]
    media, shut = _passing(hosts, "media"), _passing(hosts, "encryption")
    with view(sources.desk) as rows:
        allowed = equipment_rows.list_media(rows, active_at=sources.now)
    text = [
        (
            "Every picture, plate and template is sealed on arrival to a key of its hour; no computer at a lane holds a key that opens "
            "one. Removable media are refused by the kernel, by udev and by USBGuard, each on its own, and what is plugged in is on "
            "the ledger at once."
        ),
        (
            "What remains possible is said in the attack model: a tapped camera cable, a thief's own camera, an authorised person who "
            "writes something down."
        ),
    ]
    figures = [
        Figure("Records sealed in 90 days", _count(sources, "capture"), "wayseal ledger show --type capture"),
        Figure("Hours of keys destroyed in 90 days", _count(sources, "erase-done"), "wayseal ledger show --type erase-done"),
        share("Hosts that refuse removable media (probes 1-4)", media, len(hosts), "wayseal equipment list"),
        share("Hosts without plaintext or keys (probes 5-8)", shut, len(hosts), "wayseal equipment list"),
        Figure("USB devices refused in 90 days", events["refused"], "wayseal ledger show --type usb-event"),
        Figure("USB devices let in or plugged in in 90 days", events["allowed"] + events["add"], "wayseal ledger show --type usb-event"),
        Figure("Media registered for a work order now", len(allowed), "wayseal ledger show --type register"),
        share("Hosts whose ports are watched without a gap for 24 hours", len(watched), len(hosts), "wayseal egress guard status"),
    ]  # fmt: skip
    columns = {
        "host": "Host",
        "media": "Probes 1-4",
        "encryption": "Probes 5-8",
        "seen": "Seen",
        "watch": "Port watch",
    }
    return Section(
        "1. Encryption and removable media", text, figures, [Table("hosts", "Hosts", columns, hosts)]
    )  # fmt: skip


def _recent(sources: Sources, kind: str) -> list[int]:
    """Return the entries of a type of the last 90 days."""
    return sources.desk.ledger.find(type=kind, since=to_text(sources.now - WINDOW))


def _hosts(sources: Sources) -> list[dict[str, Any]]:
    """Return each host with how its probes of the two groups stand, and whether its ports are watched."""
    found = []
    with view(sources.desk) as rows:
        for one in equipment_rows.list_equipment(rows):
            if one.kind not in _HOSTS:
                continue
            newest: dict[str, Result] = {}
            seen = None
            for run in reversed(assessment_rows.list_drawn(rows, equipment=one.id, limit=100)):
                if run.finished_at is not None and _counts(sources, one, run):
                    seen = run.finished_at
                    newest |= {
                        each.probe: each.result for each in assessment_rows.list_observations(rows, run.id)
                    }
            found.append(
                {
                    "host": one.id, "media": _stand(newest, _MEDIA), "encryption": _stand(newest, _ENCRYPTION),
                    "seen": None if seen is None else to_text(seen), "watch": _watch(sources, one.id),
                }
            )  # fmt: skip
    return found


def _counts(sources: Sources, device: Equipment, run: assessment_rows.DrawnAssessment) -> bool:
    """Say whether an assessment still says anything: within its cycle, and of the device as it is since its last change."""
    fresh = is_fresh(run.finished_at, sources.desk.rules.full, sources.now)
    return fresh and run.drawn_at >= device.changed_at


def _stand(newest: dict[str, Result], probes: tuple[str, ...]) -> str:
    """Return how a group of probes stands on a host."""
    results = [newest.get(probe) for probe in probes]
    if None in results:
        return "not assessed"
    failed = [
        probe for probe, result in zip(probes, results, strict=True) if result in (Result.FAIL, Result.ERROR)
    ]
    if Result.PASS not in results and not failed:
        return "not applicable"
    return f"failed: {', '.join(failed)}" if failed else "passed"


def _watch(sources: Sources, host: str) -> str:
    """Return whether a host's ports were watched for the last 24 hours."""
    entries = list(sources.desk.ledger.find(type="egress-watch", object=host))
    if not entries:
        return "never"
    since = sources.now - timedelta(hours=24)
    gaps = [
        one
        for one in list_silences(sources.desk.ledger, host, sources.now, newest=LOOKED_AT)
        if one.until is None or one.until > since
    ]
    return f"{len(gaps)} gaps" if gaps else "kept"


def _passing(hosts: list[dict[str, Any]], group: str) -> int:
    """Return how many hosts pass a group of probes."""
    return sum(host[group] == "passed" for host in hosts)


def _coordination(sources: Sources) -> Section:
    """Return the second: operations and IT together, at every site."""
    desk, now = sources.desk, sources.now
    lanes = list_lane_rows(desk)
    with view(desk) as rows:
        offs = duty_rows.list_sign_offs(rows, site=desk.site)
        signed = is_signed_off(rows, desk.site, now)
        noticed = {one.lane for one in duty_rows.list_notices(rows) if one.starts <= now < one.ends}
    fit = sum(bool(one["fit"]) for one in lanes)
    with_notice = sum(one["lane"] in noticed for one in lanes)
    text = [
        (
            "A lane gets no next epoch key unless its equipment passes, its organisation is in good standing, its public notice is in "
            "force, and operations and IT have both signed the site off: two people, each for one side."
        )
    ]
    figures = [
        Figure("Signed off by operations and IT", "yes" if signed else "no", "wayseal equipment sign-off", signed),
        share("Lanes that may have their next key", fit, len(lanes), "wayseal equipment lanes"),
        share("Lanes with a public notice in force", with_notice, len(lanes), "wayseal notice list"),
        Figure("Maintenance tickets issued in 90 days", sum(entry["action"] == "issued" for entry in _tickets(sources)), "wayseal ticket list"),
        Figure("Attempts to look at travellers by a ticket", sum(entry.get("reason") == "image-verb" for entry in _tickets(sources)), "wayseal ledger show --type ticket"),
    ]  # fmt: skip
    signatures = [
        {"duty": one.duty.value, "who": one.principal, "signed": to_text(one.signed_at), "until": to_text(one.until)} for one in offs
    ]  # fmt: skip
    shown = [{**row, "reasons": say(row["reasons"])} for row in lanes]
    return Section(
        "2. Controls coordinated at every site", text, figures,
        [
            Table("sign-offs", "Sign-offs", {"duty": "For", "who": "By", "signed": "Signed", "until": "Until"}, signatures),
            Table("lanes", "Lanes", {"lane": "Lane", "fit": "May have its next key", "reasons": "Why not", "told": "Was told"}, shown),
        ],
    )  # fmt: skip


def _tickets(sources: Sources) -> list[dict[str, Any]]:
    """Return the ticket entries of the last 90 days."""
    return [sources.desk.ledger.entry(index) for index in _recent(sources, "ticket")]


def _assessment(sources: Sources) -> Section:
    """Return the third: third parties' equipment is assessed routinely, by a plan of this programme's own."""
    site, *vendors = list_coverage(sources.desk)
    found = list_finding_rows(sources.desk, open_only=False)
    late = sum(bool(row["overdue"]) for row in found)
    waiting = sum(row["closed"] is None for row in found)
    rules = sources.desk.rules
    text = [
        (
            f"The plan: 31 probes on each device at each site, all of them every {rules.full.days} days and after each change, the daily "
            f"ones every {rules.daily.total_seconds() / 3600:.0f} hours, by somebody who is not the device's vendor. A failure opens a "
            "finding with an owner and a date; without a fresh pass the lane gets no next epoch key."
        )
    ]
    exports = _recent(sources, "assessment-export")
    newest = sources.desk.ledger.entry(exports[-1])["time"] if exports else "never"
    figures = [
        share("Devices assessed within the cycle", site["assessed"], site["total"], "wayseal equipment coverage"),
        share("Devices passing everything, freshly", site["passing"], site["total"], "wayseal equipment coverage"),
        Figure("Assessments recorded in 90 days", _count(sources, "attest"), "wayseal ledger show --type attest"),
        Figure("Findings open", waiting, "wayseal equipment findings", _none_left(waiting, site)),
        Figure("Findings overdue", late, "wayseal equipment findings", _none_left(late, site)),
        Figure("Last OSCAL package", newest, "wayseal assessment export --oscal DIR"),
    ]  # fmt: skip
    columns = {
        "of": "Organisation",
        "total": "Devices",
        "assessed": "Assessed",
        "due": "Due",
        "passing": "Passing",
    }
    return Section(
        "3. Third parties' equipment assessed routinely", text, figures, [Table("coverage", "Coverage", columns, vendors)]
    )  # fmt: skip


def _none_left(count: int, site: dict[str, Any]) -> bool | None:
    """Return whether it is good that so few are left; None while nothing was assessed, which finds nothing either."""
    return None if count == 0 and site["assessed"] == 0 else count == 0


def _ledger(sources: Sources) -> Section:
    """Return what all of this rests on."""
    note = sources.desk.ledger.latest_checkpoint(cosigned=True)
    figures = [
        Figure("Entries on the ledger", sources.desk.ledger.size, "wayseal ledger verify"),
        Figure(
            "Cosigned by a witness",
            "yes" if note is not None else "no",
            "wayseal ledger verify",
            note is not None,
        ),
    ]
    text = [
        "Each figure was computed from the ledger when this report was made, and can be computed again by the command beside it."
    ]
    return Section("What these figures rest on", text, figures)

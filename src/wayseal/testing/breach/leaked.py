"""Nineteen pictures appear where they must not: exported ones, ones that an officer looked at, ones taken at the lane.

Owns how a picture is treated before it is posted, and asks the program's own tracer whose copy each was. The tracer is told nothing
but the files.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from wayseal.export.mark import mark_picture
from wayseal.flow.trace import Reading, trace_file
from wayseal.flow.trace_lookup import Scope
from wayseal.flow.trace_verdict import combine_readings, describe_reading, log_trace
from wayseal.model.border import Pixels
from wayseal.model.ids import RecordId
from wayseal.station.portal import open_portal
from wayseal.station.tracing import open_tracing
from wayseal.testing.breach.at_lane import list_stolen_faces
from wayseal.testing.breach.export import RECIPIENTS, export_pictures
from wayseal.testing.breach.scale import LANE, OLD_LANE
from wayseal.testing.breach.shifts import begin_signed
from wayseal.testing.breach.stage import Stage
from wayseal.testing.breach.story import Found, Outcome
from wayseal.testing.leaks import crop, shrink, to_jpeg
from wayseal.vision.picture import read_picture

ANALYST, VIEWERS = "tracer-1", ("officer-1", "officer-2")
_WAYS: tuple[tuple[str, Callable[[Pixels], bytes]], ...] = (
    ("jpeg-50", lambda face: to_jpeg(face, 50)),
    ("half-size", lambda face: to_jpeg(shrink(face, 0.6), 80)),
    ("cropped", lambda face: to_jpeg(crop(face, 0.1), 75)),
)
EARLIER = timedelta(hours=1)
"""The lane's frames carry times of their own, up to so much before the drill began."""
Leaks = Mapping[str, tuple[bytes, str]]
"""By file name: the picture as it was taken, and who had it."""


def post_exported(stage: Stage) -> Found:
    """Two recipients get pictures by a whole ceremony, and leak them."""
    share = (stage.scale.exported + 1) // 2
    leaks: dict[str, tuple[bytes, str]] = {}
    for number, (recipient, _) in enumerate(RECIPIENTS):
        chosen = stage.sealed[number * share : min((number + 1) * share, stage.scale.exported)]
        for place, picture in enumerate(export_pictures(stage, chosen, recipient)):
            leaks[f"{recipient}-{place}"] = (picture, recipient)
    return _post(stage, "export", leaks, stage.scale.exported)


def post_viewed(stage: Stage) -> Found:
    """Two officers look at pictures on their screens, under their shifts, and leak what they saw."""
    leaks: dict[str, tuple[bytes, str]] = {}
    chosen = stage.sealed[stage.scale.exported : stage.scale.exported + stage.scale.shown]
    for number, record in enumerate(chosen):
        officer = VIEWERS[number % len(VIEWERS)]
        leaks[f"{officer}-{number}"] = (_show(stage, officer, record), officer)
    return _post(stage, "session", leaks, stage.scale.shown)


def post_taken(stage: Stage) -> Found:
    """Pictures that root took at the lane, on their way into the seal and after its mark, are leaked.

    Beside them, as a control, pictures of the same people that never had this lane's mark: from before it, and with another
    lane's. Nobody may be named by those.
    """
    count = stage.scale.taken
    taken = list_stolen_faces(stage.stolen["live"], count)
    leaks = {file.stem: (file.read_bytes(), LANE) for file in taken}
    found = _post(stage, "lane", leaks, count)
    readings = trace_leaks(stage, _post_innocents(stage), "lane")
    named = [one for one in map(describe_reading, readings) if one["decision"] == "attributed"]
    seen = [one for one in readings if one.record is not None]
    evidence = {
        **found.evidence, "innocents_posted": len(readings), "innocents_recognised": len(seen), "innocents_named": len(named),
    }  # fmt: skip
    faults = {
        **dict.fromkeys(found.evidence.get("faults", ()), True), "named-without-its-mark": bool(named),
        "innocents-not-recognised": not seen,
    }  # fmt: skip
    evidence.pop("faults", None)
    return Found.judge(Outcome.TRACED, faults, evidence)


def _post_innocents(stage: Stage) -> list[Path]:
    """Post pictures of the first vehicle under the tap as its camera had them, and with another lane's mark."""
    folder = stage.folder / "posted" / "innocent"
    folder.mkdir(parents=True, exist_ok=True)
    people = stage.watched_cast.vehicle(1, stage.began).occupants
    other = stage.site.marker.lane_key(OLD_LANE)
    files = []
    for place, (person, record) in enumerate(
        zip(people[: 1 + stage.scale.taken // 4], stage.watched, strict=False)
    ):
        assert person.picture is not None  # noqa: S101 - everybody of a cast has one
        bare = read_picture(person.picture.data)
        for name, shown in (("bare", bare), ("other", mark_picture(bare, other, record))):
            files.append(folder / f"{place}-{name}.jpg")
            files[-1].write_bytes(to_jpeg(shown, 90))
    return files


def _show(stage: Stage, officer: str, record: RecordId) -> bytes:
    """Return what an officer's screen shows of a record."""
    portal = open_portal(stage.site, officer, "officer")
    if not stage.site.ledger.find(type="grant", actor=officer):
        begin_signed(stage, portal.who, [LANE])
    return portal.open_release(portal.request_release(record))


def _post(stage: Stage, channel: str, leaks: Leaks, wanted: int) -> Found:
    """Post the pictures, each after one of the usual treatments, and trace what is found."""
    folder = stage.folder / "posted" / channel
    folder.mkdir(parents=True, exist_ok=True)
    owners: dict[str, str] = {}
    for number, (name, (data, owner)) in enumerate(sorted(leaks.items())):
        way, treat = _WAYS[number % len(_WAYS)]
        file = folder / f"{name}-{way}.jpg"
        file.write_bytes(treat(read_picture(data)))
        owners[str(file)] = owner
    readings = trace_leaks(stage, [Path(file) for file in owners], channel)
    said = [describe_reading(one) for one in readings]
    right = [one for one in said if (one["channel"], one["recipient"]) == (channel, owners[one["file"]])]
    wrong = [one for one in said if one["decision"] == "attributed" and one not in right]
    evidence = {
        "posted": len(said), "traced": len(right), "wrongly_named": len(wrong), "channel": channel,
        "least_z": min((one["z"] for one in right if one["z"] is not None), default=None),
        "greatest_decoy": max((one["decoys"]["max"] or 0 for one in said), default=None),
        "named": sorted({str(one["recipient"]) for one in right}), "reasons": _count(one["reason"] for one in said),
        "ledger_index": _last(stage, "leak"),
    }  # fmt: skip
    faults = {
        "not-traced": len(right) < len(said),
        "innocent-named": bool(wrong),
        "too-few-leaks": len(said) < wanted,
    }
    return Found.judge(Outcome.TRACED, faults, evidence)


def trace_leaks(stage: Stage, files: Sequence[Path], channel: str) -> list[Reading]:
    """Return the readings of files, by the port's own tracer, on the ledger.

    For what was taken at the lane the analyst looks at the pictures of the minutes in which somebody had it: nobody was ever shown
    them, and a cut destroys the hash by which others are found.
    """
    lane = LANE if stage.scale.bulk else None  # of 46,000 vehicles an analyst looks at one lane first
    records = tuple(stage.watched) if channel == "lane" else ()
    work = open_tracing(
        stage.site, ANALYST, "tracer", Scope(lane, since=stage.began - EARLIER, records=records)
    )
    readings = combine_readings([trace_file(work, file) for file in files])
    log_trace(stage.site.ledger, ANALYST, readings, stage.site.clock)
    return readings


def _last(stage: Stage, kind: str) -> int | None:
    found = stage.site.ledger.find(type=kind)
    return found[-1] if found else None


def _count(words: Any) -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return counts

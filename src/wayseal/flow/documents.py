"""The JSON and byte layouts of what is sealed inside records: pass documents, answers, crossings and templates.

Pure packing and unpacking; nothing here seals, opens, stores or logs. Layouts carry a version, and an unknown one is
refused. All of it is personal data: callers hold the bytes in memory only, or seal them.
"""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from wayseal.model.border import (
    Band,
    Box,
    Candidate,
    Crossing,
    Decision,
    Direction,
    Encounter,
    OccupantResult,
    Outcome,
    Plate,
    Seat,
    Template,
    VehiclePass,
    Verdict,
)
from wayseal.model.clock import from_text, to_text
from wayseal.model.errors import SealBroken
from wayseal.model.ids import CrossingId, EncounterId, RecordId

_TEMPLATE = struct.Struct(">4sB32sfH")
_TEMPLATE_MAGIC = b"WSTP"
VERSION = 1


def pack_json(value: Mapping[str, Any]) -> bytes:
    """Return compact UTF-8 JSON. Raises ValueError for NaN and infinities."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def unpack_json(body: bytes, kind: str) -> dict[str, Any]:
    """Return the document when it is version 1 of `kind`. Raises `SealBroken` otherwise."""
    try:
        value = json.loads(body)
    except ValueError:
        raise SealBroken("a sealed document holds no JSON") from None
    if not isinstance(value, dict) or value.get("document") != kind or value.get("v") != VERSION:
        raise SealBroken(f"a sealed document is not a {kind} of version {VERSION}")
    return value


def pack_template(template: Template) -> bytes:
    """Return a template as bytes: magic, version, model SHA-256, strength, dimension, float32 little-endian values."""
    vector = np.ascontiguousarray(template.vector, dtype="<f4")
    head = _TEMPLATE.pack(
        _TEMPLATE_MAGIC, VERSION, bytes.fromhex(template.model_sha256), template.strength, vector.shape[0]
    )
    return head + vector.tobytes()


def unpack_template(body: bytes) -> Template:
    """Return the template that `pack_template` packed. Raises `SealBroken` for anything else."""
    if len(body) < _TEMPLATE.size:
        raise SealBroken("a sealed template is too short")
    magic, version, model, strength, dimension = _TEMPLATE.unpack_from(body)
    if magic != _TEMPLATE_MAGIC or version != VERSION or len(body) != _TEMPLATE.size + 4 * dimension:
        raise SealBroken("a sealed template has another layout")
    vector = np.frombuffer(body, dtype="<f4", offset=_TEMPLATE.size).astype(np.float32)
    return Template(vector=vector, model_sha256=model.hex(), strength=strength)


def unpack_templates(body: bytes) -> list[Template]:
    """Return the templates packed one behind the other: a face's own, then a second network's. Raises `SealBroken`."""
    found: list[Template] = []
    while body or not found:
        if len(body) < _TEMPLATE.size:
            raise SealBroken("a sealed template is too short")
        size = _TEMPLATE.size + 4 * int(_TEMPLATE.unpack_from(body)[-1])
        found.append(unpack_template(body[:size]))
        body = body[size:]
    return found


def pass_document(
    seen: VehiclePass,
    *,
    encounter: EncounterId,
    lane: str,
    direction: Direction,
    records: Mapping[str, RecordId],
    hashes: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return what the lane knows of a vehicle, for the centre's eyes only.

    `records` maps `plate`, `scene`, `face.<seat>` and `template.<seat>` to the ids of the sealed records beside it, and
    `hashes` the pictures' names to their PDQ hashes (hex), by which a leak is looked up; they are as personal as a picture.
    """
    return {
        "document": "pass",
        "v": VERSION,
        "encounter": encounter,
        "lane": lane,
        "direction": direction.value,
        "time": to_text(seen.left),
        "entered": to_text(seen.entered),
        "speed_mph": None if seen.speed_mph is None else round(seen.speed_mph, 2),
        "frames": seen.frames,
        "canary": int(seen.canary),
        "occupants_seen": seen.occupants_seen,
        "plate": _plate_value(seen.plate),
        "records": dict(records),
        "hashes": dict(hashes or {}),
        "occupants": [
            {
                "seat": person.seat.value,
                "quality": None if person.best is None else person.best.quality.score,
                "components": {} if person.best is None else _rounded(person.best.quality.components),
                "reasons": list(person.reasons),
                "inter_eye_px": None if person.best is None else round(person.best.inter_eye_px, 1),
                "frame": None if person.best is None else person.best.frame,
                "box": None if person.best is None else _box_value(person.best.box),
                "shots": person.shots,
            }
            for person in seen.occupants
        ],
    }


def encounter_line(encounter: Encounter) -> dict[str, Any]:
    """Return an encounter as the contract's lane line: `wayseal lane run --json` prints it."""
    return {
        "encounter": encounter.id,
        "lane": encounter.lane,
        "direction": encounter.direction.value,
        "time": to_text(encounter.time),
        "speed_mph": encounter.speed_mph,
        "plate": _plate_line(encounter.plate),
        "plate_record": encounter.plate_record,
        "occupants_seen": encounter.occupants_seen,
        "occupants": [_occupant_line(person) for person in encounter.occupants],
        "gallery": encounter.gallery,
        "gallery_size": encounter.gallery_size,
        "threshold": round(encounter.threshold, 4),
        "fpir_target": encounter.fpir_target,
        "model_sha256": encounter.model_sha256,
        "seconds": {"capture_to_result": round(encounter.capture_to_result_s, 4)},
    }


def answer_document(encounter: Encounter) -> dict[str, Any]:
    """Return the matcher's answer as it is sealed."""
    return {"document": "answer", "v": VERSION, "line": encounter_line(encounter), "canary": encounter.canary}


def parse_answer(body: bytes) -> Encounter:
    """Return the encounter that a sealed answer holds. Raises `SealBroken` when it holds none."""
    value = unpack_json(body, "answer")
    line = value["line"]
    return Encounter(
        id=EncounterId(line["encounter"]),
        lane=line["lane"],
        direction=Direction(line["direction"]),
        time=from_text(line["time"]),
        speed_mph=line["speed_mph"],
        plate=parse_plate(line["plate"]),
        plate_record=line["plate_record"],
        occupants_seen=line["occupants_seen"],
        occupants=tuple(_parse_occupant(person) for person in line["occupants"]),
        gallery=line["gallery"],
        gallery_size=line["gallery_size"],
        threshold=line["threshold"],
        fpir_target=line["fpir_target"],
        model_sha256=line["model_sha256"],
        capture_to_result_s=line["seconds"]["capture_to_result"],
        canary=value.get("canary", False),
    )


def crossing_document(crossing: Crossing) -> dict[str, Any]:
    """Return a crossing as it is sealed under the crossing class. It holds no image and no template."""
    decision = crossing.decision
    return {
        "document": "crossing",
        "v": VERSION,
        "crossing": crossing.id,
        "encounter": crossing.encounter,
        "seat": crossing.seat.value,
        "traveller": crossing.traveller,
        "direction": crossing.direction.value,
        "lane": crossing.lane,
        "time": to_text(crossing.time),
        "plate": crossing.plate,
        "canary": crossing.canary,
        "decision": None
        if decision is None
        else {
            "verdict": decision.verdict.value,
            "reason": decision.reason,
            "officer": decision.officer,
            "time": to_text(decision.time),
        },
    }


def parse_crossing(body: bytes, *, paired_with: CrossingId | None) -> Crossing:
    """Return the crossing that a sealed document holds; its pairing comes from the caller's row."""
    value = unpack_json(body, "crossing")
    decision = value["decision"]
    return Crossing(
        id=CrossingId(value["crossing"]),
        encounter=EncounterId(value["encounter"]),
        seat=Seat(value["seat"]),
        traveller=value["traveller"],
        direction=Direction(value["direction"]),
        lane=value["lane"],
        time=from_text(value["time"]),
        plate=value["plate"],
        decision=None
        if decision is None
        else Decision(
            verdict=Verdict(decision["verdict"]),
            reason=decision["reason"],
            officer=decision["officer"],
            time=from_text(decision["time"]),
        ),
        paired_with=paired_with,
        canary=value.get("canary", False),
    )


def parse_plate(value: Mapping[str, Any] | None) -> Plate | None:
    """Return the plate of a document, without its picture."""
    if value is None:
        return None
    return Plate(
        text=value["text"],
        region=value["region"],
        reads=value["reads"],
        confidence=value["confidence"],
        characters=tuple(value.get("characters", ())),
        frame=value.get("frame", -1),
        box=tuple(value.get("box", (0.0, 0.0, 0.0, 0.0))),
    )


def _plate_line(plate: Plate | None) -> dict[str, Any] | None:
    """Return the contract's four plate fields."""
    if plate is None:
        return None
    return {
        "text": plate.text,
        "region": plate.region,
        "reads": plate.reads,
        "confidence": round(plate.confidence, 4),
    }


def _plate_value(plate: Plate | None) -> dict[str, Any] | None:
    """Return everything known of a plate but its picture."""
    line = _plate_line(plate)
    if plate is None or line is None:
        return None
    return line | {
        "characters": [round(float(p), 4) for p in plate.characters],
        "frame": plate.frame,
        "box": _box_value(plate.box),
    }


def _occupant_line(person: OccupantResult) -> dict[str, Any]:
    """Return one occupant of a lane line."""
    return {
        "seat": person.seat.value,
        "quality": person.quality,
        "reasons": list(person.reasons),
        "inter_eye_px": person.inter_eye_px,
        "record": person.record,
        "outcome": person.outcome.value,
        "candidates": [
            {"traveller": c.traveller, "score": round(c.score, 4), "band": c.band.value}
            for c in person.candidates
        ],
        "frame": person.frame,
        "box": None if person.box is None else _box_value(person.box),
        "searched": person.searched,
        "threshold": None if person.threshold is None else round(person.threshold, 4),
    }


def _parse_occupant(value: Mapping[str, Any]) -> OccupantResult:
    """Return one occupant of a sealed answer."""
    return OccupantResult(
        seat=Seat(value["seat"]),
        outcome=Outcome(value["outcome"]),
        quality=value["quality"],
        reasons=tuple(value["reasons"]),
        inter_eye_px=value["inter_eye_px"],
        record=value["record"],
        candidates=tuple(Candidate(c["traveller"], c["score"], Band(c["band"])) for c in value["candidates"]),
        frame=value["frame"],
        box=None if value["box"] is None else tuple(value["box"]),
        searched=value.get("searched"),
        threshold=value.get("threshold"),
    )


def _box_value(box: Box) -> list[float]:
    """Return a box rounded to a tenth of a pixel."""
    return [round(float(side), 1) for side in box]


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    """Return quality components with three decimals."""
    return {name: round(float(value), 3) for name, value in values.items()}

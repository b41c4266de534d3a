"""Ready-made scenes: one per condition a lane meets, and the one that the demonstration runs.

Owns the choice of who sits where. A scene is a pure function of its people, its seed and its length.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from wayseal.model.border import Seat
from wayseal.model.errors import Invalid, NotFound
from wayseal.testing.lane.pace import Halt
from wayseal.testing.lane.plates import STYLES, make_plate
from wayseal.testing.lane.scene import (
    ATTACKS,
    METRES_PER_MILE_HOUR,
    Camera,
    Distractor,
    LaneScene,
    Light,
    Motion,
    SceneOccupant,
    SceneVehicle,
    Shape,
    Thing,
    Traveller,
    Weather,
)

COLOURS = (
    (112, 74, 40), (52, 48, 140), (92, 92, 94), (40, 42, 44), (190, 192, 194), (72, 96, 60), (60, 120, 160), (120, 112, 100),
)  # fmt: skip
"""Paints as blue, green, red."""
MID, WIDE, FACE, TELE = (
    Camera(),
    Camera(focal_px=3600.0, z_capture_m=9.0),
    Camera(focal_px=11040.0),
    Camera(focal_px=21000.0, z_capture_m=14.0, aim_height_m=1.16),
)
"""Lenses at 1280x720: about 40, 25, 58 and 94 px between the eyes at the capture plane."""
DEMO_LOOKS = (
    (Shape.SEDAN, (112, 74, 40), "tx"), (Shape.SUV, (58, 50, 128), "nm"), (Shape.SEDAN, (172, 176, 180), "ca"),
)  # fmt: skip
CAPTURE_S = 1.9
HEADWAY_S = 2.8


def seat_traveller(traveller: Traveller, seat: Seat, *, hidden: bool = False) -> SceneOccupant:
    """Return a traveller on a seat; nobody has `gallery` pictures unless enrolled."""
    gallery = traveller.enrolling if traveller.enrolled else ()
    return SceneOccupant(
        seat, traveller.shown, traveller.identity, gallery, traveller.same_picture and bool(gallery), hidden
    )


def cast_people(people: Sequence[Traveller], rng: np.random.Generator) -> list[Traveller]:
    """Return the people in a random order, each either enrolled or not; about one in four of the undecided is not.

    Among two or more undecided at least one is enrolled and one is not.
    """
    order = [people[int(index)] for index in rng.permutation(len(people))]
    undecided = [person for person in order if person.enrolled is None]
    strangers = max(1, len(undecided) // 4) if len(undecided) > 1 else 0
    unknown = {person.identity for person in undecided[1 : 1 + strangers]}
    return [
        replace(person, enrolled=person.identity not in unknown) if person.enrolled is None else person
        for person in order
    ]


def _fill_vehicle(
    people: Sequence[Traveller],
    seats: Sequence[Seat],
    rng: np.random.Generator,
    *,
    at: float,
    shape: Shape | None = None,
) -> SceneVehicle:
    """Return a vehicle with people on its seats, as many as there are; paint, plate and speed by chance."""
    return SceneVehicle(
        t_capture_s=at,
        speed_mph=float(np.round(20 + rng.normal(0, 0.4), 2)),
        shape=shape or list(Shape)[int(rng.integers(len(Shape)))],
        colour=COLOURS[int(rng.integers(len(COLOURS)))],
        plate=make_plate(str(rng.choice(sorted(set(STYLES) - {"de"}))), rng),
        occupants=tuple(seat_traveller(person, seat) for person, seat in zip(people, seats, strict=False)),
    )


Preset = Callable[[list[Traveller], np.random.Generator], LaneScene]
_PAIR = (Seat.DRIVER, Seat.FRONT_PASSENGER)
_THREE = (*_PAIR, Seat.REAR_CENTRE)


def _one_vehicle(
    people: list[Traveller], rng: np.random.Generator, seats: Sequence[Seat] = _PAIR
) -> tuple[SceneVehicle]:
    return (_fill_vehicle(people, seats, rng, at=CAPTURE_S),)


def _make_day(people: list[Traveller], rng: np.random.Generator) -> LaneScene:
    return LaneScene(_one_vehicle(people, rng, _THREE))


def _make_overcast(people: list[Traveller], rng: np.random.Generator) -> LaneScene:
    return LaneScene(_one_vehicle(people, rng), weather=Weather(Light.OVERCAST, glare=0.08))


def _make_dusk(people: list[Traveller], rng: np.random.Generator) -> LaneScene:
    return LaneScene(_one_vehicle(people, rng), weather=Weather(Light.DUSK, headlights=0.6))


def _make_night_nir(people: list[Traveller], rng: np.random.Generator) -> LaneScene:
    camera = replace(MID, full_well=1500.0, read_noise=0.008)
    (vehicle,) = _one_vehicle(people, rng, _PAIR[:1])
    dog = Distractor(Thing.DOG, Seat.FRONT_PASSENGER)
    return LaneScene((replace(vehicle, distractors=(dog,)),), camera, Weather(Light.NIR, headlights=0.8))


def _make_night_strobe(people: list[Traveller], rng: np.random.Generator) -> LaneScene:
    return LaneScene(_one_vehicle(people, rng), weather=Weather(Light.STROBE, headlights=0.6))


def _make_rain(people: list[Traveller], rng: np.random.Generator) -> LaneScene:
    return LaneScene(
        _one_vehicle(people, rng, _THREE),
        weather=Weather(Light.OVERCAST, glare=0.08, rain=0.6, headlights=0.4),
    )


def _make_glare(people: list[Traveller], rng: np.random.Generator) -> LaneScene:
    return LaneScene(
        _one_vehicle(people, rng), replace(FACE, exposure_s=0.002), Weather(glare=0.18, glint=True)
    )


def _make_tint(people: list[Traveller], rng: np.random.Generator) -> LaneScene:
    (vehicle,) = _one_vehicle(people, rng, _PAIR)
    return LaneScene((replace(vehicle, transmission=0.35, lateral_m=0.12),), FACE)


def _make_wide(people: list[Traveller], rng: np.random.Generator) -> LaneScene:
    return LaneScene(_one_vehicle(people, rng, _THREE), WIDE)


def _make_slow_shutter(people: list[Traveller], rng: np.random.Generator) -> LaneScene:
    return LaneScene(_one_vehicle(people, rng), replace(FACE, exposure_s=0.008))


def _make_across(people: list[Traveller], rng: np.random.Generator) -> LaneScene:
    seats = (Seat.DRIVER, Seat.REAR_LEFT)
    vehicle = replace(_fill_vehicle(people, seats, rng, at=0.8, shape=Shape.SEDAN), plate=None)
    return LaneScene((vehicle,), replace(MID, fps=60), motion=Motion.ACROSS)


def _make_impostors(people: list[Traveller], rng: np.random.Generator) -> LaneScene:
    """A shirt, a sticker and a telephone: faces that nobody wears."""
    (vehicle,) = _one_vehicle(people, rng)
    printed = people[-1]
    things = (
        Distractor(Thing.SHIRT, Seat.FRONT_PASSENGER, printed.shown, printed.identity),
        Distractor(Thing.STICKER, None, printed.shown, printed.identity),
        Distractor(Thing.PHONE, Seat.DRIVER),
    )
    return LaneScene((replace(vehicle, distractors=things),))


def _make_attacks(people: list[Traveller], rng: np.random.Generator) -> LaneScene:
    """A presentation attack beside somebody real; kind, seat, lens and light by chance.

    What is shown is a picture of the real one: nothing but the presentation sets the two apart.
    """
    person, place = people[0], int(rng.integers(2))
    thing = ATTACKS[int(rng.integers(len(ATTACKS)))]
    light = (Light.DAY, Light.OVERCAST, Light.DUSK, Light.NIR)[int(rng.choice(4, p=(0.45, 0.25, 0.2, 0.1)))]
    camera = (MID, FACE)[int(rng.integers(2))]
    attack = Distractor(thing, _PAIR[1 - place], person.shown, person.identity)
    (vehicle,) = _one_vehicle([person], rng, (_PAIR[place],))
    return LaneScene((replace(vehicle, distractors=(attack,)),), camera, Weather(light))


_NOBODIES = (
    Thing.SHIRT,
    Thing.STICKER,
    Thing.POSTER,
    Thing.PHONE_FACE,
    Thing.DOG,
    Thing.MIRROR_IMAGE,
    Thing.WALL_POSTER,
)


def _make_nobodies(people: list[Traveller], rng: np.random.Generator) -> LaneScene:
    """A driver, and a face that nobody wears: kind, size, place, lens, light, speed and direction by chance.

    The wearer of a printed shirt hides the own face in every second scene; a mirror gives the driver back.
    """
    thing = _NOBODIES[int(rng.integers(len(_NOBODIES)))]
    driver, other = people[0], people[-1]
    low, high = {
        Thing.SHIRT: (0.4, 1.0), Thing.STICKER: (0.3, 1.0), Thing.POSTER: (0.5, 1.0), Thing.PHONE_FACE: (0.35, 0.55),
        Thing.MIRROR_IMAGE: (0.6, 0.95), Thing.WALL_POSTER: (0.8, 2.2),
    }.get(thing, (0.0, 0.0))  # fmt: skip
    seat = {Thing.STICKER: None, Thing.PHONE_FACE: Seat.DRIVER, Thing.MIRROR_IMAGE: Seat.DRIVER}.get(
        thing, _PAIR[1]
    )
    if thing is Thing.POSTER and rng.random() < 0.4:
        seat = Seat.REAR_CENTRE
    shown = driver if thing is Thing.MIRROR_IMAGE else other
    nobody = Distractor(thing, seat, shown.shown, shown.identity, round(float(rng.uniform(low, high)), 2))
    light = (Light.DAY, Light.OVERCAST, Light.DUSK, Light.NIR)[int(rng.choice(4, p=(0.4, 0.3, 0.15, 0.15)))]
    across = thing is Thing.WALL_POSTER and bool(rng.random() < 0.5)
    (vehicle,) = _one_vehicle([driver], rng, _PAIR[:1])
    riders = vehicle.occupants
    if thing is Thing.SHIRT:
        hidden = bool(rng.random() < 0.5)
        riders = (*riders, seat_traveller(people[len(people) // 2], _PAIR[1], hidden=hidden))
    vehicle = replace(vehicle, occupants=riders, distractors=(nobody,))
    if across:
        vehicle = replace(vehicle, shape=Shape.SEDAN, plate=None, speed_mph=6.0, t_capture_s=2.2)
        return LaneScene((vehicle,), replace(MID, fps=30), Weather(light), Motion.ACROSS)
    return LaneScene((vehicle,), (MID, FACE)[int(rng.integers(2))], Weather(light))


def _make_headrests(people: list[Traveller], rng: np.random.Generator) -> LaneScene:
    """A driver beside an empty seat, with one or two head-rests that look like somebody; dress, lens and light by chance."""
    light = (Light.DAY, Light.OVERCAST, Light.DUSK, Light.NIR)[int(rng.choice(4, p=(0.4, 0.3, 0.15, 0.15)))]
    seats = (Seat.FRONT_PASSENGER, Seat.REAR_CENTRE)[: int(rng.integers(1, 3))]
    (vehicle,) = _one_vehicle(people, rng, _PAIR[:1])
    rests = tuple(Distractor(Thing.HEADREST, seat) for seat in seats)
    return LaneScene(
        (replace(vehicle, distractors=rests),), (MID, FACE)[int(rng.integers(2))], Weather(light)
    )


def _make_convoy(people: list[Traveller], rng: np.random.Generator) -> LaneScene:
    """Four vehicles nose to tail; the third hides its occupants, the fourth carries whoever is left."""
    supply = iter(people)
    vehicles = []
    for index in range(4):
        seats = (_THREE, _PAIR, _PAIR[:1], _PAIR)[index]
        riders = list(islice(supply, len(seats)))
        vehicle = _fill_vehicle(riders, seats, rng, at=CAPTURE_S + index * 1.8)
        if index == 2:
            hidden = tuple(replace(occupant, hidden=True) for occupant in vehicle.occupants)
            vehicle = replace(vehicle, occupants=hidden, transmission=0.12)
        vehicles.append(vehicle)
    return LaneScene(tuple(vehicles))


_PACES_MPH = (5.0, 10.0, 20.0)
_SEEN_FROM_M = 20.0  # range of a queue's first vehicle when the video begins


def _make_queue(people: list[Traveller], rng: np.random.Generator) -> LaneScene:
    """Three vehicles after each other: flowing, bumper to bumper or stop and go; lens, pace, gap and halt by chance."""
    camera = (MID, WIDE, FACE, TELE)[int(rng.integers(4))]
    way = ("flowing", "bumpers", "halting", "halting")[int(rng.integers(4))]
    pace = float(rng.choice(_PACES_MPH[:2] if way == "bumpers" else _PACES_MPH))
    speed = pace * METRES_PER_MILE_HOUR
    gap_m = float({"flowing": max(6.0, speed * rng.uniform(1.0, 2.8))}.get(way, rng.uniform(5.6, 7.5)))
    first_s = max(_SEEN_FROM_M - camera.z_capture_m, 2.0) / speed
    supply, vehicles = iter(people), []
    for index in range(3):
        riders = list(islice(supply, (2, 1, 2)[index]))
        vehicle = _fill_vehicle(riders, _PAIR, rng, at=first_s + index * gap_m / speed)
        vehicles.append(replace(vehicle, speed_mph=pace))
    halts = (_halt_before(vehicles[0], camera, rng),) if way == "halting" else ()
    return LaneScene(tuple(vehicles), camera, halts=halts)


def _halt_before(first: SceneVehicle, camera: Camera, rng: np.random.Generator) -> Halt:
    """Return a halt that brings the first vehicle to a stand 2.5 to 10 m before the camera, braking at 2 to 8 m/s2."""
    brake_s = first.speed_m_s / float(rng.uniform(2.0, 8.0))
    stands_m = float(rng.uniform(2.5, 10.0))
    at_s = first.t_capture_s + (camera.z_capture_m - stands_m) / first.speed_m_s - brake_s / 2
    return Halt(round(max(at_s, 0.1), 2), round(float(rng.uniform(1.0, 4.0)), 2), round(brake_s, 2))


def _make_empty(_people: list[Traveller], _rng: np.random.Generator) -> LaneScene:
    return LaneScene((), seconds=2.0)


PRESETS: dict[str, Preset] = {
    "across": _make_across, "attacks": _make_attacks, "convoy": _make_convoy, "day": _make_day, "dusk": _make_dusk, "empty": _make_empty,
    "glare": _make_glare, "headrests": _make_headrests, "impostors": _make_impostors, "night_nir": _make_night_nir, "night_strobe": _make_night_strobe,
    "nobodies": _make_nobodies,
    "overcast": _make_overcast, "queue": _make_queue, "rain": _make_rain, "slow_shutter": _make_slow_shutter, "tint": _make_tint,
    "wide": _make_wide,
}  # fmt: skip


def make_scene(name: str, people: Sequence[Traveller], *, seed: int = 0, seconds: float = 0.0) -> LaneScene:
    """Return a preset's scene, or `demo`. Raises `NotFound` for an unknown name and `Invalid` without people."""
    if not people:
        raise Invalid("a scene needs at least one traveller")
    if name == "demo":
        return replace(demo_scene(people, seed=seed), seconds=seconds)
    if name not in PRESETS:
        raise NotFound(f"no preset {name!r}", hint=f"Presets: demo, {', '.join(sorted(PRESETS))}.")
    rng = np.random.default_rng([seed, 7])
    scene = PRESETS[name](cast_people(people, rng), rng)
    return replace(scene, seed=seed, name=name, seconds=seconds or scene.seconds)


def demo_scene(people: Sequence[Traveller], *, seed: int = 0) -> LaneScene:
    """Return the demonstration: two or three vehicles that overlap in time, with each of up to 6 people once.

    The last vehicle's driver hides behind the sun visor and is nobody's traveller, so that "not captured" is seen too.
    """
    rng = np.random.default_rng([seed, 11])
    cast = [
        replace(person, enrolled=index % 3 != 1) if person.enrolled is None else person
        for index, person in enumerate(people[:6])
    ]
    groups = [cast[:2], cast[2:5]] if len(cast) > 2 else [cast]
    vehicles = [
        _fill_vehicle(riders, _THREE, rng, at=CAPTURE_S + HEADWAY_S * index)
        for index, riders in enumerate(groups)
    ]
    unseen = SceneOccupant(Seat.DRIVER, cast[-1].shown, "unseen", hidden=True)
    last = _fill_vehicle(cast[5:], (Seat.FRONT_PASSENGER,), rng, at=CAPTURE_S + HEADWAY_S * len(groups))
    vehicles.append(replace(last, occupants=(unseen, *last.occupants)))
    dressed = tuple(
        replace(vehicle, shape=shape, colour=paint, plate=make_plate(region, rng))
        for vehicle, (shape, paint, region) in zip(vehicles, DEMO_LOOKS, strict=False)
    )
    return LaneScene(dressed, seed=seed, name="demo")

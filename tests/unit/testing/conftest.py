"""People and scenes that the simulator's tests share. Small pictures: a test renders few and reads them all."""

import pytest
from lanesamples import QUIET, draw_face

from wayseal.model.border import Seat
from wayseal.testing.lane import FacePicture, LaneScene, SceneOccupant, ScenePlate, SceneVehicle, Traveller


@pytest.fixture(scope="session")
def face() -> FacePicture:
    """A drawn face."""
    return draw_face()


@pytest.fixture(scope="session")
def people(face: FacePicture) -> list[Traveller]:
    """Six travellers who all wear the drawn face; who is enrolled is left to the scene."""
    return [Traveller(f"T{index}", (face,)) for index in range(6)]


@pytest.fixture
def one_vehicle(face: FacePicture) -> LaneScene:
    """One vehicle with a plate and a driver, noiseless, at the capture plane after one second."""
    driver = SceneOccupant(Seat.DRIVER, face, "T1", ("drawn.png",))
    vehicle = SceneVehicle(1.0, 20.0, plate=ScenePlate("ABC-1234", "tx"), occupants=(driver,))
    return LaneScene((vehicle,), QUIET, seed=4)

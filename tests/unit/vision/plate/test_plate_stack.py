"""One picture from several: what stacking gains, what it leaves out, and when it is asked."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from drawn import add_noise, draw_plate, draw_scene
from numpy.typing import NDArray

from wayseal.model.border import Pixels
from wayseal.vision.plate.geometry import Quad, box_quad
from wayseal.vision.plate.reader import PlateReader
from wayseal.vision.plate.reading import PlateReading
from wayseal.vision.plate.stack import HEIGHT, WIDTH, cut_number, settle_dispute, stack_cuts


def make_reading(text: str, *others: tuple[str, float]) -> PlateReading:
    """Return a reading with its alternatives."""
    spread = np.full((len(text), 36), 1 / 36)
    return PlateReading(text, spread, ((text, 0.6), *others), 0.6, -0.2, 0.0)


class Fixed:
    """A weigher that believes one string, and counts how often it is asked."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked = 0

    def weigh_strings(self, crops: Sequence[Pixels], strings: Sequence[str]) -> NDArray[np.float64]:
        """Return 0.9 for the believed string, 0.01 for others."""
        self.asked += 1
        assert all(crop.shape[0] == 48 for crop in crops)
        return np.array([0.9 if text == self.text else 0.01 for text in strings])


@pytest.fixture
def quad() -> Quad:
    """The outline of the number in the drawn scene."""
    return box_quad((240.0, 212.0, 180.0, 36.0))


def noisy_cuts(quad: Quad, count: int, sigma: float) -> list[Pixels]:
    """Return cuts of one drawn plate, each with other noise."""
    scene = draw_scene(draw_plate("5QRV204"))
    return [cut_number(add_noise(scene, sigma, seed=seed), quad) for seed in range(count)]


def test_stack_is_nearer_to_the_truth(quad: Quad) -> None:
    """Six noisy pictures make one that is nearer to the clean one, equally sharpened, than any of them alone."""
    clean = stack_cuts(noisy_cuts(quad, 1, 0.0), [40.0])
    cuts = noisy_cuts(quad, 6, 25.0)
    assert cuts[0].shape == (HEIGHT, WIDTH, 3)

    def far(picture: Pixels) -> float:
        return float(np.abs(picture.astype(float) - clean).mean())

    alone = [far(stack_cuts([cut], [40.0])) for cut in cuts]
    assert far(stack_cuts(cuts, [40.0] * 6)) < 0.6 * min(alone)


def test_other_picture_is_left_out(quad: Quad) -> None:
    """A cut that shows something else adds nothing: the stack is the same without it."""
    cuts = noisy_cuts(quad, 3, 5.0)
    other = np.random.default_rng(3).integers(0, 255, cuts[0].shape, np.uint8)
    flat = np.full_like(cuts[0], 90)
    with_others = stack_cuts([*cuts, other, flat], [40.0, 39.0, 38.0, 37.0, 36.0])
    assert np.array_equal(with_others, stack_cuts(cuts, [40.0, 39.0, 38.0]))


def test_moved_cut_is_laid_back(quad: Quad) -> None:
    """A cut that lies five pixels off is moved onto the model before it counts."""
    cut = noisy_cuts(quad, 1, 3.0)[0]
    off = np.asarray(cv2.warpAffine(cut, np.array([[1, 0, 5], [0, 1, 2]], np.float32), (WIDTH, HEIGHT)))
    inner = (slice(10, -10), slice(20, -20))
    stacked, alone = stack_cuts([cut, off], [40.0, 40.0]), stack_cuts([cut], [40.0])
    assert float(np.abs(stacked[inner].astype(float) - alone[inner]).mean()) < 12


def test_agreement_asks_nobody(quad: Quad) -> None:
    """Readings that agree are not looked at again; without readings there is no string."""
    weigher = Fixed("XXX999")
    cuts = noisy_cuts(quad, 2, 5.0)
    assert settle_dispute(weigher, cuts, [quad, quad], [make_reading("5QRV204")] * 2) == "5QRV204"
    assert settle_dispute(weigher, [], [], []) == ""
    assert weigher.asked == 0


def test_stack_decides_a_dispute(quad: Quad) -> None:
    """What the stacked picture is sure of wins over two readings, an alternative included; an unsure one leaves the vote."""
    cuts = noisy_cuts(quad, 3, 5.0)
    readings = [make_reading("411SJH", ("411SJW", 0.2)), make_reading("411SJH"), make_reading("411SJI")]
    assert settle_dispute(Fixed("411SJW"), cuts, [quad] * 3, readings) == "411SJW"
    assert settle_dispute(Fixed("AAAAAA"), cuts, [quad] * 3, readings) == "411SJH"


def test_reader_weighs_strings(plate_reader: PlateReader, quad: Quad) -> None:
    """The recogniser finds the drawn text likelier than a look-alike, and both are probabilities."""
    cuts = noisy_cuts(quad, 4, 10.0)
    readings = [make_reading("5ORV204"), make_reading("5QRV204"), make_reading("5QRV2O4")]
    assert settle_dispute(plate_reader, cuts[:3], [quad] * 3, readings) in {"5QRV204", "5ORV204"}
    picture = cv2.resize(stack_cuts(cuts, [40.0] * 4)[17:-17], (300, 48))
    right, wrong = plate_reader.weigh_strings([np.asarray(picture, np.uint8)], ["5QRV204", "7XKV119"])
    assert 0 <= wrong < right <= 1

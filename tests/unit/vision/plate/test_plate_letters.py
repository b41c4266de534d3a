"""The plate reader's letters and how they are weighed with the general reader."""

import cv2
import numpy as np
import pytest
from drawn import draw_plate

from wayseal.vision.plate.decode import search_strings
from wayseal.vision.plate.letters import LetterNet, load_letters
from wayseal.vision.plate.reader import PlateReader
from wayseal.vision.plate.recognise import ALPHABET, Sight, share_round
from wayseal.vision.plate.sight import pool_chances, propose_strings, spread_sights

FEATURES = 3


def _one_hot(text: str, *, sure: float = 0.9) -> np.ndarray:
    """Columns in which each character stands for two columns, with a gap between."""
    columns = np.full((3 * len(text), len(ALPHABET) + 1), (1 - sure) / len(ALPHABET), np.float32)
    for place, character in enumerate(text):
        columns[3 * place : 3 * place + 2, ALPHABET.index(character) + 1] = sure
        columns[3 * place + 2, 0] = sure
    return columns


@pytest.fixture
def net() -> LetterNet:
    """A network whose middle column's first feature speaks for A and whose right neighbour's second one for B."""
    first = np.zeros((3 * FEATURES, 2), np.float32)
    first[FEATURES, 0] = first[2 * FEATURES + 1, 1] = 1.0
    second = np.zeros((2, len(ALPHABET) + 1), np.float32)
    second[0, 1] = second[1, 2] = 9.0
    flat = np.zeros(FEATURES, np.float32)
    return LetterNet(flat, flat + 1, first, flat[:2], second, np.zeros(37, np.float32))


def test_letters_see_their_neighbours(net: LetterNet) -> None:
    """A column is read from itself and its neighbours; beyond the ends there is nothing."""
    features = np.array([[1, 0, 0], [0, 0, 0], [0, 1, 0]], np.float32)
    chances = net.read_features(features)
    assert chances.shape == (3, 37)
    np.testing.assert_allclose(chances.sum(axis=1), 1.0, rtol=1e-5)
    assert chances[0].argmax() == 1
    assert chances[1].argmax() == 2
    np.testing.assert_allclose(chances[2], 1 / 37, rtol=1e-5)


def test_letters_are_small() -> None:
    """The network that ships reads columns of 120 features, and has fewer than 100,000 weights."""
    shipped = load_letters()
    sizes = [getattr(shipped, name).size for name in LetterNet.__slots__]
    assert shipped.mean.shape == (120,)
    assert sum(sizes) < 100_000


def test_letters_read_a_drawn_number(plate_reader: PlateReader) -> None:
    """The letters alone read a clean drawn number that the network was not trained on."""
    crop = cv2.resize(draw_plate("KT7H2RW", height=60)[6:-6, 20:-20], (300, 48))
    (sight,) = plate_reader.recogniser.read_lines([np.asarray(crop, np.uint8)])
    assert search_strings(sight.plate)[0] == "KT7H2RW"


def test_readers_settle_a_doubt_together() -> None:
    """Where one reader wavers the other decides, and what neither proposes is not proposed."""
    unsure = (0.5 * (_one_hot("W17K") + _one_hot("H17K"))).astype(np.float32)
    sights = [Sight(unsure, _one_hot("W17K"))]
    strings = propose_strings(sights)
    assert {"W17K", "H17K"} <= set(strings)
    chances = dict(zip(strings, pool_chances(sights, strings), strict=True))
    assert chances["W17K"] > chances["H17K"] + 1
    assert max(chances, key=chances.__getitem__) == "W17K"
    assert "Q17K" not in {text for text, chance in chances.items() if chance > chances["H17K"]}


def test_one_reader_alone() -> None:
    """Where the plate reader did not look, the general reader's own probabilities count, unweighed."""
    strings = propose_strings([Sight(_one_hot("W17K"))])
    both = pool_chances([Sight(_one_hot("W17K"), _one_hot("W17K"))], strings)
    alone = pool_chances([Sight(_one_hot("W17K"))], strings)
    np.testing.assert_allclose(both, 1.4 * alone, rtol=1e-9)


def test_spread_is_the_general_readers() -> None:
    """A position's probabilities are the general reader's: its doubt at an end tells an emblem from a character."""
    spread = spread_sights([Sight(_one_hot("8B"), _one_hot("BB"))], "8B")
    assert spread.shape == (2, 36)
    np.testing.assert_allclose(spread.sum(axis=1), 1.0, rtol=1e-6)
    assert spread[0].argmax() == ALPHABET.index("8")


def test_letters_share_rounds(plate_reader: PlateReader) -> None:
    """Where the shares of O and 0 are evened out, what they have together stays, and nothing else changes."""
    crop = cv2.resize(draw_plate("KT7O2RW", height=60)[6:-6, 20:-20], (300, 48))
    seen = plate_reader.recogniser.read_lines([np.asarray(crop, np.uint8)])[0].plate
    assert seen is not None
    shared = share_round(seen)
    rounds = [ALPHABET.index(sign) + 1 for sign in "O0"]
    others = [place for place in range(len(ALPHABET) + 1) if place not in rounds]
    assert seen[:, rounds].sum(axis=1).max() > 0.5
    np.testing.assert_array_equal(shared[:, rounds[0]], shared[:, rounds[1]])
    np.testing.assert_allclose(shared.sum(axis=1), seen.sum(axis=1), rtol=1e-5)
    np.testing.assert_array_equal(shared[:, others], seen[:, others])

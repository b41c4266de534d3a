"""Marks: too faint to see on pictures of every size, the same each time, and secret to whoever lacks the key."""

import hashlib
import time

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayseal.export.mark import PSNR, luma, mark_picture, measure_psnr
from wayseal.export.markcode import (
    NEWEST,
    RECIPES,
    Channel,
    MarkRoot,
    Recipe,
    find_recipe,
    make_codes,
    make_waves,
)
from wayseal.export.markread import read_blind
from wayseal.export.markscore import score_keys
from wayseal.model.errors import Invalid

ROOT = MarkRoot(b"a secret of this test, 32 bytes..")
KEY = ROOT.key(Channel.EXPORT, "01KB3Z6V8N4Q0T2Y5RWXEJ7MCH")


def paint(height: int, width: int, seed: int = 1) -> np.ndarray:
    """A soft coloured picture with some texture."""
    rng = np.random.default_rng(seed)
    rough = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    soft = cv2.GaussianBlur(rough, (0, 0), max(1.0, min(height, width) / 30)).astype(np.float32)
    wide = (soft - soft.mean()) / (soft.std() + 1e-6) * 45 + 125 + rng.normal(0, 2, soft.shape)
    return np.clip(wide, 0, 255).astype(np.uint8)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 300), st.integers(1, 300), st.integers(0, 10_000), st.sampled_from(list(Channel)),
    st.sampled_from(["painted", "black", "white", "flat", "noise"]),
)  # fmt: skip
def test_never_seen(height: int, width: int, seed: int, channel: Channel, kind: str) -> None:
    """A mark changes a picture of any size and kind by no more than 42 dB, and never its shape."""
    made = {
        "painted": lambda: paint(height, width, seed),
        "black": lambda: np.zeros((height, width, 3), np.uint8),
        "white": lambda: np.full((height, width, 3), 255, np.uint8),
        "flat": lambda: np.full((height, width, 3), 117, np.uint8),
        "noise": lambda: np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8),
    }[kind]()
    marked = mark_picture(made, ROOT.key(channel, "01A"), "R")
    assert marked.shape == made.shape
    assert measure_psnr(made, marked) >= PSNR


def test_same_each_time() -> None:
    """The same picture, key and record give the same pixels; another record gives others."""
    picture = paint(120, 90)
    first = mark_picture(picture, KEY, "R1")
    assert np.array_equal(first, mark_picture(picture, KEY, "R1"))
    assert not np.array_equal(first, mark_picture(picture, KEY, "R2"))


def test_does_not_touch_its_input() -> None:
    """The picture that was given stays as it was."""
    picture = paint(80, 80)
    before = picture.copy()
    mark_picture(picture, KEY, "R1")
    assert np.array_equal(picture, before)


def test_channels_do_not_mix() -> None:
    """One id has another key in each channel, and no key shows its secret when printed."""
    keys = {ROOT.key(channel, "01A").secret for channel in Channel}
    assert len(keys) == 3
    assert KEY.secret.hex() not in repr(KEY)
    assert str(KEY.secret) not in repr(KEY)


def test_codes_are_coin_tosses() -> None:
    """Codes of two keys, or of two records under one key, agree in half of their bits, as far as chance allows."""
    keys = [ROOT.key(Channel.EXPORT, str(number)) for number in range(200)]
    codes = make_codes(keys, ["R"] * 200, 4096).astype(np.float64) * 2 - 1
    alike = (codes @ codes.T) / np.sqrt(4096)
    off = alike[np.triu_indices(200, 1)]
    assert abs(off.mean()) < 0.05
    assert 0.95 < off.std() < 1.05
    assert np.abs(off).max() < 6
    two = make_codes([KEY, KEY], ["R1", "R2"], 4096).astype(int)
    assert abs(int((two[0] == two[1]).sum()) - 2048) < 6 * 32


def test_waves_fit_the_picture() -> None:
    """Each wave is used once, none is constant, and a larger picture carries more of them up to some ten thousands."""
    counts = []
    for side in (40, 120, 300, 700, 1280):
        waves = make_waves(side, side)
        places = set(zip(waves.rows.tolist(), waves.columns.tolist(), strict=True))
        assert len(places) == waves.count
        assert (0, 0) not in places
        counts.append(waves.count)
    assert counts == sorted(counts)
    assert counts[-1] < 60_000


def test_recipes_stay_as_they_are() -> None:
    """Each recipe is what it always was, to the places of its waves: copies that it marked are out there. An unknown one is told."""
    assert set(RECIPES.values()) == {Recipe(1, highest=0.28, gamma=0.6), Recipe(2, highest=0.34, gamma=0.5)}
    assert NEWEST.number == 2
    placed = {}
    for number, recipe in RECIPES.items():
        waves = make_waves(160, 120, recipe)
        placed[number] = hashlib.sha256(waves.rows.tobytes() + waves.columns.tobytes()).hexdigest()[:16]
    assert placed == {1: "534ecc55abd44791", 2: "518a74f1d4c09a3a"}
    with pytest.raises(Invalid, match="recipe"):
        find_recipe(3)


@pytest.mark.parametrize("number", sorted(RECIPES))
def test_read_by_its_own_recipe(number: int) -> None:
    """A mark is found by the recipe that wrote it, and by no other."""
    recipe, picture = RECIPES[number], cv2.GaussianBlur(paint(400, 400), (0, 0), 2)
    marked = luma(mark_picture(picture, KEY, "R1", recipe))
    z = {
        other: float(score_keys(read_blind(marked, one), [KEY], ["R1"]).z[0])
        for other, one in RECIPES.items()
    }
    assert z.pop(number) > 7
    assert max(map(abs, z.values())) < 5


def test_two_marks_in_one_picture() -> None:
    """A session's mark on a picture that a lane has marked leaves both to be found, without any original."""
    picture = cv2.GaussianBlur(paint(400, 400), (0, 0), 2)
    lane = ROOT.key(Channel.LANE, "lane1")
    both = mark_picture(mark_picture(picture, lane, "R1"), KEY, "R1")
    z = score_keys(read_blind(luma(both)), [lane, KEY, ROOT.key(Channel.LANE, "lane2")], ["R1"] * 3).z
    assert z[0] > 7
    assert z[1] > 7
    assert abs(z[2]) < 5


@pytest.mark.parametrize(("height", "width", "limit_ms"), [(480, 640, 20.0), (184, 122, 4.0)])
def test_quick_enough_for_a_lane(height: int, width: int, limit_ms: float) -> None:
    """Marking costs a lane little: CPU time of one thread, the least of nine, with room for a loaded machine."""
    picture = paint(height, width)
    mark_picture(picture, KEY, "R")
    spent = []
    for number in range(9):
        start = time.thread_time()
        mark_picture(picture, KEY, str(number))
        spent.append(1000 * (time.thread_time() - start))
    assert min(spent) < 2 * limit_ms

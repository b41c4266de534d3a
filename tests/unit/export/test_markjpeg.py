"""A JPEG's own bins: read from its file, and worth more than subtraction where a mark is far below them."""

import cv2
import numpy as np
from leakparts import cut_face

from wayseal.export.mark import luma, mark_picture
from wayseal.export.markcode import Channel, MarkRoot
from wayseal.export.markjpeg import read_compression, score_bins
from wayseal.export.markread import cut_view, gather_evidence
from wayseal.export.markscore import score_keys
from wayseal.testing.leaks import average, shrink, to_jpeg, to_png
from wayseal.vision.picture import read_picture

ROOT = MarkRoot(b"a third secret of thirty-two bytes")


def test_reads_the_steps() -> None:
    """The steps of brightness are those of the file's quality; other files have none."""
    file = to_jpeg(cut_face(1), 50)
    found = read_compression(file)
    assert found is not None
    assert found.size == (256, 256)
    assert found.steps[0].tolist() == [16, 11, 10, 16, 24, 40, 51, 61]
    assert read_compression(to_png(cut_face(1))) is None
    assert read_compression(file[:30]) is None
    assert read_compression(b"") is None


def test_true_model_scores_nought() -> None:
    """A model that lies in the middle of every bin is not pushed anywhere."""
    plane = luma(read_picture(to_jpeg(np.full((64, 64, 3), 128, np.uint8), 50)))
    compression = read_compression(to_jpeg(np.full((64, 64, 3), 128, np.uint8), 50))
    assert compression is not None
    assert np.abs(score_bins(plane, plane, compression)).max() < 0.05


def test_bins_beat_subtraction_on_faint_marks() -> None:
    """On averaged, halved and compressed copies, the bins together with subtraction score more than subtraction, over six faces."""
    gain = []
    for seed in range(6):
        face = cut_face(seed)
        keys = [ROOT.key(Channel.EXPORT, str(number)) for number in range(4)]
        file = to_jpeg(shrink(average([mark_picture(face, key, "R") for key in keys]), 0.5), 50)
        leak = luma(read_picture(file))
        matrix = np.array([[0.5, 0, -0.25], [0, 0.5, -0.25], [0, 0, 1]])
        plain, binned = (
            score_keys(
                gather_evidence(luma(face), cut_view(leak, matrix, (256, 256), one)), keys, ["R"] * 4
            ).z.mean()
            for one in (None, read_compression(file))
        )
        gain.append(binned - plain)
    assert np.mean(gain) > 0.3


def test_large_leak_is_made_smaller() -> None:
    """A leak that shows the original enlarged is read at the original's size, without its file's blocks."""
    face = cut_face(2)
    large = cv2.resize(face, None, fx=3, fy=3)
    matrix = np.array([[3.0, 0, 1], [0, 3, 1], [0, 0, 1]])
    view = cut_view(luma(large), matrix, (256, 256), read_compression(to_jpeg(large)))
    assert view.compression is None
    assert max(view.plane.shape) <= 272

"""Train the plate reader's letters (`letters.npz`) on drawn plates, and say how many unseen drawn ones they read.

Usage: fit_plate_letters.py FACES [--plates N] [--write]

FACES is a folder with free typefaces, which are not shipped: `npm install --ignore-scripts $(cat tools/plate-typefaces.txt)` in an empty
folder, and give its node_modules. Each plate is looked at twice. One in twenty is kept apart to be counted. `--write` replaces letters.npz.
"""

import argparse
import io
import sys
from pathlib import Path

import cv2
import numpy as np
from made_plates import draw_sample, find_faces, look_at
from plate_ctc import Lines, Trainer

from wayseal.vision.models import PLATE_READER, load_session
from wayseal.vision.plate.letters import parse_letters
from wayseal.vision.plate.recognise import ALPHABET

TARGET = Path(__file__).resolve().parents[1] / "src" / "wayseal" / "vision" / "plate" / "letters.npz"
WINDOW, HIDDEN, EPOCHS, LOOKS, KEPT = 5, 96, 8, 2, 20


def see_plates(faces: list[str], count: int) -> Lines:
    """Return the recogniser's features of drawn plates, `LOOKS` lines a plate."""
    cv2.setNumThreads(1)
    session = load_session(PLATE_READER)
    name = session.get_inputs()[0].name
    features, texts = [], []
    for seed in range(count):
        sample = draw_sample(faces, seed)
        for crop in look_at(sample, seed + 7, LOOKS):
            feed = crop.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1.0
            features.append(session.run(None, {name: feed})[1][0].astype(np.float16))
            texts.append(sample.text)
        if seed % 500 == 499:
            print(f"{seed + 1} plates drawn", file=sys.stderr, flush=True)
    return Lines(np.concatenate(features), np.array([len(one) for one in features]), texts)


def pack_letters(weights: dict[str, np.ndarray]) -> bytes:
    """Return the weights as an .npz file with halves of the precision."""
    packed = io.BytesIO()
    np.savez(packed, **{name: values.astype(np.float16) for name, values in weights.items()})
    return packed.getvalue()


def count_right(data: bytes, lines: Lines, places: range) -> float:
    """Return the share of lines that the packed network reads exactly, its likeliest sign taken in each column."""
    letters = parse_letters(data)
    right = 0
    for place in places:
        columns = lines.features[lines.starts[place] : lines.starts[place] + lines.lengths[place]]
        best = letters.read_features(columns.astype(np.float32)).argmax(axis=1)
        changed = np.flatnonzero(np.diff(best, prepend=0))
        right += "".join(ALPHABET[best[at] - 1] for at in changed if best[at]) == lines.texts[place]
    return right / len(places)


def main() -> None:
    """Draw, train, count, and write where wanted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("--plates", type=int, default=8_000)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    faces = find_faces(options.faces)
    if not faces:
        parser.error("no typefaces there: files named *latin-400-normal.woff and the like")
    print(f"{len(faces)} typefaces", file=sys.stderr)
    lines = see_plates(faces, options.plates)
    first = LOOKS * (options.plates // KEPT)
    taught = int(lines.starts[first])
    learnt = Lines(lines.features[taught:], lines.lengths[first:], lines.texts[first:])
    trainer = Trainer(learnt, window=WINDOW, hidden=HIDDEN)
    trainer.train(EPOCHS, lambda line: print(line, file=sys.stderr, flush=True))
    data = pack_letters(trainer.weights)
    share = count_right(data, lines, range(first))
    print(f"{share:.1%} of {first} unseen drawn lines read exactly, {len(data)} bytes")
    if options.write:
        TARGET.write_bytes(data)


if __name__ == "__main__":
    main()

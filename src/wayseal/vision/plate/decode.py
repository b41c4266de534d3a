"""From the recogniser's columns to strings: candidate readings, their likelihoods, and each position's characters.

Pure arithmetic on CTC columns (Graves et al. 2006: prefix search, forward and backward sums). It knows no grammar.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wayseal.vision.plate.recognise import ALPHABET, Columns

BEAM = 12
FAINT = 0.004
FLOOR = 1e-6
LONGEST = 12
INDEX = {character: place for place, character in enumerate(ALPHABET, start=1)}


def search_strings(columns: Columns, *, beam: int = BEAM) -> list[str]:
    """Return the likeliest strings in the columns, best first, at most `beam` of them (CTC prefix search)."""
    kept: dict[str, tuple[float, float]] = {"": (1.0, 0.0)}
    for row in columns:
        loud = [place for place in np.flatnonzero(row > FAINT).tolist() if place > 0]
        grown: dict[str, tuple[float, float]] = {}
        for prefix, (blank, sound) in kept.items():
            _extend_prefix(grown, (prefix, blank, sound), row, loud)
        best = sorted(grown.items(), key=lambda item: -sum(item[1]))[:beam]
        top = sum(best[0][1]) or 1.0
        kept = {prefix: (blank / top, sound / top) for prefix, (blank, sound) in best}
    return list(kept)


def _extend_prefix(
    grown: dict[str, tuple[float, float]],
    held_prefix: tuple[str, float, float],
    row: Columns,
    loud: list[int],
) -> None:
    """Add to `grown` what one prefix becomes in the next column."""
    prefix, blank, sound = held_prefix
    total = blank + sound
    last = INDEX[prefix[-1]] if prefix else 0
    held = grown.get(prefix, (0.0, 0.0))
    stay = sound * float(row[last]) if last else 0.0
    grown[prefix] = (held[0] + total * float(row[0]), held[1] + stay)
    if len(prefix) >= LONGEST:
        return
    for place in loud:
        longer = prefix + ALPHABET[place - 1]
        held = grown.get(longer, (0.0, 0.0))
        gain = (blank if place == last else total) * float(row[place])
        grown[longer] = (held[0], held[1] + gain)


def score_strings(columns: Columns, strings: Sequence[str]) -> NDArray[np.float64]:
    """Return each string's log-probability given the columns (the forward sum over all alignments), all strings in one pass."""
    if not strings:
        return np.zeros(0)
    count, width = len(strings), 2 * max(len(text) for text in strings) + 1
    states = np.zeros((count, width), np.intp)
    there = np.zeros((count, width), bool)
    for row, text in enumerate(strings):
        states[row, : 2 * len(text) + 1] = _states(text)
        there[row, : 2 * len(text) + 1] = True
    skip = np.zeros((count, width))
    skip[:, 3::2] = states[:, 3::2] != states[:, 1:-2:2]
    seen = np.maximum(columns[:, states].astype(np.float64), FLOOR) * there
    now = np.zeros((count, width))
    now[:, :2] = seen[0, :, :2]
    logs = np.zeros(count)
    for step, heard in enumerate(seen):
        if step:
            moved = now.copy()
            moved[:, 1:] += now[:, :-1]
            moved[:, 2:] += now[:, :-2] * skip[:, 2:]
            now = moved * heard
        scale = np.maximum(now.sum(axis=1), 1e-300)
        now /= scale[:, None]
        logs += np.log(scale)
    rows, last = np.arange(count), there.sum(axis=1) - 1
    ending = now[rows, last] + np.where(last > 0, now[rows, last - 1], 0.0)
    scored: NDArray[np.float64] = logs + np.log(np.maximum(ending, 1e-300))
    return scored


def _states(text: str) -> NDArray[np.intp]:
    """Return the CTC states of a string: blank, character, blank, ..."""
    states = np.zeros(2 * len(text) + 1, np.intp)
    states[1::2] = [INDEX[character] for character in text]
    return states


def _forward(columns: Columns, text: str) -> NDArray[np.float64]:
    """Return the forward sums (T, states), each column's scaled to 1 in all."""
    states = _states(text)
    seen = np.maximum(columns[:, states].astype(np.float64), FLOOR)
    skip = np.zeros(len(states), bool)
    skip[3::2] = states[3::2] != states[1:-2:2]
    sums = np.zeros_like(seen)
    now = np.zeros(len(states))
    now[0] = seen[0, 0]
    if len(states) > 1:
        now[1] = seen[0, 1]
    for step in range(len(columns)):
        if step:
            moved = now.copy()
            moved[1:] += now[:-1]
            moved[2:] += np.where(skip[2:], now[:-2], 0.0)
            now = moved * seen[step]
        scale = now.sum()
        if scale <= 0:
            break
        now = now / scale
        sums[step] = now
    return sums


def spread_positions(columns: Columns, text: str) -> NDArray[np.float64]:
    """Return (len(text), 36): at each position of `text`, how the recogniser's belief is spread over the alphabet.

    Each row sums to 1. A position's row is the columns' mean, weighted by how surely each column belongs to it.
    """
    if not text:
        return np.zeros((0, len(ALPHABET)))
    mixed = _weigh_columns(columns, text) @ columns[:, 1:].astype(np.float64) + FLOOR
    spread: NDArray[np.float64] = mixed / mixed.sum(axis=1, keepdims=True)
    return spread


def place_characters(columns: Columns, text: str) -> NDArray[np.float64]:
    """Return where each character of `text` stands along the line, as shares of its width (0 left, 1 right)."""
    weights = _weigh_columns(columns, text)
    steps = (np.arange(len(columns)) + 0.5) / len(columns)
    places: NDArray[np.float64] = weights @ steps / np.maximum(weights.sum(axis=1), 1e-300)
    return places


def _weigh_columns(columns: Columns, text: str) -> NDArray[np.float64]:
    """Return (len(text), T): how surely each column belongs to each character (the forward-backward posterior)."""
    ahead = _forward(columns, text)
    behind = _forward(columns[::-1], text[::-1])
    share = ahead * behind[::-1, ::-1] / np.maximum(columns[:, _states(text)], FLOOR)
    share /= np.maximum(share.sum(axis=1, keepdims=True), 1e-300)
    weights: NDArray[np.float64] = share[:, 1::2].T
    return weights

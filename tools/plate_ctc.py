"""Train a two-layer network on columns of features by connectionist temporal classification (Graves et al. 2006), in numpy alone.

Deterministic for one seed and one version of numpy's linear algebra. It knows nothing of pictures.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from wayseal.vision.plate.recognise import ALPHABET

Floats = NDArray[np.float32]
BATCH, RATE, DECAY, DROPPED = 64, 3e-3, 1e-2, 0.3
SIGNS = len(ALPHABET) + 1


@dataclass(frozen=True)
class Lines:
    """Lines to learn from: their columns of features one after another, how many each has, and their texts."""

    features: NDArray[np.float16]
    lengths: NDArray[np.intp]
    texts: Sequence[str]

    @property
    def starts(self) -> NDArray[np.intp]:
        """Where each line's columns begin."""
        return np.concatenate([[0], np.cumsum(self.lengths)[:-1]])


def weigh_labels(
    chances: NDArray[np.float64], lengths: NDArray[np.intp], texts: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each text's negative log-probability, and the mean loss's gradient with respect to the logits.

    `chances` is (batch, T, 37); columns beyond a line's length are passed over.
    """
    batch, steps, _ = chances.shape
    counts = np.array([len(text) for text in texts])
    states, there = _lay_states(texts, counts)
    beyond = np.arange(steps)[None] >= lengths[:, None]
    known = chances.copy()
    known[beyond] = 1e-9
    known[beyond, 0] = 1.0
    index = np.broadcast_to(states[:, None, :], (batch, steps, states.shape[1]))
    heard = np.maximum(np.take_along_axis(known, index, 2), 1e-9) * there[:, None]
    skip = np.zeros(states.shape)
    skip[:, 3::2] = states[:, 3::2] != states[:, 1:-2:2]
    ahead, scales = _sum_ahead(heard, skip)
    rows, last = np.arange(batch), 2 * counts
    ending = ahead[rows, -1, last] + ahead[rows, -1, last - 1]
    loss = -(np.log(scales).sum(axis=1) + np.log(np.maximum(ending, 1e-300)))
    share = ahead * _sum_behind(heard, skip, last)
    share /= np.maximum(share.sum(axis=2, keepdims=True), 1e-300)
    wanted = np.zeros_like(chances)
    lines, columns = rows[:, None], np.arange(steps)[None]
    for state in range(states.shape[1]):
        wanted[lines, columns, states[:, state][:, None]] += share[:, :, state] * there[:, state][:, None]
    gradient = chances - wanted
    gradient[beyond] = 0.0
    return loss, gradient / batch


def _lay_states(texts: Sequence[str], counts: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return each text's states (blank, character, blank, ...) and which of them there are."""
    states = np.zeros((len(texts), 2 * int(counts.max()) + 1), np.intp)
    there = np.zeros(states.shape, bool)
    for row, text in enumerate(texts):
        states[row, 1 : 2 * len(text) : 2] = [ALPHABET.index(sign) + 1 for sign in text]
        there[row, : 2 * len(text) + 1] = True
    return states, there


def _sum_ahead(
    heard: NDArray[np.float64], skip: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the forward sums, each column's scaled to 1, and the scales."""
    batch, steps, width = heard.shape
    sums, scales = np.zeros((batch, steps, width)), np.zeros((batch, steps))
    now = np.zeros((batch, width))
    now[:, :2] = heard[:, 0, :2]
    for step in range(steps):
        if step:
            moved = now.copy()
            moved[:, 1:] += now[:, :-1]
            moved[:, 2:] += now[:, :-2] * skip[:, 2:]
            now = moved * heard[:, step]
        scales[:, step] = np.maximum(now.sum(axis=1), 1e-300)
        now = now / scales[:, step, None]
        sums[:, step] = now
    return sums, scales


def _sum_behind(
    heard: NDArray[np.float64], skip: NDArray[np.float64], last: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the backward sums, each column's scaled to 1."""
    batch, steps, width = heard.shape
    sums = np.zeros((batch, steps, width))
    now = np.zeros((batch, width))
    now[np.arange(batch), last] = now[np.arange(batch), last - 1] = 1.0
    sums[:, -1] = now
    for step in range(steps - 2, -1, -1):
        coming = now * heard[:, step + 1]
        moved = coming.copy()
        moved[:, :-1] += coming[:, 1:]
        moved[:, :-2] += coming[:, 2:] * skip[:, 2:]
        now = moved / np.maximum(moved.sum(axis=1, keepdims=True), 1e-300)
        sums[:, step] = now
    return sums


class Trainer:
    """A network under training; `weights` holds it, by the names of `letters.LetterNet`."""

    def __init__(self, lines: Lines, *, window: int, hidden: int, seed: int = 0) -> None:
        self.lines, self.window = lines, window
        self.rng = np.random.default_rng(seed)
        sampled = lines.features[::7].astype(np.float32)
        size = sampled.shape[1] * window
        self.weights: dict[str, Floats] = {
            "mean": sampled.mean(axis=0),
            "spread": sampled.std(axis=0) + np.float32(1e-3),
            "first": self.rng.normal(0, (2 / size) ** 0.5, (size, hidden)).astype(np.float32),
            "first_offset": np.zeros(hidden, np.float32),
            "second": self.rng.normal(0, (1 / hidden) ** 0.5, (hidden, SIGNS)).astype(np.float32),
            "second_offset": np.zeros(SIGNS, np.float32),
        }
        learnt = ("first", "first_offset", "second", "second_offset")
        self.drift = {name: np.zeros_like(self.weights[name]) for name in learnt}
        self.power = {name: np.zeros_like(self.weights[name]) for name in learnt}
        self.step = 0

    def train(self, epochs: int, tell: Callable[[str], None]) -> None:
        """Learn from every line `epochs` times; `tell` gets a sentence each time."""
        fit = [
            place
            for place, text in enumerate(self.lines.texts)
            if len(text) + sum(a == b for a, b in pairwise(text)) <= self.lines.lengths[place]
        ]
        steps = epochs * (len(fit) // BATCH + 1)
        for epoch in range(epochs):
            losses = [self._learn(batch, steps) for batch in self._shuffle(np.array(fit))]
            tell(f"epoch {epoch + 1} of {epochs}: loss {np.mean(losses):.3f}")

    def _shuffle(self, fit: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
        """Give batches of lines of about one length, in random order."""
        order = fit[np.argsort(self.lines.lengths[fit] + self.rng.uniform(0, 6, len(fit)))]
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        for place in self.rng.permutation(len(batches)):
            yield batches[place]

    def _gather(self, batch: NDArray[np.intp]) -> Floats:
        """Return the lines' windows of scaled columns, (batch, T, window * features), zeros beyond their ends."""
        lengths, starts = self.lines.lengths, self.lines.starts
        values = np.zeros((len(batch), max(lengths[batch]), len(self.weights["mean"])), np.float32)
        for row, place in enumerate(batch):
            columns = self.lines.features[starts[place] : starts[place] + lengths[place]]
            values[row, : lengths[place]] = (columns - self.weights["mean"]) / self.weights["spread"]
        reach = self.window // 2
        padded = np.pad(values, ((0, 0), (reach, reach), (0, 0)))
        steps = values.shape[1]
        return np.concatenate([padded[:, shift : shift + steps] for shift in range(self.window)], axis=2)

    def _learn(self, batch: NDArray[np.intp], steps: int) -> float:
        """Take one step on a batch and return its mean loss."""
        weights = self.weights
        windows = self._gather(batch)
        kept = (self.rng.random(weights["first_offset"].size) > DROPPED).astype(np.float32) / (1 - DROPPED)
        hidden = np.maximum(windows @ weights["first"] + weights["first_offset"], 0) * kept
        logits = hidden @ weights["second"] + weights["second_offset"]
        chances = np.exp(logits - logits.max(axis=2, keepdims=True)).astype(np.float64)
        chances /= chances.sum(axis=2, keepdims=True)
        texts = [self.lines.texts[place] for place in batch]
        loss, wide = weigh_labels(chances, self.lines.lengths[batch], texts)
        slope = wide.astype(np.float32)
        inner = (slope @ weights["second"].T) * (hidden > 0) * kept
        both = ((0, 1), (0, 1))
        self._move(
            {
                "first": np.tensordot(windows, inner, both),
                "first_offset": inner.sum(axis=(0, 1)),
                "second": np.tensordot(hidden, slope, both),
                "second_offset": slope.sum(axis=(0, 1)),
            },
            steps,
        )
        return float(loss.mean())

    def _move(self, gradients: dict[str, Floats], steps: int) -> None:
        """Move the weights by one step of Adam (Kingma, Ba 2015) with weight decay; the rate falls along a cosine."""
        self.step += 1
        rate = RATE * min(1.0, self.step / 100) * max(0.01, 0.5 * (1 + np.cos(np.pi * self.step / steps)))
        for name, gradient in gradients.items():
            held = np.clip(gradient, -1, 1)
            self.drift[name] += 0.1 * (held - self.drift[name])
            self.power[name] += 0.001 * (held**2 - self.power[name])
            mean = self.drift[name] / (1 - 0.9**self.step)
            scale = np.sqrt(self.power[name] / (1 - 0.999**self.step)) + 1e-8
            shrink = DECAY * self.weights[name] if not name.endswith("offset") else 0.0
            self.weights[name] -= np.asarray(rate * (mean / scale + shrink), np.float32)

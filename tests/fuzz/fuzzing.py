"""What the fuzz targets share: damage to binary inputs, and the way into atheris."""

import random
import sys
from collections.abc import Callable, Iterator, Sequence


def mutate_corpus(
    corpus: list[bytes], count: int, seed: int, *, cuts: Sequence[int], doubles: Sequence[int]
) -> Iterator[bytes]:
    """Give `count` inputs: corpus entries with bits flipped, bytes cut out, doubled, spliced or overwritten.

    `cuts` and `doubles` are how many bytes may go or come twice: sizes that the format itself is made of.
    """
    dice = random.Random(seed)
    for _ in range(count):
        data = bytearray(dice.choice(corpus))
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(data) + 1)
            act = dice.randrange(5)
            if act == 0 and at < len(data):
                data[at] ^= 1 << dice.randrange(8)
            elif act == 1:
                del data[at : at + dice.choice(cuts)]
            elif act == 2:
                data[at:at] = data[at : at + dice.choice(doubles)]
            elif act == 3:
                other = dice.choice(corpus)
                data[at:] = other[dice.randrange(len(other) + 1) :]
            else:
                data[at : at + 2] = dice.randbytes(2)
        yield bytes(data)


def run_atheris(check_input: Callable[[bytes], None]) -> None:
    """Run a target under atheris until its options say stop."""
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, check_input)
    atheris.Fuzz()

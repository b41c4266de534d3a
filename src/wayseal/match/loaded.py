"""A gallery in the matcher's memory: one fused template a traveller, ready to compare, and the index for their number.

Several templates of a traveller are fused into the direction of their mean: on held-out people that missed half as many
as comparing with each and taking the best (docs/explanation/search.md). Exact scan up to `EXACT_BYTES`, sign bits with exact re-ranking above (docs/adr/0050-exact-search.md). Nothing here
is written anywhere; `match.gallery` keeps the sealed files and fills one of these.
"""

from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from wayseal.match.calibrate import Calibration
from wayseal.match.dotscan import scan_best
from wayseal.match.index import ExactIndex, Floats, Hits, TemplateIndex, merge_owners
from wayseal.match.matrix import Numbers, check_vectors
from wayseal.match.names import NameTable
from wayseal.match.signbits import SignBitIndex
from wayseal.model.border import Template
from wayseal.model.errors import Invalid, WrongModel

EXACT_BYTES = 512 << 20
"""Templates up to this size are all compared by default: a million travellers of 128 numbers, a quarter million of 512."""
_CANCELLED = 1e-3


class LoadedGallery:
    """Known travellers of one model, searchable. `size` counts templates, fused or not; `travellers()` names people.

    Templates are compared as `calibration` prepares them; without one they are compared as they are, and
    `match.search` refuses to match automatically. Not safe for a writer beside readers: the caller takes turns.
    """

    def __init__(
        self,
        name: str,
        model_sha256: str,
        dimension: int,
        *,
        calibration: Calibration | None,
        exact_up_to: int | None = None,
    ) -> None:
        if calibration is not None:
            calibration.check_model(model_sha256)
        self.name = name
        self.model_sha256 = model_sha256
        self.calibration = calibration
        self._index: TemplateIndex = ExactIndex(dimension)
        self._exact_up_to = EXACT_BYTES // (4 * dimension) if exact_up_to is None else exact_up_to
        self._names = NameTable()
        self._fused: dict[
            int, tuple[int, float]
        ] = {}  # of those with several: how many, and the length of their sum
        self.size = 0

    @property
    def dimension(self) -> int:
        """How many numbers a template has."""
        return self._index.matrix.dimension

    def travellers(self) -> list[str]:
        """Return the travellers, in order of enrolment. Personal data."""
        return list(self._names)

    def __contains__(self, traveller: str) -> bool:
        return self._names.find(traveller) is not None

    def reserve(self, room: int) -> None:
        """Make room for `room` travellers, before adding many."""
        if isinstance(self._index, ExactIndex):
            self._index.matrix.reserve(room)
            self._names.reserve(room)

    def add(self, travellers: Sequence[str], vectors: ArrayLike, *, checked: bool = False) -> Numbers:
        """Add raw unit templates, `vectors[i]` of `travellers[i]`, and return their owner numbers; all or none.

        Raises `Invalid` as the matrix does. `checked`: they were checked before, as those in a sealed file were.
        """
        raw = np.asarray(vectors, dtype=np.float32) if checked else check_vectors(vectors, self.dimension)
        rows = self._prepare(raw)
        if len(rows) != len(travellers) or not all(travellers):
            raise Invalid("each template needs one traveller, with an id that is not empty")
        known = len(self._names)
        numbers = self._names.add(travellers)
        self.size += len(rows)
        if np.array_equal(numbers, np.arange(known, known + len(rows))):
            self._index.add(numbers, rows)
        else:
            self._fuse(*np.unique(numbers, return_inverse=True), rows, known)
        if self._index.matrix.size > self._exact_up_to and isinstance(self._index, ExactIndex):
            larger = SignBitIndex(
                self.dimension, room=max(2 * self._index.matrix.size, self._index.matrix.room)
            )
            larger.add(self._index.matrix.owners, self._index.matrix.rows)
            self._index = larger
        return numbers

    def forget(self, traveller: str) -> int:
        """Drop a traveller and return how many templates went. 0 when there is no such traveller."""
        number = self._names.forget(traveller)
        if number is None:
            return 0
        self._index.remove(number)
        count = self._fused.pop(number, (1, 1.0))[0]
        self.size -= count
        return count

    def count(self, traveller: str) -> int:
        """Return how many templates a traveller has."""
        number = self._names.find(traveller)
        return 0 if number is None else self._fused.get(number, (1, 1.0))[0]

    def name_of(self, number: int) -> str:
        """Return the traveller behind an owner number of an answer."""
        return self._names.name_of(number)

    def find(self, templates: Sequence[Template], k: int) -> list[Hits]:
        """Return each probe's `k` nearest travellers. Raises `WrongModel` for a template of another model."""
        return self._index.search(self._probes(templates), k) if templates else []

    def find_among(self, template: Template, travellers: Collection[str], k: int) -> Hits:
        """Return a probe's `k` nearest among the named travellers only, exactly. Unknown names are ignored."""
        probes = self._probes([template])
        matrix = self._index.matrix
        numbers = self.known(travellers)
        rows = np.flatnonzero(np.isin(matrix.owners, numbers))
        found, scores = scan_best(matrix.rows[rows], probes, len(rows))[0]
        return merge_owners(matrix.owners[rows][found], scores, k, scanned=len(rows), reranked=0, exact=True)

    def known(self, travellers: Iterable[str]) -> list[int]:
        """Return the owner numbers of those travellers who are in the gallery."""
        found = (self._names.find(name) for name in travellers)
        return [number for number in found if number is not None]

    def _probes(self, templates: Sequence[Template]) -> Floats:
        """Return probes as they are compared."""
        for template in templates:
            if template.model_sha256 != self.model_sha256:
                raise WrongModel(
                    "a probe of another model than the gallery's", hint="Enrol the gallery again."
                )
        raw = [check_vectors(template.vector, self.dimension)[0] for template in templates]
        return self._prepare(np.stack(raw))

    def _prepare(self, rows: Floats) -> Floats:
        """Return raw templates as they are compared."""
        return rows if self.calibration is None else self.calibration.prepare(rows)

    def _fuse(self, numbers: Numbers, place: Numbers, rows: Floats, known: int) -> None:
        """Put rows into the index, `rows[i]` of `numbers[place[i]]`, fused with each other and with what is there."""
        sums = np.zeros((len(numbers), self.dimension), dtype=np.float64)
        np.add.at(sums, place, rows)
        counts = np.bincount(place, minlength=len(numbers))
        matrix = self._index.matrix
        for row in np.flatnonzero(np.isin(matrix.owners, numbers[numbers < known])):
            number = int(matrix.owners[row])
            count, length = self._fused.get(number, (1, 1.0))
            where = int(np.searchsorted(numbers, number))
            sums[where] += length * matrix.rows[row]
            counts[where] += count
        lengths = np.linalg.norm(sums, axis=1)
        for where in np.flatnonzero(
            lengths < _CANCELLED
        ).tolist():  # opposite templates: the newest stands for all
            sums[where], lengths[where] = rows[np.flatnonzero(place == where)[-1]], 1.0
        self._index.remove(numbers[numbers < known])
        self._index.add(numbers, sums / lengths[:, None])
        for number, count, length in zip(numbers.tolist(), counts.tolist(), lengths.tolist(), strict=True):
            if count > 1:
                self._fused[number] = (count, length)

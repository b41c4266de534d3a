"""A gallery in the matcher's memory: travellers, their templates ready to compare, and the index for their number.

Exact scan up to 200,000 templates, sign bits with exact re-ranking above (docs/adr/0050-exact-search.md). Nothing here
is written anywhere; `match.gallery` keeps the sealed files and fills one of these.
"""

from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from wayseal.match.calibrate import Calibration
from wayseal.match.index import ExactIndex, Floats, Hits, TemplateIndex, merge_owners, scan_rows
from wayseal.match.matrix import check_vectors
from wayseal.match.signbits import SignBitIndex
from wayseal.model.border import Template
from wayseal.model.errors import Invalid, WrongModel

EXACT_UP_TO = 200_000
"""Templates up to which every one is compared exactly by default."""


class LoadedGallery:
    """Known travellers of one model, searchable. `size` counts templates; `travellers()` names people.

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
        exact_up_to: int = EXACT_UP_TO,
    ) -> None:
        if calibration is not None:
            calibration.check_model(model_sha256)
        self.name = name
        self.model_sha256 = model_sha256
        self.calibration = calibration
        self._index: TemplateIndex = ExactIndex(dimension)
        self._exact_up_to = exact_up_to
        self._names: list[str | None] = []
        self._numbers: dict[str, int] = {}

    @property
    def size(self) -> int:
        """How many templates there are."""
        return self._index.matrix.size

    @property
    def dimension(self) -> int:
        """How many numbers a template has."""
        return self._index.matrix.dimension

    def travellers(self) -> list[str]:
        """Return the travellers, in order of enrolment. Personal data."""
        return list(self._numbers)

    def __contains__(self, traveller: str) -> bool:
        return traveller in self._numbers

    def add(self, travellers: Sequence[str], vectors: ArrayLike) -> None:
        """Add raw unit templates, `vectors[i]` of `travellers[i]`; all or none. Raises `Invalid` as the matrix does."""
        rows = self._prepare(check_vectors(vectors, self.dimension))
        if len(rows) != len(travellers):
            raise Invalid("each template needs one traveller")
        self._index.add([self._number(name) for name in travellers], rows)
        if self.size > self._exact_up_to and isinstance(self._index, ExactIndex):
            larger = SignBitIndex(self.dimension, room=2 * self.size)
            larger.add(self._index.matrix.owners, self._index.matrix.rows)
            self._index = larger

    def forget(self, traveller: str) -> int:
        """Drop a traveller and return how many templates went. 0 when there is no such traveller."""
        number = self._numbers.pop(traveller, None)
        if number is None:
            return 0
        self._names[number] = None
        return self._index.remove(number)

    def count(self, traveller: str) -> int:
        """Return how many templates a traveller has."""
        return int(np.isin(self._index.matrix.owners, self.known([traveller])).sum())

    def name_of(self, number: int) -> str:
        """Return the traveller behind an owner number of an answer."""
        name = self._names[number]
        if name is None:
            raise Invalid("an owner number of a forgotten traveller")
        return name

    def find(self, templates: Sequence[Template], k: int) -> list[Hits]:
        """Return each probe's `k` nearest travellers. Raises `WrongModel` for a template of another model."""
        return self._index.search(self._probes(templates), k) if templates else []

    def find_among(self, template: Template, travellers: Collection[str], k: int) -> Hits:
        """Return a probe's `k` nearest among the named travellers only, exactly. Unknown names are ignored."""
        probe = self._probes([template])[0]
        matrix = self._index.matrix
        numbers = self.known(travellers)
        rows = np.flatnonzero(np.isin(matrix.owners, numbers))
        found, scores = scan_rows(matrix.rows[rows], probe, len(rows) + 1)
        return merge_owners(matrix.owners[rows][found], scores, k, scanned=len(rows), reranked=0, exact=True)

    def known(self, travellers: Iterable[str]) -> list[int]:
        """Return the owner numbers of those travellers who are in the gallery."""
        return [self._numbers[name] for name in travellers if name in self._numbers]

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

    def _number(self, traveller: str) -> int:
        """Return the traveller's owner number, giving the next one to a new traveller."""
        if not traveller:
            raise Invalid("an empty traveller id")
        number = self._numbers.get(traveller)
        if number is None:
            number = self._numbers[traveller] = len(self._names)
            self._names.append(traveller)
        return number

"""How the vectors of an index are laid out for search: its kind, and the numbers of that kind."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

Kind = Literal["auto", "flat", "hnsw", "ivf", "ivf_pq"]
KINDS: tuple[str, ...] = get_args(Kind)

FLAT_UP_TO = 10_000  # vectors that "auto" compares one by one
IVF_UP_TO = 200_000  # vectors that "auto" keeps whole in lists

_LISTS = frozenset({"lists", "probes", "sample", "rerank"})
_NUMBERS = {
    "flat": frozenset[str](),
    "hnsw": frozenset({"links", "construction", "depth", "rerank"}),
    "ivf": _LISTS,
    "ivf_pq": _LISTS | {"code_bytes"},
}
_FEWEST = 39  # vectors per list, below which k-means of FAISS warns
_PER_LIST = 40  # vectors of the sample
_CODES = 256  # centroids of a byte of a code


@dataclass(frozen=True)
class IndexConfig:
    """Choose how an index finds the nearest vectors; what is None is settled by their number.

    ========  ===================  =====================================================================
    kind      "auto" takes it for  what it does
    ========  ===================  =====================================================================
    "flat"    up to 10,000         compares every vector: exact, and the only kind that keeps all ties
    "ivf"     up to 200,000        compares the vectors of the lists that are nearest to the query
    "ivf_pq"  more                 compares codes of ``code_bytes`` in these lists, then the best exactly
    "hnsw"    never                follows a graph from neighbour to neighbour; holds it in RAM
    ========  ===================  =====================================================================

    Args:
        kind: One of these, or "auto".
        lists: Into how many the vectors are sorted. Default: the square root of their number, as a power of two.
        probes: How many lists a search reads. Default: twice the square root of ``lists``, with codes one and a
            half times, at least 8.
        code_bytes: Bytes of a code; a divisor of the dimension. Default: the largest up to an eighth of the dimension.
        links: Neighbours per vector of an HNSW graph. Default: 32.
        construction: Candidates for neighbours when it is built (FAISS's efConstruction). Default: 80.
        depth: Candidates kept in a search of it (FAISS's efSearch). Default: 128.
        rerank: Candidates whose cosine is computed exactly, per ten hits that are asked for. Default: 500 with
            codes, of which more cost less than more lists; 20 without.
        sample: Vectors from which lists and codes are learned, held in RAM. Default: 40 per list, and for codes at
            least 65,536.
        seed: Of the sample and of what is learned from it.

    Raises:
        ValueError: For an unknown kind, a number that is none or below 1, or one that is of another kind.
    """

    kind: Kind = "auto"
    lists: int | None = None
    probes: int | None = None
    code_bytes: int | None = None
    links: int | None = None
    construction: int | None = None
    depth: int | None = None
    rerank: int | None = None
    sample: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind={self.kind!r} is none of {', '.join(KINDS)}")
        for field in fields(self)[1:]:
            value = getattr(self, field.name)
            least = 0 if field.name == "seed" else 1
            if value is None and field.name != "seed":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{field.name}={value!r} must be a whole number of at least {least}")
        self._refuse_foreign(self.kind)
        if self.lists is not None and self.probes is not None and self.probes > self.lists:
            raise ValueError(f"probes={self.probes} is more than lists={self.lists}: a search cannot read more lists")
        if self.lists is not None and self.sample is not None and self.sample < self.lists:
            raise ValueError(f"sample={self.sample} vectors cannot give lists={self.lists}: raise sample")

    def settled(self, count: int, dimension: int) -> IndexConfig:
        """Return the same with its kind and every number of that kind given.

        Args:
            count: Vectors that the index is built of.
            dimension: Of the vectors.

        Raises:
            ValueError: If a number does not fit so many vectors, or such ones; says which.
        """
        kind = self.kind
        if kind == "auto":
            kind = "flat" if count <= FLAT_UP_TO else "ivf" if count <= IVF_UP_TO else "ivf_pq"
            self._refuse_foreign(kind, because=f"which kind='auto' chose for {count:,} vectors: name the kind")
        if kind == "hnsw":
            return replace(
                self, kind=kind, links=self.links or 32, construction=self.construction or 80,
                depth=self.depth or 128, rerank=self.rerank or 20,
            )  # fmt: skip
        if kind == "flat":
            return replace(self, kind=kind)
        return self._with_lists(kind, count, dimension)

    def as_dict(self) -> dict[str, Any]:
        """Return what is given, by name, without what is None."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def _with_lists(self, kind: Literal["ivf", "ivf_pq"], count: int, dimension: int) -> IndexConfig:
        lists = self.lists or min(2 ** round(math.log2(max(count, 1)) / 2), max(count // _FEWEST, 1))
        if lists > count:
            raise ValueError(f"lists={lists} are more than the {count:,} vectors: lower it, or take kind='flat'")
        probes = self.probes or min(lists, max(8, round((1.5 if kind == "ivf_pq" else 2) * math.sqrt(lists))))
        if probes > lists:
            raise ValueError(f"probes={probes} is more than the {lists} lists: lower it")
        if kind == "ivf":
            sample = min(self.sample or _PER_LIST * lists, count)
            return replace(self, kind=kind, lists=lists, probes=probes, sample=sample, rerank=self.rerank or 20)
        if count < _CODES:
            raise ValueError(f"kind='ivf_pq' learns {_CODES} centroids, {count:,} vectors are too few: take 'flat'")
        bytes_ = self.code_bytes or next(size for size in range(max(dimension // 8, 1), 0, -1) if not dimension % size)
        if dimension % bytes_:
            raise ValueError(f"code_bytes={bytes_} does not divide the dimension {dimension}")
        sample = min(self.sample or max(_PER_LIST * lists, 65_536), count)
        if sample < max(lists, _CODES):
            raise ValueError(f"sample={sample} is below lists={lists} or the {_CODES} centroids of a code: raise it")
        return replace(
            self, kind=kind, lists=lists, probes=probes, code_bytes=bytes_, sample=sample, rerank=self.rerank or 500
        )

    def _refuse_foreign(self, kind: str, *, because: str = "") -> None:
        """Raise for a number that is given and of another kind."""
        own = _NUMBERS.get(kind, frozenset().union(*_NUMBERS.values()))
        for field in fields(self)[1:]:
            if field.name != "seed" and getattr(self, field.name) is not None and field.name not in own:
                of = ", ".join(repr(other) for other, numbers in _NUMBERS.items() if field.name in numbers)
                raise ValueError(
                    f"{field.name}={getattr(self, field.name)} is of kind {of}, not of {kind!r}"
                    + (f", {because}" if because else "")
                )

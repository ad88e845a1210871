"""What an index taught its model, so that documents and queries share the words of the corpus."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tiered_st.fingerprint import difference, model_fingerprint
from tiered_st.learned_words import teach
from tiered_st.teaching.corpus_words import corpus_words
from tiered_st.teaching.pupil import Pupil
from tiered_st.teaching.pupil_of import pupil_of
from tiered_st.teaching.words import keys_of, rows_alone, spellings_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Lesson:
    """The words that a copy of a model was taught for an index.

    How E1 reads a word differs in its last bits between machines, and so would the fingerprint of a model that was
    taught: an index knows its model by the one before, and by the words.

    Attributes:
        fingerprint: of the model before.
        words: in the case that they were taught in. Each, read alone, is the row that was taught.
    """

    fingerprint: str
    words: tuple[str, ...]

    @classmethod
    def of_corpus(cls, model: Any, texts: Iterable[str]) -> tuple[Any, Lesson | None]:
        """Teach a copy of a model the words of a corpus, and return it; where none is new, the model itself and None.

        Raises:
            ValueError: if the model cannot be taught.
        """
        pupil = pupil_of(model)
        pupil.check()
        found = corpus_words(pupil, texts)
        if found.left:
            logger.warning(
                "The texts have more new words than can be taught: the %d most frequent are, %d rarer ones are not.",
                len(found.words), found.left,
            )  # fmt: skip
        if not found.words:
            return model, None
        lesson = cls(model_fingerprint(model), tuple(found.words))
        taught = pupil.copied()
        teach(pupil_of(taught), found.rows, found.reading)
        return taught, lesson

    def given_again(self, model: Any, *, check_model: bool) -> Any:
        """Return a copy of a model that is taught the words, or the model itself where it knows them already.

        Args:
            model: as it was before it was taught, or as the lesson left it.
            check_model: compare it with the one that was taught.

        Raises:
            ValueError: if it is another model, or cannot be taught; says which.
        """
        pupil = pupil_of(model)
        rows = rows_alone(pupil.reader, self.words)
        if self._left_it_so(pupil, rows, check_model=check_model):
            return model
        if check_model and (differs := difference(self.fingerprint, model)):
            raise ValueError(differs)
        pupil.check()
        if rows is None:
            raise ValueError("with words that this model reads otherwise than the one that was taught them")
        taught = pupil.copied()
        pupil = pupil_of(taught)
        known = set(spellings_of(pupil.rows))  # of none, but where another model may be taken
        teach(pupil, rows[[spelling not in known for spelling in spellings_of(rows)]])
        return taught

    def _left_it_so(self, pupil: Pupil, rows: NDArray[np.int64] | None, *, check_model: bool) -> bool:
        """Say whether a model knows the words of these rows, and is without them the one before."""
        own = set() if rows is None else set(keys_of(rows))
        places = np.array([key in own for key in keys_of(pupil.rows)], dtype=np.bool_)
        if rows is None or places.sum() != len(rows):
            return False
        if not check_model:
            return True
        before = pupil.copied()
        pupil_of(before).keep(~places)
        return difference(self.fingerprint, before) is None

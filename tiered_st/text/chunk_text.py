"""Put the text together again that rows of character ids were read from."""

from __future__ import annotations

from collections.abc import Sequence

from tiered_st.config import ChunkConfig
from tiered_st.text import character_classes as classes
from tiered_st.text.chunk_types import ChunkType
from tiered_st.text.tokenizer import FIRST_BYTE, FIRST_CODE_POINT, CharTokenizer
from tiered_st.text.word_chunker import WINDOWS

_OPENING, _CLOSING = set("([{¿¡"), set(".,;:!?)]}…%")
_WINDOWS = {ChunkType[script]: WINDOWS[getattr(classes, script)] for script in ("HAN", "KANA", "THAI", "EMOJI")}
_MARKS = (ChunkType.BEGIN, ChunkType.FINISH)


class ChunkText:
    """Spell out chunks: the text that a model read, as far as its ids tell.

    White space between words is not in the ids: one space stands for it, and none before a comma or between the pieces
    of a word that was too long for one chunk. Case is in a chunk's type: "Word" and "WORD" come back, "wOrd" does not.
    Read again, the text gives the same ids.

    Args:
        config: how the model reads.
        characters: the model's character tokenizer.
    """

    def __init__(self, config: ChunkConfig, characters: CharTokenizer) -> None:
        self.settings = config
        self.characters = characters

    def __call__(self, rows: Sequence[Sequence[int]], *, marks: bool = False) -> str:
        """Return the text of one text's rows (chunks, chars), each opened by its ChunkType.

        Args:
            rows: as in ``input_ids``; rows of padding are left out.
            marks: write "[BEGIN]" and "[FINISH]" where they stand; without, a mark between two texts is a line's end.
        """
        out, last = "", None
        pending = ""
        for row in rows:
            kind, ids = row[0], [i for i in row[1:] if i >= FIRST_BYTE]
            if kind in _MARKS:
                pending = f" [{ChunkType(kind).name}] " if marks else "\n"
                last = None
                out = out + pending if marks else out
                continue
            if not ids:
                continue
            text = self._cased(self._spelt(ids), kind)
            if last is None:
                out += text if marks or not out else pending + text
            elif self.settings.chunker == "windows":
                out += text[self._overlap(out, text) :]
            else:
                out += ("" if self._joins(last, (kind, ids, text)) else " ") + text
            last = (kind, ids, text)
        return out.strip() if marks else out

    def _spelt(self, ids: list[int]) -> str:
        """Return the characters of ids; of a glyph of which a window holds only some bytes, nothing."""
        try:
            return self.characters.decode(ids)
        except ValueError:
            data = b"".join(
                bytes([i - FIRST_BYTE]) if i < FIRST_CODE_POINT else self.characters.decode([i]).encode() for i in ids
            )
            return data.decode("utf-8", "ignore")

    def _cased(self, text: str, kind: int) -> str:
        """Give a chunk the case that its type tells, where folding it gives the same characters back."""
        if not self.characters.lowercase or kind not in (ChunkType.CAPITALISED, ChunkType.ALL_CAPS):
            return text
        high = text.upper() if kind == ChunkType.ALL_CAPS else text[:1].upper() + text[1:]
        return high if high.lower() == text else text

    def _joins(self, before: tuple[int, list[int], str], after: tuple[int, list[int], str]) -> bool:
        """Return whether no space stood between two chunks, as far as one can tell."""
        (kind, ids, text), (next_kind, next_ids, next_text) = before, after
        if kind in _WINDOWS and kind == next_kind:
            return len(text) >= _WINDOWS[ChunkType(kind)]
        if next_kind == ChunkType.PUNCTUATION:
            return kind != ChunkType.PUNCTUATION and next_text[0] in _CLOSING
        if kind == ChunkType.PUNCTUATION:
            return text[-1] in _OPENING
        width = next(n for n in range(1, 5) if n == len(next_ids) or next_ids[n] >= FIRST_CODE_POINT or n == 4)
        widest = max(width, max(len(self.characters.encode(char)) for char in set(text)))
        return len(ids) + widest > self.settings.chunk_chars - 1  # a run is cut where no further character fits

    def _overlap(self, out: str, text: str) -> int:
        """Return how many characters at the head of a window the one before has too."""
        most = min(self.settings.window - self.settings.stride, len(text))
        return next((k for k in range(most, 0, -1) if out.endswith(text[:k])), 0)

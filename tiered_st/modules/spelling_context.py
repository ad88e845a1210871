"""Say which word a misspelt chunk means by the chunks around it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiered_st.text.spelling import ContextConfig


class SpellingReader(nn.Module):
    """Read a chunk's characters, as E1 pools them, so that a misspelling reads like its word.

    E1's own reading has learned to find slots of a memory; this one learns nothing but to tell the words of a list
    apart by how they are misspelt.

    Args:
        d_char: of pooled characters.
        width: of the reading.
        hidden: of the layer between.
    """

    def __init__(self, d_char: int, width: int, hidden: int) -> None:
        super().__init__()
        self.linear = nn.Linear(d_char, width, bias=False)
        self.hidden = nn.Linear(d_char, hidden)
        self.hidden_out = nn.Linear(hidden, width, bias=False)

    def forward(self, pooled: Tensor) -> Tensor:
        """Return how chunks read, pooled characters (chunks, d_char) to (chunks, width)."""
        return self.linear(pooled) + self.hidden_out(F.gelu(self.hidden(pooled)))


class SpellingContext(nn.Module):
    """Weigh the words that a misspelt chunk may mean by its neighbours, and pull its vector to what they mean.

    What E1 makes of the letters is one side of a noisy channel (Kernighan et al. 1990); a small language model of chunk
    vectors, log-bilinear with a hidden layer (Mnih and Hinton 2007), is the other: it reads the vectors of the
    neighbours and the mean of all others, and compares what it expects with the words' vectors. One more class stands
    for a chunk that is none of them, such as a name. Weights learn after the rest of the model, which stays as it is
    (training.spelling_context).

    Args:
        config: its sizes.
        d_sem: of a chunk vector.
        d_char: of pooled characters.

    Attributes:
        reader: what reads chunks where they are compared with the words; None where E1's reading does.
    """

    def __init__(self, config: ContextConfig, d_sem: int, d_char: int) -> None:
        super().__init__()
        self.config = config
        self.reader = SpellingReader(d_char, config.reading, config.reading_hidden) if config.reading else None
        self.narrow = nn.Linear(d_sem, config.width, bias=False)
        self.around = nn.Linear(config.places * config.width, config.hidden)
        self.hidden = nn.Linear(config.hidden, config.hidden)
        self.expected = nn.Linear(config.hidden, config.keys)
        self.words = nn.Linear(d_sem, config.keys + 1, bias=False)  # keys, and what speaks for a word anywhere
        self.none = nn.Linear(config.hidden, 1)
        self.none_own = nn.Linear(config.width, 1, bias=False)
        self.trust = nn.Parameter(torch.tensor([0.5]))  # in what E1 says

    def expect(self, around: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is expected in the place of chunks, (chunks, keys), and what speaks for no word, (chunks, 1)."""
        state = F.relu(self.around(self.narrow(around).flatten(1)))
        state = state + F.relu(self.hidden(state))
        return self.expected(state), self.none(state) + self.none_own(self.narrow(own))

    def weigh(self, around: Tensor, own: Tensor, scores: Tensor, words: Tensor) -> Tensor:
        """Return logits of each word that may be meant, and of none of them, (chunks, candidates + 1).

        Args:
            around: (chunks, places, d_sem), the vectors of the neighbours, and the mean of all others.
            own: (chunks, d_sem), those of the chunks.
            scores: (chunks, candidates), what E1 says for each word.
            words: (chunks, candidates, d_sem), their vectors.
        """
        expected, none = self.expect(around, own)
        keys = self.words(words)  # (chunks, candidates, keys + 1)
        fit = (keys[..., :-1] @ expected[:, :, None]).squeeze(2) + keys[..., -1]
        return torch.cat([self.trust * scores + fit, none], dim=1)

    def forward(self, around: Tensor, own: Tensor, scores: Tensor, words: Tensor) -> Tensor:
        """Return chunk vectors (chunks, d_sem), pulled to what is meant; arguments as for :meth:`weigh`."""
        with torch.no_grad():
            weights = torch.softmax(self.weigh(around, own, scores, words).float(), dim=1)[:, :-1]
            pull = self.config.share * weights.sum(dim=1, keepdim=True)
            meant = self.config.share * (weights[:, None] @ words.float()).squeeze(1)
        return (own.float() * (1 - pull) + meant).to(own.dtype)

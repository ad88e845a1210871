"""What the boundary predictor sees, and that a text's logits do not depend on its company."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from conftest import TOY
from numpy.typing import NDArray
from torch import Tensor

from tiered_st.modules import BoundaryPredictor, boundary_predictor
from tiered_st.modules.boundary_predictor import BoundaryNgrams
from tiered_st.text.tokenizer import FIRST_CODE_POINT, PAD

CONFIG = TOY.replace(chunker="learned", boundary_layers=2, boundary_buckets=256)


def make(**changes: Any) -> BoundaryPredictor:
    torch.manual_seed(0)
    predictor = BoundaryPredictor(CONFIG.replace(**changes)).eval()
    torch.nn.init.normal_(predictor.head.weight)
    return predictor


def drawn(*lengths: int) -> tuple[list[Tensor], list[Tensor]]:
    """Return ids and spaces of texts of some lengths."""
    generator = torch.Generator().manual_seed(1)
    ids = [torch.randint(FIRST_CODE_POINT, FIRST_CODE_POINT + 26, (n,), generator=generator) for n in lengths]
    return ids, [torch.randint(0, 2, (n,), generator=generator) for n in lengths]


def read(predictor: BoundaryPredictor, ids: list[Tensor], spaced: list[Tensor]) -> NDArray[np.float32]:
    texts = np.repeat(np.arange(len(ids)), [len(text) for text in ids])
    return predictor.read(torch.cat(ids).numpy(), torch.cat(spaced).numpy(), texts)


@pytest.mark.parametrize(
    "changes",
    [{}, {"boundary_layers": 0}, {"boundary_buckets": 0}, {"ngram_sizes": ()}, {"boundary_layers": 4},
     {"boundary_layers": 0, "boundary_buckets": 0}],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("block", [7, 8192])
def test_a_text_in_any_company_and_block_gets_the_logits_it_gets_alone(
    changes: dict[str, Any], block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boundary_predictor, "_BLOCK", block)
    predictor = make(**changes)
    ids, spaced = drawn(3, 0, 40, 1)
    with torch.no_grad():
        alone = [predictor(i[None], s[None])[0] for i, s in zip(ids, spaced, strict=True)]
    np.testing.assert_allclose(read(predictor, ids, spaced), torch.cat(alone).numpy(), atol=1e-5)


def test_padding_changes_nothing() -> None:
    predictor = make()
    (ids,), (spaced,) = drawn(12)
    padded = torch.nn.functional.pad(ids, (0, 9), value=PAD)[None], torch.nn.functional.pad(spaced, (0, 9))[None]
    torch.testing.assert_close(predictor(*padded)[:, :12], predictor(ids[None], spaced[None]), atol=1e-5, rtol=0)


def test_no_text_gives_no_logits() -> None:
    assert read(make(), *drawn(0, 0)).shape == (0,)


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_reach_is_how_far_a_character_sees(layers: int) -> None:
    predictor = make(boundary_layers=layers)
    conv, longest = 2 * (2**layers - 1), max(CONFIG.ngram_sizes)
    assert predictor.reach == conv + longest
    (ids,), (spaced,) = drawn(60)
    with torch.no_grad():
        before = predictor(ids[None], spaced[None])[0]
        ids[30] += 26
        changed = (predictor(ids[None], spaced[None])[0] - before).abs() > 1e-7
    seen = changed.nonzero().squeeze(1)
    # behind the change lie the n-grams that end before a character, ahead of it those that start at one
    assert (int(seen.min()), int(seen.max())) == (30 - conv - longest + 1, 30 + conv + longest)


def test_ngrams_start_at_a_character_or_end_before_it() -> None:
    ngrams = BoundaryNgrams((2, 3), 1 << 20, 1)
    ids = torch.tensor([[300, 301, 302, 300, 301, 302]])
    buckets = ngrams.bucket_ids(ids)  # starting, ending of 2; starting, ending of 3
    assert buckets.shape == (1, 6, 4) and int(buckets.min()) >= 0 and int(buckets.max()) < 1 << 20
    starting, ending = buckets[0, :, 0].tolist(), buckets[0, :, 1].tolist()
    assert starting[0] == starting[3] and starting[1] == starting[4] != starting[0]
    assert ending[2] == ending[5] and ending[3] != ending[2]  # "ab" ends before both c
    assert len({starting[0], ending[2]}) == 2  # starting and ending are told apart
    assert buckets[0, 0, 2] == buckets[0, 3, 2] and buckets[0, 0, 2] != buckets[0, 0, 0]
    assert starting[5] not in starting[:5]  # the text's edge counts


def test_spaces_change_the_hint_and_not_the_ngrams() -> None:
    predictor = make()
    (ids,), (spaced,) = drawn(20)
    assert not torch.allclose(predictor(ids[None], spaced[None]), predictor(ids[None], 1 - spaced[None]), atol=1e-4)
    with torch.no_grad():
        predictor.spaced.weight[1] = predictor.spaced.weight[0]
    torch.testing.assert_close(predictor(ids[None], spaced[None]), predictor(ids[None], 1 - spaced[None]))


def test_an_untrained_predictor_leans_to_no_boundary() -> None:
    predictor = BoundaryPredictor(CONFIG)
    assert (read(predictor, *drawn(200)) < 0).all()
    assert torch.sigmoid(predictor.head.bias).item() == pytest.approx(0.2)


def test_gradients_reach_every_part() -> None:
    predictor = make()
    ids, spaced = drawn(30)
    predictor(ids[0][None], spaced[0][None]).sum().backward()
    assert all(p.grad is not None and p.grad.any() for name, p in predictor.named_parameters())


# worker processes


def test_a_worker_process_asks_the_twin_where_the_model_is_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    predictor, other = make(), make()
    ids, spaced = drawn(10)
    with torch.no_grad():
        other.head.bias += 1
    predictor.__dict__["_twin"] = other  # as if the predictor had been moved to an accelerator
    here = read(predictor, ids, spaced)
    monkeypatch.setattr(boundary_predictor, "get_worker_info", lambda: object())
    np.testing.assert_allclose(read(predictor, ids, spaced), here + 1, atol=1e-5)


def test_no_twin_on_the_cpu_and_none_is_saved() -> None:
    predictor = make().half().float().train().eval()
    assert predictor._twin is None
    names = set(predictor.state_dict())
    predictor.__dict__["_twin"] = copy.deepcopy(predictor)
    assert set(predictor.state_dict()) == names == {name for name, _ in predictor.named_parameters()}
    assert predictor.cpu()._twin is None


class Elsewhere(BoundaryPredictor):
    """A predictor whose head says that it lies on an accelerator, until it is copied to the CPU."""

    moved = True

    def is_elsewhere(self) -> bool:
        return self.moved

    def cpu(self) -> Elsewhere:
        self.moved = False
        return super().cpu()


def test_the_twin_is_renewed_when_the_mode_changes() -> None:
    predictor = Elsewhere(CONFIG).train()
    predictor.train()
    assert predictor._twin is None  # not renewed at each step
    predictor.eval()
    twin = predictor._twin
    assert twin is not None and twin._twin is None and not twin.is_elsewhere()
    ids, spaced = drawn(10)
    np.testing.assert_allclose(read(twin, ids, spaced), read(predictor, ids, spaced))
    with torch.no_grad():
        predictor.head.bias += 1
    predictor.train()
    assert predictor._twin is not None and predictor._twin is not twin
    torch.testing.assert_close(predictor._twin.head.bias, predictor.head.bias)

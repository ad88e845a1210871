"""The memory by which E1 recognises chunks: its maths, its size, and what it can learn."""

from __future__ import annotations

import math

import pytest
import torch
from conftest import TOY, make_model
from torch.nn import functional as F

from tiered_st.config import TieredConfig
from tiered_st.losses import WordRecognitionLoss
from tiered_st.model import load, pretrained
from tiered_st.modules import chunk_memory
from tiered_st.modules.chunk_memory import ChunkMemory
from tiered_st.modules.chunk_projector import ChunkProjector
from tiered_st.modules.int8_memory import Int8ChunkMemory

REMEMBERS = TOY.replace(memory_slots=5, memory_width=16)
# Of such words a tenth of the softmax lies in slots that each weigh less than 1e-4 of the likeliest.
MISSPELT_AND_RARE = [
    "recieve teh pakcage tomorow", "wher is my refnud", "i cant acess my acount anymroe", "qzxvkj", "asdfgh",
    "definately a missunderstanding", "floccinaucinihilipilification", "xylem and phloem of a gymnosperm",
    "a zwitterion", "borborygmus", "acommodation",
    "embarass", "wierd", "tge cst sst om tge mst", "ostensible sesquipedalian pettifoggery", "zzz", "",
]  # fmt: skip


def make_memory(**changes: int) -> ChunkMemory:
    torch.manual_seed(0)
    memory = ChunkMemory(REMEMBERS.replace(**changes))
    torch.nn.init.normal_(memory.prototypes.weight)
    return memory.eval()


def pooled(chunks: int) -> torch.Tensor:
    return torch.randn(chunks, TOY.d_char, generator=torch.Generator().manual_seed(1))


def test_what_is_recalled_is_the_mean_of_the_prototypes_by_the_softmax_of_the_scores() -> None:
    memory, chunks = make_memory(), pooled(3)
    scores = memory.prototypes(memory.read(chunks))
    assert scores.shape == (3, 6)
    by_hand = [
        sum(
            math.exp(score) / sum(map(math.exp, row)) * prototype
            for score, prototype in zip(row, memory.prototypes.weight, strict=True)
        )
        for row in scores.tolist()
    ]
    prototype, meaning, _, unknown = memory(chunks)
    torch.testing.assert_close(prototype, torch.stack(by_hand))  # type: ignore[arg-type]
    assert meaning is None
    torch.testing.assert_close(unknown, scores.softmax(dim=1)[:, :1])


def test_a_sure_memory_recalls_one_prototype() -> None:
    memory = make_memory()
    with torch.no_grad():
        memory.prototypes.bias[4] = 1e4
    torch.testing.assert_close(memory(pooled(2))[0], memory.prototypes.weight[[4, 4]])


@pytest.mark.parametrize("width", [TOY.d_sem, 3])
def test_a_recognised_chunk_means_what_the_memory_was_told(width: int) -> None:
    memory = ChunkMemory(REMEMBERS.replace(memory_values=width)).eval()
    vectors = torch.randn(5, TOY.d_sem, generator=torch.Generator().manual_seed(2))
    memory.init_values(vectors)
    left, values, right = torch.linalg.svd(vectors, full_matrices=False)
    nearest = left[:, :width] * values[:width] @ right[:width]  # the best of this rank
    for slot, wanted in enumerate(torch.cat([torch.zeros(1, TOY.d_sem), nearest])):
        with torch.no_grad():
            memory.prototypes.bias.fill_(0.0)[slot] = 1e4
        torch.testing.assert_close(memory(pooled(1))[1][0], wanted, atol=1e-4, rtol=1e-4)


def test_a_projector_that_knows_a_chunk_hits_its_vector() -> None:
    projector = ChunkProjector(REMEMBERS.replace(memory_values=TOY.d_sem, projector_hidden=0)).eval()
    vectors = torch.randn(5, TOY.d_sem, generator=torch.Generator().manual_seed(2))
    projector.init_output(vectors)
    projector.init_memory(vectors)
    with torch.no_grad():
        projector.memory.prototypes.bias[2] = 1e4
        for parameter in projector.linear.parameters():
            parameter.zero_()
    states, mask = torch.randn(1, 4, TOY.d_char), torch.ones(1, 4, dtype=torch.bool)
    mean, spread = vectors.mean(dim=0), vectors.std(dim=0)
    wanted = F.layer_norm((vectors[1] - mean) / spread, (TOY.d_sem,)) * spread + mean  # all that the norm lets through
    torch.testing.assert_close(projector(states, mask, torch.tensor([5]))[0], wanted, atol=1e-4, rtol=1e-4)


def test_before_it_has_read_anything_it_expects_what_it_was_told_to() -> None:
    memory = ChunkMemory(REMEMBERS)
    torch.nn.init.zeros_(memory.prototypes.weight)
    expected = torch.tensor([0.4, 0.3, 0.2, 0.1, 0.0, 0.0])
    memory.init_biases(expected)
    torch.testing.assert_close(
        torch.softmax(memory.prototypes(memory.read(pooled(1))), dim=1)[0], expected, atol=1e-6, rtol=0
    )


@pytest.mark.parametrize("chunks", [0, 1, 7])
def test_blocks_of_chunks_recall_what_all_at_once_do(chunks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = make_memory(memory_values=4)
    with torch.no_grad():
        whole, meaning, _, unknown = memory(pooled(chunks))
    monkeypatch.setattr(chunk_memory, "_BLOCK", 3)
    with torch.no_grad():
        parts, meanings, _, unknowns = memory(pooled(chunks))
    torch.testing.assert_close(parts, whole)
    torch.testing.assert_close(meanings, meaning)
    torch.testing.assert_close(unknowns, unknown)
    assert whole.shape == (chunks, 16) and meaning.shape == (chunks, TOY.d_sem)


@pytest.mark.parametrize("values", [0, 4])
def test_without_gradients_every_slot_counts_however_little_it_weighs(values: int) -> None:
    memory = make_memory(memory_values=values)
    with torch.no_grad():
        for weight in (memory.query.weight, memory.query.bias, memory.hidden_out.weight):
            weight.zero_()  # so that the bias alone says what a chunk may be
        expected = torch.tensor([0.4, 0.6 - 3e-4, 1e-4, 1e-4, 9e-5, 1e-5])
        memory.init_biases(expected)
        memory.prototypes.weight[5] = 1e6  # is seen at 1e-5 too
        prototype, meaning, *_ = memory(pooled(2))
    torch.testing.assert_close(prototype, (expected @ memory.prototypes.weight).expand(2, -1), atol=1e-5, rtol=1e-4)
    if values:
        torch.testing.assert_close(meaning, memory.meaning(expected @ memory.values.weight.T).expand(2, -1))
    else:
        assert meaning is None


def assert_same_directions(own: torch.Tensor, wanted: torch.Tensor, tolerance: float) -> None:
    own, wanted = (F.normalize(vectors.detach().double().cpu(), dim=-1) for vectors in (own, wanted))
    assert (1 - (own * wanted).sum(dim=-1)).max() < tolerance
    assert (own - wanted).abs().max() < tolerance


@pytest.mark.parametrize("name", pretrained())
def test_shipped_models_read_misspelt_and_rare_words_alike_on_every_path(name: str) -> None:
    model = load(name, device="cpu")
    learning = model(model.preprocess(MISSPELT_AND_RARE))  # with gradients
    assert learning["sentence_embedding"].requires_grad
    with torch.inference_mode():
        reading = model(model.preprocess(MISSPELT_AND_RARE))
    present = learning["attention_mask"].bool()
    assert_same_directions(reading["chunk_embeddings"][present], learning["chunk_embeddings"][present], 1e-5)
    assert_same_directions(reading["sentence_embedding"], learning["sentence_embedding"], 1e-5)
    if torch.cuda.is_available():
        model.to("cuda")
        assert_same_directions(
            model.encode(MISSPELT_AND_RARE, convert_to_tensor=True), reading["sentence_embedding"], 1e-4
        )


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float16, 1e-3), (torch.bfloat16, 1e-2)])
def test_in_half_precision_both_paths_agree_too(dtype: torch.dtype, tolerance: float) -> None:
    model = load("en-nano", device="cpu", dtype=dtype)
    learning = model(model.preprocess(MISSPELT_AND_RARE))["sentence_embedding"]
    with torch.inference_mode():
        reading = model(model.preprocess(MISSPELT_AND_RARE))["sentence_embedding"]
    assert_same_directions(reading, learning, tolerance)


def test_int8_recalls_nearly_the_same() -> None:
    memory, chunks = make_memory(memory_values=4), pooled(50)
    before = memory(chunks)
    memory = Int8ChunkMemory(memory)
    assert memory.prototypes.weight.dtype == memory.values.weight.dtype == torch.int8
    for own, wanted in zip(memory(chunks), before, strict=True):
        assert F.cosine_similarity(own, wanted).min() > 0.99


def test_a_memory_adds_its_slots_to_a_models_parameters() -> None:
    def size(config: TieredConfig) -> int:
        return sum(p.numel() for p in make_model(config)[0].parameters())

    more = size(REMEMBERS.replace(memory_slots=105)) - size(REMEMBERS)
    assert more == 100 * (16 + 1)


@pytest.mark.parametrize(("name", "value"), [("memory_slots", -1), ("memory_width", 0), ("memory_values", 8)])
def test_sizes_that_cannot_be_are_refused(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{name}={value}"):
        TieredConfig(**{name: value})


def test_it_learns_to_recognise_misspelt_words() -> None:
    words = ["river", "house", "letter", "window", "garden"]
    misspelt = ["rvier", "hosue", "leter", "wimdow", "gadren"]
    model = make_model(TOY.replace(memory_slots=5))
    loss = WordRecognitionLoss(model, torch.arange(1, 6))
    features = [model[0].preprocess(column) for column in (words, misspelt)]
    optimizer = torch.optim.Adam(model[0].parameters(), lr=1e-2)
    for _ in range(40):
        optimizer.zero_grad()
        loss(features, torch.arange(5)).backward()
        optimizer.step()
    unseen = model[0].preprocess(["rivr", "huose", "lettter", "wundow", "garedn"])["input_ids"][:, 1]
    assert model[0].recognize(unseen).argmax(dim=1).tolist() == [1, 2, 3, 4, 5]

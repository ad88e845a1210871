"""E2 started from a teacher's layers, all or some, whatever the teacher's make."""

from __future__ import annotations

import json

import pytest
import torch
from conftest import TOY
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling
from torch import nn
from transformers import CONFIG_MAPPING, AutoModel

from tiered_st.model import build
from training.warm_start import body_config, warm_start


def tiny_teacher(kind: str, layers: int = 4) -> SentenceTransformer:
    """Return a stand-in for a teacher on an encoder of some make."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": layers, "num_attention_heads": 2, "intermediate_size": 64}
    width = {"dim": 32, "hidden_dim": 64, "embedding_size": 32, "global_attn_every_n_layers": 2}
    config = CONFIG_MAPPING[kind](**sizes, **width, max_position_embeddings=70, vocab_size=60_000)
    model = SentenceTransformer(modules=[Pooling(32)], device="cpu")
    model[0].auto_model = AutoModel.from_config(config).eval()
    return model


MAKES = {"bert": "encoder.layer", "xlm-roberta": "encoder.layer", "mpnet": "encoder.layer", "electra": "encoder.layer",
         "distilbert": "transformer.layer", "modernbert": "layers"}  # fmt: skip


def states_of(model: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    mask = torch.ones(inputs.shape[:2], dtype=torch.int64)
    with torch.no_grad():
        return model.eval()(inputs_embeds=inputs, attention_mask=mask).last_hidden_state


@pytest.mark.parametrize("kind", MAKES)
def test_warm_start_of_any_make(kind: str) -> None:
    teacher = tiny_teacher(kind)
    body = json.loads(json.dumps(body_config(teacher)))
    assert all(body[key] == 0.0 for key in body if "dropout" in key and isinstance(body[key], float))
    encoder = build(TOY.replace(body=body), device="cpu").semantic_encoder
    warm_start(encoder, teacher)
    inputs = torch.randn(2, 5, 32)
    torch.testing.assert_close(
        states_of(encoder.body.model, inputs), states_of(teacher[0].auto_model, inputs), atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("kind", MAKES)
def test_warm_start_from_some_layers_is_the_teacher_without_the_others(kind: str) -> None:
    teacher = tiny_teacher(kind)
    chosen = (0, 2, 3)
    encoder = build(TOY.replace(body=body_config(teacher, chosen)), device="cpu").semantic_encoder
    warm_start(encoder, teacher, chosen)
    own, theirs = encoder.body.model.state_dict(), teacher[0].auto_model.state_dict()
    layers = [name for name in own if name.startswith(f"{MAKES[kind]}.")]
    assert {name.removeprefix(f"{MAKES[kind]}.").partition(".")[0] for name in layers} == {"0", "1", "2"}
    for name in layers:
        number, _, rest = name.removeprefix(f"{MAKES[kind]}.").partition(".")
        assert torch.equal(own[name], theirs[f"{MAKES[kind]}.{chosen[int(number)]}.{rest}"])
    stack = teacher[0].auto_model.get_submodule(MAKES[kind])
    del stack[1]
    inputs = torch.randn(2, 5, 32)
    torch.testing.assert_close(
        states_of(encoder.body.model, inputs), states_of(teacher[0].auto_model, inputs), atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("layers", [(), (0, 4), (-1,)])
def test_layers_that_the_teacher_does_not_have_are_refused(layers: tuple[int, ...]) -> None:
    teacher = tiny_teacher("bert")
    with pytest.raises(ValueError, match="must name some of the teacher's layers 0 to 3"):
        body_config(teacher, layers)
    encoder = build(TOY.replace(body=body_config(teacher)), device="cpu").semantic_encoder
    with pytest.raises(ValueError, match="must name some of the teacher's layers 0 to 3"):
        warm_start(encoder, teacher, layers)


@pytest.mark.parametrize(
    ("kind", "built", "layers", "says"),
    [
        ("bert", (0, 1, 2), (0, 1), "names 2 layers, but E2 has more"),
        ("bert", (0, 1), (0, 1, 2), "leaves no place for the teacher's encoder.layer.2.*as many layers as E2 has"),
        ("modernbert", (0, 1), (1, 2), "no place for the teacher's layers.1.attn_norm.*Keep layer 0 in first place"),
        ("albert", (0,), (0,), r"name none by .layer.N. or .layers.N.: take all of them"),
    ],
)
def test_layers_that_do_not_fit_are_refused(
    kind: str, built: tuple[int, ...], layers: tuple[int, ...], says: str
) -> None:
    teacher = tiny_teacher(kind)
    encoder = build(TOY.replace(body=body_config(teacher, built)), device="cpu").semantic_encoder
    with pytest.raises(ValueError, match=says):
        warm_start(encoder, teacher, layers)

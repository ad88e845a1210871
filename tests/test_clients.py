"""Libraries that take a model, or the folder of one: each runs where it is installed (see the README's table)."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiered_st
import tiered_st.runtime
from benchmarks.suites.sts import Pairs, SentencePairs

TEXTS = ["How do I get a refund?", "Where is my parcel?", "The cat sat on the mat.", "My card was stolen."]
QUERY = "were is my parcle"
FOLDER = tiered_st.path("en-nano")


@pytest.fixture(scope="module")
def model() -> Any:
    return tiered_st.load("en-nano", device="cpu")


def test_langchain_token_splitter() -> None:
    splitters = pytest.importorskip("langchain_text_splitters")
    splitter = splitters.SentenceTransformersTokenTextSplitter(
        model_name=FOLDER, tokens_per_chunk=8, chunk_overlap=0, model_kwargs={"trust_remote_code": True}
    )
    text = "Hello,  World (yes).\n\nHow do I get a refund?" * 3
    pieces = splitter.split_text(text)
    assert len(pieces) == 5 and "".join(pieces) == text
    assert splitter.count_tokens(text="How do I?") == 6


def test_langchain_splitter_by_length(model: Any) -> None:
    splitters = pytest.importorskip("langchain_text_splitters")
    kind = splitters.RecursiveCharacterTextSplitter
    splitter = kind.from_huggingface_tokenizer(model.tokenizer, chunk_size=10, chunk_overlap=0)
    pieces = splitter.split_text("one two three four five. " * 6)
    assert len(pieces) > 1 and all(len(model.tokenizer.tokenize(piece)) <= 10 for piece in pieces)


def test_langchain_embeddings(model: Any) -> None:
    langchain = pytest.importorskip("langchain_huggingface")
    embeddings = langchain.HuggingFaceEmbeddings(model_name=FOLDER, model_kwargs={"trust_remote_code": True})
    np.testing.assert_allclose(embeddings.embed_documents(TEXTS), model.encode(TEXTS), atol=1e-5)


def test_langchain_embeddings_without_torch() -> None:
    langchain = pytest.importorskip("langchain_core.embeddings")
    model = tiered_st.runtime.load("en-nano")

    class Tiered(langchain.Embeddings):  # type: ignore[name-defined, misc]
        embed_documents = lambda self, texts: model.encode_document(texts).tolist()  # noqa: E731
        embed_query = lambda self, text: model.encode_query(text).tolist()  # noqa: E731

    store = pytest.importorskip("langchain_core.vectorstores").InMemoryVectorStore(Tiered())
    store.add_texts(TEXTS)
    assert store.similarity_search(QUERY, k=1)[0].page_content == TEXTS[1]


def test_llama_index(model: Any) -> None:
    llama = pytest.importorskip("llama_index.embeddings.huggingface")
    embedding = llama.HuggingFaceEmbedding(model_name=FOLDER, trust_remote_code=True)
    np.testing.assert_allclose(embedding.get_text_embedding(TEXTS[0]), model.encode(TEXTS[0]), atol=1e-5)


def test_haystack(model: Any) -> None:
    haystack = pytest.importorskip("haystack_integrations.components.embedders.sentence_transformers")
    embedder = haystack.SentenceTransformersTextEmbedder(model=FOLDER, trust_remote_code=True, progress_bar=False)
    embedder.warm_up()
    np.testing.assert_allclose(embedder.run(TEXTS[0])["embedding"], model.encode(TEXTS[0]), atol=1e-5)


def test_chroma() -> None:
    chromadb = pytest.importorskip("chromadb")
    functions = pytest.importorskip("chromadb.utils.embedding_functions")
    embed = functions.SentenceTransformerEmbeddingFunction(model_name=FOLDER, trust_remote_code=True)
    collection = chromadb.EphemeralClient().create_collection("texts", embedding_function=embed)
    collection.add(ids=list("abcd"), documents=TEXTS)
    assert collection.query(query_texts=[QUERY], n_results=1)["ids"] == [["b"]]


def test_qdrant(model: Any) -> None:
    qdrant = pytest.importorskip("qdrant_client")
    client, models = qdrant.QdrantClient(":memory:"), qdrant.models
    size = models.VectorParams(size=model.get_embedding_dimension(), distance=models.Distance.COSINE)
    client.create_collection("texts", vectors_config=size)
    vectors = model.encode(TEXTS).tolist()
    client.upsert("texts", [models.PointStruct(id=i, vector=vector) for i, vector in enumerate(vectors)])
    assert client.query_points("texts", query=model.encode(QUERY).tolist(), limit=1).points[0].id == 1


def test_lancedb(tmp_path: Path) -> None:
    lancedb = pytest.importorskip("lancedb")
    from lancedb.embeddings import get_registry
    from lancedb.pydantic import LanceModel, Vector

    embed = get_registry().get("sentence-transformers").create(name=FOLDER, trust_remote_code=True)
    schema = type(
        "Row", (LanceModel,),
        {
            "__annotations__": {"text": str, "vector": Vector(embed.ndims())},
            "text": embed.SourceField(), "vector": embed.VectorField(),
        },
    )  # fmt: skip
    table = lancedb.connect(tmp_path).create_table("texts", schema=schema)
    table.add([{"text": text} for text in TEXTS])
    assert table.search(QUERY).limit(1).to_list()[0]["text"] == TEXTS[1]


def test_txtai() -> None:
    txtai = pytest.importorskip("txtai")
    embeddings = txtai.Embeddings(
        path=FOLDER, method="sentence-transformers", vectors={"trust_remote_code": True}
    )  # fmt: skip
    embeddings.index(TEXTS)
    assert embeddings.search(QUERY, 1)[0][0] == 1


def test_keybert(model: Any) -> None:
    keybert = pytest.importorskip("keybert")
    words = keybert.KeyBERT(model).extract_keywords("the cat sat and the refund takes a week", top_n=9)
    assert {word for word, _ in words} == {"cat", "sat", "refund", "takes", "week"}


def test_bertopic(model: Any) -> None:
    bertopic = pytest.importorskip("bertopic")
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    topics = bertopic.BERTopic(
        embedding_model=model, umap_model=PCA(2), hdbscan_model=KMeans(2, random_state=0, n_init=1)
    ).fit_transform([*TEXTS[:2], *["cat dog mat", "a cat sat"]] * 3)[0]
    assert set(topics) == {0, 1}


def test_setfit(model: Any, tmp_path: Path) -> None:
    setfit = pytest.importorskip("setfit")
    from datasets import Dataset
    from sklearn.linear_model import LogisticRegression

    own = tiered_st.load("en-nano", device="cpu")
    classifier = setfit.SetFitModel(model_body=own, model_head=LogisticRegression())
    arguments = setfit.TrainingArguments(max_steps=1, batch_size=4, output_dir=str(tmp_path), report_to="none")
    data = Dataset.from_dict({"text": TEXTS, "label": [0, 0, 1, 1]})
    setfit.Trainer(model=classifier, args=arguments, train_dataset=data).train()
    assert classifier.predict(TEXTS).tolist() == [0, 0, 1, 1]


def test_mteb(model: Any) -> None:
    mteb = pytest.importorskip("mteb.models")
    meta = mteb.SentenceTransformerEncoderWrapper(model).mteb_model_meta
    assert meta.n_embedding_parameters == 512 * 384


def test_mteb_on_onnx_runtime(model: Any) -> None:
    """The tasks of mteb need torch, and take a model that does not."""
    mteb = pytest.importorskip("mteb")
    tasks = importlib.import_module("benchmarks.mteb_tasks")
    pairs = SentencePairs({"STS-B": Pairs(TEXTS * 2, TEXTS + TEXTS[::-1], [1.0] * 4 + [0.0] * 4, graded=True)})
    wrapped = mteb.models.SentenceTransformerEncoderWrapper(tiered_st.runtime.load("en-nano"))
    assert wrapped.mteb_model_meta.name == "en-nano"
    (result,) = mteb.evaluate(wrapped, tasks.tasks_of(pairs)[:1], cache=None, show_progress_bar=False).task_results
    assert result.get_score() > 0.8


def test_peft_is_refused_until_it_is_merged(tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    model = tiered_st.load("en-nano", device="cpu")
    encoder = model[1].body
    encoder.model = peft.get_peft_model(
        encoder.model, peft.LoraConfig(target_modules=["query", "value"], r=2, init_lora_weights=False)
    )
    vectors = model.encode(TEXTS)
    assert np.abs(vectors - tiered_st.load("en-nano", device="cpu").encode(TEXTS)).max() > 1e-3
    with pytest.raises(ValueError, match=r"SemanticEncoder's body.model is a PeftModel.* of peft.*merge_and_unload"):
        model.save(str(tmp_path / "adapted"))
    encoder.model = encoder.model.merge_and_unload()
    tiered_st.set_storage(model, "float32")
    model.save(str(tmp_path / "merged"))
    np.testing.assert_allclose(tiered_st.load(tmp_path / "merged", device="cpu").encode(TEXTS), vectors, atol=1e-5)

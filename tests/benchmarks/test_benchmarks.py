"""The benchmark harness: metrics on hand-made cases, suites on tiny files, results that are reused and resumed."""

import json
from math import log2

import numpy as np
import pyarrow as pa
import pytest
from conftest import make_model
from pyarrow import parquet
from sklearn.metrics import ndcg_score
from spanish_files import add_spanish

import tiered_st
from benchmarks import run
from benchmarks.ndcg import ndcg
from benchmarks.peers import Candidate, resolve
from benchmarks.report.__main__ import main as report
from benchmarks.report.choice import newest
from benchmarks.report.tables import area, render, sizes_of, table
from benchmarks.store import Result, path_of, read, write
from benchmarks.suite import Condition
from benchmarks.suites import new_words, suites
from benchmarks.suites.real import RealErrors, recall_at_1
from benchmarks.suites.retrieval import TypoRetrieval
from benchmarks.suites.typo import TypoSts
from benchmarks.texts.collections import Collection
from tiered_st.evaluation import digest
from tiered_st.fingerprint import weights_fingerprint
from training import english

WORDS = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel"]


class Lookup:
    """Embeds known texts as told and any other as its own random direction; counts the calls."""

    max_seq_length = 512

    def __init__(self, vectors: dict | None = None) -> None:
        self.vectors, self.calls = vectors or {}, 0

    def encode(self, texts, **options):
        self.calls += 1
        return np.array([self.vectors.get(text, self._other(text)) for text in texts], dtype=np.float32)

    def _other(self, text: str) -> list[float]:
        return np.random.default_rng(list(text.encode("utf-8", "surrogatepass")) or 0).normal(size=4).tolist()


def task() -> TypoSts:
    return TypoSts([f"the {word} station" for word in WORDS], [f"a {word}" for word in WORDS], list(range(8)))


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A folder with the kit's files, a few rows each; rows of other languages and splits must not be read."""
    monkeypatch.setattr(new_words, "FREQUENT", 2)
    monkeypatch.setattr(new_words, "SAMPLE", 5)
    monkeypatch.setattr(english, "HELD_OUT", ("alpha",))
    folder = tmp_path / "data"
    folder.mkdir()
    count = len(WORDS)
    files = {
        "dev_stsb_en_es": {
            "s1": [*WORDS, "es", "train"], "s2": [*reversed(WORDS), "es", "train"],
            "score": [float(i) for i in range(count + 2)],
            "lang": ["en"] * count + ["es", "en"], "split": ["dev"] * (count + 1) + ["train"],
        },
        "dev_misspellings": {
            "misspelt": ["ALHPA", "brvo", "Bravo", "hotl"], "correct": ["alpha", "bravo", "hotel", "hotel"],
            "human_list": [True, True, True, False],
        },
        "lex_word_freq_en": {"word": ["rarest", "the", "of", "unseen"], "count": [1, 9, 8, 2]},
        "dev_jfleg": {"source": ["He go.", "Fine."], "corrections": [["He goes.", "He went."], ["Fine.", "OK."]]},
        "dev_xquad_queries": {"query_id": ["q1", "e1"], "text": ["where is alpha", "dónde"], "lang": ["en", "es"]},
        "dev_xquad_corpus": {"doc_id": ["d1", "d2"], "text": ["alpha is here", "bravo"], "lang": ["en", "en"]},
        "dev_xquad_qrels": {"query_id": ["q1", "e1"], "doc_id": ["d1", "d2"], "rel": [1, 1]},
        **{
            f"dev_{name}_{part}": columns
            for name in ("cranfield", "cisi")
            for part, columns in {
                "queries": {"query_id": ["1", "2"], "text": ["where is alpha", "unjudged"]},
                "corpus": {"doc_id": ["1", "2"], "title": ["alpha", "b"], "text": ["is here", None]},
                "qrels": {"query_id": ["1", "1", "2"], "doc_id": ["1", "2", "2"], "rel": [3, 1, 0]},
            }.items()
        },
        **{
            f"dev_{name}": {"s1": WORDS[:4], "s2": WORDS[4:], "cluster": [1, 1, 2, 2]}
            for name in ("quora_dup", "twitter_url")
        },
        "dev_banking77": {
            "text": WORDS, "intent": ["a", "b"] * 4, "split": ["train"] * 4 + ["test_half_a"] * 4,
        },
        "dev_tweeteval_offensive_sentiment": {
            "text": WORDS, "label": ["yes", "no"] * 4, "task": ["offensive"] * 4 + ["sentiment"] * 4,
            "split": ["train", "train", "test", "test", "val", "val", "test", "test"],
        },
        **{
            name: {"title": ["alpha", "bravo"], column: ["# Alpha\n" + "is here " * 150, "too short"]}
            for name, column in (
                ("docs_wikipedia_en", "text"), ("docs_msdocs", "text"), ("dev_arxiv_title_abstract", "abstract"),
            )
        },
        "dev_multi30k_captions": {
            "captions_en": [["Two old men are here.", "Old men sit."], ["A dog is running.", "A dog runs.", "Dogs."]],
        },
    }  # fmt: skip
    for name, columns in add_spanish(files).items():
        parquet.write_table(pa.table(columns), folder / f"{name}.parquet")
    return folder


@pytest.fixture
def toy(tmp_path):
    folder = tmp_path / "toy-model"
    tiered_st.build("toy", device="cpu").save(str(folder))
    return folder


def test_ndcg_of_a_hand_made_ranking():
    # Gains 0, 2, 1 against the ideal 2, 1: (2/log2 3 + 1/log2 4) / (2 + 1/log2 3).
    assert ndcg(["x", "b", "a"], {"a": 1, "b": 2}) == pytest.approx((2 / log2(3) + 0.5) / (2 + 1 / log2(3)))


@pytest.mark.parametrize(("rank", "expected"), [(1, 1.0), (2, 1 / log2(3)), (3, 0.5), (10, 1 / log2(11)), (11, 0.0)])
def test_ndcg_of_one_relevant_document_depends_on_its_rank_alone(rank, expected):
    ranking = [f"other {i}" for i in range(rank - 1)] + ["right"]
    assert ndcg(ranking, {"right": 1}) == pytest.approx(expected)


def test_ndcg_is_scikit_learns_where_nothing_ties():
    scores, grades = np.array([[0.1, 0.9, 0.4, 0.7, 0.3]]), np.array([[3.0, 0.0, 1.0, 2.0, 0.5]])
    ranking = [str(i) for i in np.argsort(-scores[0])]
    found = ndcg(ranking, {str(i): grade for i, grade in enumerate(grades[0]) if grade}, depth=3)
    assert found == pytest.approx(ndcg_score(grades, scores, k=3), abs=1e-9)


def test_ndcg_is_zero_where_nothing_is_relevant():
    assert ndcg(["a"], {}) == 0.0


def test_recall_counts_any_of_the_right_targets():
    queries = np.array([[1, 0], [0, 1], [0.9, 0.1]])
    assert recall_at_1(queries, np.array([[1, 0], [0, 1]]), [{0}, {0}, {0, 1}]) == pytest.approx(100 * 2 / 3)


def test_an_oracle_scores_100_on_clean_pairs():
    angles = {text: (0.0 if side else (7 - i) / 9) for i in range(8) for side, text in enumerate(
        (task().evaluator.sentences1[i], task().evaluator.sentences2[i]))}  # fmt: skip
    oracle = Candidate("oracle", Lookup({text: [np.cos(a), np.sin(a), 0, 0] for text, a in angles.items()}))
    assert task().score(oracle, Condition("clean", 0)) == pytest.approx(100.0)


def test_real_errors_leave_out_words_that_are_right_elsewhere():
    errors = RealErrors({"misspellings": [("hte", "the"), ("form", "from"), ("fomr", "form"), ("hte", "hate")]})
    same = {"hte": [1, 0, 0, 0], "hate": [1, 0, 0, 0], "fomr": [0, 1, 0, 0], "from": [0, 1, 0, 0]}
    model = Candidate("lookup", Lookup({"the": [0, 0, 1, 0], "form": [0, 0, 0, 1]} | same))
    assert errors.score(model, Condition("misspellings", 0)) == pytest.approx(50.0)  # hte finds hate, fomr from


def test_retrieval_encodes_the_documents_once_per_model():
    retrieval = TypoRetrieval({"XQuAD": Collection({"q": "alpha"}, {"a": "first", "b": "second"}, {"q": {"b": 1}})})
    lookup = Lookup({"alpha": [1, 0, 0, 0], "first": [0.5, 1, 0, 0], "second": [1, 0.1, 0, 0]})
    model = Candidate("lookup", lookup)
    before = lookup.calls
    assert [retrieval.score(model, Condition("XQuAD", 0)) for _ in range(3)] == [100.0] * 3
    assert lookup.calls - before == 4


def test_every_suite_is_found_and_runs_on_tiny_files(data):
    assert list(suites()) == [
        "classification", "clustering", "cross_lingual", "german", "long", "minimal_pairs", "new_words", "operators",
        "real", "reranking", "retrieval", "spanish", "spanish_classification", "spanish_words", "sts", "typo",
        "unseen_noise",
    ]  # fmt: skip
    model = Candidate("lookup", Lookup())
    for suite in suites().values():
        loaded = suite.load(data)
        assert all(condition.metric in suite.metrics for condition in loaded.conditions(2))
        assert all(-100.0 <= loaded.score(model, condition) <= 100.0 for condition in loaded.conditions(2))
    assert suites()["typo"].load(data).data == "STS-B dev, English, 8 pairs"
    assert suites()["real"].load(data).data == "2 misspellings among 3; 1 JFLEG among 1"


def test_checksums_differ_between_conditions_and_see_labels():
    sums = [task().checksum(condition) for condition in task().conditions(2)]
    other = TypoSts(task().evaluator.sentences1, task().evaluator.sentences2, [1.0] * 8)
    assert len(set(sums)) == len(sums) == 9
    assert other.checksum(Condition("clean", 0)) != sums[0]


def measure(model, tmp_path, **options) -> Result:
    return run.measure(model, suites()["typo"], task(), folder=tmp_path, **options)


def test_a_stored_result_is_reused_and_more_seeds_add_to_it(tmp_path):
    lookup = Lookup()
    model = Candidate("lookup", lookup)
    first, calls = measure(model, tmp_path, seeds=1), lookup.calls
    assert measure(model, tmp_path, seeds=1) == first and lookup.calls == calls
    second = measure(model, tmp_path, seeds=2)
    assert lookup.calls == calls + 4  # the four noisy rates under one more seed
    assert second.scores["5 %"]["0"] == first.scores["5 %"]["0"]
    assert measure(model, tmp_path, seeds=1).scores == second.scores  # fewer seeds forget nothing
    assert measure(model, tmp_path, seeds=2, fresh=True).scores == second.scores and lookup.calls > calls + 4


def test_an_interrupted_run_goes_on_from_the_last_score(tmp_path):
    lookup = Lookup()
    model, whole = Candidate("lookup", lookup), measure(Candidate("lookup", lookup), tmp_path / "whole", seeds=2)
    broken, done = task(), []

    def score(model, condition, original=broken.score):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(condition)
        return original(model, condition)

    broken.score = score
    with pytest.raises(KeyboardInterrupt):
        run.measure(model, suites()["typo"], broken, seeds=2, folder=tmp_path)
    calls = lookup.calls
    resumed = measure(model, tmp_path, seeds=2)
    assert lookup.calls == calls + 6
    assert resumed.scores == whole.scores and resumed.checksum == whole.checksum


def test_metrics_are_measured_alone_and_keep_what_is_stored(tmp_path, capsys):
    lookup = Lookup()
    model = Candidate("lookup", lookup)
    assert set(measure(model, tmp_path, seeds=2, metrics=["clean"]).scores) == {"clean"}
    calls = lookup.calls
    found = measure(model, tmp_path, seeds=2, metrics=["10 %"])
    assert set(found.scores) == {"clean", "10 %"} and lookup.calls == calls + 2
    assert run.main(["lookup", "--suite", "typo", "--metrics", "clean", "12 %"]) == 2
    assert "no metric 12 % in the suites chosen, which have clean, 2 %" in capsys.readouterr().err


def test_changed_texts_or_settings_are_measured_again(tmp_path):
    lookup = Lookup()
    measure(Candidate("lookup", lookup), tmp_path, seeds=1)
    bf16 = Candidate("lookup", lookup, bf16=True)  # asks the model for its fingerprint
    calls = lookup.calls
    measure(bf16, tmp_path, seeds=1)
    assert lookup.calls == calls + 5
    other = TypoSts([f"a {word} station" for word in WORDS], WORDS, list(range(8)))
    again = run.measure(bf16, suites()["typo"], other, seeds=1, folder=tmp_path)
    assert lookup.calls == calls + 10
    assert again.checksums["clean"]["0"] == other.checksum(Condition("clean", 0))


def test_a_result_under_the_weights_alone_stands_for_the_model_as_it_was_built(tmp_path):
    """Settings that were changed since are another model, and what is measured of it is kept apart."""
    toy, other = make_model(), make_model()
    other.max_seq_length = 9
    made, changed = Candidate("toy", toy), Candidate("toy", other)
    older = tmp_path / f"toy-{weights_fingerprint(toy)}-typo.json"
    stored = measure(made, tmp_path, seeds=1)
    write(older, stored)
    path_of(tmp_path, made, "typo").unlink()
    assert path_of(tmp_path, made, "typo") == older
    assert measure(made, tmp_path, seeds=1).provenance == stored.provenance
    measure(changed, tmp_path, seeds=1)
    assert path_of(tmp_path, changed, "typo").name == f"toy-{changed.revision}-typo.json" != older.name
    assert path_of(tmp_path, made, "typo", former=False) != older == path_of(tmp_path, made, "typo")


def test_a_damaged_result_says_what_to_do(tmp_path):
    model = Candidate("lookup", Lookup())
    path_of(tmp_path, model, "typo").write_text('{"model": ')
    with pytest.raises(ValueError, match="delete it"):
        measure(model, tmp_path)


def result(model: str, scores: dict, **options) -> Result:
    made = Result(model, "r", 22_700_000, "typo", **options)
    for metric, values in scores.items():
        for seed, value in enumerate(values):
            made.add(Condition(metric, seed), value, f"{metric} {seed}")
    return made


def test_table_uses_the_seeds_that_all_models_share():
    one = result("one", {"clean": [80.0], "10 %": [60.0, 64.0, 1.0]})
    two = result("a longer name", {"clean": [50.0], "10 %": [40.0, 40.0]})
    lines = table([one, two], suites()["typo"]).splitlines()
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == [
        "one", "22.7", "80.0", "–", "–", "62.0 ± 2.8", "–", "77.5 %", "–",
    ]  # fmt: skip
    assert "80.0 %" in lines[3] and len({len(line) for line in lines}) == 1


def test_sizes_on_disk_are_a_column_where_any_is_known():
    one, two = (result(name, {"clean": [80.0]}) for name in ("one", "two"))
    lines = table([one, two], suites()["typo"], sizes={"one": 18_385_568, "three": 1}).splitlines()
    assert [[cell.strip() for cell in line.split("|")[2:5]] for line in (lines[0], *lines[2:])] == [
        ["M parameters", "MB on disk", "clean"], ["22.7", "18.4", "80.0"], ["22.7", "–", "80.0"],
    ]  # fmt: skip
    assert "MB on disk" not in table([two], suites()["typo"], sizes={"one": 1})
    one.disk_bytes = 7
    assert sizes_of([one, two])["one"] == 7 and sizes_of([])["en-nano"] == resolve("en-nano").disk_bytes > 0


def test_area_under_a_curve_is_the_mean_over_its_width():
    assert area({0.0: 80.0, 0.1: 60.0}) == pytest.approx(70.0)
    # (0.05 × 75 + 0.15 × 50) / 0.2, points in any order
    assert area({0.2: 30.0, 0.0: 80.0, 0.05: 70.0}) == pytest.approx((0.05 * 75 + 0.15 * 50) / 0.2)
    with pytest.raises(ValueError, match="two rates"):
        area({0.1: 1.0})


def test_a_tall_table_has_a_column_per_model():
    made = result("one", {"clean": [80.0], "upper case": [60.0]})
    lines = table([made, result("two", {"clean": [50.0]})], suites()["operators"]).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert (
        cells[0] == ["model", "one", "two"]
        and ["clean", "80.0", "50.0"] in cells
        and ["upper case", "60.0", "–"] in cells
    )


def test_table_refuses_results_from_different_texts():
    other = result("two", {"clean": [1.0]})
    other.checksums["clean"]["0"] = "other"
    with pytest.raises(ValueError, match="different texts"):
        table([result("one", {"clean": [1.0]}), other], suites()["typo"])


def test_report_shows_the_newest_result_of_a_model(tmp_path, capsys):
    for revision, date, clean in (("a", "2025-01-02", 70.0), ("b", "2025-01-01", 60.0)):
        write(tmp_path / f"m-{revision}.json", result("m", {"clean": [clean]}, provenance={"date": date}))
    assert report(["--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "70.0" in out and "60.0" not in out and "2025-01-02" in out
    assert report(["--out", str(tmp_path / "none")]) == 2


def test_a_shipped_models_newest_result_is_of_what_ships():
    dates = {"a": "2025-01-01", "b": "2025-01-03", "c": "2025-01-02"}
    old, new = (result("en-mini", {"clean": [70.0]}, provenance={"date": dates[key]}) for key in "ab")
    old.revision = "ships"
    other = result("minilm", {"clean": [60.0]}, provenance={"date": dates["c"]})
    assert newest([new, other, old], {"en-mini": ["ships"]}) == [old, other]
    assert newest([new, other, old]) == [other, new]
    (only,) = newest([new], {"en-mini": ["ships"]})  # an older one is shown, and said to be one
    assert "an older revision" in render([only], suites()["typo"], {"en-mini": ["ships"]})
    assert "an older revision" not in render([old, other], suites()["typo"], {"en-mini": ["ships"]})


CHECKSUMS = {  # of all conditions under two seeds, as stored before suites and texts were split
    "classification": "e72ce5ed1f53979b", "clustering": "e4ca406dc47c5c8f", "long": "d545dbe3505119a0",
    "minimal_pairs": "8818c9fbce079168", "operators": "77de2c1a11613d4a", "real": "97fd0cddae14c70a",
    "reranking": "0c1993ce72804bfe", "retrieval": "880398c115a06bdb", "sts": "b3dc07363c2ebe52",
    "typo": "b1846fe374b4e6a8", "unseen_noise": "3413ddc11b570fec",
}  # fmt: skip


@pytest.mark.parametrize("name", list(CHECKSUMS))
def test_the_texts_of_a_suite_stay_so_that_stored_results_do(name, data):
    task = suites()[name].load(data)
    assert digest(task.checksum(condition) for condition in task.conditions(2))[:16] == CHECKSUMS[name]


def test_command_measures_a_folder_and_stores_what_is_needed_to_repeat_it(data, toy, tmp_path, capsys):
    command = [str(toy), "--suite", "all", "--data", str(data), "--seeds", "2", "--out", str(tmp_path / "out")]
    assert run.main(command) == 0
    printed = capsys.readouterr()
    assert "toy-model" in printed.out and "left out of long" in printed.err  # it has 64 chunks at most
    files = sorted((tmp_path / "out").iterdir())
    assert len(files) == len(suites()) - 1 and all(file.suffix == ".json" for file in files)
    (typo,) = (file for file in files if file.stem.endswith("-typo"))
    stored = json.loads(typo.read_text(encoding="utf-8"))
    assert stored["revision"] == resolve(str(toy)).revision and stored["revision"] in typo.name
    assert stored["disk_bytes"] == resolve(str(toy)).disk_bytes > 0 and "MB on disk" in printed.out
    assert {"date", "commit", "command", "versions", "seeds"} <= set(stored["provenance"])
    assert read(typo).has(Condition("20 %", 1), stored["checksums"]["20 %"]["1"])


@pytest.mark.parametrize("suite", list(suites()))
def test_missing_data_says_what_to_do(suite, tmp_path, capsys):
    assert run.main(["minilm", "--suite", suite, "--data", str(tmp_path / "nowhere")]) == 2
    assert f"--data {tmp_path / 'nowhere'} is not a folder: give the folder" in capsys.readouterr().err
    assert run.main(["minilm", "--suite", suite, "--data", str(tmp_path)]) == 2
    assert "give the folder of the data kit" in capsys.readouterr().err


def test_suites_without_a_source_on_the_hub_ask_for_a_folder(capsys):
    assert run.main(["minilm", "--suite", "real"]) == 2
    assert "--data DIR" in capsys.readouterr().err


def test_an_unknown_model_is_named_with_what_may_be_given(data, tmp_path, capsys, monkeypatch):
    def absent(name):
        raise OSError("no such repository")

    monkeypatch.setattr("benchmarks.peers.SentenceTransformer", absent)
    assert run.main(["no/such-model", "--data", str(data), "--out", str(tmp_path)]) == 2
    assert "no/such-model" in (error := capsys.readouterr().err) and "minilm" in error

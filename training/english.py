"""English training texts under licences that allow publishing what is trained on them.

Left out: what is non-commercial (ASSET, WebNLG, W&I, DREAM, OneStopEnglish, part of the glossaries and of the ACL
Anthology), for research only (MRPC, WikiQA), or of doubtful standing (Jeopardy!).
"""

from dataclasses import replace
from pathlib import Path

from training.sources import Source

TEXTS = (
    Source("train_nli_labelled", ("premise", "hypothesis"), limit=25_000),
    Source("train_captions_multi30k_task2", ("captions_en",), limit=4_000),
    Source("train_captions_coco_val2017", ("captions",), limit=2_000),
    Source("train_captions_audiocaps_val_test", ("captions",), limit=700),
    Source("train_pairs_twitter_url", ("anchor", "positive"), limit=12_000),
    Source("train_pairs_quora", ("anchor", "positive"), limit=8_000),
    Source("train_queries_wellformedness", ("query",), limit=8_000),
    Source("train_pairs_simplify_split", ("anchor",), limit=6_000, where=(("source", "!onestopenglish"),)),
    Source("train_pairs_qa_passage", ("question",), limit=3_000),
    Source("train_pairs_question_shortanswer", ("question",), limit=6_000),
    Source("train_pairs_stackexchange_small_sites", ("title",), limit=3_000),
    Source("train_pairs_tatoeba_pivot_en_en", ("anchor", "positive"), limit=3_000),
    Source("train_lex_wordnet", ("definition",), limit=8_000),
    Source("train_pairs_arxiv_title_abstract", ("title",), limit=7_000),
    Source("train_pairs_sci_paraphrase", ("anchor",), limit=3_000),
    Source("docs_wikipedia_en", ("text",), limit=600, split=True, lengths=(5, 40)),
    Source("docs_dialogues", ("turns",), limit=500, where=(("source", "!dream"),), lengths=(3, 40)),
    Source("docs_msdocs", ("text",), limit=60, split=True, lengths=(5, 40)),
)

PAIRS = (
    Source("train_pairs_quora", ("anchor", "positive"), cluster="cluster"),
    Source("train_pairs_twitter_url", ("anchor", "positive"), cluster="cluster"),
    Source("train_triples_nli", ("anchor", "positive")),
    Source("train_captions_multi30k_task2", ("captions_en",), limit=15_000),
    Source("train_captions_coco_val2017", ("captions",)),
    Source("train_pairs_tatoeba_pivot_en_en", ("anchor", "positive")),
    Source("train_pairs_simplify_split", ("anchor", "positive"), limit=15_000, where=(("source", "!onestopenglish"),)),
    Source("train_lex_wordnet", ("members", "definition"), limit=15_000),
    Source("train_pairs_scitldr_tldr_abstract", ("anchor", "positive"), lengths=(1, 400)),
    Source("train_pairs_arxiv_title_abstract", ("title", "abstract"), limit=12_000, lengths=(1, 400)),
    Source("train_pairs_qa_passage", ("question", "passage"), limit=8_000, lengths=(1, 400)),
    Source("train_pairs_stackexchange_small_sites", ("title", "answer"), lengths=(1, 400)),
)

# Texts of every length, of which a batch has as many as its budget holds. Articles of 300 words and more are left to
# the benchmark of long texts.
PASSAGES = (
    *(replace(source, limit=source.limit // 6) for source in TEXTS),
    Source("docs_wikipedia_en", ("text",), limit=4_000, lengths=(40, 299)),
    Source("docs_msdocs", ("text",), limit=500, lengths=(40, 299)),
    Source("train_pairs_arxiv_title_abstract", ("abstract",), limit=800, lengths=(60, 450)),
    Source("train_pairs_qa_passage", ("passage",), limit=1_500, lengths=(40, 450)),
    Source("train_pairs_stackexchange_small_sites", ("body", "answer"), limit=400, lengths=(40, 450)),
    Source("docs_misc_reference", ("text",), limit=60, words=420, lengths=(40, 420)),
    Source("docs_novels_en", ("text",), limit=1, words=420, lengths=(40, 420)),
)

# Three times the sentences and ten times the passages: what a GPU reads while two cores read the above.
LONG = (
    Source("docs_wikipedia_en", ("text",), lengths=(40, 299)),
    Source("docs_msdocs", ("text",), lengths=(40, 299)),
    Source("train_pairs_arxiv_title_abstract", ("abstract",), limit=6_000, lengths=(60, 450)),
    Source("train_pairs_qa_passage", ("passage",), lengths=(40, 450)),
    Source("train_pairs_stackexchange_small_sites", ("body", "answer"), lengths=(40, 450)),
    Source("docs_misc_reference", ("text",), limit=360, words=420, lengths=(40, 420)),
    Source("docs_novels_en", ("text",), limit=4, words=420, lengths=(40, 420)),
)
WIDE = tuple(replace(source, limit=3 * source.limit) for source in TEXTS) + LONG

# Wikipedia's articles of every length, in passages like those that people ask about; but not the articles that suite
# `long` asks for. (None has the title of an article of XQuAD's.)
HELD_OUT = tuple((Path(__file__).parent / "held_out_articles.txt").read_text(encoding="utf-8").splitlines())
ARTICLES = Source(
    "docs_wikipedia_en", ("text",), words=140, lengths=(40, 140), where=tuple(("title", f"!{t}") for t in HELD_OUT)
)

SEARCHES = (
    Source("train_pairs_qa_passage", ("question", "passage"), lengths=(1, 450)),
    Source("train_pairs_arxiv_title_abstract", ("title", "abstract"), limit=15_000, lengths=(1, 450)),
    Source("docs_wikipedia_en", ("title", "text"), lengths=(1, 299)),
    Source("docs_msdocs", ("title", "text"), lengths=(1, 299)),
    Source("train_pairs_stackexchange_small_sites", ("title", "answer"), lengths=(1, 450)),
    Source("train_pairs_stackexchange_small_sites", ("title", "body"), lengths=(1, 450)),
    Source("train_pairs_scitldr_tldr_abstract", ("anchor", "positive"), lengths=(1, 450)),
)

# What may be asked, and what may answer it, where a second teacher says which does.
QUERIES = (
    Source("train_pairs_question_shortanswer", ("question",)),
    Source("train_queries_wellformedness", ("query",)),
    Source("train_pairs_quora", ("anchor",), limit=20_000),
    Source("train_pairs_qa_passage", ("question",), limit=8_000),
    Source("docs_wikipedia_en", ("title",)),
    Source("docs_msdocs", ("title",)),
    Source("train_pairs_stackexchange_small_sites", ("title",)),
    Source("train_pairs_arxiv_title_abstract", ("title",), limit=6_000),
)
CANDIDATES = (
    Source("docs_wikipedia_en", ("text",), lengths=(40, 200)),
    Source("docs_misc_reference", ("text",), limit=360, words=140, lengths=(40, 140)),
    Source("train_pairs_qa_passage", ("passage",), limit=8_000, lengths=(20, 200)),
    Source("docs_msdocs", ("text",), lengths=(40, 200)),
    Source("train_pairs_stackexchange_small_sites", ("answer",), lengths=(20, 200)),
    Source("train_pairs_arxiv_title_abstract", ("abstract",), limit=6_000, lengths=(20, 200)),
)

# What is asked of ARTICLES: `training.made_questions`.
ASKED = Source("asked_english", ("question",))

# What `training.machine_translation` translates; nobody asks for papers' titles in words that rules translate well.
TRANSLATED_QUESTIONS = (
    Source("train_pairs_question_shortanswer", ("question",)),
    Source("train_queries_wellformedness", ("query",)),
    Source("train_pairs_quora", ("anchor",), limit=40_000),
)
TRANSLATED_PASSAGES = tuple(replace(source, limit=source.limit // 2) for source in TEXTS) + LONG
TRANSLATED_ARTICLES = (replace(ARTICLES, limit=7_000),)
TRANSLATED_SEARCHES = tuple(s for s in SEARCHES if not s.name.startswith(("train_pairs_arxiv", "train_pairs_scitldr")))

MISSPELLINGS = "train_misspellings"

# Tables that give word forms; the texts above give the rest.
WORDS = (
    Source("lex_word_freq_en", ("word",)),
    Source("lex_morph_unimorph_eng", ("form",)),
    Source("train_lex_wordnet", ("members",)),
    Source(MISSPELLINGS, ("correct",)),
)

FREQUENCIES = (Source("lex_word_freq_en", ("word",), label="count"),)

# What people said of how alike two sentences are, 0 to 5; the rows of the dev split are never read.
STS_TRAIN = Source("dev_stsb_en_es", ("s1", "s2"), label="score", where=(("split", "train"), ("lang", "en")))

"""Spanish training texts, alone and beside English ones, under licences that allow publishing what is trained on them.

Left out, as of the English ones: what is non-commercial (XNLI), for research only (TweetNorm's tweets, the test sets
of WMT), or of doubtful standing (film subtitles). Programs' rows under the GPL and AGPL, and synonyms under the LGPL,
are left out too; of the inflected forms, which may be had under the GPL, the LGPL or the MPL, the last is chosen.

What a recipe of two languages needs, and what there is of it here:

- texts and pairs that say the same in both (`PARALLEL`): the Spanish side aims at the teacher's vector of the English
  one. Rows with one English text are of one cluster: they never meet as negatives.
- Spanish alone (`TEXTS`), for what a multilingual teacher makes of it, for noise, and for the words to practise.
- Spanish pairs (`PAIRS`), questions and titles with what answers them (`SEARCHES`), graded pairs (`STS_TRAIN`).
- words (`WORDS`), how often they are met (`FREQUENCIES`), how people misspell them (`MISSPELLINGS`); what they mean in
  English is mined from the parallel texts (`python -m training.translations`).

Limits are those of two hours on two cores beside the English texts: some 60,000 parallel pairs and as many texts.
"""

from dataclasses import replace

from training.sources import Source

_PROGRAMS = (("licence", "!AGPL-3.0"), ("licence", "!GPL-3.0"))
_NEWS = (("licence", "!not stated (WMT shared task, research)"),)

PARALLEL = (
    Source("train_parallel_tatoeba_en_es", ("en", "foreign"), limit=80_000, cluster="en"),
    Source("es_train_parallel_ui", ("en", "es"), limit=20_000, cluster="en", where=_PROGRAMS, lengths=(1, 40)),
    Source("es_train_parallel_docs", ("en", "es"), limit=12_000, cluster="en", where=(("variant", "!es-mt"),)),
    Source("es_train_parallel_news_questions", ("en", "es"), cluster="en", where=_NEWS),
)

TEXTS = (
    Source("train_parallel_tatoeba_en_es", ("foreign",), limit=8_000),
    Source("es_text_social", ("text",), limit=20_000),
    Source("es_train_parallel_news_questions", ("es",), where=_NEWS),
    Source("es_train_parallel_docs", ("es",), limit=4_000),
    Source("es_train_parallel_ui", ("es",), limit=4_000, where=_PROGRAMS, lengths=(2, 40)),
    Source("es_train_cowsl2h", ("corrected",), limit=5_000),
    Source("es_train_chat_intents", ("text",)),
    Source("es_train_pairs_squad_mt", ("question",)),
    Source("es_docs_news", ("title",)),
    Source("es_docs_news", ("text",), limit=500, split=True, lengths=(5, 40)),
    Source("es_docs_support", ("title", "description"), limit=1_500),
    Source("es_docs_novels", ("text",), limit=2, split=True, lengths=(5, 40)),
    Source("es_docs_drama", ("turns",), limit=5, lengths=(3, 40)),
    Source("es_text_freecodecamp", ("text",), limit=2_000),
    Source("es_text_ud_gsd", ("text",)),
)

# Programs whose strings have several Spanish translations, and a licence that allows what the others here do.
_VARIANTS = (
    "mozilla-l10n/www.mozilla.org", "godotengine/godot-editor-l10n", "mozilla-l10n/mozilla-vpn-client-l10n",
    "mozilla-mobile/fenix", "LineageOS/android_packages_services_Telephony", "mozilla-mobile/android-components",
    "tldr-pages/tldr", "mozilla-l10n/fx-private-relay-l10n", "mozilla-mobile/focus-android",
    "LineageOS/android_packages_apps_Dialer", "LineageOS/android_packages_apps_Contacts",
)  # fmt: skip
PAIRS = (
    *(
        Source("es_train_pairs_es_variants", ("anchor", "positive"), cluster="anchor", where=(("source", source),))
        for source in _VARIANTS
    ),
    Source("es_train_labelled_pawsx", ("s1", "s2"), where=(("label", "1"),)),
    Source("es_train_cowsl2h", ("source", "corrected"), limit=8_000, cluster="corrected"),
)

SEARCHES = (
    Source("es_train_pairs_squad_mt", ("question", "passage"), cluster="passage", lengths=(1, 450)),
    Source("es_docs_support", ("title", "text"), lengths=(1, 450)),
    Source("es_docs_support", ("title", "description"), lengths=(1, 60)),
    Source("es_docs_news", ("title", "text"), lengths=(1, 450)),
)

# English texts that Apertium has translated (`python -m training.machine_translation eng-spa`).
TRANSLATED = (
    Source("translated_eng-spa_passages", ("text", "translation"), cluster="text", lengths=(1, 450)),
    Source("translated_eng-spa_questions", ("text", "translation"), cluster="text"),
    Source("translated_eng-spa_searches", ("question", "question_translation"), cluster="question"),
)
TRANSLATED_ARTICLES = (
    Source("translated_eng-spa_articles", ("text", "translation"), cluster="text", lengths=(1, 200)),
)
ARTICLES = tuple(replace(source, columns=("translation",)) for source in TRANSLATED_ARTICLES)
TRANSLATED_SEARCHES = tuple(
    Source("translated_eng-spa_searches", columns, cluster=columns[1], lengths=(1, 450))
    for columns in (
        ("question_translation", "passage_translation"), ("question", "passage_translation"),
        ("question_translation", "passage"),
    )
)  # fmt: skip

# Spanish texts that Apertium has translated into English (`… spa-eng`), sentences and passages as they were written.
# Questions and passages of XQuAD's articles are left out: with them XQuAD rises, and no other collection does.
TRANSLATED_BACK = (
    *(
        source
        for source in TEXTS
        if not source.name.startswith(("train_parallel", "es_train_parallel", "es_train_pairs_squad"))
    ),
    Source("es_docs_support", ("text",), lengths=(40, 450)),
    Source("es_docs_news", ("text",), lengths=(40, 450)),
    Source("es_docs_novels", ("text",), limit=4, words=200, lengths=(40, 420)),
)
BACK = (Source("translated_spa-eng_texts", ("translation", "text"), cluster="translation", lengths=(1, 450)),)

# What may be asked, and what may answer it, where a second teacher says which does; none is of XQuAD's articles.
QUERIES = (
    Source("translated_eng-spa_questions", ("translation",), limit=30_000),
    Source("translated_eng-spa_searches", ("question_translation",), limit=16_000),
    Source("es_docs_news", ("title",)),
    Source("es_docs_support", ("title", "description")),
)
CANDIDATES = (
    Source("translated_eng-spa_searches", ("passage_translation",), limit=12_000, lengths=(20, 200)),
    Source("es_docs_news", ("text",), words=140, lengths=(20, 140)),
    Source("es_docs_support", ("text",), lengths=(20, 200)),
)

# What is asked of passages of Wikipedia, translated, and of news: `training.made_questions`.
ASKED = Source("asked_spanish", ("question",))

FORMS = (Source("es_lex_lemma_forms", ("lemma", "form"), cluster="lemma"),)

MISSPELLINGS = "es_train_misspellings"

# Tables that give word forms; the texts above give the rest.
WORDS = (
    Source("lex_word_freq_es", ("word",)),
    Source("es_lex_lemma_forms", ("form",)),
    Source(MISSPELLINGS, ("correct",)),
)

FREQUENCIES = (Source("lex_word_freq_es", ("word",), label="count"),)

# What people said of how alike two sentences are, 0 to 5, translated; the rows of the dev split are never read.
STS_TRAIN = Source("dev_stsb_en_es", ("s1", "s2"), label="score", where=(("split", "train"), ("lang", "es")))

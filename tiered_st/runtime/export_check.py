"""Texts by which an exported model is compared with the one that it was made from, where nobody names others."""

from __future__ import annotations

from sentence_transformers import SentenceTransformer

from tiered_st.modules.tiers_of import tiers_of

_TEXTS = [
    "", " ", "a", "?", "((([[[{{{----====", "tab\tand\nline\u00a0break", "antidisestablishmentarianism " + "x" * 60,
    "How do I get my money back?", "hwo do i gte my mony bakc", "HOW DO I GET MY MONEY BACK?",
    "Howdo Iget my mon ey back",
    "A woman is slicing an onion in the kitchen.", "A wornan is s1icing an on1on in the k1tchen.",
    "The committee could not agree on the budget, because two members wanted the roof repaired before the windows.",
    "https://example.org/path?q=1&r=2, someone@example.org, v2.0.1-rc3", "3.14159, 1,000,000 and 50 % of £20",
    "def area(r): return 3.14 * r ** 2", "sooooo goooood!!! 👍🏽😂 @someone #topic",
    "El niño comió piña mañana; ¿qué pasó?", "Fußgänger überqueren die Straße", "e\u0301te\u0301 re\u00adstart",
    "Привет, как дела?", "Καλημέρα κόσμε", "مرحبا بالعالم", "שלום עולם", "नमस्ते दुनिया", "สวัสดีชาวโลก",
    "你好，世界。", "こんにちは、カタカナ", "안녕하세요 세계",
]  # fmt: skip


def texts_for(model: SentenceTransformer) -> list[str | tuple[str, str]]:
    """Return texts of many scripts, misspelt ones, an empty one, one as long as ``model`` reads, and pairs."""
    tiers = tiers_of(model)
    long = " ".join(chr(97 + n % 26) * (1 + n % 7) for n in range(tiers.max_seq_length - 2))
    pairs = [("How do I get my money back?", "Refunds take a week."), ("", "only the second")]
    return [*_TEXTS, long, *(pairs if tiers.settings.segments > 1 else [])]

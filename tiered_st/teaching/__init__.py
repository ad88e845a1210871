"""Teach a trained model words, whatever computes it: what `tiered_st.learn_words` and indexes share. Needs no torch.

In: a model, and words or a corpus. Out: the model, which knows them. Way: ``words`` cuts texts into rows of ids,
``corpus_words`` chooses those that a corpus teaches, a ``Pupil`` (``modules.pupil``, ``runtime.pupil``) reads them and
remembers. What a model makes of them then: ``modules.learned_words``.
"""

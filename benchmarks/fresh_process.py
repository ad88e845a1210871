"""What this process pays for a model: ``python -m benchmarks.fresh_process KIND MODEL TEXTS`` prints it as JSON.

Nothing is imported before the clock runs but what the interpreter itself imports: a model without torch would pay for
the torch of whoever measures it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any


def _runtime() -> Callable[[str], Any]:
    from tiered_st import runtime

    return lambda name: runtime.load(name, threads=1)


def _torch() -> Callable[[str], Any]:
    from tiered_st import load

    return load


def _openvino() -> Callable[[str], Any]:
    import tiered_st

    load: Any = tiered_st.load
    return lambda name: load(name, backend="openvino")


def _sentence_transformers() -> Callable[[str], Any]:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer


def _graph(form: str) -> Callable[[str], Any]:
    import tokenizers  # noqa: F401  # a part of what is imported, not of what is loaded

    from benchmarks.graph_encoder import load_graph

    __import__({"onnx": "onnxruntime", "openvino": "openvino"}[form])
    return lambda folder: load_graph(folder, form)


KINDS: dict[str, Callable[[], Callable[[str], Any]]] = {
    "runtime": _runtime,
    "torch": _torch,
    "openvino": _openvino,
    "sentence-transformers": _sentence_transformers,
    "graph-onnx": lambda: _graph("onnx"),
    "graph-openvino": lambda: _graph("openvino"),
}


def peak_mebibytes() -> float:
    """Return the most resident memory of this process.

    Linux is asked in /proc: what `getrusage` says there includes the peak of the process that this one was forked from.
    """
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024
    except (OSError, StopIteration):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 2**20 if sys.platform == "darwin" else peak / 1024


def pay(kind: str, model: str, texts_path: str) -> dict[str, Any]:
    """Load and run a model in this process, which should be a fresh one.

    Returns:
        Seconds to "import", to "load", for the "first" text and the "second"; "memory" at its peak after all texts, in
        MiB; whether "torch" was imported.
    """
    marks = [time.perf_counter()]
    load = KINDS[kind]()
    marks.append(time.perf_counter())
    encoder = load(model)
    marks.append(time.perf_counter())
    import json

    with open(texts_path, encoding="utf-8") as file:
        texts = json.load(file)
    spent = []
    for text in texts[:2]:
        start = time.perf_counter()
        encoder.encode([text], batch_size=1, show_progress_bar=False)
        spent.append(time.perf_counter() - start)
    encoder.encode(texts, batch_size=32, show_progress_bar=False)
    return {
        "import": marks[1] - marks[0], "load": marks[2] - marks[1], "first": spent[0], "second": spent[1],
        "memory": peak_mebibytes(), "torch": "torch" in sys.modules,
    }  # fmt: skip


if __name__ == "__main__":
    found = pay(*sys.argv[1:])
    import json

    print(json.dumps(found))

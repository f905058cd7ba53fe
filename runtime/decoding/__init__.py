"""Decoding: prompts read once, many continuations side by side, and nodes of a tree that keep their keys and values.

`Decoder` (decoder.py) is the public part: `prefill` reads prompts, `extend` continues nodes. Beneath it stand the tree (`node.py`), the
batch of one `extend` (`batch.py`), the step that all its rows take (`front.py`), what it attends to (`attention.py`), the layout of matrices on
a CPU (`matrices.py`), how tokens are drawn (`drawing.py`, `noise.py`), when an answer stops (`stopping.py`) and where a segment may
end (`clauses.py`). `expanded.py` decodes for models that `attention.py` cannot serve, `vllm_engine.py` asks another engine.
"""

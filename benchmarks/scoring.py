"""What scoring answers costs beside a bare forward over the same tokens: `.venv/bin/python benchmarks/scoring.py`, part of `make bench`.

A scalar scorer (Llama of width 128 with 4 blocks, 32,000 words) scores answers of HH-like lengths, each to a prompt of its own, by the way that all stages
take (`runtime.scoring.reward_rows`: rows on disk, tokens, passes, figures in order). The rival is a loop of transformers' forward over padded batches of
like length, whose tokens are made beforehand and whose order is given. An ensemble of five heads on one backbone is measured beside one head, on 1,000
answers. One thread, each measurement in a process of its own, in turn; medians of the ratios of neighbouring runs. Memory is what a process holds at most
beyond its libraries and the model, for 1,000 and for 10,000 answers.

Writes `results/bench_scoring.json` and prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from check import CACHE, ROOT
from inputs.pairs import VOCABULARY, length, words

COUNTS = (1_000, 10_000)
TOKENS_AT_ONCE = 16_384
SHAPE = {"hidden_size": 128, "intermediate_size": 344, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 4}


def prepare(folder: Path) -> None:
    """The scorer, and the rows of each size, once."""
    if (folder / "done").exists():
        return
    import pyarrow as pa
    import pyarrow.parquet as pq
    import tokenizers
    import torch
    import transformers

    from runtime.model_files import save_network
    from runtime.scorer import Scorer, Shape
    from runtime.tokens import Encoder
    from runtime.work import ROWS_FILE

    names = ["<pad>", "</s>", "<unk>", *(f"w{n}" for n in range(VOCABULARY - 3))]
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({name: n for n, name in enumerate(names)}, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=made, eos_token="</s>", pad_token="<pad>", unk_token="<unk>", model_max_length=512)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(vocab_size=VOCABULARY, **SHAPE, max_position_embeddings=512, num_labels=1, pad_token_id=0, eos_token_id=1)
    for name, shape in (("scorer", Shape()), ("ensemble", Shape(members=5, uncertainty="gap"))):
        config.num_labels = shape.outputs
        (folder / name).mkdir(parents=True, exist_ok=True)
        scorer = Scorer(transformers.LlamaForSequenceClassification(config), shape)
        save_network(scorer, Encoder(tokenizer, "plain", 512), folder / name, {"prompt_format": "plain", "adapter": None})
    for count in COUNTS:
        rng = random.Random(0)
        rows = [(words(rng, length(rng, 150, 0.6, 300)), " " + words(rng, length(rng, 70, 0.6, 200))) for _ in range(count)]
        (folder / str(count)).mkdir(exist_ok=True)
        pq.write_table(pa.table({"prompt": [p for p, _ in rows], "completion": [c for _, c in rows]}), folder / str(count) / ROWS_FILE)
    (folder / "done").touch()


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(side: str, count: int, folder: Path) -> dict[str, Any]:
    """CPU seconds, tokens and memory of one side, in this process."""
    import torch

    from runtime.encoded import encode_rows
    from runtime.model_files import load_encoder, load_scorer
    from runtime.scoring import quiet, reward_rows
    from runtime.store import Artifact
    from runtime.work import load_rows

    torch.set_num_threads(1)
    scorer = Artifact("stages.rm", folder / ("ensemble" if side == "ensemble" else "scorer"), {"output": {"artifact": "scorer"}, "facts": {}})
    rows = load_rows(Artifact("datasets.rows", folder / str(count), {"facts": {}}))
    encoder = load_encoder(scorer)
    examples = encode_rows(encoder, rows, ("completion",), 512, lambda reason: None, quiet)
    sizes = examples.sizes()
    model = load_scorer(scorer).eval().model
    few = reward_rows(scorer, rows[:32])  # imports and first calls are not what is measured
    before, start = peak(), time.process_time()
    if side != "bare":
        scores = reward_rows(scorer, rows).score
    else:
        scores = bare(model, [[*examples.tree(i).tokens[0], *examples.tree(i).tokens[1]] for i in range(count)], sizes)
    seconds = time.process_time() - start
    assert abs(float(scores[0]) - float(few.score[0])) < 1e-4, "both sides tell the same"
    return {"side": side, "answers": count, "tokens": int(sizes.sum()), "cpu_seconds": round(seconds, 2), "growth_mb": round(peak() - before, 1)}


def bare(model: Any, sequences: list[list[int]], sizes: Any) -> Any:
    """Scores by padded batches of like length; the head reads the last token."""
    import numpy as np
    import torch

    found = np.zeros(len(sequences))
    group: list[int] = []

    def flush() -> None:
        width = max(len(sequences[i]) for i in group)
        ids = torch.tensor([sequences[i] + [0] * (width - len(sequences[i])) for i in group])
        mask = torch.tensor([[1] * len(sequences[i]) + [0] * (width - len(sequences[i])) for i in group])
        ends = torch.tensor([len(sequences[i]) - 1 for i in group])
        with torch.no_grad():
            states = model.base_model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
            found[group] = model.score(states[torch.arange(len(group)), ends])[:, 0].numpy()
        group.clear()

    for index in map(int, np.argsort(sizes, kind="stable")):
        if group and (len(group) + 1) * len(sequences[index]) > TOKENS_AT_ONCE:
            flush()
        group.append(index)
    flush()
    return found


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--measure", nargs=2, help="used by this program: one measurement, here")
    options.add_argument("--folder", type=Path, default=CACHE / "scoring")
    args = options.parse_args()
    sys.path.insert(0, str(ROOT))
    if args.measure:
        print(json.dumps(measured(args.measure[0], int(args.measure[1]), args.folder)))
        return 0
    prepare(args.folder)
    runs: list[dict[str, Any]] = []
    for number in range(args.runs):
        for count in COUNTS:
            for side in ("ours", "bare", "ensemble")[: 3 if count == COUNTS[0] else 2]:
                command = [sys.executable, __file__, "--measure", side, str(count), "--folder", str(args.folder)]
                done = subprocess.run(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=True)
                runs.append(json.loads(done.stdout.splitlines()[-1]) | {"run": number})
                print(runs[-1], file=sys.stderr)
    by = {(one["side"], one["answers"], one["run"]): one for one in runs}
    most = COUNTS[-1]
    ratios = [by["ours", most, n]["cpu_seconds"] / by["bare", most, n]["cpu_seconds"] for n in range(args.runs)]
    machine = {"processors": os.cpu_count(), "system": f"{platform.system()} {platform.machine()}", "python": platform.python_version()}
    heads = [by["ensemble", COUNTS[0], n]["cpu_seconds"] / by["ours", COUNTS[0], n]["cpu_seconds"] for n in range(args.runs)]
    whole = {"machine": machine, "shape": SHAPE, "runs": runs, "ratio": statistics.median(ratios), "ensemble": statistics.median(heads)}
    (ROOT / "results" / "bench_scoring.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    print("| answers | side | CPU seconds, median | microseconds a token | growth of memory, MB |\n|---|---|---|---|---|")
    for count in COUNTS:
        for side in ("ours", "bare", "ensemble")[: 3 if count == COUNTS[0] else 2]:
            some = [one for one in runs if (one["side"], one["answers"]) == (side, count)]
            seconds = statistics.median(one["cpu_seconds"] for one in some)
            growth = statistics.median(one["growth_mb"] for one in some)
            print(f"| {count:,} | {side} | {seconds:.1f} | {1e6 * seconds / some[0]['tokens']:.0f} | {growth:.0f} |")
    print(f"\nours takes {statistics.median(ratios):.2f} times the CPU time of the bare forward (median of {args.runs}; limit 1.1)")
    print(f"five heads on one backbone take {statistics.median(heads):.2f} times one (limit 1.3)")
    return int(statistics.median(ratios) > 1.1 or statistics.median(heads) > 1.3)


if __name__ == "__main__":
    sys.exit(main())

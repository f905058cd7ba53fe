"""What the compiler says a stage will take and make. That the numbers are those of torch is tested in `tests/runtime/test_estimates.py`."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aligncompiler.compile import Compiled
from aligncompiler.ir import Plan
from aligncompiler.planning.estimate import estimate, kept, total
from aligncompiler.spec.cost import UNKNOWN, Estimate, Figure, about, at_most, exact
from aligncompiler.spec.effort import estimated
from aligncompiler.spec.model import Architecture
from aligncompiler.spec.network import Network

Compile = Callable[..., Compiled]


def plan(compiled: Compiled) -> Plan:
    assert compiled.plan is not None, [d.message for d in compiled.report.diagnostics]
    return compiled.plan


def of(compiled: Compile, text: str, **options: list[str]) -> dict[str, Estimate]:
    return estimate(plan(compiled(text, **options)))


# ---- figures


@pytest.mark.parametrize(
    ("made", "value", "sure"),
    [
        (exact(2) + exact(3), 5, "exact"),
        (exact(2) * at_most(3) + 1, 7, "at_most"),
        (at_most(2) + about(3), 5, "about"),
        (2 * about(3), 6, "about"),
        (exact(6).over(exact(4)), 1.5, "exact"),
        (at_most(6).over(exact(4)), 1.5, "at_most"),
        (exact(6).over(at_most(4)), 1.5, "about"),
        (about(6).over(about(6)), 1, "exact"),
        (exact(3).least(4), 3, "exact"),
        (exact(4).least(at_most(3)), 3, "at_most"),
        (UNKNOWN.least(4), 4, "at_most"),
        (about(9).least(4), 4, "at_most"),
        (about(3).least(4), 3, "about"),
        (exact(3).most(about(4)), 4, "about"),
        (exact(1.5).rounded_up(), 2, "exact"),
        (exact(1).bounded(), 1, "at_most"),
        (about(1).bounded(), 1, "about"),
    ],
)
def test_a_figure_is_as_sure_as_what_it_comes_from(made: Figure, value: float, sure: str) -> None:
    assert (made.value, made.sure) == (value, sure)


@pytest.mark.parametrize(
    "made", [UNKNOWN + 1, 0 * UNKNOWN, exact(1) + UNKNOWN, UNKNOWN.most(3), UNKNOWN.over(exact(1)), exact(1).over(exact(0)), UNKNOWN.rough()]
)
def test_nothing_is_known_of_what_comes_from_the_unknown(made: Figure) -> None:
    assert made == UNKNOWN


# ---- rows


def test_rows_follow_from_counts_limits_and_rules(compiled: Compile, full: str) -> None:
    found = of(compiled, full)
    assert found["datasets.puzzles"].rows == exact(500)
    assert found["stages.drafts"].rows == at_most(2000)
    assert found["stages.pairs"].rows == at_most(500)
    assert found["stages.exam"].rows == exact(100)
    assert found["models.base"].rows is None and found["stages.dpo"].rows == at_most(500)


def test_a_prompt_with_several_answers_is_asked_once(compiled: Compile, full: str) -> None:
    again = full + "  again: {kind: sample, policy: '${stages.dpo}', prompts: '${stages.drafts}', count: 2, max_new_tokens: 128}\n"
    found = of(compiled, again)
    assert found["stages.drafts"].rows == at_most(2000) and found["stages.again"].rows == at_most(1000)


def test_a_limit_and_all_pairs(compiled: Compile, full: str) -> None:
    some = full.replace("count: 4, max_new_tokens: 128}", "count: 4, max_new_tokens: 128, limit: 10}")
    every = some.replace("reward: ${rewards.steps}}", "reward: ${rewards.steps}, rule: {kind: all_pairs}}")
    assert of(compiled, some)["stages.drafts"].rows == at_most(40)
    assert of(compiled, every)["stages.pairs"].rows == at_most(60)
    assert of(compiled, every.replace("all_pairs}", "all_pairs, per_prompt: 2}"))["stages.pairs"].rows == at_most(20)


def test_trees_are_as_many_answers_and_one_more_to_measure_by(compiled: Compile, full: str) -> None:
    grown = full.replace("count: 4, max_new_tokens: 128}", "count: 4, max_new_tokens: 128, topology: {kind: tree, depth: 2}}")
    pairs = "reward: ${rewards.steps}, rule: {kind: tree_pairs, per_tree: 3"
    drawn = grown.replace("reward: ${rewards.steps}}", pairs + "}}")
    chain, tree, fixed = (of(compiled, s)["stages.drafts"] for s in (full, drawn, drawn.replace("depth: 2}", "depth: 2, min_clauses: 1}")))
    assert chain.rows == tree.rows == at_most(2000) and (tree.answers, tree.trees) == (exact(4), exact(1))
    assert (chain.flops.value or 0) == (fixed.flops.value or 0) < (tree.flops.value or 0) < 1.3 * (chain.flops.value or 0)
    assert (tree.memory.value or 0) > (chain.memory.value or 0)
    assert of(compiled, drawn)["stages.pairs"].rows == at_most(1500)


FILE = """\
alignc: v1
name: files
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 64, num_layers: 2, num_heads: 4, context: 4096}
    tokenizer: {kind: bpe, data: ${datasets.rows}, vocab_size: 600}
datasets:
  rows: {kind: KIND, file: FILE}
stages:
  sft:
    kind: train
    model: ${models.base}
    data: ${datasets.rows}
    objective: {kind: sft}
    budget: {epochs: 2}
    optimizer: {kind: adamw, learning_rate: 1e-3}
    batch: {rows: 4}
"""
PAIR = {"prompt": "why", "chosen": "because", "rejected": "no"}
RANKED = {"prompt": "why", "completions": [{"rank": 0, "completion": "a"}, {"rank": 1, "completion": "b"}]}


def in_file(compiled: Compile, name: str, content: str | bytes, kind: str = "demonstrations", more: str = "") -> dict[str, Estimate]:
    data = content.encode() if isinstance(content, str) else content
    Path(name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return of(compiled, FILE.replace("KIND", kind).replace("FILE}", f"{name}{more}}}"))


def jsonl(row: object, count: int) -> str:
    return (json.dumps(row) + "\n") * count


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz"])
def test_rows_of_a_file_are_at_most_its_lines(compiled: Compile, name: str) -> None:
    text = jsonl({"prompt": "p", "completion": "c"}, 10) + "\n\n"
    assert in_file(compiled, name, text)["datasets.rows"].rows == at_most(10)
    assert in_file(compiled, name, text, more=", limit: 3")["datasets.rows"].rows == at_most(3)
    assert in_file(compiled, name, text, more=", between: [0, 0.5]")["datasets.rows"].rows == about(5)


def test_the_header_of_a_csv_file_is_no_row(compiled: Compile) -> None:
    assert in_file(compiled, "rows.csv", "prompt,completion\na,b\nc,d\n")["datasets.rows"].rows == at_most(2)


def test_a_ranked_list_may_give_many_rows_so_their_number_is_unknown(compiled: Compile) -> None:
    assert in_file(compiled, "a.jsonl", jsonl(PAIR, 10), "preferences")["datasets.rows"].rows == at_most(10)
    assert in_file(compiled, "b.jsonl", jsonl(RANKED, 10), "preferences")["datasets.rows"].rows == UNKNOWN
    assert in_file(compiled, "c.jsonl", jsonl(RANKED, 10), "preferences", ", limit: 7")["datasets.rows"].rows == at_most(7)


@pytest.mark.parametrize(("name", "content"), [("rows.parquet", b"PAR1"), ("rows.json", b"[]"), ("rows.jsonl.gz", None)])
def test_what_cannot_be_counted_cheaply_is_unknown(compiled: Compile, name: str, content: bytes | None) -> None:
    if content is None:
        Path(name).write_bytes(b"\x1f\x8bdamaged")
        found = of(compiled, FILE.replace("KIND", "demonstrations").replace("FILE", name))
    else:
        found = in_file(compiled, name, content)
    assert found["datasets.rows"].rows == UNKNOWN and found["stages.sft"].flops == UNKNOWN and found["stages.sft"].parameters != UNKNOWN


def test_a_file_that_changed_is_counted_again(compiled: Compile) -> None:
    row = {"prompt": "p", "completion": "c"}
    assert in_file(compiled, "rows.jsonl", jsonl(row, 4))["datasets.rows"].rows == at_most(4)
    assert in_file(compiled, "rows.jsonl", jsonl(row, 5))["datasets.rows"].rows == at_most(5)


def test_short_texts_take_less_work_than_the_context_allows(compiled: Compile) -> None:
    short = in_file(compiled, "short.jsonl", jsonl({"prompt": "p", "completion": "c"}, 8))["stages.sft"].flops
    long = in_file(compiled, "long.jsonl", jsonl({"prompt": "p", "completion": "c" * 9000}, 8))["stages.sft"].flops
    assert short.sure == long.sure == "at_most" and short.value is not None and long.value is not None and long.value > 20 * short.value


# ---- work and memory


def test_twice_the_steps_are_twice_the_operations_and_no_more_memory(compiled: Compile, full: str) -> None:
    once, twice = of(compiled, full)["stages.sft"], of(compiled, full, sets=["stages.sft.budget.steps=200"])["stages.sft"]
    assert twice.flops == once.flops * 2 and twice.memory == once.memory


def test_more_tokens_at_once_take_more_memory_and_no_more_operations(compiled: Compile, full: str) -> None:
    once, twice = of(compiled, full)["stages.sft"], of(compiled, full, sets=["stages.sft.batch.tokens_at_once=8192"])["stages.sft"]
    assert twice.flops == once.flops and (twice.memory.value or 0) > 1.5 * (once.memory.value or 0)


def test_shards_take_less_memory_and_replicas_more(compiled: Compile, full: str) -> None:
    wide = full.replace("hidden_size: 64", "hidden_size: 2048").replace("rows: 16, tokens_at_once: 4096", "rows: 16, tokens_at_once: 512")
    memory = {}
    for strategy, devices in (("single", 1), ("ddp", 4), ("fsdp", 4)):
        text = wide + f"engine: {{strategy: {strategy}, devices: {devices}}}\n"
        memory[strategy] = of(compiled, text)["stages.sft"].memory.value or 0
    assert memory["fsdp"] < memory["single"] < memory["ddp"]


def test_a_rule_scores_without_a_network(compiled: Compile, full: str) -> None:
    by_rule = of(compiled, full)["stages.pairs"]
    by_model = of(compiled, full.replace("reward: ${rewards.steps}}", "reward: ${rewards.judge}}"))["stages.pairs"]
    assert by_rule.flops == by_rule.memory == exact(0) and (by_model.flops.value or 0) > 0


def test_checkpoints_are_models_on_disk(compiled: Compile, full: str) -> None:
    alone = of(compiled, full)["stages.sft"].disk.value or 0
    three = of(compiled, full, sets=["stages.sft.checkpoints=[0.25, 0.5]"])["stages.sft"].disk.value or 0
    assert three == pytest.approx(3 * alone, rel=0.01)


HUB = """\
alignc: v1
name: hub
models: {qwen: {kind: causal_lm, pretrained: Own/Model, revision: 0123456789abcdef, adapter: {kind: lora, rank: 8}}}
rewards: {judge: {kind: scalar, backbone: "${models.qwen}"}}
datasets: {rows: {kind: prompts, hub: Own/Data, revision: 0123456789abcdef, split: train}}
stages:
  answers: {kind: sample, policy: "${models.qwen}", prompts: "${datasets.rows}", count: 2, max_new_tokens: 8, limit: 5}
  scores: {kind: label, completions: "${stages.answers}", reward: "${rewards.judge}"}
"""


def test_a_model_on_the_hub_is_unknown_until_it_lies_in_the_cache(compiled: Compile, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(folder / "cache"))
    found = of(compiled, HUB)
    assert found["models.qwen"].parameters == found["rewards.judge"].parameters == found["stages.answers"].flops == UNKNOWN
    assert found["stages.answers"].rows == at_most(10)
    kept.clear()
    write_model(folder / "cache" / "models--Own--Model" / "snapshots" / "0123456789abcdef0123", tied=False)
    found = of(compiled, HUB)
    body, head = 2 * (4 * 64 * 64 + 3 * 64 * 96 + 128) + 64 + 300 * 64, 300 * 64
    assert found["models.qwen"].parameters == exact(body + head) and found["rewards.judge"].parameters == exact(body + 64)
    assert found["models.qwen"].trainable == exact(2 * 8 * (4 * 128 + 3 * 160))
    assert found["stages.answers"].flops.sure == "at_most" and (found["rewards.judge"].disk.value or 0) < 10_000


def write_model(folder: Path, tied: bool, dtype: str = "F32", experts: int = 0) -> None:
    """A model folder whose weights are a header without numbers."""
    shapes: dict[str, list[int]] = {"model.embed_tokens.weight": [300, 64], "model.norm.weight": [64]}
    for layer in range(2):
        at = f"model.layers.{layer}"
        shapes |= {f"{at}.self_attn.{name}_proj.weight": [64, 64] for name in "qkvo"} | {f"{at}.mlp.{name}_proj.weight": [96, 64] for name in ("gate", "up")}
        shapes |= {f"{at}.mlp.down_proj.weight": [64, 96], f"{at}.norm1.weight": [64], f"{at}.norm2.weight": [64]}
        shapes |= {f"{at}.mlp.experts.weight": [experts, 64, 96]} if experts else {}
    shapes |= {} if tied else {"lm_head.weight": [300, 64]}
    header = json.dumps({name: {"dtype": dtype, "shape": shape, "data_offsets": [0, 0]} for name, shape in shapes.items()}).encode()
    config = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96, "vocab_size": 300}
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    (folder / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 128, "tie_word_embeddings": tied}))


LOCAL = HUB.replace("pretrained: Own/Model, revision: 0123456789abcdef", "folder: own")


def test_what_a_chat_template_adds_is_not_taken_for_nothing(compiled: Compile, folder: Path) -> None:
    write_model(folder / "own", tied=True)
    (folder / "rows.jsonl").write_text(jsonl({"prompt": "p"}, 5))
    local = LOCAL.replace("hub: Own/Data, revision: 0123456789abcdef, split: train", "file: rows.jsonl")
    plain, chat = (of(compiled, local.replace("folder: own", f"folder: own, prompt_format: {form}"))["stages.answers"].flops for form in ("plain", "chat"))
    assert chat.sure == "at_most" and (chat.value or 0) > 5 * (plain.value or 0)


def test_experts_have_a_number_of_parameters_but_no_known_work(compiled: Compile, folder: Path) -> None:
    write_model(folder / "own", tied=True, experts=4)
    found = of(compiled, LOCAL)
    assert found["models.qwen"].parameters is not None and found["models.qwen"].parameters.sure == "about"
    assert found["stages.answers"].flops == found["stages.answers"].memory == UNKNOWN


def test_numbers_stored_in_parts_are_not_counted(compiled: Compile, folder: Path) -> None:
    write_model(folder / "own", tied=True, dtype="I32")
    assert of(compiled, LOCAL)["models.qwen"].parameters == UNKNOWN


@pytest.mark.parametrize("header", [b"", b"\xff" * 20, b"\x02\0\0\0\0\0\0\0[]", b"\x02\0\0\0\0\0\0\0{"])
def test_damaged_weights_are_unknown(compiled: Compile, folder: Path, header: bytes) -> None:
    write_model(folder / "own", tied=True)
    (folder / "own" / "model.safetensors").write_bytes(header)
    assert of(compiled, LOCAL)["models.qwen"].parameters == UNKNOWN


# ---- what is finished already


def test_what_an_artifact_says_of_itself_comes_first(compiled: Compile, full: str) -> None:
    made = plan(compiled(full))
    before = estimate(made)
    manifests = {"models.base": ({"summary": {"vocabulary": 400, "parameters": 123}, "facts": {}}, 5000), "datasets.puzzles": ({"facts": {"rows": 480}}, 77)}
    after = estimate(made, manifests)
    assert after["models.base"].parameters == exact(123) and after["models.base"].disk == exact(5000)
    assert after["datasets.puzzles"].rows == exact(480) and after["stages.drafts"].rows == at_most(1920)
    assert before["stages.sft"].parameters == Figure((after["stages.sft"].parameters or UNKNOWN).value or 0, "exact") + at_most(200 * 64)


def test_an_exam_on_rows_that_are_there_has_exactly_these(compiled: Compile, full: str) -> None:
    Path("rows.jsonl").write_text(jsonl({"prompt": "p"}, 9))
    text = full.replace("deduction, count: 100, leaves: {min: 2, max: 4}, between: [0.9, 1]", "problems, file: rows.jsonl")
    text = text.replace("reward: ${rewards.steps}, part: step, by: leaves", "reward: {kind: exact_match}")
    manifest: dict[str, Any] = {"summary": {}, "facts": {"rows": 8}}
    for sets, rows in (((), 8), (("stages.exam.limit=5",), 5)):
        made = plan(compiled(text, sets=sets))
        assert estimate(made)["stages.exam"].rows == at_most(9 if not sets else 5)
        found = estimate(made, {"datasets.held_out": (manifest, 9), "stages.exam": ({"summary": {"mean_score": 0.5}, "facts": {"tables": []}}, 9)})
        assert found["stages.exam"].rows == exact(rows)


def test_the_same_statements_are_asked_once(compiled: Compile, full: str) -> None:
    made = plan(compiled(full))
    first = estimate(made)
    assert all(first[id] is one for id, one in estimate(made).items())
    other = plan(compiled(full, sets=["stages.dpo.budget.steps=51"]))
    assert estimate(other)["stages.dpo"] is not first["stages.dpo"]


def test_estimates_are_in_no_key_and_in_no_saved_plan(compiled: Compile, full: str) -> None:
    made = plan(compiled(full))
    before = made.to_json()
    estimate(made)
    assert made.to_json() == before and "estimate" not in before["stages"][0]


# ---- totals


def test_totals_sum_work_and_disk_take_the_most_memory_and_count_what_they_leave_out() -> None:
    some = {"a": Estimate(flops=exact(3), memory=about(5), disk=exact(1)), "b": Estimate(flops=at_most(4), memory=exact(9)), "c": Estimate()}
    found = total(some)
    assert (found["flops"], found["memory"], found["disk"], found["stages"]) == (7, 9, 1, 3)
    assert found["bounds"] == {"flops": "at_most", "memory": "about", "disk": "exact"} and found["unknown"] == {"flops": 1, "memory": 1, "disk": 2}


def test_a_large_network_is_counted_without_being_built() -> None:
    shape = Architecture(family="qwen2", hidden_size=8192, num_layers=80, num_heads=64, num_kv_heads=8, ffn_size=29568, context=32768, tie_embeddings=False)
    assert estimated(Network.of_architecture(shape, exact(152064))).parameters == exact(72_706_203_648)  # Qwen2-72B

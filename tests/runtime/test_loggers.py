"""Loggers by name: their files, what an interrupted stage leaves in them, and what is said where one cannot be had."""

import csv
import importlib.util
import struct
from dataclasses import replace

import pytest

from aligncompiler.compile import compile_spec
from runtime.demands import demands
from runtime.loggers import log, logging_to
from runtime.stages.train import train

DEMOS = [{"prompt": f"cat {i}", "completion": " all cats" * (1 + i % 3)} for i in range(6)]


@pytest.fixture
def logged(make_work, tmp_path):
    """A stage at work whose engine names these loggers."""

    def make(*names):
        work = make_work(loggers=names)
        work.run, work.experiment = tmp_path / "runs" / "made-1234", "made"
        return work

    return make


def rows_of(work):
    with (work.run / "logs" / work.stage.id / "csv" / "metrics.csv").open(newline="") as stream:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(stream)]


def scalars_of(work):
    """(step, name, value) in the event files of TensorBoard, and the step from which each of them replaces what stood there."""
    from tensorboardX.proto.event_pb2 import Event

    found, replaced = [], []
    for file in sorted((work.run / "logs" / work.stage.id / "tensorboard").glob("events.*")):
        data, at = file.read_bytes(), 0
        while at < len(data):
            [size] = struct.unpack_from("<Q", data, at)
            event = Event.FromString(data[at + 12 : at + 12 + size])
            at += size + 16
            found += [(event.step, value.tag, value.simple_value) for value in event.summary.value]
            replaced += [event.step] if event.HasField("session_log") else []
    return found, replaced


def test_every_logger_has_the_points_of_the_curve(logged, policy_artifact, dataset, budget):
    work = logged("csv", "tensorboard")
    train(work, model=policy_artifact(), data=dataset(DEMOS), **budget(steps=5, log_every=2))
    curve = work.curve()
    assert [p["step"] for p in curve] == [1, 2, 4, 5]
    assert [row["loss"] for row in rows_of(work)] == [p["loss"] for p in curve] and rows_of(work)[0].keys() == curve[0].keys()
    found, _ = scalars_of(work)
    losses = [(step, value) for step, name, value in found if name == "loss"]
    assert losses == [(p["step"], pytest.approx(p["loss"], rel=1e-6)) for p in curve]
    assert not list(work.folder.rglob("events.*")), "the artifact holds no logs"


def test_without_loggers_no_folder_appears(logged, policy_artifact, dataset, budget):
    work = logged()
    train(work, model=policy_artifact(), data=dataset(DEMOS), **budget(steps=1))
    assert not work.run.exists()


def test_a_stage_that_goes_on_goes_on_in_its_logs(logged):
    """Five points were told when it was interrupted; it goes on from the third."""
    work = logged("csv", "tensorboard")
    points = [{"step": float(n), "loss": 1.0 / n} for n in range(1, 8)]
    with logging_to(work, []) as loggers:
        for point in points[:5]:
            log(loggers, point)
        for logger in loggers:
            logger.finalize("success")
    with logging_to(work, points[:3]) as loggers:
        for point in points[3:]:
            log(loggers, point)
        for logger in loggers:
            logger.finalize("success")
    assert rows_of(work) == points
    found, replaced = scalars_of(work)
    assert {step for step, _, _ in found} == set(range(1, 8)) and 4 in replaced, "TensorBoard drops what stood from step 4 on"


def test_only_the_first_of_several_processes_logs(logged):
    work = logged("csv")
    work.first = False
    with logging_to(work, []) as loggers:
        assert loggers == []


SPEC = """\
alignc: v1
name: small
engine:
  accelerator: cpu
  {engine}
datasets:
  puzzles: {{kind: deduction, count: 12, leaves: {{min: 2, max: 2}}, between: [0, 0.5]}}
models:
  base:
    kind: causal_lm
    architecture: {{family: llama, hidden_size: 16, num_layers: 1, num_heads: 2, context: 256}}
    tokenizer: {{kind: bpe, data: "${{datasets.puzzles}}", vocab_size: 300}}
stages:
  sft: {{kind: train, model: "${{models.base}}", data: "${{datasets.puzzles}}", objective: {{kind: sft}}, budget: {{steps: 2}}, optimizer: {{kind: adamw, learning_rate: 0.01}}}}
"""


def demanded(tmp_path, engine, world=1):
    (tmp_path / "small.yaml").write_text(SPEC.format(engine=engine), encoding="utf-8")
    found = compile_spec(tmp_path / "small.yaml")
    assert found.plan is not None, [d.message for d in found.report.diagnostics]
    return [(d.code, d.primary.place.line, d.message, d.help) for d in demands(found.plan, world).errors]


@pytest.mark.parametrize("name", ["wandb", "mlflow"])
@pytest.mark.skipif(any(map(importlib.util.find_spec, ("wandb", "mlflow"))), reason="they are installed here")
def test_a_logger_that_is_not_installed_is_one_diagnostic_at_its_name(name, tmp_path):
    [(code, line, message, help)] = demanded(tmp_path, f"loggers: [csv, {name}]")
    assert (code, line) == ("P606", 5) and name in message and help[0] == f"pip install {name}"


def test_deepspeed_without_its_devices_and_its_package_is_said_at_the_strategy(tmp_path):
    (tmp_path / "small.yaml").write_text(SPEC.format(engine="strategy: deepspeed").replace("accelerator: cpu", "accelerator: detect"), encoding="utf-8")
    plan = compile_spec(tmp_path / "small.yaml").plan
    on_cpu = replace(plan, engine=plan.engine.model_copy(update={"accelerator": "cpu"}))
    found = demands(on_cpu, 1).errors
    assert [d.code for d in found] == ["P610", *(["P606"] if importlib.util.find_spec("deepspeed") is None else [])]
    assert {d.primary.place.line for d in found} == {5}


@pytest.mark.parametrize("world", [1, 4])
def test_another_number_of_processes_than_the_plan_asks_for_is_said_with_the_way_to_start_them(world, tmp_path):
    [(code, line, message, help)] = demanded(tmp_path, "strategy: ddp\n  devices: 3\n  nodes: 2", world)
    assert (code, line) == ("P610", 7) and f"2 machine(s) with 3 process(es) each, but {world} were started" in message and "--torchrun" in help[0]

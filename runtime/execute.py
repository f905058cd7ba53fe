"""The story: for each stage of the plan, take what is there, else bind it, make it, and store it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from aligncompiler.ir import Plan, Stage
from aligncompiler.spec.codec import refs
from aligncompiler.spec.experiment import Engine
from aligncompiler.store.artifacts import described
from aligncompiler.store.resume import half_done

from .checkpoints import forget
from .console import Console, StageLine
from .fault import Fault
from .memory import fault_of, ran_out
from .ranks import Ranks
from .registry import bind
from .store import Artifact, Store
from .unmoved import unmoved
from .versions import versions
from .work import Work

Made = dict[str, tuple[Artifact, bool]]  # id of a stage -> (artifact, whether it was there before)


class StageFailed(Exception):
    """A stage stopped on a fault; carries the stage and the fault."""

    def __init__(self, stage: Stage, fault: Fault) -> None:
        super().__init__(fault.message)
        self.stage = stage
        self.fault = fault


def execute(plan: Plan, store: Store, console: Console, ranks: Ranks, made: Made, run: str = "", tell: Callable[[str], None] = lambda id: None) -> None:
    """Make every stage of the plan and enter it in `made`. `run` names the run in manifests; `tell` hears the id of each stage before it is made,
    and an empty text after that.

    Raises StageFailed; what was made before is kept, and stands in `made`.
    """
    for stage in plan.stages:
        inputs = {ref.to: made[stage.source(ref)][0] for ref in refs(stage.spec)}
        with console.stage(stage) as line, ranks.one_at_a_time(store, stage.key, line.wait):
            found = ranks.find(store, stage)
            if found is None:
                tell(stage.id)
                if stage.key in store.damaged:
                    line.note(f"what was stored is damaged: {store.damaged[stage.key]}; it is made again")
                try:
                    made[stage.id] = (make(plan, stage, inputs, store, line, ranks, run), False)
                except Fault as fault:
                    raise StageFailed(stage, fault) from fault
                except Exception as error:  # whatever is not told here goes on as it came; that memory or the disk is full comes in many types
                    if ran_out(error):
                        raise StageFailed(stage, fault_of(stage)) from error
                    if "(os error " in str(error):  # a library in Rust, which tells of a full disk in its own way
                        raise OSError(str(error)) from error
                    raise
                tell("")
            else:
                made[stage.id] = (found, True)
                if ranks.first:
                    forget(store, stage.key)  # by a process that was killed between storing and this
            line.finish(*made[stage.id])


def make(plan: Plan, stage: Stage, inputs: Mapping[str, Artifact], store: Store, line: StageLine, ranks: Ranks, run: str) -> Artifact:
    """Carry out one stage and put what it made into the store, from where an earlier attempt was stopped; of a stage that stops on a fault
    nothing is left, of one that is interrupted, or whose fault may pass, what it had done."""
    kept = ranks.checkpoints(store, stage.key, plan.engine.save_every)
    work = Work(stage, kept.making, stage.seed, plan.engine, line, Path(run), plan.name, ranks.first, kept)
    if kept.worth():
        line.note(f"goes on from {half_done(store.root, stage.key)}")
    try:
        if ranks.needed(stage.spec):
            with unmoved(stage):
                carry_out(stage, inputs, work)
        made = ranks.commit(store, stage, work.folder, describe(plan, stage, work, run) | {"seconds": round(kept.seconds(), 3)})
        kept.discard()
    except Fault as fault:
        if fault.passes:
            kept.flush()
        else:
            kept.discard()
        if ranks.first and kept.worth():
            fault.help += (f"the same command goes on from {half_done(store.root, stage.key)}",)
        raise
    except KeyboardInterrupt:
        kept.flush()
        raise
    finally:
        if not (ranks.first and kept.worth()):
            shutil.rmtree(work.folder, ignore_errors=True)  # gone already if it was stored
    return made


def carry_out(stage: Stage, inputs: Mapping[str, Artifact], work: Work) -> None:
    """Call the implementation: a dataset yields rows, everything else writes to the folder itself."""
    bound = bind(stage.spec, inputs, stage.names)
    if stage.spec.family == "datasets":
        work.facts |= {"shortcuts": list(getattr(stage.spec, "shortcuts", ())), "answer_columns": list(getattr(stage.spec, "answer_columns", ()))}
        work.save_rows(work.usable(bound()))
    else:
        with precision(work.engine):
            bound(work)


def precision(engine: Engine) -> torch.autocast:
    """The number format of every forward pass of a stage, training or not, so that a policy and its reference agree."""
    return torch.autocast("cuda" if engine.accelerator == "cuda" else "cpu", torch.bfloat16, enabled=engine.precision == "bfloat16")


def describe(plan: Plan, stage: Stage, work: Work, run: str) -> dict[str, Any]:
    """What the manifest says beside checksums and date: where it comes from and what it is."""
    rest = {"facts": work.facts, "summary": work.summary, "skipped": dict(work.skipped), "versions": versions()}
    return described(plan, stage, run) | rest


def link_artifacts(made: Mapping[str, tuple[Artifact, bool]], folder: Path) -> None:
    """Names of stages beside the report, leading into the store."""
    links = folder / "artifacts"
    links.mkdir(parents=True, exist_ok=True)
    for id, (artifact, _) in made.items():
        link = links / id
        link.unlink(missing_ok=True)
        link.symlink_to(artifact.folder)

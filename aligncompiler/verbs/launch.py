"""`alignc launch`: a file that starts a run on several machines, through SLURM or by torchrun on each of them.

What it starts is the plan as it is now, kept in the folder of the run: a fault of the spec is found here and not in the queue, and a job
that is started again finds what it finished.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import jinja2

from ..diagnostic import Report
from ..ir import Plan
from ..package_data import data_folder
from ..store.artifacts import complaint
from ..store.run_folder import PLAN
from ..terminal import print_json, print_report, say
from .run import failed, of_spec, prepared, refused, run_folder

ENDPOINT = '"${HEAD_NODE:?}:${PORT:-29500}"'  # set by the job, or by who starts torchrun


@dataclass(frozen=True)
class Launch:
    """What the templates are rendered from."""

    plan: Plan
    folder: Path
    store: Path
    grace: int
    again: str

    def command(self) -> str:
        """torchrun of the runtime, on each of the machines."""
        engine = self.plan.engine
        meeting = [f"--rdzv-id={shlex.quote(self.folder.name)}", "--rdzv-backend=c10d", f"--rdzv-endpoint={ENDPOINT}"]
        # When one process ends, torchrun gives the others this long to save what they have.
        start = [f"--nnodes={engine.nodes}", f"--nproc-per-node={engine.devices}", *meeting, f"--shutdown-timeout={self.grace}"]
        module = ["-m", "runtime", shlex.quote(str(self.folder / PLAN)), "--store", shlex.quote(str(self.store)), f"--command={shlex.quote(self.again)}"]
        return " ".join([shlex.quote(sys.executable), "-m", "runtime.together", *start, *module])

    def text(self, template: str, options: list[str]) -> str:
        """The launch file."""
        loader = jinja2.FileSystemLoader(data_folder("templates"))
        environment = jinja2.Environment(  # noqa: S701  what it makes is no page of the web, and its words are quoted for the shell
            loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
        )
        return environment.get_template(template).render(
            name=self.plan.name,
            nodes=self.plan.engine.nodes,
            devices=self.plan.engine.devices,
            cwd=shlex.quote(str(Path.cwd())),
            command=self.command(),
            options=options,
        )


def launch(args: argparse.Namespace) -> int:
    """Write the launch file of a spec; the exit code."""
    plan, report = of_spec(args)
    if plan is not None and args.slurm and "engine.accelerator" not in plan.places:
        place = plan.places.get("engine") or plan.places.get("")
        help = ("write `engine.accelerator: cuda`, or `cpu`", "or `--set engine.accelerator=cuda`")
        report.add("P610", "which device the machines of the job have cannot be seen from here", place, path=("engine",), help=help)
    print_report(report)
    if plan is None or report.errors:
        return failed(args, 1, "the plan cannot be carried out", report)
    folder, store = Path(args.out).absolute() / run_folder(Path(), plan), Path(args.store).absolute()
    fault = complaint(store)
    if fault:
        return refused(args, "P605", fault, "name a folder with `--store`", "the store cannot be used")
    job = Launch(plan, folder, store, args.grace, again(args))
    text = job.text("slurm.sh.j2", options(plan, folder, args)) if args.slurm else job.text("torchrun.sh.j2", [])
    busy = Report()
    try:
        free = prepared(plan, folder, busy)
        if free and args.output:
            Path(args.output).write_text(text, encoding="utf-8")
            Path(args.output).chmod(0o755)
    except OSError as error:
        say(f"error: `{error.filename}` cannot be written: {error.strerror}")
        return failed(args, 1, "the launch file cannot be written")
    if not free:
        print_report(busy)
        return failed(args, 1, "another process is running this plan", busy)
    tell(args, plan, folder, text)
    return 0


def again(args: argparse.Namespace) -> str:
    """What is typed to start the run, and to go on with it."""
    printed = shlex.join(["alignc", *sys.argv[1:]])
    if args.slurm:
        return f"sbatch {args.output}" if args.output else f"{printed} | sbatch"
    return f"HEAD_NODE=NAME ./{args.output}" if args.output else f"HEAD_NODE=NAME bash <({printed})"


def tell(args: argparse.Namespace, plan: Plan, folder: Path, text: str) -> None:
    """The file itself on stdout, or where it was written and how it is used."""
    if args.json:
        print_json({"launcher": "slurm" if args.slurm else "torchrun", "run": str(folder), "file": args.output, "text": text})
    elif args.output:
        say(f"wrote {args.output}; start it with: {again(args)}{'' if args.slurm else f'   on each of {plan.engine.nodes} machine(s)'}")
    else:
        sys.stdout.write(text)


def options(plan: Plan, folder: Path, args: argparse.Namespace) -> list[str]:
    """What the job asks of SLURM: one task on each machine, which starts the processes there."""
    engine = plan.engine
    asked = [f"--job-name={plan.name}", f"--nodes={engine.nodes}", "--ntasks-per-node=1"]
    asked += [f"--gpus-per-node={engine.devices}"] if engine.accelerator == "cuda" else []
    asked += [f"--cpus-per-task={args.cpus}"] if args.cpus else []
    asked += [f"--partition={args.partition}"] if args.partition else []
    asked += [f"--time={args.time}"] if args.time else []
    asked += args.sbatch
    requeued = ["--requeue", f"--signal=B:USR1@{2 * args.grace}", "--open-mode=append", f"--output={folder}{os.sep}slurm-%j.log"]
    return [*asked, *requeued]

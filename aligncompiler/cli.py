"""The command line: arguments only. A verb is a function of its own module, imported when it is called."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import FrameType
from typing import NoReturn

from . import __version__
from .streams import settle_streams, silenced

EXITS = {
    0: "ok",
    1: "the spec or the data has errors",
    2: "usage",
    3: "work pending",
    4: "a stage failed",
    5: "internal error",
    130: "interrupted",
}
EXIT_CODES = "exit codes: " + ", ".join(f"{number} {meaning}" for number, meaning in EXITS.items())
SHELLS = {
    "bash": "source <(alignc completion bash)",
    "zsh": 'eval "$(alignc completion zsh)"',
    "fish": "alignc completion fish | source",
}
AGAIN = "may be given several times"
FORMATS = ("full", "concise", "json", "github", "sarif")


class Verbs:
    """Adds verbs to a parser, each with the options that all of its sort share."""

    def __init__(self, top: argparse.ArgumentParser) -> None:
        self.verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)

    def plain(self, name: str, help: str) -> argparse.ArgumentParser:
        """A verb without a spec."""
        text = help[0].upper() + help[1:] + "."
        one = self.verbs.add_parser(name, help=help, description=text, epilog=EXIT_CODES)
        one.add_argument("--json", action="store_true", help="print the result as JSON")
        return one

    def of_spec(self, name: str, help: str, several: bool = False) -> argparse.ArgumentParser:
        """A verb that compiles a spec, or several one after the other."""
        one = self.plain(name, help)
        if several:
            one.add_argument("spec", nargs="+", help="spec file, or several")
        else:
            one.add_argument("spec", help="spec file")
        one.add_argument("--set", dest="sets", metavar="PATH=VALUE", action="append", default=[], help=f"override one value; {AGAIN}, the last one wins")
        one.add_argument(
            "--profile", dest="profiles", metavar="NAME", action="append", default=[], help=f"apply a profile of the spec; {AGAIN}, the last one wins"
        )
        return one


def with_store(one: argparse.ArgumentParser) -> None:
    one.add_argument("--store", default=os.environ.get("ALIGNC_STORE", ".alignc"), help="folder of finished artifacts (default: $ALIGNC_STORE or .alignc)")


def whole(text: str) -> int:
    """The number of a row."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"`{text}` is no whole number from 0 on")
    return int(text)


def with_runs(one: argparse.ArgumentParser) -> None:
    one.add_argument("--out", default="runs", help="folder that run folders are made in (default: runs)")


def add_authoring(verbs: Verbs) -> None:
    """Verbs for who writes a spec."""
    init = verbs.plain("init", "write a spec to start from")
    init.add_argument("path", nargs="?", default="spec.yaml", help="file to write (default: spec.yaml)")
    init.add_argument("--from", dest="source", default="quickstart", metavar="NAME", help="which of the specs that come with alignc (default: quickstart)")
    init.add_argument("--list", action="store_true", help="list the specs that come with alignc")

    check = verbs.of_spec("check", "check a spec without loading anything", several=True)
    check.add_argument("--format", choices=FORMATS, help="form of the diagnostics (default: full on a terminal, else concise)")
    check.add_argument("--fix", action="store_true", help="apply the safe fixes to the files, and check again")
    check.add_argument("--data", action="store_true", help="read the data files as well: columns, types, counts, rows that are too long")

    show = verbs.of_spec("show", "print the resolved spec, defaults included")
    show.add_argument("part", nargs="?", help="dotted path, for example stages.dpo")
    show.add_argument("--origins", action="store_true", help="say of every value where it was written and what it overrode")
    show.add_argument("--example", metavar="STAGE", help="print one row as this stage reads it: its tokens, and which of them are targets")
    show.add_argument(
        "--row",
        type=whole,
        metavar="N",
        help="with --example: number of the row, from 0; what is skipped, or lies outside of `between`, does not count (default: 0)",
    )
    with_store(show)

    explain = verbs.plain("explain", "explain a diagnostic code, a kind, or a field")
    explain.add_argument("topic", nargs="?", help="for example S401, dpo, train.batch; without it, list the topics")
    explain.add_argument("--markdown", action="store_true", help="print the page of all codes")

    schema = verbs.plain("schema", "print the JSON Schema of the language, for editors")
    schema.add_argument("-o", "--output", metavar="FILE", help="write it to a file")

    lsp = verbs.plain("lsp", "start the language server on stdin and stdout")
    lsp.add_argument("--stdio", action="store_true", help="speak over stdin and stdout; the only way, and accepted because editors pass it")

    completion = verbs.plain("completion", "print the completion script of a shell")
    completion.add_argument("shell", choices=tuple(SHELLS), help="the shell; " + ", ".join(f"in {shell}: {line}" for shell, line in SHELLS.items()))


def add_running(verbs: Verbs) -> None:
    """Verbs for who carries a spec out."""
    plan = verbs.of_spec("plan", "show the stages, what they cost, and which of them are done already")
    with_store(plan)
    plan.add_argument("-o", "--output", metavar="FILE", help="write the plan to a file, for `alignc run FILE`")
    plan.add_argument("--check", action="store_true", help="exit with 3 if there is work to do")

    run = verbs.of_spec("run", "carry out a spec or a saved plan; what is done already is not done again")
    with_store(run)
    with_runs(run)
    run.add_argument("--only", metavar="STAGE", action="append", default=[], help=f"carry out only this stage and what it needs; {AGAIN}")

    launch = verbs.of_spec("launch", "print a file that starts a run on several machines (`engine.nodes`, `engine.devices`)")
    by = launch.add_mutually_exclusive_group(required=True)
    by.add_argument("--slurm", action="store_true", help="a job for sbatch, which saves and goes back into the queue when its time is up")
    by.add_argument("--torchrun", action="store_true", help="the command of torchrun, for each of the machines")
    with_store(launch)
    with_runs(launch)
    launch.add_argument("-o", "--output", metavar="FILE", help="write it to a file")
    launch.add_argument("--grace", type=int, default=120, metavar="SECONDS", help="time to save in when the run is stopped (default: 120)")
    launch.add_argument("--time", metavar="LIMIT", help="slurm: time limit of the job, for example 12:00:00")
    launch.add_argument("--partition", metavar="NAME", help="slurm: partition")
    launch.add_argument("--cpus", type=int, metavar="N", help="slurm: CPU cores of each machine")
    launch.add_argument("--sbatch", metavar="OPTION", action="append", default=[], help=f"slurm: one more option, for example --sbatch=--account=me; {AGAIN}")

    why = verbs.of_spec("why", "say why stages have to run: the field that changed, and its line")
    why.add_argument("stage", nargs="?", help="one stage, for example stages.dpo; without it, all that have to run")
    with_store(why)
    with_runs(why)

    runs = verbs.plain("runs", "list the runs made here")
    with_runs(runs)

    store = verbs.plain("store", "list, verify or clean up finished artifacts")
    store.add_argument("action", choices=("list", "verify", "gc"), help="list them; check every checksum; delete what no run uses")
    with_store(store)
    with_runs(store)
    store.add_argument("--dry-run", action="store_true", help="with gc: only say what would be deleted")
    store.add_argument("--all", action="store_true", help="with gc: go on where no run refers to anything, and delete everything")


def parser() -> argparse.ArgumentParser:
    """All verbs and their options."""
    top = argparse.ArgumentParser(prog="alignc", description="The declarative compiler for alignment research.", epilog=EXIT_CODES)
    top.add_argument("--version", action="version", version=f"alignc {__version__}")
    verbs = Verbs(top)
    add_authoring(verbs)
    add_running(verbs)
    return top


def arguments(top: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """The arguments, with what stands behind an option put where argparse would only have looked before it: `why SPEC --store X STAGE`."""
    args, rest = top.parse_known_args(argv)
    optional = {"why": "stage", "show": "part", "explain": "topic"}.get(args.verb, "")
    if rest and not any(word.startswith("-") for word in rest):
        if len(rest) == 1 and optional and getattr(args, optional) is None:
            setattr(args, optional, rest.pop())
        elif args.verb == "check":
            args.spec, rest = [*args.spec, *rest], []
    if rest:
        top.error(f"unrecognized arguments: {' '.join(rest)}")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code."""
    # pydantic looks for plug-ins of its own among all that is installed, 10 to 15 ms of every start; no class of ours has a use for one.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    args = arguments(parser(), argv)
    try:
        verb = getattr(import_module(f"{__package__}.verbs.{args.verb}"), args.verb)
        if signal.getsignal(signal.SIGINT) is leave:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return int(verb(args))
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001  the last line of defence: what nobody foresaw is our mistake, and scripts must be able to tell
        if isinstance(error, OSError) and (code := lost(error)) is not None:
            return code
        import traceback  # needed for our own mistakes alone

        traceback.print_exc()
        print(f"internal error in alignc {__version__}: please report the lines above together with the spec", file=sys.stderr)
        return 5


def leave(number: int, frame: FrameType | None) -> NoReturn:
    """Ctrl-C while modules are imported: nothing is begun, and an exception in the middle of an import would become another one."""
    os._exit(130)


def start() -> NoReturn:
    """The process of one verb. But for the language server it is short: nothing is collected while it works, and it ends without being taken apart."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a shell starts jobs in the background with Ctrl-C ignored
        signal.signal(signal.SIGINT, leave)
    if sys.argv[1:2] != ["lsp"]:
        gc.disable()
    settle_streams()
    code = main()
    try:
        for stream in (sys.stdout, sys.stderr):
            if not stream.closed:  # as the language server leaves them
                stream.flush()
    except OSError as error:
        found = lost(error)
        assert found is not None, error
        code = found
    os._exit(code)


def lost(error: OSError) -> int | None:
    """The exit code of a verb whose output could not be written, which is said if it can be; None if the error is of something else."""
    gone = silenced()
    if isinstance(error, BrokenPipeError):
        return 0  # who reads has enough
    if not gone:
        return None
    print(f"error: the output cannot be written: {error.strerror}", file=sys.stderr, flush=True)
    return 2


if __name__ == "__main__":
    start()

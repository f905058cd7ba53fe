"""The command line: arguments only. A verb is a function of its own module, imported when it is called."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

from . import __version__

EXIT_CODES = "exit codes: 0 ok, 1 the spec or the data has errors, 2 usage, 3 work pending, 4 a stage failed, 5 internal error, 130 interrupted"


def parser() -> argparse.ArgumentParser:
    """All verbs and their options."""
    top = argparse.ArgumentParser(prog="alignc", description="The declarative compiler for alignment research.", epilog=EXIT_CODES)
    top.add_argument("--version", action="version", version=f"alignc {__version__}")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)

    def verb(name: str, help: str, spec: bool = True) -> argparse.ArgumentParser:
        one = verbs.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".", epilog=EXIT_CODES)
        one.add_argument("--json", action="store_true", help="print the result as JSON")
        if spec:
            one.add_argument("spec", help="spec file")
            one.add_argument("--set", dest="sets", metavar="PATH=VALUE", action="append", default=[], help="override one value")
            one.add_argument("--profile", dest="profiles", metavar="NAME", action="append", default=[], help="apply a profile of the spec")
        return one

    def places(one: argparse.ArgumentParser) -> None:
        one.add_argument("--store", default=os.environ.get("ALIGNC_STORE", ".alignc"), help="folder of finished artifacts (default: $ALIGNC_STORE or .alignc)")

    init = verb("init", "write a spec to start from", spec=False)
    init.add_argument("path", nargs="?", default="spec.yaml", help="file to write (default: spec.yaml)")
    init.add_argument("--from", dest="source", default="quickstart", metavar="NAME", help="which of the specs that come with alignc (default: quickstart)")
    init.add_argument("--list", action="store_true", help="list the specs that come with alignc")

    check = verb("check", "check a spec without loading anything")
    check.add_argument("--format", choices=("full", "concise", "json"), help="form of the diagnostics (default: full on a terminal, else concise)")

    plan = verb("plan", "show the stages, and which of them are done already")
    places(plan)
    plan.add_argument("-o", "--output", metavar="FILE", help="write the plan to a file")
    plan.add_argument("--check", action="store_true", help="exit with 3 if there is work to do")

    run = verb("run", "carry out a spec; what is done already is not done again")
    places(run)
    run.add_argument("--out", default="runs", help="folder that run folders are made in (default: runs)")
    run.add_argument("--only", metavar="STAGE", action="append", default=[], help="carry out only this stage and what it needs")

    explain = verb("explain", "explain a diagnostic code, a kind, or a field", spec=False)
    explain.add_argument("topic", nargs="?", help="for example S401, dpo, train.batch; without it, list the topics")

    show = verb("show", "print the resolved spec, defaults included")
    show.add_argument("part", nargs="?", help="dotted path, for example stages.dpo")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code."""
    args = parser().parse_args(argv)
    verb = getattr(import_module(f"{__package__}.verbs.{args.verb}"), args.verb)
    try:
        return int(verb(args))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception:  # noqa: BLE001  the last line of defence: what nobody foresaw is our mistake, and scripts must be able to tell
        traceback.print_exc()
        print(f"internal error in alignc {__version__}: please report the lines above together with the spec", file=sys.stderr)
        return 5


if __name__ == "__main__":
    sys.exit(main())

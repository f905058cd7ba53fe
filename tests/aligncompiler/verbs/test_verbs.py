"""Every verb through the command line: results on stdout, the rest on stderr, and the exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from aligncompiler.cli import main
from aligncompiler.codes import CODES
from aligncompiler.diagnostic import Report
from aligncompiler.ir import artifact_folder, read_plan
from aligncompiler.load import parse
from aligncompiler.package_data import data_folder
from aligncompiler.spec.registry import FAMILIES, kinds

Capture = pytest.CaptureFixture[str]
SPECS = sorted(str(p.relative_to(data_folder("specs")).with_suffix("")) for p in data_folder("specs").rglob("*.yaml"))


@pytest.fixture
def spec(folder: Path, full: str) -> str:
    (folder / "spec.yaml").write_text(full)
    (folder / "bad.yaml").write_text(full.replace("seed: 3", "sed: 3").replace("beta: 0.2", "beta: 0"))
    (folder / "warned.yaml").write_text(full.replace("objective: ${objectives.gentle}", "objective: dpo"))
    return "spec.yaml"


def usage(*argv: str) -> int:
    """The exit code of a command line that argparse refuses."""
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


# ---- check


def test_check_says_ok_on_stderr_and_exits_with_0(spec: str, capsys: Capture) -> None:
    assert main(["check", spec]) == 0
    out, err = capsys.readouterr()
    assert out == "" and err == "ok  spec.yaml: 11 stages\n"


def test_check_prints_errors_on_stdout_and_exits_with_1(spec: str, capsys: Capture) -> None:
    assert main(["check", "bad.yaml"]) == 1
    out, err = capsys.readouterr()
    assert [line.split(": ")[0] for line in out.splitlines()] == ["bad.yaml:4:1", "bad.yaml:17:29"] and err == ""


def test_check_with_warnings_only_exits_with_0(spec: str, capsys: Capture) -> None:
    assert main(["check", "warned.yaml"]) == 0
    assert "warning[R306]" in capsys.readouterr().out


@pytest.mark.parametrize("option", [["--json"], ["--format", "json"]])
def test_check_json_is_a_list_of_diagnostics_on_stdout(spec: str, capsys: Capture, option: list[str]) -> None:
    assert main(["check", "bad.yaml", *option]) == 1
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert [d["code"] for d in found] == ["S401", "S405"] and err == ""
    assert set(found[0]) == {"code", "name", "severity", "message", "path", "spans", "help", "fixes"}
    assert {"file", "start", "end", "primary"} <= set(found[0]["spans"][0])
    assert main(["check", spec, *option]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_check_of_a_missing_file_a_folder_and_an_empty_file_is_one_diagnostic_each(spec: str, folder: Path, capsys: Capture) -> None:
    (folder / "empty.yaml").write_text("")
    for name, code in (("none.yaml", "P601"), (".", "P601"), ("empty.yaml", "Y109")):
        assert main(["check", name]) == 1
        assert capsys.readouterr().out.count(f"error[{code}]") == 1


def test_full_and_concise_form_are_chosen_by_name(spec: str, capsys: Capture) -> None:
    main(["check", "bad.yaml", "--format", "full"])
    assert "= help: did you mean `seed`?" in capsys.readouterr().out


def test_no_color_wins_over_force_color(spec: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    main(["check", "bad.yaml"])
    assert "\x1b[" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    main(["check", "bad.yaml"])
    assert "\x1b[" not in capsys.readouterr().out


def test_a_pipe_gets_no_colour(spec: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    for argv in (["check", "bad.yaml"], ["plan", spec], ["explain", "dpo"], ["explain"]):
        main(argv)
        out, err = capsys.readouterr()
        assert "\x1b[" not in out + err


# ---- plan


def test_plan_lists_the_stages_and_what_is_to_do(spec: str, capsys: Capture) -> None:
    assert main(["plan", spec]) == 0
    out = capsys.readouterr().out
    assert "+ stages.dpo.reference" in out and "<- stages.sft, stages.pairs" in out
    assert out.splitlines()[-1] == "11 stages: 0 cached (=), 11 to do (+)"


def test_plan_check_exits_with_3_until_every_artifact_is_there(spec: str, folder: Path, capsys: Capture) -> None:
    assert main(["plan", spec, "--check", "--json"]) == 3
    made = json.loads(capsys.readouterr().out)
    assert len(made["cached"]) == 11 and not any(made["cached"].values())
    for stage in made["stages"]:
        place = artifact_folder(folder / "store", stage["key"])
        place.mkdir(parents=True)
        (place / "manifest.json").write_text("{}")
    assert main(["plan", spec, "--check", "--store", "store"]) == 0
    assert "11 cached (=), 0 to do" in capsys.readouterr().out


def test_plan_output_can_be_read_back(spec: str, folder: Path, capsys: Capture) -> None:
    assert main(["plan", spec, "-o", "plan.json"]) == 0
    assert [s.id for s in read_plan(folder / "plan.json").stages][-1] == "stages.exam"
    assert "wrote plan.json" in capsys.readouterr().err


def test_plan_into_a_folder_is_one_sentence(spec: str, folder: Path, capsys: Capture) -> None:
    assert main(["plan", spec, "-o", "."]) == 2
    assert "is a folder" in capsys.readouterr().err


def test_plan_of_a_faulty_spec_exits_with_1_and_prints_nothing_on_stdout(spec: str, capsys: Capture) -> None:
    assert main(["plan", "bad.yaml"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and "error[S401]" in err


def test_json_of_a_faulty_spec_is_still_json(spec: str, capsys: Capture) -> None:
    for verb in ("plan", "show", "run"):
        assert main([verb, "bad.yaml", "--json"]) == 1
        out, err = capsys.readouterr()
        assert [d["code"] for d in json.loads(out)["diagnostics"]] == ["S401", "S405"] and "error[S401]" in err, verb


# ---- show


def test_show_writes_the_defaults_out_and_reads_back_as_the_same_experiment(spec: str, folder: Path, capsys: Capture) -> None:
    assert main(["show", spec]) == 0
    out = capsys.readouterr().out
    assert "warmup: 0.05" in out and "model: ${stages.sft}" in out
    (folder / "shown.yaml").write_text(out)
    made = {}
    for name in (spec, "shown.yaml"):
        assert main(["plan", name, "--json"]) == 0
        made[name] = {s["id"]: s["key"] for s in json.loads(capsys.readouterr().out)["stages"]}
    assert made[spec].pop("stages.exam") != made["shown.yaml"].pop("stages.exam")  # what was declared stands in its place, so tables tell a reward by its kind
    assert made[spec] == made["shown.yaml"]


def test_show_quotes_texts_that_our_reader_would_take_for_numbers(spec: str, folder: Path, full: str, capsys: Capture) -> None:
    for word in ("1e5", "0o17", "no", "010", "~", "1:30", ".inf", "12", "x: y", "1E-5"):
        (folder / "spec.yaml").write_text(full.replace("steps help", json.dumps(word)))
        assert main(["show", spec]) == 0
        node = parse(capsys.readouterr().out, "shown", Report())
        assert node is not None and node.value["description"].value == word


def test_show_of_a_part_prints_only_it(spec: str, capsys: Capture) -> None:
    assert main(["show", spec, "stages.exam.metrics.0.part"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == "step"
    assert main(["show", spec, "stages.dpo.objective", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"kind": "dpo", "beta": 0.2, "label_smoothing": 0.0, "sft_weight": 0.0}


@pytest.mark.parametrize("part", ["stages.dpoo", "stages.dpo.kind.x", "stages.exam.metrics.7", "x", "."])
def test_show_of_a_part_that_is_not_there_exits_with_2(spec: str, capsys: Capture, part: str) -> None:
    assert main(["show", spec, part]) == 2
    assert capsys.readouterr().err.startswith("error: there is no ")


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("absent.part", "there is no `absent.part`: the spec has alignc, name, description"),
        ("sft", "there is no `sft`: the spec has no `sft`; did you mean `stages.sft`?"),
        ("stages.dpoo", "`stages` has no `dpoo`; did you mean `stages.dpo`?"),
        ("stages.dpo.kind.x", "`stages.dpo.kind` is the value train, with nothing inside"),
        ("stages.dpo.checkpoints.x", "`stages.dpo.checkpoints` is empty"),
    ],
)
def test_show_says_what_there_is_instead_with_and_without_origins(spec: str, capsys: Capture, part: str, said: str) -> None:
    for more in ((), ("--origins",)):
        assert main(["show", spec, part, *more]) == 2
        assert said in capsys.readouterr().err


def test_show_takes_profiles_and_sets(spec: str, folder: Path, full: str, capsys: Capture) -> None:
    (folder / "spec.yaml").write_text(full + "profiles: {smoke: {seed: 9}}\n")
    assert main(["show", spec, "seed", "--profile", "smoke"]) == 0
    assert main(["show", spec, "seed", "--profile", "smoke", "--set", "seed=10"]) == 0
    assert capsys.readouterr().out.split() == ["9", "10"]


# ---- explain


@pytest.mark.parametrize(
    "topic", [*CODES, *(tag for family in FAMILIES for tag in kinds(family)), "dpo.beta", "train.batch", "train.batch.rows", "s401", "objectives.dpo"]
)
def test_every_code_kind_and_field_is_explained_as_text_and_as_json(topic: str, capsys: Capture) -> None:
    assert main(["explain", topic]) == 0
    assert len(capsys.readouterr().out) > 40
    assert main(["explain", topic, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("topic", ["", *CODES, *(tag for family in FAMILIES for tag in kinds(family)), "rounds", "sweep", "engine", "train.batch"])
def test_explanations_are_wrapped_for_a_terminal_of_80_columns(topic: str, capsys: Capture) -> None:
    assert main(["explain", *filter(None, [topic])]) == 0
    prose = capsys.readouterr().out.partition("\nBad:\n")[0].partition("\nExample:\n")[0]
    assert max(map(len, prose.splitlines())) <= 80


def test_a_field_is_explained_with_default_unit_and_meaning(capsys: Capture) -> None:
    main(["explain", "dpo.beta"])
    out = capsys.readouterr().out
    assert "beta: a number (default 0.1, in 1/nat)" in out and "Strength of the pull" in out and "label_smoothing" not in out


def test_explain_without_a_topic_lists_them(capsys: Capture) -> None:
    assert main(["explain"]) == 0
    assert "S401" in capsys.readouterr().out
    assert main(["explain", "--json"]) == 0
    assert "dpo" in json.loads(capsys.readouterr().out)["objective"]


@pytest.mark.parametrize(
    ("topic", "help"), [("dop", "did you mean `dpo`?"), ("S999", "S4"), ("dpo.bta", "`beta`"), ("sft.x", "no fields"), ("train.batch.x", "rows"), ("", "")]
)
def test_an_unknown_topic_exits_with_2_and_a_suggestion(topic: str, help: str, capsys: Capture) -> None:
    assert main(["explain", topic]) == 2
    assert help in capsys.readouterr().err


# ---- init


def test_init_lists_the_specs_that_come_with_it(capsys: Capture) -> None:
    assert main(["init", "--list"]) == 0
    assert capsys.readouterr().out.split() == SPECS
    assert main(["init", "--list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == SPECS


@pytest.mark.parametrize("source", SPECS)
def test_init_writes_a_spec_that_says_the_same_as_its_source(folder: Path, source: str, capsys: Capture) -> None:
    assert main(["init", "new/mine.yaml", "--from", source, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["wrote"] == "new/mine.yaml"
    assert (folder / "new" / "mine.yaml").read_bytes() == (data_folder("specs") / f"{source}.yaml").read_bytes()


def test_init_writes_what_a_spec_extends_beside_it(folder: Path, capsys: Capture) -> None:
    for name in ("one.yaml", "two.yaml"):
        assert main(["init", f"new/{name}", "--from", "tree_reward", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"wrote": f"new/{name}", "parents": ["new/chain_reward.yaml"]}
        assert main(["check", f"new/{name}"]) == 0
    (folder / "new" / "chain_reward.yaml").write_text("mine")
    capsys.readouterr()
    assert main(["init", "new/three.yaml", "--from", "tree_reward"]) == 2
    assert "`new/chain_reward.yaml` exists already" in capsys.readouterr().err


def test_init_never_overwrites(folder: Path, capsys: Capture) -> None:
    (folder / "spec.yaml").write_text("mine")
    assert main(["init", "--from", SPECS[0]]) == 2
    assert (folder / "spec.yaml").read_text() == "mine" and "exists already" in capsys.readouterr().err


def test_init_never_writes_through_a_link_or_over_a_folder(folder: Path, capsys: Capture) -> None:
    (folder / "link.yaml").symlink_to(folder / "target.yaml")
    (folder / "dir").mkdir()
    assert main(["init", "link.yaml", "--from", SPECS[0]]) == main(["init", "dir", "--from", SPECS[0]]) == 2
    assert not (folder / "target.yaml").exists()


def test_init_of_an_unknown_spec_or_place_exits_with_2(folder: Path, capsys: Capture) -> None:
    (folder / "file").write_text("")
    assert main(["init", "--from", "no_such_spec"]) == main(["init", "file/below.yaml", "--from", SPECS[0]]) == 2
    assert capsys.readouterr().err.count("error: ") == 2


# ---- run, without carrying anything out


def test_run_refuses_a_faulty_spec_an_unknown_stage_and_a_place_it_cannot_write(spec: str, folder: Path, capsys: Capture) -> None:
    assert main(["run", "bad.yaml", "--json"]) == 1
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["status"] == "refused"
    assert main(["run", spec, "--only", "stages.dp"]) == 2
    assert "did you mean `stages.dpo`?" in capsys.readouterr().err
    (folder / "runs").write_text("a file")
    assert main(["run", spec, "--json"]) == 1
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["status"] == "refused"


# ---- the command line itself


def test_usage_errors_exit_with_2(spec: str, capsys: Capture) -> None:
    assert usage() == usage("nonsense") == usage("check") == usage("check", spec, "--format", "xml") == 2


def test_version_and_help_exit_with_0(capsys: Capture) -> None:
    assert usage("--version") == usage("--help") == usage("check", "--help") == 0
    assert "exit codes:" in capsys.readouterr().out


def test_an_internal_error_exits_with_5_and_asks_for_a_report(spec: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aligncompiler.verbs.check.compile_spec", lambda *a, **k: 1 / 0)
    assert main(["check", spec]) == 5
    assert "please report" in capsys.readouterr().err


def test_a_closed_pipe_is_no_error(spec: str) -> None:
    command = f"{sys.executable} -m aligncompiler explain --json | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=data_folder("specs").parent)
    assert done.returncode in (0, 141) and "Traceback" not in done.stderr

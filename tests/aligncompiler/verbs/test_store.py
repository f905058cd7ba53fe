"""`alignc store` through the command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from aligncompiler.cli import main
from aligncompiler.compile import compile_spec
from aligncompiler.ir import Plan, artifact_folder, write_plan
from aligncompiler.store.artifacts import listing
from aligncompiler.verbs.store import human

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def plan(folder: Path, full: str, finish: Callable[..., None]) -> Plan:
    """A finished plan with a run folder, and one more artifact that no run refers to."""
    (folder / "spec.yaml").write_text(full)
    made = [compile_spec(Path("spec.yaml"), sets=sets).plan for sets in ((), ("stages.exam.confidence=0.9",))]
    assert made[0] is not None and made[1] is not None
    for one in made:
        finish(one, Path(".alignc"))
    write_plan(made[0], Path("runs/example-1/plan.json"))
    return made[0]


def test_list_says_what_is_there_and_who_uses_it(plan: Plan, capsys: Capture) -> None:
    assert main(["store", "list"]) == 0
    out, err = capsys.readouterr()
    head, *lines = out.splitlines()
    assert head.split() == ["key", "kind", "stage", "experiment", "size", "made", "used", "by"] and len(lines) == 12
    [line] = [line for line in lines if line.startswith(plan["stages.dpo"].key[:12])]
    assert line.split()[1:4] == ["train", "stages.dpo", "example"] and line.endswith("example-1")
    assert sum(line.endswith("no run") for line in lines) == 1 and err.startswith("12 artifacts, ")


def test_list_as_json(plan: Plan, capsys: Capture) -> None:
    (artifact_folder(Path(".alignc"), plan["stages.rm"].key) / "manifest.json").write_text("{")
    assert main(["store", "list", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    rows = {row["key"]: row for row in data["artifacts"]}
    assert rows[plan["stages.rm"].key]["problem"] == "has no manifest that can be read" and data["bytes"] == sum(row["bytes"] for row in rows.values())
    assert rows[plan["stages.dpo"].key]["runs"] == ["example-1"]


def test_verify_reads_every_file(plan: Plan, capsys: Capture) -> None:
    assert main(["store", "verify"]) == 0
    assert capsys.readouterr().err == "ok  12 artifacts: every file has its checksum\n"
    assert main(["store", "verify", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"verified": 12, "damaged": []}


def test_verify_names_every_damaged_file_and_its_key(plan: Plan, capsys: Capture) -> None:
    folders = {id: artifact_folder(Path(".alignc"), plan[id].key) for id in ("stages.sft", "stages.rm", "stages.dpo", "stages.drafts", "stages.pairs")}
    (folders["stages.sft"] / "model" / "weights").write_text("other")
    (folders["stages.rm"] / "model" / "weights").unlink()
    (folders["stages.dpo"] / "more").write_text("")
    (folders["stages.drafts"] / "manifest.json").unlink()
    manifest = folders["stages.pairs"] / "manifest.json"
    data = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(data | {"facts": {"rows": 3}}))
    assert main(["store", "verify", "--json"]) == 1
    out, err = capsys.readouterr()
    found = {row["key"]: (row["file"], row["problem"]) for row in json.loads(out)["damaged"]}
    assert found == {
        plan["stages.sft"].key: ("model/weights", "has another checksum than its manifest says"),
        plan["stages.rm"].key: ("model/weights", "is missing"),
        plan["stages.dpo"].key: ("more", "was not stored with it: its manifest does not name it"),
        plan["stages.drafts"].key: ("manifest.json", "is missing or cannot be read"),
        plan["stages.pairs"].key: ("manifest.json", "has another checksum than it says"),
    }
    assert f"remove `{folders['stages.dpo'] / 'more'}`" in err
    assert err.count("error[P616]") == 5 and f"artifact {plan['stages.sft'].key[:12]}: `model/weights`" in err


def test_a_manifest_of_the_first_format_is_read_without_its_checksum(plan: Plan, capsys: Capture) -> None:
    manifest = artifact_folder(Path(".alignc"), plan["stages.pairs"].key) / "manifest.json"
    data = json.loads(manifest.read_text())
    old = {name: value for name, value in data.items() if name != "checksum"}
    manifest.write_text(json.dumps(old | {"format": "alignc-artifact/1"}))
    assert main(["store", "verify"]) == 0
    manifest.write_text(json.dumps(old))
    assert main(["store", "verify"]) == 1
    manifest.write_text(json.dumps(old | {"format": "alignc-artifact/1", "preimage": data["preimage"] | {"rule.min_gap": 0.5}}))
    assert main(["store", "verify"]) == 1
    assert "`manifest.json` does not belong to this key" in capsys.readouterr().err


def test_gc_deletes_what_no_run_uses_and_says_how_much(plan: Plan, capsys: Capture) -> None:
    assert main(["store", "gc", "--dry-run"]) == 0
    out, err = capsys.readouterr()
    assert "no run refers to it" in out and err.startswith("1 folder would be deleted, ") and err.endswith("; 11 kept\n")
    assert len(set(listing(Path(".alignc/artifacts")))) == 12
    assert main(["store", "gc", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert len(data["deleted"]) == 1 and data["bytes"] == data["deleted"][0]["bytes"] > 0 and data["kept"] == 11 and not data["dry_run"]
    assert set(listing(Path(".alignc/artifacts"))) == {stage.key for stage in plan.stages}
    assert main(["plan", "spec.yaml", "--check"]) == 0


def test_gc_deletes_nothing_where_the_folder_of_runs_is_not_there(plan: Plan, folder: Path, capsys: Capture) -> None:
    (folder / "file").touch()
    for out in ("none", "file"):
        for more in ([], ["--all"], ["--dry-run"]):
            assert main(["store", "gc", "--out", out, *more]) == 1
            assert f"error[P617]: there is no folder `{out}`" in capsys.readouterr().err
    assert len(set(listing(Path(".alignc/artifacts")))) == 12


def test_gc_refuses_to_delete_everything_unless_told(plan: Plan, folder: Path, capsys: Capture) -> None:
    out = "empty"
    (folder / out).mkdir()
    assert main(["store", "gc", "--out", out, "--json"]) == 1
    found, err = capsys.readouterr()
    assert [d["code"] for d in json.loads(found)["diagnostics"]] == ["P617"] and "--all" in err
    assert len(set(listing(Path(".alignc/artifacts")))) == 12
    assert main(["store", "gc", "--out", out, "--all"]) == 0
    assert set(listing(Path(".alignc/artifacts"))) == set()


def test_gc_refuses_where_a_run_does_not_say_what_it_uses(plan: Plan, folder: Path, capsys: Capture) -> None:
    (folder / "runs" / "odd-2").mkdir()
    (folder / "runs" / "odd-2" / "run.json").write_text("{")
    assert main(["store", "gc"]) == main(["store", "gc", "--all"]) == 1
    assert "the run folder `runs/odd-2` does not say which artifacts it uses" in capsys.readouterr().err
    shutil.rmtree(folder / "runs" / "odd-2")
    assert main(["store", "gc"]) == 0


def test_bad_stores_and_usage_are_told(plan: Plan, folder: Path, capsys: Capture) -> None:
    (folder / "file").write_text("")
    (folder / "other").mkdir()
    (folder / "half").mkdir()
    (folder / "half" / "artifacts").write_text("")
    for action in ("list", "verify", "gc"):
        for name in ("file", "other", "half"):
            assert main(["store", action, "--store", name, "--json"]) == 1
            out, err = capsys.readouterr()
            assert [d["code"] for d in json.loads(out)["diagnostics"]] == ["P605"] and err.count("error[P605]") == 1
        assert main(["store", action, "--store", "none", "--json"]) == 0
        out, err = capsys.readouterr()
        assert json.loads(out) and "there is no store at `none` yet" in err
    assert list((folder / "other").iterdir()) == [] and not (folder / "none").exists(), "nothing is made in a folder that is no store"
    assert main(["plan", "spec.yaml", "--store", "file", "--json"]) == 1
    assert [d["code"] for d in json.loads(capsys.readouterr().out)["diagnostics"]] == ["P605"]
    assert main(["store", "list", "--dry-run"]) == main(["store", "verify", "--all"]) == 2
    for argv in (["store"], ["store", "burn"]):
        with pytest.raises(SystemExit) as stopped:
            main(argv)
        assert stopped.value.code == 2


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (123_456, "123 kB"), (999_600, "1.00 MB"), (2.5e9, "2.50 GB")])
def test_sizes_are_for_people(count: int, text: str) -> None:
    assert human(int(count)) == text

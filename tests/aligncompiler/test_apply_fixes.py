"""`check --fix`: what is safe is mended, everything else keeps its bytes."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aligncompiler.apply_fixes import apply_fixes, edited, progress
from aligncompiler.cli import main
from aligncompiler.compile import Compiled, compile_spec
from aligncompiler.diagnostic import Fix, Place
from aligncompiler.fixes import text_at

Capture = pytest.CaptureFixture[str]
Mend = Callable[..., tuple[str, list[str]]]


@pytest.fixture
def mended(folder: Path) -> Mend:
    """The bytes of a spec after `--fix`, as text, and the codes of what is left."""

    def run(text: str) -> tuple[str, list[str]]:
        (folder / "spec.yaml").write_bytes(text.encode())
        compiled, _ = apply_fixes(lambda: compile_spec(Path("spec.yaml"), static=True))
        return (folder / "spec.yaml").read_bytes().decode(), [d.code for d in compiled.report.in_order()]

    return run


# Every fault that can be mended for certain, as a change of the full spec: right -> wrong.
FAULTS = {
    "unknown key": ("seed: 3", "sed: 3"),
    "quoted unknown key": ('"seed": 3', '"sed": 3'),
    "unknown key in a flow mapping": ("{kind: dpo, beta: 0.2}", "{kind: dpo, betta: 0.2}"),
    "unknown kind": ("objective: {kind: sft}", "objective: {kind: sftt}"),
    "kind that hides two wrong keys": ("{kind: dpo, beta: 0.2, sft_weight: 0.1}", "{kind: dpoo, bet: 0.2, sft_weigth: 0.1}"),
    "wrong choice": ("family: llama", "family: lama"),
    "quoted wrong choice": ('family: "llama"', 'family: "lama"'),
    "reference to nothing": ("policy: ${stages.sft}", "policy: ${stages.stf}"),
    "quoted reference to nothing": ("policy: '${stages.sft}'", "policy: '${stages.stf}'"),
    "bare name": ("reward: ${rewards.steps}}", "reward: steps}"),
    "bare reference": ("policy: ${stages.sft}", "policy: stages.sft"),
    "number for a text": ('name: "2024"', "name: 2024"),
    "YAML 1.1 truth value": ("context: 512, tie_embeddings: true", "context: 512, tie_embeddings: yes"),
    "the same key twice": ("seed: 3\n", "seed: 3\nseed: 3\n"),
    "the same key twice in a flow mapping": ("beta: 0.2}", "beta: 0.2, beta: 0.2}"),
    "allowance without effect": ("seed: 3\n", "seed: 3  # alignc: allow R306 for later\n"),
    "allowance above without effect": ("seed: 3\n", "# alignc: allow R306 for later\nseed: 3\n"),
    "allowance at the end": ("by: leaves}]\n", "by: leaves}]\n# alignc: allow R306 for later"),
}


def with_rights(full: str, right: str) -> str:
    """The full spec with the right form of a fault in it."""
    instead = {'"seed": 3': "seed: 3", 'name: "2024"': "name: example", 'family: "llama"': "family: llama", "policy: '${stages.sft}'": "policy: ${stages.sft}"}
    plain = instead.get(right, re.sub(r", (tie_embeddings: true|sft_weight: 0.1)", "", right))
    assert plain in full
    return full.replace(plain, right, 1)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_safe_fault_is_mended_and_nothing_else_is_touched(fault: str, end: str, full: str, mended: Mend) -> None:
    right, wrong = FAULTS[fault]
    text = with_rights(full, right).replace("datasets:\n", "datasets:  # \U0001f600 wide\n")
    before, after = text.replace(right, wrong, 1).replace("\n", end), text.replace("\n", end)
    if fault == "allowance at the end":
        after = after.removesuffix(end)
    assert before != after and mended(before) == (after, [])


def test_all_faults_at_once_are_mended(full: str, mended: Mend) -> None:
    text = full
    for fault in ("unknown key", "unknown kind", "wrong choice", "bare reference", "bare name", "the same key twice in a flow mapping"):
        text = text.replace(*FAULTS[fault], 1)
    assert mended(text) == (full, [])


def test_tabs_of_the_indentation_become_two_spaces(full: str, mended: Mend) -> None:
    assert re.search(r"^ ", full, re.MULTILINE)
    tabbed = re.sub(r"^( +)", lambda m: "\t" * (len(m[1]) // 2), full, flags=re.MULTILINE)
    assert mended(tabbed) == (full, [])
    assert mended(tabbed.replace("\n", "\r\n") + "\t\t") == (full.replace("\n", "\r\n") + "    ", [])
    mixed = tabbed.replace("\t\tkind: causal_lm", "    kind: causal_lm")
    assert mended(mixed) == (mixed, ["Y107"])


def test_what_a_person_has_to_decide_is_left(full: str, mended: Mend) -> None:
    for right, wrong, code in (
        ("beta: 0.2", "beta: 0.2, beta: 0.3", "Y101"),
        ("seed: 3\n", "seed: 3\nseed: 3  # the second\n", "Y101"),
        ("seed: 3", "sed: 3\nseed: 3", "S401"),
        ("kind: sft}", "kind: xyz}", "S406"),
        ("seed: 3", "seed: three", "S403"),
        ("${stages.drafts}", "${stages.nothing}", "R301"),
    ):
        text = full.replace(right, wrong, 1)
        assert mended(text) == (text, [code]), wrong


def test_a_fix_that_makes_it_no_better_is_undone(full: str, mended: Mend) -> None:
    text = full.replace("seed: 3", "seed: 3\nvars: {n: {type: int, default: 7}}").replace("description: steps help", "description: ${vars.n}")
    assert mended(text) == (text, ["S403"]), "quoting the default would only move the error"


def test_a_fix_that_brings_more_errors_to_light_is_undone(full: str, mended: Mend) -> None:
    text = full.replace("    budget: {steps: 100}\n", "    bugdet: {stepz: x, epochz: y}\n", 1)
    assert mended(text) == (text, ["S401"])


def test_a_good_fix_is_kept_beside_one_that_is_undone(full: str, mended: Mend) -> None:
    text = full.replace("seed: 3", "sed: 3\nvars: {n: {type: int, default: 7}}").replace("description: steps help", "description: ${vars.n}")
    assert mended(text) == (text.replace("sed: 3", "seed: 3"), ["S403"])


def test_byte_order_mark_and_missing_last_line_end_stay(full: str, folder: Path) -> None:
    text = full.rstrip("\n")
    (folder / "spec.yaml").write_bytes(b"\xef\xbb\xbf" + text.replace("seed: 3", "sed: 3").encode())
    assert main(["check", "--fix", "spec.yaml"]) == 0
    assert (folder / "spec.yaml").read_bytes() == b"\xef\xbb\xbf" + text.encode()


def test_mode_and_link_stay_and_nothing_is_left_behind(full: str, folder: Path) -> None:
    (folder / "real").mkdir()
    (folder / "real" / "spec.yaml").write_text(full.replace("seed: 3", "sed: 3"))
    (folder / "real" / "spec.yaml").chmod(0o640)
    (folder / "spec.yaml").symlink_to("real/spec.yaml")
    assert main(["check", "--fix", "spec.yaml"]) == 0
    assert (folder / "spec.yaml").is_symlink() and (folder / "real" / "spec.yaml").read_text() == full
    assert stat.S_IMODE((folder / "real" / "spec.yaml").stat().st_mode) == 0o640
    assert sorted(os.listdir(folder / "real")) == ["spec.yaml"] and sorted(os.listdir(folder)) == ["real", "spec.yaml"]


def test_a_good_spec_is_not_written(full: str, folder: Path) -> None:
    (folder / "spec.yaml").write_text(full)
    before = (folder / "spec.yaml").stat()
    assert main(["check", "--fix", "spec.yaml"]) == 0
    after = (folder / "spec.yaml").stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


def test_a_parent_is_mended_too_and_a_value_of_the_command_line_is_not(full: str, folder: Path, capsys: Capture) -> None:
    (folder / "parent.yaml").write_text(full.replace("seed: 3", "sed: 3"))
    (folder / "spec.yaml").write_text("alignc: v1\nextends: parent.yaml\ncite: [a]\n")
    assert main(["check", "--fix", "spec.yaml", "--set", "enginee={}", "--json"]) == 1
    assert (folder / "parent.yaml").read_text() == full and "cites: [a]" in (folder / "spec.yaml").read_text()
    assert [d["message"] for d in json.loads(capsys.readouterr().out)] == ["unknown key `enginee` in the spec"]


def test_what_was_fixed_is_said_on_stderr_and_the_rest_on_stdout_in_every_form(full: str, folder: Path, capsys: Capture) -> None:
    wrong = full.replace("seed: 3", "sed: 3").replace("beta: 0.2", "beta: -1")
    (folder / "spec.yaml").write_text(wrong)
    assert main(["check", "--fix", "spec.yaml"]) == 1
    out, err = capsys.readouterr()
    assert err == "fixed  spec.yaml:4:1 S401: rename to `seed`\n" and out.startswith("spec.yaml:17:29: error[S405]") and out.count("\n") == 1
    (folder / "spec.yaml").write_text(wrong)
    assert main(["check", "--fix", "spec.yaml", "--format", "json"]) == 1
    out, err = capsys.readouterr()
    assert [d["code"] for d in json.loads(out)] == ["S405"] and err == "fixed  spec.yaml:4:1 S401: rename to `seed`\n"


def test_a_file_that_cannot_be_written_is_one_sentence_and_all_is_as_before(full: str, folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*names: object, **more: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (folder / "spec.yaml").write_text(full.replace("seed: 3", "sed: 3"))
    for step in ("tempfile.mkstemp", "os.replace"):
        with monkeypatch.context() as patch:
            patch.setattr(step, refused)
            assert main(["check", "--fix", "spec.yaml"]) == 2
        assert capsys.readouterr().err == "error: `spec.yaml` cannot be written: Permission denied\n"
        assert os.listdir(folder) == ["spec.yaml"] and (folder / "spec.yaml").read_text() == full.replace("seed: 3", "sed: 3")


def test_a_file_that_changes_meanwhile_is_left_alone_and_so_are_the_others(full: str, folder: Path) -> None:
    (folder / "parent.yaml").write_text(full.replace("seed: 3", "sed: 3"))
    child = "alignc: v1\nextends: parent.yaml\ncite: [a]\n"
    (folder / "spec.yaml").write_text(child)

    def compile() -> Compiled:
        compiled = compile_spec(Path("spec.yaml"), static=True)
        (folder / "spec.yaml").write_text(child + "# somebody saves\n")
        return compiled

    with pytest.raises(OSError, match="just now"):
        apply_fixes(compile)
    assert (folder / "parent.yaml").read_text() == full.replace("seed: 3", "sed: 3") and (folder / "spec.yaml").read_text() == child + "# somebody saves\n"


def test_an_interrupt_leaves_the_files_as_they_were(full: str, folder: Path) -> None:
    (folder / "spec.yaml").write_text(full.replace("seed: 3", "sed: 3"))
    calls = []

    def compile() -> Compiled:
        calls.append(1)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return compile_spec(Path("spec.yaml"), static=True)

    with pytest.raises(KeyboardInterrupt):
        apply_fixes(compile)
    assert (folder / "spec.yaml").read_text() == full.replace("seed: 3", "sed: 3")


def test_columns_count_characters_and_lines_end_where_yaml_ends_them() -> None:
    text = "\U0001f600é\tx: 1\r\nb\rc: é2\nd: 3\re: 4"
    for place, word in ((Place("a", 1, 4, 1, 5), "x"), (Place("a", 3, 4, 3, 6), "é2"), (Place("a", 4, 1, 4, 2), "d"), (Place("a", 5, 4, 5, 5), "4")):
        assert text_at(text, place) == word
        assert edited(text, [Fix("", place, "NEW")]) == text.replace(word, "NEW", 1)
    two = [Fix("", Place("a", 5, 4, 5, 5), "5"), Fix("", Place("a", 1, 4, 1, 5), "long")]
    assert edited(text, two) == text.replace("x", "long").replace("4", "5")


SLOTS = [  # a piece of a spec: its right form, and a wrong one that can be mended
    ("seed", "sed"),
    ("llama", "lama"),
    ("${models.base}", "${models.bse}"),
    ("${stages.sft}", "stages.sft"),
    ("deduction", "deductio"),
    ("learning_rate", "learning_rte"),
    ("max_new_tokens", "max_new_token"),
    ('"7"', "7"),
    ("true", "yes"),
]
PATTERN = """\
alignc:@v1@
name:@"7"@
seed:@3@
models:@
  base:@
    kind:@causal_lm@
    architecture:@{family:@llama,@hidden_size: 64,@num_layers: 2,@num_heads: 4, context: 256,@tie_embeddings: true}@
    tokenizer:@{kind: bpe,@data: ${datasets.puzzles},@vocab_size: 400}@
datasets: {puzzles: {kind: deduction, count: 100, leaves: {min: 2, max: 4}}}@
stages:@
  sft:@
    kind:@train@
    model:@${models.base}@
    data: ${datasets.puzzles}@
    objective: {kind: sft}@
    budget: {steps: 10}@
    optimizer:@{kind: adamw,@learning_rate: 1e-3}@
  drafts:@{kind: sample, policy:@${stages.sft},@prompts: ${datasets.puzzles}, count: 4,@max_new_tokens: 64}@
"""


@st.composite
def wrong_and_right(draw: st.DrawFn) -> tuple[str, str]:
    """A spec with faults, comments, odd spacing and line ends, and the same without the faults."""
    letters = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Co", "Cn", "Zl", "Zp"), exclude_characters='\ufeff"$')
    comment = st.text(letters, max_size=12).filter(lambda text: not any(right in text for right, _ in SLOTS))  # faults are put into the first place
    end = draw(st.sampled_from(["\n", "\r\n"]))
    text = ""
    for line in PATTERN.splitlines():
        *inner, last = line.split("@")
        text += "".join(piece + " " * draw(st.integers(1, 3)) for piece in inner) + last
        text += draw(st.sampled_from(["", "", f" # {draw(comment)}"])) + end + draw(st.sampled_from(["", "", f"# {draw(comment)}{end}", end]))
    text = draw(st.sampled_from(["", "\ufeff"])) + text.rstrip("\r\n") + draw(st.sampled_from(["", end]))
    wrong = text
    for right, bad in draw(st.lists(st.sampled_from(SLOTS), unique=True)):
        head, found, tail = wrong.partition(right)
        wrong = head + (bad if found else "") + tail
    return wrong, text


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(wrong_and_right())
def test_whatever_stands_around_the_faults_keeps_its_bytes(pair: tuple[str, str]) -> None:
    wrong, right = pair
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spec.yaml"
        path.write_bytes(wrong.encode())
        compiled, done = apply_fixes(lambda: compile_spec(path, static=True))
        assert [d.message for d in compiled.report.diagnostics] == []
        assert path.read_bytes() == right.encode() and bool(done) == (wrong != right)


def test_several_specs_are_checked_in_one_run(full: str, folder: Path, capsys: Capture) -> None:
    for name, text in (("a", full), ("b", full.replace("seed: 3", "sed: 3")), ("c", full.replace("seed: 3", "seed: x"))):
        (folder / f"{name}.yaml").write_text(text)
    assert main(["check", "a.yaml", "b.yaml", "c.yaml"]) == 1
    out, err = capsys.readouterr()
    assert [line.split(": ")[0] for line in out.splitlines()] == ["b.yaml:4:1", "c.yaml:4:7"] and err == "ok  a.yaml: 11 stages\n"
    assert main(["check", "--fix", "a.yaml", "b.yaml"]) == 0
    assert (folder / "b.yaml").read_text() == full


GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.mark.parametrize("case", sorted(f.parent.name for f in GOLDEN.glob("*/errors.txt")))
def test_every_wrong_spec_is_mended_as_far_as_it_can_be_in_one_run(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(GOLDEN / case, tmp_path / case)
    monkeypatch.chdir(tmp_path / case)

    def compile() -> Compiled:
        return compile_spec(Path("spec.yaml"), static=True)

    before = compile().report.errors
    after, done = apply_fixes(compile)
    assert progress(after) > (0, 0) or not done
    assert len(after.report.errors) <= len(before) or before[0].code.startswith("Y")
    files = {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    again, nothing = apply_fixes(compile)
    assert nothing == [] and [d.message for d in again.report.diagnostics] == [d.message for d in after.report.diagnostics]
    assert {path: path.read_bytes() for path in Path().iterdir() if path.is_file()} == files
    assert done or all((GOLDEN / case / path).read_bytes() == content for path, content in files.items())

"""A package that is installed beside alignc adds kinds: they are checked, explained and planned like our own."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def test_a_spec_with_kinds_of_the_package_checks_clean(alignc: Any, spec: str, site: Path) -> None:
    done = alignc("check", spec, sites=[site])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "ok  spec.yaml: 7 stages\n")


def test_without_the_package_each_of_its_kinds_is_an_error_at_its_place(alignc: Any, spec: str, tmp_path: Path) -> None:
    done = alignc("check", spec, "--json")
    found = [(d["code"], d["spans"][0]["start"]["line"], d["spans"][0]["start"]["col"]) for d in json.loads(done.stdout)]
    lines = list(enumerate((tmp_path / spec).read_text().splitlines(), 1))
    wanted = [("S406", n, line.index(f"kind: {kind}") + 7) for n, line in lines for kind in ("sums", "brief", "hinge") if f"kind: {kind}" in line]
    assert done.returncode == 1 and found == wanted and len(wanted) == 3


def test_what_is_wrong_inside_its_kinds_is_found_with_a_suggestion(alignc: Any, spec: str, tmp_path: Path, site: Path) -> None:
    text = (tmp_path / spec).read_text()
    (tmp_path / spec).write_text(text.replace("per_word", "per_wrod").replace("gap: 2.0", "gap: 0").replace("largest", "lragest"))
    said = alignc("check", spec, sites=[site]).stdout
    assert "`per_wrod`" in said and "did you mean `per_word`?" in said and "did you mean `largest`?" in said and "S405" in said
    (tmp_path / spec).write_text(text.replace("kind: brief", "kind: breif"))
    assert "there is no reward of kind `breif` (did you mean `brief`?)" in alignc("check", spec, sites=[site]).stdout


def test_explain_lists_and_describes_its_kinds(alignc: Any, site: Path) -> None:
    topics = json.loads(alignc("explain", "--json", sites=[site]).stdout)
    assert topics["reward"][-1] == "brief" and topics["dataset"][-1] == "sums" and topics["objective"][-1] == "hinge"
    text = alignc("explain", "brief", sites=[site]).stdout
    assert "right number of words" in text and "Fewest and most words, both allowed." in text
    assert "Taken off for every word too many or too few." in alignc("explain", "brief.penalty", sites=[site]).stdout
    assert alignc("explain", "brief").returncode == 2


@pytest.mark.skipif(importlib.util.find_spec("aligncompiler.verbs.schema") is None, reason="`alignc schema` is not there yet")
def test_the_schema_knows_its_kinds(alignc: Any, site: Path) -> None:
    schema = alignc("schema", sites=[site]).stdout
    assert '"brief"' in schema and "Taken off for every word too many or too few." in schema and '"brief"' not in alignc("schema").stdout


def test_show_writes_its_defaults_out(alignc: Any, spec: str, site: Path) -> None:
    shown = json.loads(alignc("show", spec, "rewards.short", "--json", sites=[site]).stdout)
    assert shown["penalty"] == {"per_word": 0.5, "most": 1.0}


def test_keys_hold_the_release_of_the_package(alignc: Any, spec: str, site: Path, tmp_path: Path) -> None:
    """A new release makes again what its kinds make, and nothing that does not stand on it."""
    later = tmp_path / "later"
    shutil.copytree(site, later)
    [metadata] = later.glob("alignc_brief-*.dist-info/METADATA")
    metadata.write_text(metadata.read_text().replace("Version: 0.3", "Version: 0.4"))
    first, second = (json.loads(alignc("plan", spec, "--json", sites=[where]).stdout)["stages"] for where in (site, later))
    images = {stage["id"]: stage["preimage"] for stage in first}
    assert images["datasets.additions"]["plugin#"] == images["stages.scored"]["reward.plugin#"] == "alignc-brief 0.3"
    assert images["stages.tuned"]["objective.plugin#"] == "alignc-brief 0.3" and "plugin#" not in str(images["stages.sft"])
    same = {a["id"] for a, b in zip(first, second, strict=True) if a["key"] == b["key"]}
    assert same == {"datasets.pairs"}, "everything else stands on the sums"


def test_a_saved_plan_is_read_back_with_its_kinds(alignc: Any, python: Any, spec: str, site: Path) -> None:
    assert alignc("plan", spec, "-o", "plan.json", sites=[site]).returncode == 0
    read = "from pathlib import Path; from aligncompiler.ir import read_plan; print(read_plan(Path('plan.json'))['stages.scored'].spec.reward)"
    assert python("-c", read, sites=[site]).stdout == "kind='brief' words=Range(min=1, max=3) penalty=Penalty(per_word=0.5, most=1.0)\n"
    assert "UnknownKind" in python("-c", read).stderr


NO_SCAN = """
import importlib.metadata, sys
def scan(**_): sys.exit("distributions were looked through")
importlib.metadata.distributions = scan
from aligncompiler.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_our_own_kinds_are_found_without_looking_at_what_is_installed(python: Any, alignc: Any, spec: str) -> None:
    done = python("-c", NO_SCAN, "check", str(ROOT / "specs" / "quickstart.yaml"))
    assert done.returncode == 0, done.stderr
    assert "distributions were looked through" in python("-c", NO_SCAN, "check", spec).stderr, "and this guard can fail"


# ---- plug-ins that cannot be used

HEAD = """\
from __future__ import annotations
from typing import Literal
from aligncompiler.spec.base import Kind, field
from aligncompiler.spec.reward import Reward
"""


def reward(tag: str, base: str = "Reward", fields: str = "") -> str:
    return f'{HEAD}\nclass One({base}):\n    """One more."""\n    kind: Literal["{tag}"] = "{tag}"\n    {fields}\n'


USES = """\
alignc: v1
name: example
datasets: {puzzles: {kind: deduction, count: 10, leaves: {min: 2, max: 2}}}
rewards: {one: {kind: other}}
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 16, num_layers: 1, num_heads: 2, context: 64}
    tokenizer: {kind: bpe, data: "${datasets.puzzles}", vocab_size: 300}
stages:
  drafts: {kind: sample, policy: "${models.base}", prompts: "${datasets.puzzles}", count: 2, max_new_tokens: 4}
  scored: {kind: label, completions: "${stages.drafts}", reward: "${rewards.one}"}
"""

BROKEN = {
    "its module fails": ("bad.spec", "import nothing_of_this_name\n", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
    "its module is not there": ("bad.words", "", "ModuleNotFoundError: No module named 'bad.words'"),
    "it names no module": ("bad.spec:One", reward("other"), "an entry point names a module of spec classes"),
    "it defines no kind": ("bad.spec", HEAD, "it defines no kind"),
    "its class is of no family": ("bad.spec", reward("other", "Kind"), "`One` extends the base class of no family"),
    "its field is of no type of ours": ("bad.spec", reward("other", fields="when: bytes = b''"), "`One`: the language has no values of type"),
    "its kind is no name": ("bad.spec", reward("no-name"), "a name that a function may have"),
    "a name of ours is taken": ("bad.spec", reward("dpo"), "its kind `dpo` has the name of a kind of alignc, in the family objectives"),
}


@pytest.mark.parametrize("why", BROKEN)
def test_a_package_that_cannot_be_used_is_named_with_the_reason(alignc: Any, distribution: Any, tmp_path: Path, why: str) -> None:
    module, text, said = BROKEN[why]
    bad = distribution("bad-words", module, {"bad/__init__.py": "", "bad/spec.py": text})
    (tmp_path / "spec.yaml").write_text(USES)
    done = alignc("check", "spec.yaml", sites=[bad])
    assert done.returncode == 1 and "Traceback" not in done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith("warning[S408]: plug-in bad-words 0.1: ") and said in first and "pip uninstall bad-words" in first
    assert second.startswith("spec.yaml:4:23: error[S406]: there is no reward of kind `other`")
    explained = alignc("explain", "dpo", sites=[bad])
    assert explained.returncode == 0 and "bad-words" in explained.stderr and "Direct preference optimisation" in explained.stdout


def test_a_package_that_cannot_be_used_does_not_stop_another(alignc: Any, distribution: Any, tmp_path: Path) -> None:
    bad = distribution("bad-words", "bad.spec", {"bad/__init__.py": "", "bad/spec.py": "1 / 0\n"})
    good = distribution("good-words", "good.spec", {"good/__init__.py": "", "good/spec.py": reward("other")})
    (tmp_path / "spec.yaml").write_text(USES)
    done = alignc("check", "spec.yaml", sites=[bad, good])
    assert done.returncode == 0 and done.stdout.startswith("warning[S408]: plug-in bad-words 0.1") and "ZeroDivisionError" in done.stdout
    (tmp_path / "spec.yaml").write_text(USES.replace("kind: other", "kind: deduction_steps"))
    assert alignc("check", "spec.yaml", sites=[bad, good]).stdout == "", "nobody asks for plug-ins here"


def test_a_name_that_two_packages_take_is_given_to_neither(alignc: Any, distribution: Any, tmp_path: Path) -> None:
    sites = [distribution(f"{name}-words", f"{name}.spec", {f"{name}/__init__.py": "", f"{name}/spec.py": reward("other")}) for name in ("one", "two")]
    (tmp_path / "spec.yaml").write_text(USES)
    said = alignc("check", "spec.yaml", sites=sites).stdout
    assert said.count("its kind `other` is defined 2 times, by one-words 0.1 and two-words 0.1; none of them is taken") == 2 and "S406" in said


def test_another_group_of_entry_points_is_none_of_ours(alignc: Any, distribution: Any, tmp_path: Path) -> None:
    other = distribution("bad-words", "bad.spec", {"bad/__init__.py": "", "bad/spec.py": reward("other")}, point="alignc.others")
    (tmp_path / "spec.yaml").write_text(USES)
    assert "S408" not in alignc("check", "spec.yaml", sites=[other]).stdout

"""`alignc lsp` with a client over stdio: what an editor gets to see while a spec is written."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aligncompiler.manual.docstrings import attribute_docs
from aligncompiler.package_data import data_folder
from aligncompiler.spec.registry import kinds

from .conftest import ROOT, SECONDS, Client, cursor

pytestmark = pytest.mark.xdist_group("editors")
QUICKSTART = (data_folder("specs") / "quickstart.yaml").read_text(encoding="utf-8")
COMMAND = (sys.executable, "-m", "aligncompiler", "lsp")

PARENT = """\
alignc: v1
name: parent
vars: {pull: {type: float, default: 0.1, doc: 'pull to the reference, 1/nat'}}
models:
  base: {kind: causal_lm, architecture: {family: llama, hidden_size: 64, num_layers: 2, num_heads: 4, context: 256}, tokenizer: {kind: bpe, data: "${datasets.puzzles}", vocab_size: 400}}
datasets:
  puzzles: {kind: deduction, count: 100, leaves: {min: 2, max: 4}}
  pairs: {kind: preferences, file: pairs.jsonl}
stages:
  sft:
    kind: train
    model: ${models.base}
    data: ${datasets.puzzles}
    objective: {kind: sft}
    budget: {steps: 10}
    optimizer: {kind: adamw, learning_rate: 1e-3}
"""
CHILD = """\
# the stage sft, and nothing called stages.sft in a comment is a reference
extends: ./parent.yaml
name: child
stages:
  sft: {budget: {steps: 20}}
  dpo:
    kind: train
    model: ${stages.sft}
    data: ${datasets.pairs}
    objective: {kind: dpo, beta: "${vars.pull}"}
    budget: {steps: 10}
    optimizer: {kind: adamw, learning_rate: 1e-3}
profiles:
  smoke: {stages.sft.budget.steps: 2, stages.dpo.model: "${stages.sft}", vars.pull: 0.2}
"""
ROUNDS = """\
extends: ./parent.yaml
name: looped
rounds:
  loop:
    count: 2
    start: {policy: "${stages.sft}"}
    stages:
      again:
        kind: train
        model: ${round.policy}
        data: ${datasets.puzzles}
        objective: {kind: sft}
        budget: {steps: 10}
        optimizer: {kind: adamw, learning_rate: 1e-3}
    next: {policy: "${round.again}"}
stages:
  exam: {kind: evaluate, models: ["${rounds.loop.again}", "${rounds.loop.1.again}", "${rounds.loop.policy}"], data: "${datasets.pairs}", metrics: [{kind: pair_accuracy}]}
"""


@pytest.fixture
def editor(start: Callable[..., Client]) -> Client:
    """An editor in an empty folder."""
    return start(*COMMAND)


@pytest.fixture
def family(editor: Client) -> Client:
    """An editor in a folder with a parent on the disk, which two specs extend."""
    (editor.folder / "parent.yaml").write_text(PARENT, encoding="utf-8")
    return editor


def said(problems: list[dict[str, Any]]) -> list[tuple[str, int, int]]:
    """(code, line, character) of each, from 0."""
    return [(p["code"], p["range"]["start"]["line"], p["range"]["start"]["character"]) for p in problems]


def found(editor: Client, locations: list[dict[str, Any]], texts: dict[str, str]) -> list[tuple[str, int, str]]:
    """(file, line from 0, what is written there) of each."""
    names = {editor.uri(name): name for name in texts}
    spans = [(names[one["uri"]], one["range"]["start"]["line"], one["range"]["start"]["character"], one["range"]["end"]["character"]) for one in locations]
    return [(name, line, texts[name].split("\n")[line][start:end]) for name, line, start, end in spans]


def offered(editor: Client, marked: str, name: str = "spec.yaml") -> list[str]:
    """What is put into the text by each completion at `|`, in the order of the editor."""
    text, position = cursor(marked)
    editor.write(name, text)
    items = editor.at("completion", name, position)["items"]
    return [item["textEdit"]["newText"] for item in sorted(items, key=lambda item: item["sortText"])]


def applied(text: str, edits: list[dict[str, Any]]) -> str:
    """The text after edits of an editor that counts in UTF-16."""
    lines = text.split("\n")
    for edit in sorted(edits, key=lambda e: (e["range"]["start"]["line"], e["range"]["start"]["character"]), reverse=True):
        start, end = edit["range"]["start"], edit["range"]["end"]
        assert start["line"] == end["line"]
        units = lines[start["line"]].encode("utf-16-le")
        lines[start["line"]] = (units[: 2 * start["character"]] + edit["newText"].encode("utf-16-le") + units[2 * end["character"] :]).decode("utf-16-le")
    return "\n".join(lines)


def shown(editor: Client, marked: str, name: str = "spec.yaml") -> str:
    """The hover at `|`."""
    text, position = cursor(marked)
    editor.write(name, text)
    answer = editor.at("hover", name, position)
    return str(answer["contents"]["value"]) if answer is not None else ""


def quick(old: str, new: str, cursor: bool = True) -> str:
    """The quickstart with one thing changed."""
    assert old in QUICKSTART and ("|" in new) is cursor
    return QUICKSTART.replace(old, new, 1)


# ---- diagnostics


def test_a_spec_without_faults_has_no_problems_and_a_fault_shows_while_it_is_written(editor: Client) -> None:
    assert editor.write("spec.yaml", QUICKSTART) == []
    broken = QUICKSTART.replace("sft_weight: 0.05", "sft_wieght: 0.05")
    (problem,) = editor.write("spec.yaml", broken)
    line = next(n for n, one in enumerate(broken.split("\n")) if "sft_wieght" in one)
    start = broken.split("\n")[line].index("sft_wieght")
    assert problem["range"] == {"start": {"line": line, "character": start}, "end": {"line": line, "character": start + len("sft_wieght")}}
    assert (problem["code"], problem["severity"], problem["source"]) == ("S401", 1, "alignc")
    assert problem["message"] == "unknown key `sft_wieght` in objective `dpo`\nhelp: did you mean `sft_weight`?"
    assert editor.write("spec.yaml", QUICKSTART) == []


def test_a_warning_is_one_and_what_is_not_used_is_faded(editor: Client) -> None:
    (problem,) = editor.write("spec.yaml", QUICKSTART.replace("rewards:\n", "rewards:\n  spare: {kind: exact_match}\n"))
    assert (problem["code"], problem["severity"], problem["tags"]) == ("R306", 2, [1])


def test_the_other_place_of_a_fault_is_related_to_it(editor: Client) -> None:
    (problem,) = editor.write("spec.yaml", QUICKSTART.replace("seed: 0\n\n", "seed: 0\nseed: 1\n"))
    (related,) = problem["relatedInformation"]
    assert problem["code"] == "Y101" and related["message"] == "first given here"
    assert related["location"]["uri"] == editor.uri("spec.yaml") and related["location"]["range"]["start"]["line"] == problem["range"]["start"]["line"] - 1


def test_an_unsaved_parent_counts_for_the_child_that_is_open(family: Client) -> None:
    assert said(family.write("child.yaml", CHILD)) == []
    assert family.write("parent.yaml", PARENT) == []
    family.diagnostics("child.yaml")
    assert family.write("parent.yaml", PARENT.replace("pairs: {", "pears: {")) == []
    assert said(family.diagnostics("child.yaml")) == [("R301", 8, 10)]
    assert (family.folder / "parent.yaml").read_text(encoding="utf-8") == PARENT


def test_a_fault_in_a_parent_is_shown_in_the_parent(family: Client) -> None:
    (family.folder / "parent.yaml").write_text(PARENT.replace("steps: 10", "stepz: 10"), encoding="utf-8")
    assert family.write("child.yaml", CHILD) == []
    assert said(family.diagnostics("parent.yaml")) == [("S401", 14, 13)]


def test_a_parent_that_is_no_whole_spec_is_a_part_of_the_child(editor: Client) -> None:
    head, _, stages = PARENT.partition("stages:\n")
    (editor.folder / "parent.yaml").write_text(head, encoding="utf-8")
    assert editor.write("child.yaml", f"extends: ./parent.yaml\nvars: {{pull: {{type: float, default: 1, doc: x}}}}\nstages:\n{stages}")
    editor.write("parent.yaml", head)
    assert "S402" not in {code for code, _, _ in said(editor.diagnostics("child.yaml"))}


def test_what_was_said_of_a_file_is_taken_back_when_it_is_closed(editor: Client) -> None:
    assert editor.write("spec.yaml", "alignc: v1\nsed: 1\n")
    editor.tell("textDocument/didClose", {"textDocument": {"uri": editor.uri("spec.yaml")}})
    assert editor.diagnostics("spec.yaml") == []


def test_a_change_on_the_disk_is_seen_because_the_server_asks_to_be_told(start: Callable[..., Client]) -> None:
    family = start(*COMMAND, watches=True)
    (family.folder / "parent.yaml").write_text(PARENT, encoding="utf-8")
    asked = family.registered.get(timeout=SECONDS)
    assert asked["method"] == "workspace/didChangeWatchedFiles" and asked["registerOptions"]["watchers"] == [{"globPattern": "**/*.{yaml,yml}"}]
    assert said(family.write("child.yaml", CHILD)) == []
    (family.folder / "parent.yaml").write_text(PARENT.replace("pairs: {", "pears: {"), encoding="utf-8")
    family.tell("workspace/didChangeWatchedFiles", {"changes": [{"uri": family.uri("parent.yaml"), "type": 2}]})
    assert said(family.diagnostics("child.yaml")) == [("R301", 8, 10)]


# ---- positions


BEYOND = '  match: {kind: exact_match, extract: "𝒳𝒳", '  # two characters outside of the basic plane, each of 1, 2 or 4 units


@pytest.mark.parametrize(("encodings", "units"), [(("utf-16",), 2), (("utf-8", "utf-16"), 4), (("utf-32",), 1), ((), 2)])
def test_columns_of_problems_are_counted_in_the_units_that_were_agreed_on(start: Callable[..., Client], encodings: tuple[str, ...], units: int) -> None:
    editor = start(*COMMAND, encodings=encodings)
    assert editor.server["capabilities"]["positionEncoding"] == (encodings[0] if encodings else "utf-16")
    text = quick("rewards:\n", f"rewards:\n{BEYOND}ignroe: []}}\n", cursor=False)
    line = text.split("\n").index(f"{BEYOND}ignroe: []}}")
    (problem,) = [one for one in editor.write("spec.yaml", text) if one["code"] == "S401"]
    begin = len(BEYOND) + 2 * (units - 1)
    assert problem["range"] == {"start": {"line": line, "character": begin}, "end": {"line": line, "character": begin + len("ignroe")}}


@pytest.mark.parametrize(("encoding", "units"), [("utf-8", 4), ("utf-16", 2), ("utf-32", 1)])
def test_positions_of_requests_and_edits_are_counted_in_the_same_units(start: Callable[..., Client], encoding: str, units: int) -> None:
    editor = start(*COMMAND, encodings=(encoding,))
    row = "  rows: {𝒳𝒳: 1, learned: {kind: scalar, backbone: "
    text = quick("rewards:\n", f'rewards:\n{row}"${{stages.sft}}"}}}}\n', cursor=False)
    editor.write("spec.yaml", text)
    line = next(number for number, one in enumerate(text.split("\n")) if one.startswith(row))
    name = len(row) + 2 * (units - 1) + len('"${stages.')
    (location,) = editor.at("definition", "spec.yaml", {"line": line, "character": name + 1})
    assert text.split("\n")[location["range"]["start"]["line"]] == "  sft:"
    edits = editor.at("rename", "spec.yaml", {"line": line, "character": name}, newName="tuned")["changes"][editor.uri("spec.yaml")]
    (mine,) = [edit["range"] for edit in edits if edit["range"]["start"]["line"] == line]
    assert mine == {"start": {"line": line, "character": name}, "end": {"line": line, "character": name + len("sft")}}


# ---- definition, references, rename

TEXTS = {"parent.yaml": PARENT, "child.yaml": CHILD, "looped.yaml": ROUNDS}


def definitions(editor: Client, name: str, marked: str) -> list[tuple[str, int, str]]:
    text, position = cursor(marked)
    editor.write(name, text)
    return found(editor, editor.at("definition", name, position), TEXTS | {name: text})


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("child.yaml", "${datasets.pairs}", "${datasets.pa|irs}", [("parent.yaml", 7, "pairs")]),
        ("child.yaml", '"${vars.pull}"', '"${vars.p|ull}"', [("parent.yaml", 2, "pull")]),
        ("child.yaml", "model: ${stages.sft}", "model: ${stages.sf|t}", [("child.yaml", 4, "sft"), ("parent.yaml", 9, "sft")]),
        ("child.yaml", "stages.dpo.model", "stages.d|po.model", [("child.yaml", 5, "dpo")]),
        ("child.yaml", "vars.pull: 0.2", "vars.pul|l: 0.2", [("parent.yaml", 2, "pull")]),
        ("looped.yaml", "${round.policy}", "${round.po|licy}", [("looped.yaml", 5, "policy")]),
        ("looped.yaml", "${round.again}", "${round.ag|ain}", [("looped.yaml", 7, "again")]),
        ("looped.yaml", "${rounds.loop.again}", "${rounds.loop.ag|ain}", [("looped.yaml", 7, "again")]),
        ("looped.yaml", "${rounds.loop.1.again}", "${rounds.loop.1.ag|ain}", [("looped.yaml", 7, "again")]),
        ("looped.yaml", "${rounds.loop.1.again}", "${rounds.lo|op.1.again}", [("looped.yaml", 3, "loop")]),
        ("looped.yaml", "${rounds.loop.policy}", "${rounds.loop.pol|icy}", [("looped.yaml", 5, "policy")]),
        ("looped.yaml", "next: {policy", "next: {pol|icy", [("looped.yaml", 5, "policy")]),
        ("child.yaml", "name: child", "name: ch|ild", []),
    ],
)
def test_a_reference_leads_to_the_key_in_the_file_where_it_is_declared(
    family: Client, name: str, old: str, new: str, expected: list[tuple[str, int, str]]
) -> None:
    assert definitions(family, name, TEXTS[name].replace(old, new, 1)) == expected


def test_the_name_of_the_parent_leads_into_the_parent(family: Client) -> None:
    text, position = cursor(CHILD.replace("./parent", "./par|ent"))
    family.write("child.yaml", text)
    (location,) = family.at("definition", "child.yaml", position)
    assert location["uri"] == family.uri("parent.yaml")


def test_references_are_found_in_all_files_and_in_the_paths_of_profiles(family: Client) -> None:
    family.write("child.yaml", CHILD)
    asked = {"line": 7, "character": CHILD.split("\n")[7].index("sft")}
    every = family.at("references", "child.yaml", asked, context={"includeDeclaration": True})
    assert sorted(found(family, every, TEXTS)) == [
        ("child.yaml", 4, "sft"),
        ("child.yaml", 7, "sft"),
        ("child.yaml", 13, "sft"),
        ("child.yaml", 13, "sft"),
        ("parent.yaml", 9, "sft"),
    ]
    used = family.at("references", "child.yaml", asked, context={"includeDeclaration": False})
    assert sorted(found(family, used, TEXTS)) == [("child.yaml", 7, "sft"), ("child.yaml", 13, "sft"), ("child.yaml", 13, "sft")]
    here = family.at("documentHighlight", "child.yaml", asked)
    assert len(here) == 4


def renamed(editor: Client, name: str, old: str, new: str, to: str) -> dict[str, str]:
    """File -> its text after a rename of the name at `|`."""
    text, position = cursor(TEXTS[name].replace(old, new, 1))
    editor.write(name, text)
    changes = editor.at("rename", name, position, newName=to)["changes"]
    return {file: applied(TEXTS[file], changes[editor.uri(file)]) for file in TEXTS if editor.uri(file) in changes}


def test_a_stage_gets_another_name_everywhere_but_in_comments(family: Client) -> None:
    after = renamed(family, "child.yaml", "  sft: {b", "  s|ft: {b", "tuned")
    assert after["child.yaml"] == CHILD.replace("  sft: {", "  tuned: {").replace("${stages.sft}", "${stages.tuned}").replace(
        "{stages.sft.b", "{stages.tuned.b"
    )
    assert after["parent.yaml"] == PARENT.replace("  sft:\n", "  tuned:\n")
    assert "# the stage sft, and nothing called stages.sft in a comment" in after["child.yaml"]
    (family.folder / "parent.yaml").write_text(after["parent.yaml"], encoding="utf-8")
    family.tell("workspace/didChangeWatchedFiles", {"changes": [{"uri": family.uri("parent.yaml"), "type": 2}]})
    assert said(family.write("child.yaml", after["child.yaml"])) == []


def test_a_variable_and_a_name_of_rounds_get_another_name_everywhere(family: Client) -> None:
    after = renamed(family, "child.yaml", '"${vars.pull}"', '"${vars.pul|l}"', "strength")
    assert after["child.yaml"] == CHILD.replace("vars.pull", "vars.strength") and after["parent.yaml"] == PARENT.replace("{pull:", "{strength:")
    after = renamed(family, "looped.yaml", "start: {policy", "start: {pol|icy", "writer")
    assert after == {"looped.yaml": ROUNDS.replace("policy", "writer")}
    after = renamed(family, "looped.yaml", "      again:", "      ag|ain:", "more")
    assert after == {"looped.yaml": ROUNDS.replace("again", "more")}
    after = renamed(family, "looped.yaml", "  loop:", "  lo|op:", "cycle")
    assert after == {"looped.yaml": ROUNDS.replace("  loop:", "  cycle:").replace("rounds.loop", "rounds.cycle")}


def test_a_profile_gets_another_name(family: Client) -> None:
    after = renamed(family, "child.yaml", "  smoke:", "  sm|oke:", "short")
    assert after == {"child.yaml": CHILD.replace("  smoke:", "  short:")}


def test_what_is_renamed_is_shown_before(family: Client) -> None:
    family.write("child.yaml", CHILD)
    prepared = family.at("prepareRename", "child.yaml", {"line": 7, "character": CHILD.split("\n")[7].index("sft")})
    for old, new in (("# the stage", "# the st|age"), ("    kind: train", "    k|ind: train"), ("  dpo:", "  dpo:|"), ("${vars.pull}", "${va|rs.pull}")):
        text, position = cursor(CHILD.replace(old, new, 1))
        family.write("child.yaml", text)
        with pytest.raises(RuntimeError, match="here is no name that could be changed"):
            family.at("prepareRename", "child.yaml", position)
    text, position = cursor('description: "open\n' + CHILD.replace("  dpo:", "  d|po:"))
    family.write("child.yaml", text)
    with pytest.raises(RuntimeError, match="mend this first"):
        family.at("prepareRename", "child.yaml", position)
    assert prepared["placeholder"] == "sft" and prepared["range"]["end"]["character"] - prepared["range"]["start"]["character"] == 3


@pytest.mark.parametrize(
    ("name", "old", "new", "to", "why"),
    [
        ("child.yaml", "  dpo:", "  d|po:", "sft", "there is a stage `sft` already"),
        ("child.yaml", "  dpo:", "  d|po:", "2nd", "`2nd` is no name; names are letters, digits, `_` and `-`, and start with a letter"),
        ("child.yaml", "  dpo:", "  d|po:", "a.b", "`a.b` is no name"),
        ("child.yaml", "name: child", "name: chi|ld", "x", "here is no name that could be changed"),
        ("child.yaml", "${datasets.pairs}", "${datasets.pear|s}", "x", "`pears` is not declared, so there is nothing to rename"),
        ("looped.yaml", "      again:", "      ag|ain:", "number", "`number` has a meaning of its own in rounds"),
        ("looped.yaml", "      again:", "      ag|ain:", "policy", "there is a name in these rounds `policy` already"),
        ("child.yaml", "  dpo:", 'description: "open\n  d|po:', "x", "mend this first, so that no name is missed"),
    ],
)
def test_a_rename_that_would_break_the_spec_is_refused_with_the_reason(family: Client, name: str, old: str, new: str, to: str, why: str) -> None:
    text, position = cursor(TEXTS[name].replace(old, new, 1))
    family.write(name, text)
    with pytest.raises(RuntimeError, match=why.replace("(", "\\(").replace("$", "\\$")):
        family.at("rename", name, position, newName=to)


# ---- completion


DATASETS = ["${datasets.puzzles}", "${datasets.fresh}", "${datasets.exam}"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("    data: ${datasets.puzzles}\n", "    data: ${|\n", DATASETS),
        ("    data: ${datasets.puzzles}\n", "    data: |\n", DATASETS),
        ("    data: ${datasets.puzzles}\n", "    data: ${datasets.|}\n", DATASETS),
        ("    policy: ${stages.sft}\n", "    policy: ${|}\n", ["${models.base}", "${stages.sft}"]),
        ("    completions: ${stages.drafts}\n", "    completions: ${|\n", ["${stages.drafts}"]),
        (
            'models: ["${stages.sft}", "${stages.dpo}"]',
            'models: ["${stages.sft}", "${|"]',
            ["${models.base}", "${rewards.steps}", "${rewards.untrained}", "${stages.sft}", "${stages.rm}", "${stages.dpo}"],
        ),
        ("    reward: ${rewards.steps}\n", "    reward: ${|\n", ["${rewards.steps}", "${rewards.untrained}"]),
    ],
)
def test_only_declarations_that_fit_are_offered_and_none_that_needs_this_one(editor: Client, old: str, new: str, expected: list[str]) -> None:
    assert offered(editor, quick(old, new)) == expected


def test_references_of_other_sorts_are_offered_where_they_fit(family: Client) -> None:
    assert offered(family, CHILD.replace('beta: "${vars.pull}"', 'beta: "${|"'), "child.yaml") == ["${vars.pull}"]
    assert "${vars.pull}" not in offered(family, CHILD.replace("{steps: 10}", "{steps: ${|"), "child.yaml")
    inside = offered(family, ROUNDS.replace("${round.policy}", "${|"), "looped.yaml")
    assert "${round.policy}" in inside and "${stages.sft}" in inside and "${datasets.puzzles}" not in inside
    outside = offered(family, ROUNDS.replace('"${rounds.loop.policy}"', '"${|"'), "looped.yaml")
    assert "${rounds.loop.again}" in outside and not any(one.startswith("${round.") for one in outside)


def test_parts_of_a_stage_are_offered_once_it_is_chosen(editor: Client) -> None:
    text = QUICKSTART.replace("    budget: {steps: 900}\n", "    budget: {steps: 900}\n    checkpoints: [0.5, 1]\n")
    marked = text.replace("    policy: ${stages.sft}\n", "    policy: ${stages.sft.|}\n")
    assert offered(editor, marked)[-2:] == ["${stages.sft.checkpoints.1}", "${stages.sft.checkpoints.2}"]


@pytest.mark.parametrize(
    "new",
    [
        "objective: {kind: dpo, |}",
        "objective: {kind: dpo, |",
        "objective:\n      kind: dpo\n      |",
        "objective:\n      |\n      kind: dpo",
        "objective: {kind: dpo, b|}",
    ],
)
def test_inside_an_objective_only_the_keys_of_its_kind_are_offered(editor: Client, new: str) -> None:
    keys = [name for name in kinds("objectives")["dpo"].model_fields if name != "kind"]
    assert offered(editor, quick("objective: {kind: dpo, beta: 0.1, sft_weight: 0.05}", new)) == [f"{name}: " for name in keys]


def test_keys_that_are_required_come_first_and_those_that_are_there_not_at_all(editor: Client) -> None:
    found = offered(editor, quick("    data: ${datasets.puzzles}\n    objective: {kind: sft}\n", "    |\n"))
    assert found[:2] == ["data: ", "objective: "] and "model: " not in found and "max_tokens: " in found


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("    kind: train\n", "    kind: |\n", list(kinds("stages"))),
        ("objective: {kind: sft}", "objective: {kind: |}", list(kinds("objectives"))),
        ("objective: {kind: sft}", "objective: |", list(kinds("objectives"))),
        ("    tree: chain\n", "    tree: |\n", ["random", "balanced", "chain"]),
        ("  sft:\n    kind: train\n", "  sft:\n    |\n", ["kind: "]),
        ("    stages.rm.budget: ", "    stages.rm.budget.|: ", ["stages.rm.budget.steps", "stages.rm.budget.epochs"]),
    ],
)
def test_kinds_words_and_paths_are_offered_as_the_language_has_them(editor: Client, old: str, new: str, expected: list[str]) -> None:
    assert offered(editor, quick(old, new)) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("part: step", "part: |", ["score", "step", "result", "format"]),
        ('reward: "${stages.rm}"', 'reward: "${stages.rm}", part: |', ["score"]),
        ("by: leaves", "by: |", ["problem", "question", "guessable", "label", "leaves", "form_count", "tree"]),
    ],
)
def test_parts_and_columns_are_those_of_the_reward_and_the_data_beside_them(editor: Client, old: str, new: str, expected: list[str]) -> None:
    assert offered(editor, quick(old, new)) == expected


def test_parents_are_the_other_specs_around(editor: Client) -> None:
    (editor.folder / "sub").mkdir()
    for name in ("base.yaml", "rows.jsonl", "sub/deep.yaml"):
        (editor.folder / name).write_text(QUICKSTART, encoding="utf-8")
    assert offered(editor, "extends: |\nname: child\n") == offered(editor, "extends: ./|\nname: child\n") == ["base.yaml", "sub/"]
    assert offered(editor, "extends: ./sub/d|\nname: child\n") == ["deep.yaml"]


def test_a_child_is_offered_keys_by_the_kind_that_its_parent_says(family: Client) -> None:
    found = offered(family, CHILD.replace("sft: {budget: {steps: 20}}", "sft: {budget: {steps: 20}, |}"), "child.yaml")
    assert "clip_norm: " in found and "temperature: " not in found and "budget: " not in found


def test_completion_works_below_lines_that_cannot_be_read(editor: Client) -> None:
    marked = quick("    policy: ${stages.sft}\n", "    policy: ${|\n").replace("seed: 0", 'seed: "open').replace("rewards:\n", "rewards\n")
    assert "${stages.sft}" in offered(editor, marked)


# ---- hover


def test_hover_shows_the_docstring_the_value_and_where_it_was_written(family: Client) -> None:
    text = shown(family, CHILD.replace("beta:", "be|ta:"), "child.yaml")
    assert attribute_docs(kinds("objectives")["dpo"])["beta"] in text and "unit: 1/nat" in text
    assert "value `0.1`, from [parent.yaml:3](" in text and "through `vars` at [child.yaml:10](" in text
    text = shown(family, CHILD.replace("steps: 20", "st|eps: 20"), "child.yaml")
    assert "value `20`, from [child.yaml:5](" in text and "overrides `10` from [parent.yaml:15](" in text


def test_hover_over_a_reference_says_what_it_leads_to(family: Client) -> None:
    text = shown(family, CHILD.replace("${datasets.pairs}", "${data|sets.pairs}"), "child.yaml")
    assert "`datasets.pairs`, declared at [parent.yaml:8](" in text and "makes a dataset of preferences" in text
    text = shown(family, CHILD.replace("${vars.pull}", "${vars.p|ull}"), "child.yaml")
    assert "value `0.1`" in text and "pull to the reference, 1/nat" in text
    text = shown(family, ROUNDS.replace("${rounds.loop.again}", "${rounds.loop.ag|ain}"), "looped.yaml")
    assert "`rounds.loop.again`, declared at [looped.yaml:8](" in text and "makes a policy" in text


def test_hover_over_a_name_of_a_round_says_what_it_stands_for(family: Client) -> None:
    text = shown(family, ROUNDS.replace("${round.policy}", "${round.po|licy}"), "looped.yaml")
    assert "in the first round `${stages.sft}`, afterwards `${round.again}` of the round before" in text and "makes a policy" in text
    listed = ROUNDS.replace("count: 2", "over: [{rate: 1e-3}, {rate: 1e-4}]").replace("learning_rate: 1e-3", 'learning_rate: "${round.ra|te}"')
    assert "round by round `0.001`, `0.0001`" in shown(family, listed, "looped.yaml")
    assert "counted from 1" in shown(family, ROUNDS.replace("steps: 10", 'steps: "${round.num|ber}"'), "looped.yaml")


def test_hover_over_an_axis_of_a_sweep_explains_what_varies(family: Client) -> None:
    sweep = "sweep:\n  axes: {vars.pull: [0.1, 0.2], stages.dpo.objective.beta: [0.1]}\n"
    text = shown(family, CHILD + sweep.replace("vars.pull", "vars.pu|ll"), "child.yaml")
    assert "variable **pull**" in text and "value `0.1`" in text and "pull to the reference, 1/nat" in text
    assert "Strength of the pull" in shown(family, CHILD + sweep.replace("beta", "be|ta"), "child.yaml")


def test_hover_over_a_kind_and_a_declaration_explains_the_kind(editor: Client) -> None:
    assert "Direct preference optimisation" in shown(editor, quick("{kind: dpo", "{kind: d|po"))
    assert "Fit a policy or a scorer to data" in shown(editor, quick("  sft:\n", "  s|ft:\n"))
    assert "Named sets of overrides" in shown(editor, quick("profiles:", "prof|iles:"))
    assert shown(editor, QUICKSTART.replace("# Step", "# St|ep", 1)) == ""


# ---- quick fixes and outline


def test_a_quick_fix_is_that_of_the_compiler(editor: Client) -> None:
    text = QUICKSTART.replace("sft_weight: 0.05", "sft_wieght: 0.05")
    (problem,) = editor.write("spec.yaml", text)
    asked = {"textDocument": {"uri": editor.uri("spec.yaml")}, "range": problem["range"], "context": {"diagnostics": [problem]}}
    (action,) = editor.ask("textDocument/codeAction", asked)
    assert (action["title"], action["kind"], action["isPreferred"]) == ("rename to `sft_weight`", "quickfix", True)
    fixed = applied(text, action["edit"]["changes"][editor.uri("spec.yaml")])
    assert fixed == QUICKSTART and editor.write("spec.yaml", fixed) == []
    elsewhere = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 1}}
    assert editor.ask("textDocument/codeAction", asked | {"range": elsewhere}) == []


def test_the_outline_names_sections_and_declarations(editor: Client) -> None:
    editor.write("spec.yaml", QUICKSTART)
    symbols = {one["name"]: one for one in editor.ask("textDocument/documentSymbol", {"textDocument": {"uri": editor.uri("spec.yaml")}})}
    assert [(one["name"], one.get("detail")) for one in symbols["rewards"]["children"]] == [("steps", "deduction_steps"), ("untrained", "scalar")]
    assert [one["name"] for one in symbols["stages"]["children"]] == ["sft", "drafts", "scored", "pairs", "rm", "dpo", "exam"]
    assert symbols["seed"]["detail"] == "0" and symbols["profiles"]["children"][0]["name"] == "smoke"
    for one in symbols["stages"]["children"]:
        assert symbols["stages"]["range"]["end"]["line"] >= one["range"]["end"]["line"] >= one["selectionRange"]["end"]["line"]


# ---- whatever is written


def texts() -> Iterator[str]:
    """Broken ends of a good spec, and the whole corpus of wrong ones."""
    yield from (QUICKSTART[:end] for end in range(0, len(QUICKSTART), 149))
    for file in (f for f in sorted((ROOT / "tests" / "golden").glob("*/spec.yaml")) if f.is_file()):
        yield file.read_bytes().decode("utf-8", "replace")
    yield from (
        "",
        "\n",
        "|",
        "- a\n",
        "a",
        "{",
        "stages: [",
        "\x00",
        "\ud7ff\u2028x: 1",
        "&a [*a]",
        "a: " + "[" * 100,
        "rounds: {a: {rounds: {a: 1}}}",
        "sweep: {axes: 3, zip: {a: 1}}\n",
    )


def test_nothing_that_is_written_stops_the_server(editor: Client) -> None:
    for number, text in enumerate(texts()):
        name = f"{number}.yaml"
        editor.write(name, text)
        lines = text.split("\n")
        for line, character in ((len(lines) - 1, len(lines[-1])), (len(lines) // 2, 3)):
            for method in ("completion", "hover", "definition", "documentHighlight"):
                editor.at(method, name, {"line": line, "character": character})
        editor.ask("textDocument/documentSymbol", {"textDocument": {"uri": editor.uri(name)}})
        editor.tell("textDocument/didClose", {"textDocument": {"uri": editor.uri(name)}})
    assert editor.close() == 0 and b"Traceback" not in b"".join(editor.stderr)

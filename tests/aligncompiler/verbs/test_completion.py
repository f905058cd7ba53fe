"""Shell completion, in the shells themselves."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from aligncompiler.cli import main, parser
from aligncompiler.verbs.completion import actions

BASH = """
source ./completion
complete -p alignc || exit 9
COMP_WORDS=({words}) COMP_CWORD={last} COMP_LINE='{line}' COMP_POINT=${{#COMP_LINE}}
"$(complete -p alignc | sed 's/.*-F \\([^ ]*\\) .*/\\1/')" alignc "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def script(folder: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Path:
    """The script of a shell, in a folder with two specs and another file."""
    shell = getattr(request, "param", "bash")
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    assert main(["completion", shell]) == 0
    (folder / "completion").write_text(capsys.readouterr().out)
    for name in ("spec.yaml", "other.yml", "notes.txt"):
        (folder / name).touch()
    (folder / "sub").mkdir()
    return folder


def bash(folder: Path, *words: str) -> set[str]:
    """What bash offers for the last of the words."""
    line = " ".join(words)
    code = BASH.format(words=" ".join(f"'{w}'" for w in words), last=len(words) - 1, line=line)
    done = subprocess.run(["bash", "--norc", "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {word.rstrip() for word in done.stdout.splitlines()[1:] if word.strip()}


def test_bash_completes_verbs_options_choices_and_topics(script: Path) -> None:
    assert bash(script, "alignc", "ch") == {"check"}
    assert {"check", "plan", "run", "completion"} <= bash(script, "alignc", "")
    assert {"--fix", "--format"} <= bash(script, "alignc", "check", "--f")
    assert bash(script, "alignc", "check", "--format", "s") == {"sarif"}
    assert bash(script, "alignc", "completion", "") >= {"bash", "zsh", "fish"}
    assert bash(script, "alignc", "explain", "M50") >= {"M501", "M502"} and bash(script, "alignc", "explain", "dp") == {"dpo"}
    assert bash(script, "alignc", "init", "--from", "q") == {"quickstart"}


def test_bash_completes_a_spec_to_yaml_files_and_folders(script: Path) -> None:
    for verb in ("check", "plan", "run", "show"):
        assert bash(script, "alignc", verb, "") >= {"spec.yaml", "other.yml", "sub"} and "notes.txt" not in bash(script, "alignc", verb, ""), verb
    assert bash(script, "alignc", "check", "spec.yaml", "o") == {"other.yml"}
    assert bash(script, "alignc", "plan", "spec.yaml", "--store", "s") == {"sub"}


@pytest.mark.parametrize("script", ["fish"], indirect=True)
def test_fish_completes(script: Path) -> None:
    def fish(line: str) -> set[str]:
        done = subprocess.run(["fish", "--no-config", "-c", f"source ./completion; complete -C '{line}'"], cwd=script, capture_output=True, text=True)
        return {word.split("\t")[0] for word in done.stdout.splitlines()}

    assert fish("alignc ch") == {"check"} and fish("alignc check --format s") == {"sarif"}
    assert {"spec.yaml", "other.yml"} <= fish("alignc check ") and "notes.txt" not in fish("alignc check ")


@pytest.mark.parametrize("script", ["zsh"], indirect=True)
def test_zsh_reads_the_script(script: Path) -> None:
    code = 'autoload -Uz compinit && compinit -u -d ./dump && eval "$(<completion)" && echo ${_comps[alignc]}'
    done = subprocess.run(["zsh", "-f", "-c", code], cwd=script, capture_output=True, text=True)
    assert done.returncode == 0 and "alignc" in done.stdout and done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_verb_and_option_is_in_every_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["shell"] == shell
    for action in actions(parser()):
        for option in action.option_strings:
            assert option.lstrip("-") in made["script"], option

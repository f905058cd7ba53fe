"""The report of a run in a real browser, at the width of a desktop and of a phone, light and dark."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
from .devtools import CHROMIUM, chromium

pytestmark = [pytest.mark.torch, pytest.mark.xdist_group("browser")]
if CHROMIUM is None:
    pytest.skip("no Chromium on this machine: `apt-get install chromium`, or `make browser` as root", allow_module_level=True)

WIDTHS = {"desktop": 1280, "phone": 390}
SPEC = """
alignc: v1
name: browsed
description: "Words to be escaped: <b>bold</b> & <script>alert(1)</script>"
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 16, num_layers: 1, num_heads: 2, context: 192}
    tokenizer: {kind: bpe, data: "${datasets.puzzles}", vocab_size: 300}
datasets:
  puzzles: {kind: deduction, count: 40, leaves: {min: 2, max: 2}, between: [0, 0.9]}
  exam: {kind: deduction, count: 8, leaves: {min: 2, max: 3}, between: [0.9, 1]}
stages:
  a_stage_with_a_name_that_is_longer_than_any_box_or_column_should_have_to_be:
    kind: train
    model: ${models.base}
    data: ${datasets.puzzles}
    objective: {kind: sft}
    budget: {steps: 30}
    log_every: 1
    optimizer: {kind: adamw, learning_rate: 1e-2}
  sft:
    kind: train
    model: ${stages.a_stage_with_a_name_that_is_longer_than_any_box_or_column_should_have_to_be}
    data: ${datasets.puzzles}
    objective: {kind: sft}
    budget: {steps: 4}
    optimizer: {kind: adamw, learning_rate: "${vars.rate}"}
  exam:
    kind: evaluate
    models: ["${models.base}", "${stages.sft}"]
    data: ${datasets.exam}
    max_new_tokens: 4
    metrics: [{kind: mean_score, reward: {kind: deduction_steps}, by: leaves}]
vars:
  rate: {type: float, default: 1e-3}
"""
SWEEP = "sweep:\n  axes: {vars.rate: [1e-3, 3e-3, 1e-2]}\n"

# Text whose colour is too close to what it stands on: below 4.5 to 1, by the formula of WCAG 2.
CONTRAST = """(() => {
  const parts = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = e => { for (; e; e = e.parentElement) { const c = parts(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
  const found = [];
  for (const e of document.body.querySelectorAll('*')) {
    if (!e.checkVisibility() || ![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    const style = getComputedStyle(e), ink = parts(e instanceof SVGElement ? style.fill : style.color), [a, b] = [light(ink), light(behind(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) found.push(`${e.tagName}.${e.getAttribute('class')}: ${e.textContent.trim().slice(0, 40)} ${((a + 0.05) / (b + 0.05)).toFixed(2)}`);
  }
  return [...new Set(found)];
})()"""
# Drawings that have no extent, and images that were not loaded.
BLANK = """[...document.querySelectorAll('svg, img')].filter(e => e.checkVisibility()).filter(e => {
  const box = e.getBoundingClientRect();
  return box.width < 40 || box.height < 20 || (e.tagName === 'IMG' && !e.naturalWidth) || [...e.querySelectorAll('path')].some(p => !(p.getTotalLength() > 0)) || /NaN/.test(e.innerHTML);
}).map(e => e.outerHTML.slice(0, 200))"""
# Text that leaves the box it stands in where that box does not scroll.
CLIPPED = """[...document.querySelectorAll('h1, h2, h3, p, dd, dt, summary, figcaption, pre, .mean span, nav a')].filter(e => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.textContent.trim().slice(0, 60))"""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The report of a complete run, of the same found in the store, of a sweep, and of a run that failed."""
    folder = tmp_path_factory.mktemp("browsed")
    (folder / "spec.yaml").write_text(SPEC, encoding="utf-8")
    (folder / "sweep.yaml").write_text(SPEC + SWEEP, encoding="utf-8")
    found = {}
    for name, code, *arguments in (
        ("complete", 0, "spec.yaml"),
        ("sweep", 0, "sweep.yaml"),
        ("failed", 1, "spec.yaml", "--set", "stages.sft.max_tokens=2"),
    ):
        command = [sys.executable, "-m", "aligncompiler", "run", *arguments, "--out", f"runs.{name}"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        [found[name]] = folder.glob(f"runs.{name}/*/report.html")
    shutil.copytree(found["complete"].parent, folder / "again")
    again = [sys.executable, "-m", "runtime", str(folder / "again" / "plan.json"), "--store", ".alignc"]
    assert subprocess.run(again, cwd=folder, capture_output=True).returncode == 0
    return found | {"cached": folder / "again" / "report.html"}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory):
    with chromium(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize("name", ["complete", "cached", "sweep", "failed"])
def test_the_report_asks_for_nothing_complains_of_nothing_and_fits(reports, page, name, width, dark):
    page.open(reports[name], width, dark)
    page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
    assert page.evaluate("innerWidth") == width
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width, "the page itself never scrolls sideways"
    assert page.evaluate(CLIPPED) == []
    assert page.evaluate(BLANK) == []
    assert page.evaluate("document.querySelectorAll('svg').length") >= 4
    assert page.evaluate(CONTRAST) == []
    complaints = [e for e in page.events if e["method"] in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")]
    assert complaints == []
    asked = {e["params"]["request"]["url"] for e in page.events if e["method"] == "Network.requestWillBeSent"}
    assert {url for url in asked if not url.startswith("data:")} == {reports[name].resolve().as_uri()}


def test_words_of_the_spec_are_text_and_never_markup(reports, page):
    page.open(reports["complete"], 1280)
    assert page.evaluate("document.querySelectorAll('script, b script').length") == 0
    assert "<script>alert(1)</script>" in page.evaluate("document.querySelector('.lead').textContent")


def test_links_lead_to_what_lies_beside_the_report(reports, page):
    page.open(reports["sweep"], 1280)
    links = page.evaluate("[...document.querySelectorAll('a[href]')].map(a => decodeURIComponent(a.getAttribute('href')))")
    assert any(link.startswith("artifacts/stages.sft[") for link in links)
    for link in links:
        if link.startswith("#"):
            assert page.evaluate(f"document.getElementById({json.dumps(link[1:])}) !== null"), link
        else:
            assert (reports["sweep"].parent / link).exists(), link


def test_this_test_can_fail(page, tmp_path):
    (tmp_path / "bad.html").write_text(
        "<body style='background:#fff'><p style='color:#aaa;width:2000px'>pale</p><svg width=1 height=1></svg><img src=gone.png><script>console.error(1)</script>"
    )
    page.open(tmp_path / "bad.html", 390)
    assert page.evaluate("document.scrollingElement.scrollWidth") > 390
    assert page.evaluate(CONTRAST) and len(page.evaluate(BLANK)) == 2
    assert any(e["method"] == "Runtime.consoleAPICalled" for e in page.events)
    assert any(e["params"]["request"]["url"].endswith("gone.png") for e in page.events if e["method"] == "Network.requestWillBeSent")

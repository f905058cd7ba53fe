PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test browser check claims fuzz torture bench clean

# A virtual environment with the versions of constraints.txt; torch first, so that its CPU build is taken where one is offered.
.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[runtime,dev]'
	$(BIN)/python -m compileall -q aligncompiler runtime  # the first run should be as fast as the next, also where Python may not write
	touch .venv/installed

demo: .venv/installed  ## install, then run the quickstart
	$(BIN)/alignc run specs/quickstart.yaml

test: .venv/installed browser  ## the whole test suite
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not slow"

# Left alone where there is a Chromium, where one would have to be asked for a password, and where the download fails: those tests are skipped then.
browser:  ## as root on Debian, install the Chromium that opens the report in a test
	@if { command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null; then :; \
	elif test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
		(timeout 300 apt-get -qq update && timeout 300 apt-get -qq install -y --no-install-recommends chromium) >/dev/null 2>&1 \
		|| echo "Chromium cannot be installed: the browser tests are skipped"; \
	else echo "no Chromium, and no right to install it: the browser tests are skipped"; fi

check: .venv/installed  ## lint, types, layers and the tests that need no torch; under a minute
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/aligncompiler tests/contracts tests/golden -n 2 -m "not slow and not torch"

claims: .venv/installed  ## reproduce the published claims; slow
	$(BIN)/python -m pytest tests/claims -m slow

fuzz: .venv/installed  ## ten thousand spoiled specs and every word misspelt: prints the figures of docs/benchmarks.md
	$(BIN)/python tests/properties/check_mutants.py --count 10000
	$(BIN)/python tests/properties/check_typos.py --count 20

torture: .venv/installed  ## two hundred kills at random moments of runs, which must end as undisturbed ones do
	$(BIN)/python tests/properties/check_kills.py --kills 200

bench: .venv/installed  ## every program of benchmarks/, one after the other; what they compare with is installed into a cache folder
	failed=0; for program in benchmarks/*.py; do echo "== $$program"; $(BIN)/python $$program || failed=1; done; \
	if grep -q amx_bf16 /proc/cpuinfo 2>/dev/null; then for name in training sampling; do \
	echo "== $$name, bfloat16"; $(BIN)/python benchmarks/$$name.py --bfloat16 || failed=1; done; fi; exit $$failed

clean:  ## remove what the commands above made, the store and the runs included
	rm -rf .venv .alignc runs build dist

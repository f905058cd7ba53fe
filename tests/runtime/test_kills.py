"""A run that is killed again and again ends as one that is not. `make torture` is the long version."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_runs_that_are_killed_at_random_end_with_the_same_artifacts():
    command = [sys.executable, "tests/properties/check_kills.py", "--kills", "40", "--seed", "0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["kills"] == 40 and told["continued"] > 3 and not told["wrong"] and not told["left"]
    assert all(told["by_stage"].values()), told["by_stage"]

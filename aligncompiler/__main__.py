"""`python -m aligncompiler` is `alignc`."""

import sys

from .cli import main

sys.exit(main())

"""Every diagnostic code: its name, why it is reported, and for what can be shown in a spec a bad and a good example.

Examples are fragments; the tests complete them with the sections of `BASE` and run them: the bad one must give the code, the good one
must check clean. `alignc explain CODE` prints from here.
"""

from __future__ import annotations

from . import composition, meaning, plan, references, schema, text
from .code import BASE, Code

__all__ = ["ALL", "BASE", "CODES", "Code"]

ALL = (*text.CODES, *composition.CODES, *references.CODES, *schema.CODES, *meaning.CODES, *plan.CODES)
CODES = {code.code: code for code in ALL}

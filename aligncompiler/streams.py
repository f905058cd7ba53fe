"""The streams of the process: they take every character, and know whether what was written arrived."""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

ESCAPED = "alignc.escaped"


class Outlet(io.FileIO):
    """Where stdout or stderr leads to; it remembers that it could not be written."""

    lost = False

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            self.lost = True
            raise


OUTLETS: list[Outlet] = []


def settle_streams() -> None:
    """Let stdout and stderr take every text: what their encoding lacks is written as JSON writes it; what goes to a closed stream is lost."""
    codecs.register_error(ESCAPED, escaped)
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  for as long as the process lasts
        else:
            outlet = Outlet(number, "w", closefd=False)
            OUTLETS.append(outlet)
            lines = name == "stderr" or stream.line_buffering
            setattr(sys, name, io.TextIOWrapper(io.BufferedWriter(outlet), stream.encoding, ESCAPED, line_buffering=lines))


def escaped(error: UnicodeError) -> tuple[str, int]:
    """`\\u00e9` for characters that an encoding lacks, so that JSON stays JSON."""
    import json  # needed for such characters alone

    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def silenced() -> bool:
    """Whether stdout or stderr could not be written; from then on what goes there is lost."""
    lost = [outlet for outlet in OUTLETS if outlet.lost]
    for outlet in lost:
        os.dup2(os.open(os.devnull, os.O_WRONLY), outlet.fileno())
    return bool(lost)

"""Log-probability of every answer of a dataset under a policy, computed once."""

from __future__ import annotations

from aligncompiler.spec.measuring import Logprobs

from ..fault import Fault
from ..logprob_table import write_logprobs
from ..model_files import load_encoder, load_policy
from ..registry import implements
from ..scoring import score_rows
from ..store import Artifact
from ..work import Work, load_rows


@implements(Logprobs)
def logprobs(work: Work, *, policy: Artifact, data: Artifact, max_tokens: int | str, tokens_at_once: int) -> None:
    """Write, for each row number that fits, the sum of log-probabilities (nats) of each of its answers given the prompt."""
    rows = load_rows(data)
    leaves = ("chosen", "rejected") if "chosen" in rows[0] else ("completion",)
    encoder = load_encoder(policy)
    network = load_policy(policy).to(work.device)
    values = score_rows(network, encoder, rows, leaves, encoder.limit(max_tokens), tokens_at_once, work.progress.update, work.keep("logprobs"))
    if not values.fits_N.all():
        work.skipped[values.skip.reason] += int((~values.fits_N).sum())
    if not values.fits_N.any():
        raise Fault("P604", f"no row is left to score ({', '.join(work.skipped)})", "max_tokens", ("raise `max_tokens`, or use a model with a longer context",))
    work.summary["rows"] = work.facts["rows"] = write_logprobs(work.folder, leaves, values)

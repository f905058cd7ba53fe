"""Policies and scorers on disk: loaded, and saved in open formats.

A policy or scorer artifact is a folder `model/` that transformers loads by itself, beside `alignc.json` with what transformers has no
place for (prompt format, adapter, what a scorer tells). An untrained artifact may hold only a pointer to weights that lie elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import transformers
from torch import nn

from .bidirectional import is_bidirectional
from .fault import Fault
from .members import Ensemble
from .memory import ran_out
from .networks import Network, Policy
from .scorer import Scorer, Shape
from .store import Artifact
from .tokens import Encoder
from .work import Work

MODEL_FOLDER = "model"
GATES_FILE = "gates.safetensors"
MODEL_HELP = ("a model folder holds config.json, model.safetensors and a tokenizer",)

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def read_about(artifact: Artifact) -> dict[str, Any]:
    """The part of a model artifact that transformers has no place for."""
    about: dict[str, Any] = json.loads((artifact.folder / "alignc.json").read_text(encoding="utf-8"))
    return about


def weights_of(artifact: Artifact) -> tuple[str, str | None]:
    """(folder or hub name, revision) that the weights are loaded from."""
    pointer = read_about(artifact)["pointer"]
    return (pointer["name"], pointer["revision"]) if pointer else (str(artifact.folder / MODEL_FOLDER), None)


def load_encoder(artifact: Artifact) -> Encoder:
    """The tokenizer of a model artifact with its prompt format and context."""
    name, revision = weights_of(artifact)
    about = read_about(artifact)
    with loading(name):
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, revision=revision)
        config = transformers.AutoConfig.from_pretrained(name, revision=revision)
    pair = is_bidirectional(config)
    # Some families count positions that no token can take, and some tokenizers know no limit: the smaller number holds.
    context = min(int(getattr(config, "max_position_embeddings", None) or tokenizer.model_max_length), int(tokenizer.model_max_length))
    if tokenizer.sep_token_id is None if pair else tokenizer.eos_token_id is None:
        raise Fault("P607", f"the tokenizer of `{name}` has no end token", "")
    if tokenizer.get_vocab().keys() <= set(tokenizer.all_special_tokens):  # what transformers makes of missing files
        raise Fault("P607", f"no model can be loaded from `{name}`: its tokenizer is empty", "", MODEL_HELP)
    return Encoder(tokenizer, about["prompt_format"], context, pair)


def load_policy(artifact: Artifact) -> Policy:
    """The policy of an artifact, in float32, ready to score or train."""
    name, revision = weights_of(artifact)
    with loading(name):
        return Policy(load_language_model(name, revision))


def load_language_model(name: str, revision: str | None) -> Any:
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        name, revision=revision, dtype=torch.float32, use_safetensors=True, output_loading_info=True
    )
    refuse_missing(name, info["missing_keys"])
    return model


def load_scorer(artifact: Artifact, head_seed: int | None = None, shape: Shape | None = None) -> Scorer:
    """The scorer of an artifact, in float32; or one of this shape on its backbone, whose heads are drawn from `head_seed`, or from the seed that their
    maker wrote down where nothing else was saved."""
    about = read_about(artifact)
    shape = Shape.from_json(about.get("scorer")) if shape is None else shape
    seed = about["head_seed"] if head_seed is None else head_seed
    name, revision = weights_of(artifact)
    encoder = load_encoder(artifact)
    one = replace(shape, members=1) if shape.whole else shape
    scorers = []
    for member in range(shape.members if shape.whole else 1):
        with loading(name), torch.random.fork_rng():
            found, own_seed = (member_name(name, member), None) if seed is None else (name, seed + 1_000_003 * member)
            asked = shape.reply is not None
            scorers.append(Scorer(load_language_model(found, revision) if asked else load_classifier(found, revision, one.outputs, own_seed, encoder), one))
    gates = [gate for scorer in scorers for gate in scorer.gates]
    if seed is None and any(gate.state_dict() for gate in gates):
        with loading(name):
            load_gates(gates, artifact.folder / GATES_FILE)
    return Ensemble(scorers, shape) if shape.whole else scorers[0]


def load_classifier(name: str, revision: str | None, outputs: int, head_seed: int | None, encoder: Encoder) -> Any:
    """A classification model of so many outputs; a head with a seed is drawn from it, whatever lies there."""
    model, info = transformers.AutoModelForSequenceClassification.from_pretrained(
        name,
        revision=revision,
        num_labels=outputs,
        dtype=torch.float32,
        use_safetensors=True,
        output_loading_info=True,
        ignore_mismatched_sizes=head_seed is not None,
    )
    refuse_missing(name, {key for key in info["missing_keys"] if ".layers." in key or ".layer." in key or "embed" in key})  # a head may be new
    if head_seed is not None:
        torch.manual_seed(head_seed)
        for module in (inner for child in model.children() if child is not model.base_model for inner in child.modules()):
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=model.config.initializer_range)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
    # transformers reads the reward before the first padding token: where that is also the end token, better none, and a loud refusal
    # of padded batches, than a reward read one token early.
    model.config.pad_token_id = encoder.pad if encoder.pad != encoder.end else None
    return model


def member_name(name: str, member: int) -> str:
    """The folder of a member's model, beside that of the first."""
    return f"{name}_{member}" if member else name


def load_gates(gates: Sequence[nn.Module], file: Path) -> None:
    tensors = safetensors.torch.load_file(file)
    for number, gate in enumerate(gates):
        gate.load_state_dict({name.partition(".")[2]: tensor for name, tensor in tensors.items() if name.partition(".")[0] == str(number)})


def make_scorer(work: Work, backbone: Artifact, shape: Shape) -> None:
    """Make the artifact of a scorer before training on the weights of `backbone`; a pointer to the hub stays one, with the seed of the heads beside it,
    if it has any."""
    about = read_about(backbone) | {"head_seed": work.seed if shape.reply is None else None, "scorer": shape.json()}
    write_about(work.folder, about)
    if about["pointer"] is None:
        scorer = load_scorer(backbone, work.seed, shape)
        save_network(scorer, load_encoder(backbone), work.folder, about)
        work.summary["parameters"] = sum(p.numel() for p in scorer.parameters())


def refuse_missing(name: str, missing: set[str]) -> None:
    """Raise Fault where transformers would put random numbers in the place of weights that are not there."""
    if missing:
        raise Fault("P607", f"no model can be loaded from `{name}`: {len(missing)} of its weights are missing, such as `{min(missing)}`", "", MODEL_HELP)


def load_network(artifact: Artifact, shape: Shape | None = None) -> Network:
    """A policy or a scorer, whichever the artifact is; a scorer of this shape, if one is given."""
    return LOADERS[artifact.kind](artifact, shape)


LOADERS: dict[str, Callable[[Artifact, Shape | None], Network]] = {
    "policy": lambda artifact, _: load_policy(artifact),
    "scorer": lambda artifact, shape: load_scorer(artifact, shape=shape),
}


class loading:
    """Turns the many ways in which loading fails into one fault. No remote code is run, and no pickle is read."""

    def __init__(self, name: str, field: str = "") -> None:
        self.name = name
        self.field = field

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: Any) -> None:
        if error is not None and ran_out(error):
            return
        if isinstance(error, OSError | ValueError | KeyError | ImportError | RuntimeError | safetensors.SafetensorError):
            text = str(error).strip().splitlines()[0] if str(error).strip() else kind.__name__ if kind else ""
            text = "its weights have other shapes than its config.json states" if "ignore_mismatched_sizes" in text else text
            raise Fault("P607", f"no model can be loaded from `{self.name}`: {text}", self.field, MODEL_HELP, passes=True) from None


def save_network(network: Network, encoder: Encoder, folder: Path, about: dict[str, Any]) -> None:
    """Write a model that transformers loads by itself, one for each part, and what it has no place for."""
    for number, part in enumerate(network.parts):
        part.model.save_pretrained(member_name(str(folder / MODEL_FOLDER), number))
    encoder.tokenizer.save_pretrained(folder / MODEL_FOLDER)
    shape = network.shape if isinstance(network, Scorer) else None
    gates = [gate for part in network.parts if isinstance(part, Scorer) for gate in part.gates]
    tensors = {f"{number}.{name}": tensor for number, gate in enumerate(gates) for name, tensor in gate.state_dict().items()}
    if tensors:
        safetensors.torch.save_file(tensors, folder / GATES_FILE)
    write_about(folder, {**about, "pointer": None, "head_seed": None, "scorer": None if shape is None else shape.json()})


def write_about(folder: Path, about: dict[str, Any]) -> None:
    (folder / "alignc.json").write_text(json.dumps(about, indent=1), encoding="utf-8")

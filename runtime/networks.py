"""Policies and scorers as torch modules around models of transformers: loaded, asked through forests, and saved in open formats.

A policy or scorer artifact is a folder `model/` that transformers loads by itself, beside `alignc.json` with what transformers has no
place for (prompt format, adapter, class of the model). An untrained artifact may hold only a pointer to weights that lie elsewhere.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors
import torch
import transformers
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor

from .fault import Fault
from .forest import Forest
from .forest_attention import flat_states, serves
from .output_head import token_logp
from .store import Artifact
from .tokens import Encoder

MODEL_FOLDER = "model"
MODEL_HELP = ("a model folder holds config.json, model.safetensors and a tokenizer",)

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


class Network(nn.Module):
    """A model of transformers asked through forests. `causal` ones share prefixes; what a bidirectional encoder makes of a prompt depends on the
    answer behind it. What objectives read, each kind tells by its `measure`."""

    def __init__(self, model: Any, causal: bool) -> None:
        super().__init__()
        self.model = model
        self.shares_prefixes = causal
        self.flat = causal and serves(model)

    def states(self, forest: Forest) -> Tensor:
        """Hidden states of a causal model, [S, D]."""
        return (flat_states if self.flat else padded_states)(self.model.base_model, forest)


class Policy(Network):
    """A causal language model that tells the log-probability of the scored tokens of a forest."""

    def __init__(self, model: Any) -> None:
        super().__init__(model, causal=True)

    def forward(self, forest: Forest) -> Tensor:
        """log p of every scored token given its path, [N], natural log, in float32."""
        hidden_UD = self.states(forest)[forest.source_U]
        return token_logp(self.model.get_output_embeddings(), hidden_UD, forest.token_U)[forest.which_N]

    def measure(self, forest: Forest, leaf_names: tuple[str, ...]) -> dict[str, Tensor]:
        """Per leaf name: `_token_logp` [its tokens], `_logp` [its rows] the sum over tokens, `_tokens` [its rows] their number."""
        logp_N = self(forest)
        sums_L = logp_N.new_zeros(forest.num_leaves).index_add(0, forest.leaf_N, logp_N)
        counts_L = logp_N.new_zeros(forest.num_leaves).index_add(0, forest.leaf_N, torch.ones_like(logp_N))
        measured = {}
        for number, name in enumerate(leaf_names):
            measured[f"{name}_token_logp"] = logp_N[forest.leaf_N % len(leaf_names) == number]
            measured[f"{name}_logp"] = sums_L[number :: len(leaf_names)]
            measured[f"{name}_tokens"] = counts_L[number :: len(leaf_names)]
        return measured


class Scorer(Network):
    """A backbone with one output, read at the end of each scored node of a forest (at the first token for an encoder)."""

    def __init__(self, model: Any) -> None:
        super().__init__(model, causal=not is_bidirectional(model.config))

    def forward(self, forest: Forest) -> Tensor:
        """Reward of every scored node, [L], in float32."""
        if not self.shares_prefixes:
            segments_BT = forest.in_rows(forest.level_S.clamp(max=self.model.config.type_vocab_size - 1), 0)
            real_BT = (forest.seat_BT < forest.num_tokens).long()
            logits_B1 = self.model(input_ids=forest.in_rows(forest.ids_S, forest.pad), attention_mask=real_BT, token_type_ids=segments_BT).logits
            return logits_B1.float()[:, 0]  # a row holds one path
        return self.model.score(self.states(forest)[forest.end_L]).float()[:, 0]

    def measure(self, forest: Forest, leaf_names: tuple[str, ...]) -> dict[str, Tensor]:
        """Per leaf name: `_reward` [its rows]."""
        reward_L = self(forest)
        return {f"{name}_reward": reward_L[number :: len(leaf_names)] for number, name in enumerate(leaf_names)}


def padded_states(backbone: Any, forest: Forest) -> Tensor:
    """Hidden states of a causal backbone that attends in its own way, [S, D]."""
    # Padding goes on counting: transformers takes a fall in position for a new sequence and would build a mask for it.
    column_BT = torch.arange(forest.seat_BT.shape[1], device=forest.seat_BT.device).expand_as(forest.seat_BT)
    positions_BT = torch.where(forest.seat_BT < forest.num_tokens, forest.in_rows(forest.positions_S, 0), column_BT)
    mask = None if forest.plain else forest.mask()
    if mask is not None and backbone.config._attn_implementation == "eager":  # adds it to the scores
        mask = torch.zeros_like(mask, dtype=backbone.dtype).masked_fill_(~mask, torch.finfo(backbone.dtype).min)
    found = backbone(input_ids=forest.in_rows(forest.ids_S, forest.pad), position_ids=positions_BT, attention_mask=mask, use_cache=False)
    states_SD: Tensor = found.last_hidden_state.flatten(0, 1)[forest.place_S]
    return states_SD


def is_bidirectional(config: Any) -> bool:
    """Whether the family of a configuration has no causal language model of its own: an encoder."""
    names = transformers.models.auto.modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    return config.model_type in BIDIRECTIONAL or config.model_type not in names


BIDIRECTIONAL = {"bert", "roberta", "electra", "camembert", "xlm-roberta"}  # families that transformers lists under causal models too


def shard(network: Network, mesh: Any) -> None:
    """Spread the weights over the processes of a mesh, block by block; each is whole only while it is computed with (FSDP2)."""
    blocks = set(network.model._no_split_modules or ())  # what transformers itself keeps on one device
    for module in network.modules():
        if type(module).__name__ in blocks:
            fully_shard(module, mesh=mesh)
    fully_shard(network, mesh=mesh)
    register_fsdp_forward_method(network, "measure")


def is_sharded(network: Network) -> bool:
    """Whether each process holds a part of the weights."""
    return any(isinstance(p, DTensor) for p in network.parameters())


def gathered(network: Network) -> dict[str, Tensor]:
    """All weights of a sharded network on the first process, nothing on the others; every process must ask."""
    return get_model_state_dict(network, options=StateDictOptions(full_state_dict=True, cpu_offload=True))


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
    if set(tokenizer.encode("a word", add_special_tokens=False)) <= {tokenizer.unk_token_id}:  # what transformers makes of missing files
        raise Fault("P607", f"no model can be loaded from `{name}`: its tokenizer is empty", "", MODEL_HELP)
    return Encoder(tokenizer, about["prompt_format"], context, pair)


def load_policy(artifact: Artifact) -> Policy:
    """The policy of an artifact, in float32, ready to score or train."""
    name, revision = weights_of(artifact)
    with loading(name):
        model, info = transformers.AutoModelForCausalLM.from_pretrained(
            name, revision=revision, dtype=torch.float32, use_safetensors=True, output_loading_info=True
        )
    refuse_missing(name, info["missing_keys"])
    return Policy(model)


def load_scorer(artifact: Artifact, head_seed: int | None = None) -> Scorer:
    """The scorer of an artifact; a head that is not there yet is drawn from `head_seed`, or from the seed that its maker wrote down."""
    name, revision = weights_of(artifact)
    seed = read_about(artifact)["head_seed"] if head_seed is None else head_seed
    with loading(name), torch.random.fork_rng():
        torch.manual_seed(seed or 0)
        model, info = transformers.AutoModelForSequenceClassification.from_pretrained(
            name, revision=revision, num_labels=1, dtype=torch.float32, use_safetensors=True, output_loading_info=True
        )
    refuse_missing(name, {key for key in info["missing_keys"] if ".layers." in key or ".layer." in key or "embed" in key})  # a head may be new
    # transformers reads the reward before the first padding token: where that is also the end token, better none, and a loud refusal
    # of padded batches, than a reward read one token early.
    encoder = load_encoder(artifact)
    model.config.pad_token_id = encoder.pad if encoder.pad != encoder.end else None
    return Scorer(model)


def refuse_missing(name: str, missing: set[str]) -> None:
    """Raise Fault where transformers would put random numbers in the place of weights that are not there."""
    if missing:
        raise Fault("P607", f"no model can be loaded from `{name}`: {len(missing)} of its weights are missing, such as `{min(missing)}`", "", MODEL_HELP)


def load_network(artifact: Artifact) -> Network:
    """A policy or a scorer, whichever the artifact is."""
    return LOADERS[artifact.kind](artifact)


LOADERS: dict[str, Any] = {"policy": load_policy, "scorer": load_scorer}


class loading:
    """Turns the many ways in which loading fails into one fault. No remote code is run, and no pickle is read."""

    def __init__(self, name: str, field: str = "") -> None:
        self.name = name
        self.field = field

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: Any) -> None:
        if isinstance(error, OSError | ValueError | KeyError | ImportError | RuntimeError | safetensors.SafetensorError):
            text = str(error).strip().splitlines()[0] if str(error).strip() else kind.__name__ if kind else ""
            text = "its weights have other shapes than its config.json states" if "ignore_mismatched_sizes" in text else text
            raise Fault("P607", f"no model can be loaded from `{self.name}`: {text}", self.field, MODEL_HELP) from None


def save_network(network: Network, encoder: Encoder, folder: Path, about: dict[str, Any]) -> None:
    """Write a model that transformers loads by itself, and what it has no place for."""
    network.model.save_pretrained(folder / MODEL_FOLDER)
    encoder.tokenizer.save_pretrained(folder / MODEL_FOLDER)
    write_about(folder, {**about, "pointer": None, "head_seed": None})


def write_about(folder: Path, about: dict[str, Any]) -> None:
    (folder / "alignc.json").write_text(json.dumps(about, indent=1), encoding="utf-8")

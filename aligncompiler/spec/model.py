"""Models: policies that write, encoders that read, and where their weights and tokenizers come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from .base import COMMIT, HUB_NAME, Kind, Needs, Output, Problem, Ref, Spec, field


class Model(Kind):
    """A network before training: built from an architecture, or loaded."""

    family: ClassVar[str] = "models"
    numeric: ClassVar[bool] = True


class Tokenizer(Kind):
    """How text becomes tokens when a model is built from an architecture."""

    family: ClassVar[str] = "tokenizers"


class Adapter(Kind):
    """A small set of weights that is trained in place of the whole model."""

    family: ClassVar[str] = "adapters"


class BPE(Tokenizer):
    """Byte-level byte-pair encoding, trained on a dataset; decode(encode(x)) = x for any text."""

    kind: Literal["bpe"] = "bpe"
    data: Annotated[Ref, Needs(("dataset",))]
    """Dataset whose texts the merges are learned from."""
    vocab_size: int = field(unit="tokens", ge=260)
    """Size of the vocabulary, special tokens and the 256 bytes included."""
    digits: Literal["joined", "separate"] = field("separate")
    """`separate` keeps each digit a token of its own."""


class LoRA(Adapter):
    """Low-rank adaptation of linear layers (arXiv:2106.09685): W + (alpha / rank) B A, merged into the weights when the stage ends."""

    kind: Literal["lora"] = "lora"
    rank: int = field(16, unit="dimensions", ge=1)
    """Inner dimension of B A."""
    alpha: float = field(32.0, unit="1", gt=0)
    """Scale of the update, before division by the rank."""
    dropout: float = field(0.0, unit="probability", ge=0, lt=1)
    """Share of the inputs of A that is dropped in training."""
    targets: tuple[str, ...] | Literal["all_linear"] = field("all_linear")
    """Names of the layers to adapt, or every linear layer but the output head."""


class Architecture(Spec):
    """The shape of a decoder that is built with random weights."""

    family: Literal["llama", "qwen2"]
    """Family of transformers whose code is used."""
    hidden_size: int = field(unit="dimensions", ge=1)
    """Width of the residual stream."""
    num_layers: int = field(unit="layers", ge=1)
    """Number of decoder blocks."""
    num_heads: int = field(unit="heads", ge=1)
    """Number of query heads."""
    num_kv_heads: int | Literal["num_heads"] = field("num_heads", unit="heads")
    """Number of key and value heads; fewer than `num_heads` is grouped-query attention."""
    ffn_size: int | Literal["8/3"] = field("8/3", unit="dimensions")
    """Width of the SwiGLU layer; `8/3` is 8/3 of `hidden_size`, rounded up to a multiple of 32."""
    context: int = field(unit="tokens", ge=8)
    """Longest sequence the model reads."""
    tie_embeddings: bool = field(True)
    """Share one matrix between the embedding and the output head."""
    rope_theta: float = field(10000.0, unit="1", gt=0)
    """Base of the wavelengths of rotary positions; a small model on short texts learns sooner with a small one."""
    init_std: float = field(0.02, unit="1", gt=0)
    """Standard deviation of the random weights."""

    def check(self) -> Iterator[Problem]:
        if self.hidden_size % (2 * self.num_heads):
            yield Problem(
                "M504",
                "hidden_size",
                f"`hidden_size` {self.hidden_size} does not give each of {self.num_heads} heads an even number of dimensions",
                (f"use a multiple of {2 * self.num_heads}, for example {-(-self.hidden_size // (2 * self.num_heads)) * 2 * self.num_heads}",),
            )
        if isinstance(self.num_kv_heads, int) and (self.num_kv_heads < 1 or self.num_heads % self.num_kv_heads):
            yield Problem("M504", "num_kv_heads", f"`num_kv_heads` {self.num_kv_heads} does not divide `num_heads` {self.num_heads}")
        if isinstance(self.ffn_size, int) and self.ffn_size < 1:
            yield Problem("S405", "ffn_size", f"`ffn_size` is {self.ffn_size}; a layer has at least 1 dimension")


def check_source(model: CausalLM | Encoder, built: bool) -> Iterator[Problem]:
    """Exactly one place to take the weights from; a revision where the place is the hub."""
    names = ["architecture"] * built + ["pretrained", "folder", "package"]
    given = [name for name in names if getattr(model, name) is not None]
    if len(given) != 1:
        said = "none is given" if not given else f"{' and '.join(f'`{g}`' for g in given)} are given"
        yield Problem("M505", given[1] if given else "kind", f"a `{model.tag}` takes exactly one of {', '.join(f'`{n}`' for n in names)}; {said}")
    if model.pretrained is not None and model.revision is None:
        yield Problem(
            "M506",
            "pretrained",
            f"`pretrained: {model.pretrained}` names no `revision`",
            ("add `revision: <commit>`, so that a later run gets the same weights",),
        )
    if model.revision is not None and model.pretrained is None:
        yield Problem("M507", "revision", "`revision` has a meaning only beside `pretrained`")
    if model.path is not None and model.package is None:
        yield Problem("M507", "path", "`path` has a meaning only beside `package`")


class CausalLM(Model):
    """A decoder language model: a policy that writes text."""

    kind: Literal["causal_lm"] = "causal_lm"
    architecture: Architecture | None = field(None)
    """Build with random weights in this shape; needs `tokenizer`."""
    tokenizer: Tokenizer | None = field(None)
    """Tokenizer of a model that is built from an `architecture`."""
    pretrained: str | None = field(None, **HUB_NAME)
    """Name on the Hugging Face hub, for example `Qwen/Qwen2.5-0.5B`; needs `revision`."""
    revision: str | None = field(None, **COMMIT)
    """Commit of the hub repository."""
    folder: str | None = field(None, path=True)
    """Local folder written by `save_pretrained`."""
    package: str | None = field(None)
    """Installed Python package that carries a model folder; its code is not imported."""
    path: str | None = field(None)
    """Folder inside `package`."""
    prompt_format: Literal["plain", "chat"] = field("plain")
    """`plain` uses prompts as they are; `chat` wraps them with the tokenizer's chat template."""
    adapter: Adapter | None = field(None)
    """Train these weights instead of all of them."""

    def check(self) -> Iterator[Problem]:
        yield from check_source(self, built=True)
        if self.architecture is not None and self.tokenizer is None:
            yield Problem(
                "M508",
                "architecture",
                "a model built from an `architecture` needs a `tokenizer`",
                ("add `tokenizer: {kind: bpe, data: ..., vocab_size: ...}`",),
            )
        if self.architecture is None and self.tokenizer is not None:
            yield Problem("M507", "tokenizer", "a loaded model brings its own tokenizer; `tokenizer` has a meaning only beside `architecture`")
        if self.architecture is not None and self.prompt_format == "chat":
            yield Problem("M507", "prompt_format", "a tokenizer trained here has no chat template; `prompt_format: chat` needs a loaded model")

    def output(self) -> Output:
        return Output("policy", space="text/tokens")

    @property
    def draws(self) -> bool:
        """Random weights are drawn only for a model that is built."""
        return self.architecture is not None


class Encoder(Model):
    """A bidirectional encoder, loaded: a backbone for scorers."""

    kind: Literal["encoder"] = "encoder"
    pretrained: str | None = field(None, **HUB_NAME)
    """Name on the Hugging Face hub; needs `revision`."""
    revision: str | None = field(None, **COMMIT)
    """Commit of the hub repository."""
    folder: str | None = field(None, path=True)
    """Local folder written by `save_pretrained`."""
    package: str | None = field(None)
    """Installed Python package that carries a model folder; its code is not imported."""
    path: str | None = field(None)
    """Folder inside `package`."""

    def check(self) -> Iterator[Problem]:
        yield from check_source(self, built=False)

    def output(self) -> Output:
        return Output("encoder", space="text/tokens")

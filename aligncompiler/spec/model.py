"""Models: policies that write, encoders that read, and where their weights and tokenizers come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from .base import COMMIT, HUB_NAME, Kind, Needs, Output, Problem, Ref, Spec, field

if TYPE_CHECKING:
    from .cost import Estimate, Figure, Survey
    from .network import Network


class Model(Kind):
    """A network before training: built from an architecture, or loaded."""

    family: ClassVar[str] = "models"


class Tokenizer(Kind):
    """How text becomes tokens when a model is built from an architecture."""

    family: ClassVar[str] = "tokenizers"

    def vocabulary(self) -> Figure:
        """How many tokens there will be."""
        from .cost import UNKNOWN

        return UNKNOWN


class Adapter(Kind):
    """A small set of weights that is trained in place of the whole model."""

    family: ClassVar[str] = "adapters"

    def trainable(self, network: Network) -> Figure:
        """How many numbers it adds to a network, all of them trained."""
        from .cost import UNKNOWN

        return UNKNOWN


class BPE(Tokenizer):
    """Byte-level byte-pair encoding, trained on a dataset; decode(encode(x)) = x for any text."""

    kind: Literal["bpe"] = "bpe"
    data: Annotated[Ref, Needs(("dataset",))]
    """Dataset whose texts the merges are learned from."""
    vocab_size: int = field(unit="tokens", ge=260)
    """Size of the vocabulary, special tokens and the 256 bytes included."""
    digits: Literal["joined", "separate"] = field("separate")
    """`separate` keeps each digit a token of its own."""

    def vocabulary(self) -> Figure:
        """At most `vocab_size`: merges end where no pair of tokens is left in the data."""
        from .cost import at_most

        return at_most(self.vocab_size)


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

    def trainable(self, network: Network) -> Figure:
        """rank x (inputs + outputs) for each adapted layer; unknown where no layer has one of the names."""
        from .cost import UNKNOWN, exact

        named = [n for n in network.linears if self.targets == "all_linear" or any(n.name == t or n.name.endswith(f".{t}") for t in self.targets)]
        return exact(self.rank * sum((n.inputs + n.outputs) * n.count for n in named)) if named else UNKNOWN


class Architecture(Spec):
    """The shape of a decoder that is built with random weights. `biased` names the families with biases on queries, keys and values."""

    biased: ClassVar[tuple[str, ...]] = ("qwen2",)

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

    @property
    def ffn_width(self) -> int:
        """`ffn_size` as a number."""
        return -(-8 * self.hidden_size // 96) * 32 if self.ffn_size == "8/3" else self.ffn_size

    def canonical(self) -> Mapping[str, Any]:
        heads = {"num_kv_heads": "num_heads"} if self.num_kv_heads == self.num_heads else {}
        return heads | ({"ffn_size": "8/3"} if self.ffn_size == self.model_copy(update={"ffn_size": "8/3"}).ffn_width else {})

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
        yield Problem("M505", "kind", f"a `{model.tag}` takes exactly one of {', '.join(f'`{n}`' for n in names)}; {said}", rivals=tuple(given))
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
    version: ClassVar[int] = 2

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
        return Output("policy", space="text/tokens", context=self.architecture.context if self.architecture is not None else None)

    def estimate(self, ask: Survey) -> Estimate:
        from .effort import estimated
        from .network import Network

        if self.architecture is not None and self.tokenizer is not None:
            return estimated(replace(Network.of_architecture(self.architecture, self.tokenizer.vocabulary()), adapter=self.adapter))
        return taken(self, ask, causal=True, adapter=self.adapter, chat=self.prompt_format == "chat")

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

    def estimate(self, ask: Survey) -> Estimate:
        return taken(self, ask, causal=False)


def taken(model: CausalLM | Encoder, ask: Survey, causal: bool, adapter: Adapter | None = None, chat: bool = False) -> Estimate:
    """A model of weights that exist: local files are copied, a commit on the hub is pointed to; neither is loaded."""
    from .cost import FILE_BYTES, UNKNOWN, Estimate, exact
    from .network import Network, numbers_of

    found = ask.weights(model.folder, model.package, model.path, model.pretrained, model.revision)
    network = Network.of_weights(found, causal) if found is not None else None
    disk = (exact(FILE_BYTES) if model.pretrained is not None else exact(found.bytes) + FILE_BYTES if found is not None else UNKNOWN).rough()
    if network is None:
        return Estimate(parameters=numbers_of(found), flops=exact(0), memory=exact(0), disk=disk)
    network = replace(network, adapter=adapter, elsewhere=model.pretrained is not None, chat=chat)
    return Estimate(parameters=network.parameters, trainable=network.trainable, flops=exact(0), memory=exact(0), disk=disk, network=network)

"""Tiny models, tokenizers and artifacts, made here."""

import os

os.environ["TOKENIZERS_PARALLELISM"] = "false"

from dataclasses import asdict
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import transformers

from aligncompiler.ir import Stage
from aligncompiler.spec.base import Output
from aligncompiler.spec.dataset import Text
from aligncompiler.spec.experiment import Engine
from runtime.model_files import MODEL_FOLDER, save_network, write_about
from runtime.models.causal_lm import FAMILIES
from runtime.networks import Policy
from runtime.scorer import Scorer
from runtime.store import Artifact
from runtime.tokenizers.bpe import bpe
from runtime.tokens import Encoder
from runtime.work import ROWS_FILE, Work

torch.set_num_threads(1)

SENTENCES = ["all cats are animals", "some birds are not red", "no fish is a bird", "the answer is 42", "so it follows that all cats breathe"]


class Listener:
    """A progress bar that remembers what it was told."""

    def __init__(self):
        self.said = []

    def update(self, done, total, text="", unit="", tokens=None):
        self.said.append((done, total, text))


@pytest.fixture
def make_work(tmp_path):
    """A stage at work in a folder of its own."""
    count = iter(range(1000))

    def make(seed=0, file=None, **engine):
        stage = Stage("datasets.made", Text(file=file), Output("dataset"))
        folder = tmp_path / f"work{next(count)}"
        folder.mkdir()
        return Work(stage, folder, seed, Engine(**{"accelerator": "cpu", **engine}), Listener())

    return make


@pytest.fixture
def finished():
    """The artifact that a piece of work would become."""

    def finish(work, kind, id="stages.x"):
        return Artifact(id, work.folder, {"output": asdict(Output(kind)), "facts": work.facts, "summary": work.summary, "skipped": dict(work.skipped)})

    return finish


@pytest.fixture
def dataset(tmp_path):
    """A dataset artifact of given rows."""
    count = iter(range(1000))

    def make(rows, kinds=(), **facts):
        folder = tmp_path / f"rows{next(count)}"
        folder.mkdir()
        columns = sorted({name for row in rows for name in row})
        pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in columns}), folder / ROWS_FILE)
        return Artifact("datasets.rows", folder, {"output": asdict(Output("dataset", kinds)), "facts": {"answer_columns": [], "rows": len(rows), **facts}})

    return make


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory):
    """Byte-level BPE over a few sentences."""
    folder = tmp_path_factory.mktemp("sentences")
    pq.write_table(pa.table({"text": SENTENCES}), folder / ROWS_FILE)
    return bpe(data=Artifact("datasets.text", folder, {}), vocab_size=290, digits="separate")


@pytest.fixture(scope="session")
def make_model(tokenizer):
    """A tiny network of a family, plain transformers; `head` is the output dimension of a scorer, 0 for a language model."""

    def make(family="llama", seed=0, heads=4, kv_heads=2, context=64, head=0, tie=True, dtype=torch.float32, layers=2):
        config_class, model_class = FAMILIES[family]
        torch.manual_seed(seed)
        config = config_class(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=kv_heads,
            max_position_embeddings=context,
            tie_word_embeddings=tie,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
        if head:
            config.num_labels = head
            model_class = getattr(transformers, model_class.__name__.replace("CausalLM", "SequenceClassification"))
        model = model_class(config).to(dtype)
        with torch.no_grad():  # freshly drawn weights are so small that every answer is nearly as likely as any other
            for parameter in model.parameters():
                if parameter.ndim >= 2:
                    parameter.mul_(6)
        return model.eval()

    return make


@pytest.fixture
def policy_artifact(tmp_path, tokenizer, make_model):
    """A saved policy; `adapter` is the JSON form of an adapter spec."""
    count = iter(range(1000))

    def make(adapter=None, context=64, id="models.base", prompt_format="plain", **shape):
        folder = tmp_path / f"policy{next(count)}"
        save_network(
            Policy(make_model(context=context, **shape)), Encoder(tokenizer, "plain", context), folder, {"prompt_format": prompt_format, "adapter": adapter}
        )
        return Artifact(id, folder, {"output": {"artifact": "policy"}, "facts": {}})

    return make


@pytest.fixture
def scorer_artifact(tmp_path, tokenizer, make_model):
    """A saved scorer with a causal backbone."""
    count = iter(range(1000))

    def make(adapter=None, context=64, id="models.scorer", **shape):
        folder = tmp_path / f"scorer{next(count)}"
        save_network(
            Scorer(make_model(context=context, head=1, **shape)),
            Encoder(tokenizer, "plain", context),
            folder,
            {"prompt_format": "plain", "adapter": adapter},
        )
        return Artifact(id, folder, {"output": {"artifact": "scorer"}, "facts": {}})

    return make


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory):
    """A tiny BERT with a WordPiece tokenizer, as `save_pretrained` leaves it."""
    folder = tmp_path_factory.mktemp("bert")
    words = sorted({word for text in SENTENCES for word in text.split()})
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, *letters, *(f"##{c}" for c in letters)]
    (folder / "vocab.txt").write_text("\n".join(dict.fromkeys(vocabulary)), encoding="utf-8")
    vocab = {word: number for number, word in enumerate(dict.fromkeys(vocabulary))}
    tokenizer = transformers.BertTokenizer(vocab=vocab, model_max_length=48)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, max_position_embeddings=48
    )
    transformers.BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def encoder_artifact(bert_folder, tmp_path):
    """A saved encoder."""
    folder = tmp_path / "encoder"
    folder.mkdir()
    (folder / MODEL_FOLDER).symlink_to(bert_folder)
    write_about(folder, {"prompt_format": "plain", "adapter": None, "pointer": None, "head_seed": None})
    return Artifact("models.encoder", folder, {"output": {"artifact": "encoder"}, "facts": {}})


@pytest.fixture
def budget():
    """Fields of a `train` stage that most tests leave alone."""
    from aligncompiler.spec.objective import SFT
    from aligncompiler.spec.optimizer import AdamW, Schedule
    from aligncompiler.spec.reduction import Mean
    from aligncompiler.spec.training import Batch, Budget
    from runtime.registry import bind

    def fields(objective=None, steps=3, rows=4, tokens_at_once=16384, members_at_once=1, learning_rate=1e-2, **changes):
        usual = {
            "objective": bind(objective or SFT(), {}),
            "budget": Budget(steps=steps),
            "optimizer": bind(AdamW(learning_rate=learning_rate), {}),
            "reference": "initial",
            "schedule": Schedule(),
            "batch": Batch(rows=rows, tokens_at_once=tokens_at_once, members_at_once=members_at_once),
            "weights": "all",
            "reduction": bind(Mean(), {}),
            "clip_norm": 1.0,
            "max_tokens": "context",
            "checkpoints": (),
            "gradient_checkpointing": False,
            "log_every": 1,
        }
        return usual | changes

    return fields


@pytest.fixture
def stand_in():
    """An object with just these attributes."""
    return SimpleNamespace

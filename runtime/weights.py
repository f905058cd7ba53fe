"""Weights that exist already: a local folder, an installed package, the hub."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import transformers

from aligncompiler.store.inputs import package_folder

from .bidirectional import is_bidirectional
from .fault import Fault
from .model_files import MODEL_FOLDER, load_encoder, loading, write_about
from .store import Artifact
from .work import Work


def take(
    work: Work,
    bidirectional: bool,
    about: dict[str, Any],
    pretrained: str | None,
    revision: str | None,
    folder: str | None,
    package: str | None,
    path: str | None,
) -> None:
    """Make a model artifact of weights that exist: local files are copied, the hub is pointed to by commit.

    Raises Fault if nothing can be loaded from there, if it is an encoder where a decoder is due or the other way round, or if the
    weights are pickled.
    """
    field, name, revision = find_source(bidirectional, pretrained, revision, folder, package, path)
    if pretrained is not None:
        work.summary["source"] = f"{name}@{(revision or '')[:7]}"
        write_about(work.folder, {**about, "pointer": {"name": name, "revision": revision}, "head_seed": None})
        return
    source = Path(name)
    target = work.folder / MODEL_FOLDER
    target.mkdir()
    for file in sorted(p for p in source.iterdir() if p.is_file() and p.suffix in (".json", ".safetensors", ".txt", ".model", ".jinja")):
        shutil.copyfile(file, target / file.name)  # a link would let an edit on either side change the other
    work.summary["source"] = package or source.name
    write_about(work.folder, {**about, "pointer": None, "head_seed": None})
    check_tokenizer(work, field)


def find_source(
    bidirectional: bool, pretrained: str | None, revision: str | None, folder: str | None, package: str | None, path: str | None
) -> tuple[str, str, str | None]:
    """(field that names it, folder or name on the hub, revision) of weights that exist. Raises Fault as `take` does; nothing is copied."""
    field = next(name for name, value in (("pretrained", pretrained), ("folder", folder), ("package", package)) if value is not None)
    if pretrained is not None and Path(pretrained).exists():
        raise Fault("P607", f"`{pretrained}` is also a folder here; it would be read in place of the hub", field, ("write `folder:` for a local model",))
    local = None if pretrained is not None else Path(folder) if folder is not None else package_folder(str(package), path)
    name = pretrained or str(local)
    with loading(name, field):
        config = transformers.AutoConfig.from_pretrained(name, revision=revision)
    check_direction(config, bidirectional, name, field)
    if local is not None and not list(local.glob("*.safetensors")):
        raise Fault("P607", f"`{name}` holds no safetensors weights", field, ("pickled weights are never loaded; save the model with `save_pretrained`",))
    return field, name, revision


def check_tokenizer(work: Work, field: str) -> None:
    """A model that cannot be told where an answer ends is found here, not by the stage that would use it."""
    try:
        load_encoder(Artifact(field, work.folder, {}))
    except Fault as fault:
        raise Fault(fault.code, fault.message.replace(str(work.folder / MODEL_FOLDER), str(work.summary["source"])), field, fault.help) from None


def check_direction(config: Any, bidirectional: bool, name: str, field: str) -> None:
    if is_bidirectional(config) != bidirectional:
        found = "an encoder" if not bidirectional else "no encoder"
        raise Fault(
            "P607", f"`{name}` is {found} (its family is {config.model_type})", field, (f"declare it as `kind: {'causal_lm' if bidirectional else 'encoder'}`",)
        )

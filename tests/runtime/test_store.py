"""An artifact is complete or not there at all."""

import json
import multiprocessing
import os
import shutil
import time

import pytest

from aligncompiler.ir import artifact_folder
from aligncompiler.store.artifacts import file_hash
from runtime.store import Store

KEY = "ab" + "0" * 38


def made(store, key=KEY, text="one"):
    folder = store.begin(key)
    (folder / "model").mkdir()
    (folder / "model" / "file.txt").write_text(text, encoding="utf-8")
    return store.commit("stages.x", key, folder, {"output": {"artifact": "policy"}, "facts": {"rows": 3}})


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def test_what_was_committed_is_found_with_its_facts(store):
    made(store)
    found = Store(store.root).find("stages.y", KEY)
    assert (found.id, found.kind, found.facts["rows"]) == ("stages.y", "policy", 3)
    assert (found.folder / "model" / "file.txt").read_text(encoding="utf-8") == "one"
    assert found.manifest["files"] == {"model/file.txt": file_hash(found.folder / "model" / "file.txt")}


def test_nothing_appears_before_it_is_committed(store, monkeypatch):
    moves = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (moves.append((a, artifact_folder(store.root, KEY).exists())), replace(a, b)))
    assert store.find("stages.x", KEY) is None
    made(store)
    assert moves == [(store.root / "making" / KEY, False)]
    assert not (store.root / "making" / KEY).exists()


def test_every_file_is_on_the_disk_before_the_artifact_appears(store, monkeypatch):
    events = []
    monkeypatch.setattr("runtime.store.sync", lambda path: events.append(path.name))
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (events.append("appears"), replace(a, b)))
    made(store)
    assert {"manifest.json", "file.txt", "model"} <= set(events[: events.index("appears")])


def test_a_broken_attempt_leaves_nothing_to_the_next(store):
    (store.begin(KEY) / "half").write_text("x", encoding="utf-8")
    assert list(store.begin(KEY).iterdir()) == []


@pytest.mark.parametrize("damage", ["changed", "missing", "longer"])
def test_a_damaged_artifact_is_not_served_and_is_made_again(store, damage):
    file = made(store).folder / "model" / "file.txt"
    if damage == "missing":
        file.unlink()
    else:
        file.write_text("two" if damage == "changed" else "one more", encoding="utf-8")
    fresh = Store(store.root)
    assert fresh.find("stages.x", KEY) is None
    assert (store.root / "damaged" / KEY / "manifest.json").is_file() == (damage != "missing")  # nothing worth keeping without its file
    made(fresh, text="again")
    assert (Store(store.root).find("stages.x", KEY).folder / "model" / "file.txt").read_text(encoding="utf-8") == "again"


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00"])
def test_a_manifest_that_cannot_be_read_means_not_there(store, content):
    (made(store).folder / "manifest.json").write_text(content, encoding="utf-8")
    assert Store(store.root).find("stages.x", KEY) is None
    made(store)
    assert Store(store.root).find("stages.x", KEY) is not None


def test_a_folder_without_manifest_is_replaced(store):
    artifact_folder(store.root, KEY).mkdir(parents=True)
    assert store.find("stages.x", KEY) is None
    assert made(store).folder.is_dir()


def test_files_are_hashed_once_in_a_process(store, monkeypatch):
    made(store)
    fresh = Store(store.root)
    fresh.find("stages.x", KEY)
    monkeypatch.setattr("aligncompiler.store.artifacts.file_hash", lambda path: pytest.fail("hashed again"))
    assert fresh.find("stages.x", KEY) is not None


def hold(root, key, started, seconds):
    with Store(root).lock(key):
        started.set()
        time.sleep(seconds)


def test_a_key_is_held_by_one_process_at_a_time(store):
    context = multiprocessing.get_context("fork")
    started = context.Event()
    other = context.Process(target=hold, args=(store.root, KEY, started, 0.4))
    other.start()
    assert started.wait(10)
    before = time.monotonic()
    with store.lock("another"):
        assert time.monotonic() - before < 0.2
    with store.lock(KEY):
        assert time.monotonic() - before > 0.2
    other.join()


def test_a_lock_is_given_back_when_its_holder_fails(store):
    with pytest.raises(RuntimeError), store.lock(KEY):
        raise RuntimeError
    with store.lock(KEY):
        pass


def test_a_manifest_is_plain_json(store):
    whole = json.loads((made(store).folder / "manifest.json").read_text(encoding="utf-8"))
    assert (whole["id"], whole["key"]) == ("stages.x", KEY)
    shutil.rmtree(store.root)


def test_a_link_in_the_place_of_an_artifact_is_read_and_one_that_leads_nowhere_is_replaced(store, tmp_path):
    folder = made(store).folder
    shutil.move(folder, tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert Store(store.root).find("stages.x", KEY) is not None
    shutil.rmtree(tmp_path / "elsewhere")
    assert Store(store.root).find("stages.x", KEY) is None
    assert made(store).folder.is_dir() and not folder.is_symlink()

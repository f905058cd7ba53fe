"""A language client over stdio, and the language servers it talks to. A position is written as `|` in a text."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from aligncompiler.schema import language_schema

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SECONDS = 60


class Client:
    """Speaks JSON-RPC with a server process: requests wait for their answer, diagnostics are kept by document."""

    def __init__(self, command: Sequence[str], folder: Path, settings: Any = None, encodings: Sequence[str] = ("utf-16",), watches: bool = False) -> None:
        self.settings = settings
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder)
        self.answers: dict[int, queue.Queue[Any]] = {}
        self.published: dict[str, queue.Queue[Any]] = {}
        self.versions: dict[str, int] = {}
        self.registered: queue.Queue[Any] = queue.Queue()
        self.folder = folder
        self.stderr: list[bytes] = []
        self.lock = threading.Lock()
        threading.Thread(target=self.listen, daemon=True).start()
        threading.Thread(target=lambda: self.stderr.extend(self.process.stderr or ()), daemon=True).start()
        markdown = {"hover": {"contentFormat": ["markdown"]}, "completion": {"completionItem": {"snippetSupport": True, "documentationFormat": ["markdown"]}}}
        actions = {"codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix"]}}}, "rename": {"prepareSupport": True}}
        symbols = {"documentSymbol": {"hierarchicalDocumentSymbolSupport": True}, "publishDiagnostics": {"relatedInformation": True}}
        capabilities = {
            "general": {"positionEncodings": list(encodings)},
            "textDocument": markdown | actions | symbols,
            "workspace": {"configuration": True, "didChangeWatchedFiles": {"dynamicRegistration": watches}},
        }
        uri = folder.as_uri()
        folders = [{"uri": uri, "name": folder.name}]
        self.server = self.ask("initialize", {"processId": os.getpid(), "rootUri": uri, "workspaceFolders": folders, "capabilities": capabilities})
        self.tell("initialized", {})
        self.tell("workspace/didChangeConfiguration", {"settings": settings or {}})

    # ---- the protocol

    def send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        with self.lock:
            self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            self.process.stdin.flush()

    def listen(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        while header := stream.readline():
            length = 0
            while header.strip():
                name, _, value = header.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
                header = stream.readline()
            self.hear(json.loads(stream.read(length)))

    def hear(self, message: dict[str, Any]) -> None:
        if "method" not in message:
            self.answers[message["id"]].put(message)
        elif message["method"] == "textDocument/publishDiagnostics":
            self.inbox(message["params"]["uri"]).put(message["params"])
        elif message["method"] == "client/registerCapability":
            for one in message["params"]["registrations"]:
                self.registered.put(one)
            self.send({"id": message["id"], "result": None})
        elif "id" in message:  # the server asks: it gets its settings, and nothing else
            items = message["params"].get("items", []) if isinstance(message.get("params"), dict) else []
            found = [(self.settings or {}).get(item.get("section")) for item in items]
            self.send({"id": message["id"], "result": found if message["method"] == "workspace/configuration" else None})

    def ask(self, method: str, params: Any) -> Any:
        """The result of a request; the error as an exception."""
        number = len(self.answers) + 1
        self.answers[number] = queue.Queue()
        self.send({"id": number, "method": method, "params": params})
        try:
            answer = self.answers[number].get(timeout=SECONDS)
        except queue.Empty:
            raise TimeoutError(f"{method}: no answer; stderr: {b''.join(self.stderr).decode()[-2000:]}") from None
        if "error" in answer:
            raise RuntimeError(answer["error"]["message"])
        return answer["result"]

    def tell(self, method: str, params: Any) -> None:
        self.send({"method": method, "params": params})

    def inbox(self, uri: str) -> queue.Queue[Any]:
        return self.published.setdefault(uri, queue.Queue())

    # ---- documents

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def write(self, name: str, text: str) -> list[dict[str, Any]]:
        """Open a document, or replace its whole text; the diagnostics of this text."""
        uri = self.uri(name)
        version = self.versions[name] = self.versions.get(name, 0) + 1
        while not self.inbox(uri).empty():  # what was said of an earlier text
            self.inbox(uri).get()
        if version == 1:
            self.tell("textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": "yaml", "version": version, "text": text}})
        else:
            self.tell("textDocument/didChange", {"textDocument": {"uri": uri, "version": version}, "contentChanges": [{"text": text}]})
        return self.diagnostics(name, version)

    def diagnostics(self, name: str, version: int | None = None) -> list[dict[str, Any]]:
        """The next diagnostics of a document; those of a version where the server says which it means."""
        end = time.monotonic() + SECONDS
        while True:
            try:
                found = self.inbox(self.uri(name)).get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise TimeoutError(f"no diagnostics of {name}; stderr: {b''.join(self.stderr).decode()[-2000:]}") from None
            if version is None or found.get("version", version) == version:
                return found["diagnostics"]

    def at(self, method: str, name: str, position: dict[str, int], **more: Any) -> Any:
        """A request about a position in a document."""
        return self.ask(f"textDocument/{method}", {"textDocument": {"uri": self.uri(name)}, "position": position, **more})

    def close(self) -> int:
        """Shut the server down; its exit code."""
        if self.process.poll() is None:
            self.ask("shutdown", None)
            self.tell("exit", None)
        return self.process.wait(timeout=SECONDS)


def cursor(text: str) -> tuple[str, dict[str, int]]:
    """A text without its `|`, and the position where it stood."""
    before, _, after = text.partition("|")
    line = before.count("\n")
    return before + after, {"line": line, "character": len(before.rsplit("\n", 1)[-1].encode("utf-16-le")) // 2}


@pytest.fixture(scope="session")
def yaml_language_server() -> Path:
    """The main file of yaml-language-server, installed as `package-lock.json` says; installed once, and kept in `build/`."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed, and yaml-language-server runs on it")
    folder = ROOT / "build" / "editors"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        lock = (HERE / "package-lock.json").read_text(encoding="utf-8")
        done = folder / "installed"
        if not done.exists() or done.read_text(encoding="utf-8") != lock:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, folder / name)
            subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True, capture_output=True, timeout=300)
            done.write_text(lock, encoding="utf-8")
    return folder / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"


@pytest.fixture(scope="module")
def yaml_editor(yaml_language_server: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """An editor with yaml-language-server and our schema, as docs/editors.md says to set it up."""
    folder = tmp_path_factory.mktemp("editor")
    schema = folder / "alignc.schema.json"
    schema.write_text(json.dumps(language_schema()), encoding="utf-8")
    yaml = {"schemas": {schema.as_uri(): "*.yaml"}, "completion": True, "hover": True, "validate": True, "schemaStore": {"enable": False}}
    client = Client(["node", str(yaml_language_server), "--stdio"], folder, {"yaml": yaml})
    yield client
    client.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Start clients of a command in an empty folder; they are closed after the test."""
    clients: list[Client] = []

    def make(*command: str, **options: Any) -> Client:
        clients.append(Client(command, tmp_path, **options))
        return clients[-1]

    yield make
    for client in clients:
        client.close()

"""The protocol: what the editor tells and asks, over stdin and stdout."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from .. import __version__
from .completion import complete
from .hover import hover
from .mentions import Mention
from .navigation import CannotRename, definition, parent_file, references, rename, renameable
from .outline import outline
from .positions import Text
from .problems import problems, quick_fixes, together
from .session import Session

PAUSE = 0.1  # seconds without a change before the documents are checked
REQUEST_FAILED = -32803
T = TypeVar("T")
TRIGGERS = ["$", "{", ".", ":", " ", "/"]


class Server(LanguageServer):
    """The open documents, and the talk about them. Documents are sent whole: pygls and the protocol do not break all texts at the same places."""

    def __init__(self) -> None:
        super().__init__("alignc", __version__, text_document_sync_kind=types.TextDocumentSyncKind.Full)
        self.session = Session()
        self.uris: dict[Path, str] = {}
        self.versions: dict[Path, int] = {}
        self.shown: set[Path] = set()
        self.due: asyncio.TimerHandle | None = None

    # ---- documents

    def path(self, uri: str) -> Path:
        return Path(to_fs_path(uri) or uri.rpartition(":")[2]).resolve()

    def uri(self, path: Path) -> str:
        """The name that the editor gave to a file, or its own."""
        return self.uris.get(path, path.as_uri())

    def take(self, uri: str, text: str, version: int, pause: float) -> None:
        """A document has a text; check it after a pause in which nothing else changes."""
        path = self.path(uri)
        self.uris[path], self.versions[path] = uri, version
        self.session.encoding = types.PositionEncodingKind(self.workspace.position_encoding or "utf-16").value
        self.session.show(path, text)
        self.check_in(pause)

    def check_in(self, pause: float) -> None:
        if self.due is not None:
            self.due.cancel()
        self.due = asyncio.get_running_loop().call_later(pause, self.check)

    def check(self) -> None:
        """Publish what is wrong with all open specs, and take back what was said of files that are none of theirs any more."""
        try:
            found = together(problems(analysis) for analysis in self.session.specs())
        except Exception:  # noqa: BLE001  the last line of defence, as in `cli.py`: the next change of the text may be one that we can deal with
            self.window_log_message(types.LogMessageParams(types.MessageType.Error, f"internal error in alignc {__version__}\n{traceback.format_exc()}"))
            return
        for path in self.shown - set(found):
            self.publish(path, [])
        for path, said in found.items():
            self.publish(path, said)
        self.shown = set(found)

    def publish(self, path: Path, said: list[types.Diagnostic]) -> None:
        version = self.versions.get(path) if path in self.session.documents else None
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(self.uri(path), said, version))

    # ---- places

    def offset(self, path: Path, position: types.Position) -> int:
        return Text(self.session.documents[path], self.session.encoding).offset_at(position)

    def location(self, mention: Mention) -> types.Location:
        return types.Location(self.uri(mention.path), self.range(mention))

    def range(self, mention: Mention) -> types.Range:
        source = next(found for analysis in self.session.around(mention.path) for path, found in analysis.sources.items() if path == mention.path)
        return source.text.range(mention.start, mention.end)


def about(server: Server, params: Any) -> tuple[Path, int]:
    """The document and the offset that a request is about."""
    path = server.path(params.text_document.uri)
    return path, server.offset(path, params.position)


def on_initialized(server: Server, params: types.InitializedParams) -> None:
    """Ask to be told of changes on the disk, where the editor lets itself be asked."""
    workspace = server.client_capabilities.workspace
    watching = workspace.did_change_watched_files if workspace is not None else None
    if watching is not None and watching.dynamic_registration:
        options = types.DidChangeWatchedFilesRegistrationOptions([types.FileSystemWatcher("**/*.{yaml,yml}")])
        wanted = types.Registration("specs", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
        server.client_register_capability(types.RegistrationParams([wanted]))


def on_open(server: Server, params: types.DidOpenTextDocumentParams) -> None:
    document = params.text_document
    server.take(document.uri, document.text, document.version, 0)


def on_change(server: Server, params: types.DidChangeTextDocumentParams) -> None:
    text = server.workspace.get_text_document(params.text_document.uri).source
    server.take(params.text_document.uri, text, params.text_document.version, PAUSE)


def on_close(server: Server, params: types.DidCloseTextDocumentParams) -> None:
    server.session.close(server.path(params.text_document.uri))
    server.check_in(0)


def on_files_changed(server: Server, params: types.DidChangeWatchedFilesParams | types.DidSaveTextDocumentParams) -> None:
    uris = [change.uri for change in params.changes] if isinstance(params, types.DidChangeWatchedFilesParams) else [params.text_document.uri]
    for uri in uris:
        server.session.forget(server.path(uri))
    server.check_in(0)


def on_definition(server: Server, params: types.DefinitionParams) -> list[types.Location]:
    path, offset = about(server, params)
    found = server.session.source(path)
    parent = parent_file(found[1], offset) if found is not None else None
    if parent is not None:
        start = types.Position(0, 0)
        return [types.Location(server.uri(parent), types.Range(start, start))]
    return [server.location(mention) for mention in dict.fromkeys(definition(server.session.around(path), path, offset))]


def on_references(server: Server, params: types.ReferenceParams) -> list[types.Location]:
    path, offset = about(server, params)
    return [server.location(one) for one in references(server.session.around(path), path, offset, params.context.include_declaration)]


def on_highlight(server: Server, params: types.DocumentHighlightParams) -> list[types.DocumentHighlight]:
    path, offset = about(server, params)
    found = references(server.session.around(path), path, offset, declarations=True)
    return [types.DocumentHighlight(server.range(one)) for one in found if one.path == path]


def on_prepare_rename(server: Server, params: types.PrepareRenameParams) -> types.PrepareRenamePlaceholder:
    path, offset = about(server, params)
    mention = asked(lambda: renameable(server.session.around(path), path, offset))
    return types.PrepareRenamePlaceholder(server.range(mention), mention.symbol[-1])


def on_rename(server: Server, params: types.RenameParams) -> types.WorkspaceEdit:
    path, offset = about(server, params)
    changes: dict[str, list[types.TextEdit]] = {}
    for one in asked(lambda: rename(server.session.around(path), path, offset, params.new_name)):
        changes.setdefault(server.uri(one.path), []).append(types.TextEdit(server.range(one), params.new_name))
    return types.WorkspaceEdit(changes=changes)


def asked(answer: Callable[[], T]) -> T:
    """The answer, or the reason why there is none as an error of the protocol."""
    try:
        return answer()
    except CannotRename as reason:
        raise JsonRpcException(str(reason), REQUEST_FAILED) from None


def on_hover(server: Server, params: types.HoverParams) -> types.Hover | None:
    path, offset = about(server, params)
    found = server.session.source(path)
    said = hover(*found, offset) if found is not None else None
    if said is None or found is None:
        return None
    return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, said[0]), found[1].text.range(said[1].start, said[1].end))


def on_completion(server: Server, params: types.CompletionParams) -> types.CompletionList:
    path, offset = about(server, params)
    return types.CompletionList(is_incomplete=False, items=complete(server.session, path, offset))


def on_code_action(server: Server, params: types.CodeActionParams) -> list[types.CodeAction]:
    path = server.path(params.text_document.uri)
    found = [one for analysis in server.session.around(path) for one in quick_fixes(analysis, path, params.range, server.uris)]
    return list({repr(one): one for one in found}.values())


def on_symbols(server: Server, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
    found = server.session.source(server.path(params.text_document.uri))
    return outline(found[1]) if found is not None else []


def make_server() -> Server:
    """The server with all its features, not yet started."""
    server = Server()
    server.feature(types.INITIALIZED)(on_initialized)
    server.feature(types.TEXT_DOCUMENT_DID_OPEN)(on_open)
    server.feature(types.TEXT_DOCUMENT_DID_CHANGE)(on_change)
    server.feature(types.TEXT_DOCUMENT_DID_CLOSE)(on_close)
    server.feature(types.TEXT_DOCUMENT_DID_SAVE)(on_files_changed)
    server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)(on_files_changed)
    server.feature(types.TEXT_DOCUMENT_DEFINITION)(on_definition)
    server.feature(types.TEXT_DOCUMENT_REFERENCES)(on_references)
    server.feature(types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT)(on_highlight)
    server.feature(types.TEXT_DOCUMENT_PREPARE_RENAME)(on_prepare_rename)
    server.feature(types.TEXT_DOCUMENT_RENAME, types.RenameOptions(prepare_provider=True))(on_rename)
    server.feature(types.TEXT_DOCUMENT_HOVER)(on_hover)
    server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=TRIGGERS))(on_completion)
    server.feature(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix]))(on_code_action)
    server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)(on_symbols)
    return server

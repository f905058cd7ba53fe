"""The open documents, what was compiled from them, and which of them are parts of others."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .analysis import Analysis, Source


@dataclass
class Session:
    """What the editor shows. `documents` are the texts of open files by their absolute path.

    A file that another open spec extends is checked as a part of that spec: alone it need not be whole.
    """

    encoding: str = "utf-16"
    documents: dict[Path, str] = field(default_factory=dict)
    analyses: dict[Path, Analysis] = field(default_factory=dict)

    def show(self, path: Path, text: str) -> None:
        """A document was opened or changed."""
        self.documents[path] = text
        self.forget(path)

    def close(self, path: Path) -> None:
        """A document was closed: what is on the disk counts again."""
        self.documents.pop(path, None)
        self.forget(path)

    def forget(self, path: Path) -> None:
        """A file changed: whatever was read from it, or looked for it in vain, is compiled again when it is asked for."""
        for known, analysis in list(self.analyses.items()):
            if known == path or path in analysis.texts or any(d.code == "C203" for d in analysis.compiled.report.diagnostics):
                del self.analyses[known]

    def analysis(self, path: Path) -> Analysis:
        """An open document as a spec."""
        if path not in self.analyses:
            self.analyses[path] = Analysis(path, self.documents, self.encoding)
        return self.analyses[path]

    def specs(self) -> list[Analysis]:
        """The open documents that are no parent of another one."""
        every = [self.analysis(path) for path in self.documents]
        return [one for one in every if not any(one.path in other.texts for other in every if other is not one)]

    def around(self, path: Path) -> list[Analysis]:
        """The open specs that are read from a document."""
        return [one for one in self.specs() if path in one.texts] or [self.analysis(path)]

    def with_text(self, path: Path, text: str) -> Analysis:
        """The first of these specs, as it were if the document had another text."""
        return Analysis(self.around(path)[0].path, {**self.documents, path: text}, self.encoding)

    def source(self, path: Path) -> tuple[Analysis, Source] | None:
        """A document in the spec it belongs to; None where nothing of it can be read."""
        analysis = self.around(path)[0]
        found = analysis.sources.get(path)
        return None if found is None else (analysis, found)

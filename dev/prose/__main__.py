"""Checks that texts are plain English: words, length of sentences, rules that say "must".

Run it as `make prose`, or for some files alone: `python -m dev.prose README.md modules`.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from dev.prose import texts

_HERE = Path(__file__).resolve().parent
_REPOSITORY = _HERE.parent.parent
_MODULES = _REPOSITORY / ".cache" / "prose" / "node_modules"

_EXEMPT = yaml.safe_load((_HERE / "exempt.yml").read_text()) or []


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """A text that is not plain, and what to write instead."""

    path: str
    line: int
    advice: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.advice}: {self.text[:80]}"


def check(files: Sequence[tuple[str, str]]) -> list[Finding]:
    """Return the findings in these files, each a path and a content."""
    documents = {
        path: document for path, content in files if (document := texts.read(path, content))
    }
    must = [
        Finding(path=path, line=line, advice='Say "must"', text=text)
        for path, document in documents.items()
        for line, text in document.rules
        if path.endswith(".tf") and not re.search(r"\bmust\b", text)
    ]
    return sorted([*must, *(_textlint(documents) if documents else ())])


def _textlint(documents: dict[str, texts.Document]) -> Iterator[Finding]:
    with tempfile.TemporaryDirectory() as folder:
        names = {str(Path(folder, f"{number}.md")): path for number, path in enumerate(documents)}
        for name, path in names.items():
            Path(name).write_text("\n".join(documents[path].lines))
        result = subprocess.run(
            [
                _MODULES / ".bin" / "textlint",
                f"--config={_HERE / 'textlintrc.json'}",
                f"--rules-base-directory={_MODULES}",
                "--format=json",
                *names,
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        if result.stderr or not result.stdout:
            sys.exit(f"textlint: {result.stderr or 'no report'}")
        for report in json.loads(result.stdout):
            path = names[report["filePath"]]
            document = documents[path]
            for message in report["messages"]:
                start, column = message["line"] - 1, message["column"] - 1
                # prh has "word => advice"; without a word, the sentence itself is the finding.
                word, _, advice = message["message"].rpartition(" => ")
                line = document.lines[start]
                yield Finding(
                    path=path,
                    line=document.sources[start],
                    advice=f"{_shorten(word)} => {advice}" if word else advice,
                    text=line[max(0, column - 30) : column] + _following(document, start, column),
                )


def _shorten(text: str) -> str:
    return textwrap.shorten(text, 40, placeholder="…")


def _following(document: texts.Document, start: int, column: int) -> str:
    """Return the rest of the paragraph."""
    rest = "\n".join(document.lines[start:])[column:]
    return " ".join(rest.partition("\n\n")[0].split())


def _tracked(wanted: Sequence[str]) -> Iterator[tuple[str, str]]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *wanted],
        check=True,
        capture_output=True,
        cwd=_REPOSITORY,
        text=True,
    )
    for path in sorted(filter(None, listed.stdout.split("\0"))):
        file = _REPOSITORY / path
        # A file deleted but not yet committed is still listed.
        if file.is_file() and b"\0" not in (content := file.read_bytes()):
            yield path, content.decode()


def main() -> None:
    """Print the findings, and fail if there is one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", help="files or folders; all if none is named")
    wanted = parser.parse_args().paths
    found = check(list(_tracked(wanted)))
    exempt = [
        (one, finding)
        for one in _EXEMPT
        for finding in found
        if finding.path == one["path"] and one["text"] in finding.text
    ]
    findings = [finding for finding in found if finding not in [excused for _, excused in exempt]]
    unused = [one for one in _EXEMPT if not wanted and one not in [used for used, _ in exempt]]
    files = len({finding.path for finding in findings})
    lines = [
        *map(str, findings),
        *(f"dev/prose/exempt.yml: not found: {one['path']}: {one['text']}" for one in unused),
        f"{len(findings)} findings in {files} files.",
    ]
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.exit(bool(findings or unused))


if __name__ == "__main__":
    main()

"""Finds the texts of a file: pages, comments, descriptions, messages and the names of tests.

Each text becomes a paragraph of a Markdown document that knows the line of each line's source.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

# By the end of a file's name, or the whole name.
_COMMENT_SIGNS = dict.fromkeys(
    [".in", ".toml", ".yaml", ".yml", ".gitattributes", ".gitignore", "Makefile", "run"], "#"
) | {".go": "//", ".sql": "--"}
# Tables that terraform-docs writes, from descriptions that are checked where they are.
_GENERATED = re.compile(r"<!-- BEGIN_TF_DOCS -->.*?<!-- END_TF_DOCS -->", re.DOTALL)
# In place of an expression in an f-string or in HCL.
VALUE = "X"
_HCL_TEXT = re.compile(r'^\s*(description|error_message)\s*=\s*"(.*)"\s*$')
_HCL_BLOCK = re.compile(r"^(\w+).*\{$")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_BRACES = re.compile(r"[$%]?\{[^{}]*\}")
_WORD = re.compile(r"^[\"'(]*[A-Za-z][a-z'-]*[\"').,:;!?]*$")
_FEWEST_WORDS = 4

# The line that it begins in, and its words.
_Text = tuple[int, str]
# The line that it is in, whether it fills that line, and its words.
_Comment = tuple[int, bool, str]


@dataclass(slots=True)
class Document:
    """The texts of one file, and where in the file each line is."""

    lines: list[str] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    rules: list[tuple[int, str]] = field(default_factory=list)

    def add(self, number: int, text: str) -> None:
        """Add a paragraph that begins in this line of the file."""
        for offset, line in enumerate(text.splitlines()):
            self.lines.append(line)
            self.sources.append(number + offset)
        self.lines.append("")
        self.sources.append(number)


def read(path: str, content: str) -> Document | None:
    """Return the texts of a file, or None for a kind of file that has none."""
    document = Document()
    name, suffix = Path(path).name, Path(path).suffix
    if suffix == ".md":
        document.add(1, _GENERATED.sub(lambda table: "\n" * table.group().count("\n"), content))
    elif suffix == ".py":
        tree = ast.parse(content)
        found = chain(_strings(tree), _names(tree), _blocks(_python_comments(content)))
        for number, text in sorted(found):
            document.add(number, text)
    elif suffix in {".hcl", ".tf"}:
        _hcl(content, document)
    elif suffix in _COMMENT_SIGNS or name in _COMMENT_SIGNS:
        sign = _COMMENT_SIGNS.get(suffix) or _COMMENT_SIGNS[name]
        for number, text in _blocks(_comments(content, sign)):
            document.add(number, text)
    else:
        return None
    return document


def _comments(content: str, sign: str) -> Iterator[_Comment]:
    for number, line in enumerate(content.splitlines(), start=1):
        before, found, text = _STRING.sub('""', line).partition(f"{sign} ")
        if found and (not before or before.endswith(" ")):
            yield number, not before.strip(), text


def _python_comments(content: str) -> Iterator[_Comment]:
    for token in tokenize.generate_tokens(io.StringIO(content).readline):
        if token.type == tokenize.COMMENT and token.string.startswith("# "):
            number, column = token.start
            yield number, not token.line[:column].strip(), token.string.removeprefix("# ")


def _blocks(comments: Iterable[_Comment]) -> Iterator[_Text]:
    """Join the comments that fill lines one after another; one behind code is a text of its own."""
    block: list[str] = []
    following = 0
    for number, fills_line, text in comments:
        if block and not (fills_line and number == following):
            yield following - len(block), "\n".join(block)
            block = []
        if fills_line:
            block.append(text)
            following = number + 1
        else:
            yield number, text
    if block:
        yield following - len(block), "\n".join(block)


def _hcl(content: str, document: Document) -> None:
    for number, text in _blocks(_comments(content, "#")):
        document.add(number, text)
    kind = ""
    for number, line in enumerate(content.splitlines(), start=1):
        if block := _HCL_BLOCK.match(line):
            kind = block.group(1)
        if not (found := _HCL_TEXT.match(line)):
            continue
        attribute, text = found.groups()
        # The description of an AWS resource is a value: a new text would be written to the account.
        if attribute == "description" and kind not in {"output", "variable"}:
            continue
        text = _without_values(text).replace('\\"', '"').replace("\\n", " ")
        document.add(number, text)
        if attribute == "error_message":
            document.rules.append((number, text))


def _without_values(text: str) -> str:
    while (shorter := _BRACES.sub(VALUE, text)) != text:
        text = shorter
    return text


def _strings(tree: ast.AST) -> Iterator[_Text]:
    """Find docstrings and messages."""
    done = set[ast.AST]()
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text)) as docstring):
                done.add(docstring)
                yield node.lineno, _dedent(text)
            case ast.JoinedStr(values=parts):
                done.update(ast.walk(node))
                text = "".join(
                    str(part.value) if isinstance(part, ast.Constant) else VALUE for part in parts
                )
                if _is_prose(text):
                    yield node.lineno, text
            case ast.Constant(value=str(text)) if node not in done and _is_prose(text):
                yield node.lineno, text


def _names(tree: ast.AST) -> Iterator[_Text]:
    """Find the names of tests and of their cases."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) if name.startswith("test_"):
                yield node.lineno, f"{name[5:].replace('_', ' ').capitalize()}."
            case ast.keyword(arg="id", value=ast.Constant(value=str(name))):
                yield node.value.lineno, name.replace("-", " ")


def _dedent(docstring: str) -> str:
    first, *rest = docstring.splitlines() or [""]
    margin = min((len(line) - len(line.lstrip()) for line in rest if line.strip()), default=0)
    return "\n".join([first, *(line[margin:] for line in rest)])


def _is_prose(text: str) -> bool:
    """Return whether a string is a sentence, not code: most of it is words."""
    words = text.split()
    plain = sum(bool(_WORD.match(word)) for word in words)
    return "\n" not in text.strip() and len(words) >= _FEWEST_WORDS and plain >= len(words) * 0.7

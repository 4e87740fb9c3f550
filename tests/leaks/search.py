"""Searches outputs for a credential, in each form that it may have there."""

import base64
import functools
import html
import io
import json
import traceback
import urllib.parse
import zipfile
from collections.abc import Iterable, Iterator

from rotation import log

# A shorter text can appear by chance.
_SHORTEST = 8


@functools.cache
def forms(mark: str) -> frozenset[bytes]:
    """Return a mark in each form that an output may have it in."""
    assert len(mark) >= _SHORTEST
    raw = mark.encode()
    escaped = {repr(mark)[1:-1], *_in_json(mark), html.escape(mark), html.escape(mark, quote=False)}
    quoted = {urllib.parse.quote(mark, safe=""), urllib.parse.quote(mark), raw.hex()}
    quoted |= {urllib.parse.quote_plus(mark), raw.hex().upper()}
    texts = {mark, mark[::-1], *escaped, *quoted}
    return frozenset({*(text.encode() for text in texts), *_in_base64(raw)})


def _in_json(mark: str) -> Iterator[str]:
    """Escape as Python and Go do, also for JSON in JSON."""
    for ascii_only in (True, False):
        once = json.dumps(mark, ensure_ascii=ascii_only)[1:-1]
        yield once
        yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]
        yield once.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def _in_base64(raw: bytes) -> Iterator[bytes]:
    """Encode the part that is the same whatever text comes before it."""
    for offset in range(3):
        whole = raw[offset : offset + (len(raw) - offset) // 3 * 3]
        yield base64.b64encode(whole)
        yield base64.urlsafe_b64encode(whole)


def found(marks: Iterable[str], emitted: str | bytes) -> set[str]:
    """Return the forms of the marks that are in an output."""
    content = emitted.encode(errors="surrogatepass") if isinstance(emitted, str) else emitted
    return {form.decode() for mark in marks for form in forms(mark) if form in content}


def unpacked(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """Return a file, or the files of an archive: of a package, or of a saved plan."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                yield from unpacked(f"{name}: {member}", archive.read(member))
    else:
        yield name, content


def of_exception(error: BaseException) -> str:
    """Return everything that Lambda, a log or an operator may print of an error."""
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in chain:
        chain.append(following)
        following = following.__cause__ or following.__context__
    record: log.LogRecord = {log.Key.ERROR: type(error).__name__, log.Key.MESSAGE: str(error)}
    stream = io.StringIO()
    log.write(stream, record)
    texts = [f"{one} {one!r} {one.args} {getattr(one, '__notes__', '')}" for one in chain]
    return "".join([*traceback.format_exception(error), *texts, stream.getvalue()])

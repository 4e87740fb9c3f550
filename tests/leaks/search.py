"""The search for a credential in what is emitted, in each spelling that it may have there."""

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

# What is shorter stands somewhere by chance.
_SHORTEST = 8


@functools.cache
def forms(mark: str) -> frozenset[bytes]:
    """Spell a mark as what is emitted may spell it."""
    assert len(mark) >= _SHORTEST
    raw = mark.encode()
    escaped = {repr(mark)[1:-1], *_in_json(mark), html.escape(mark), html.escape(mark, quote=False)}
    quoted = {urllib.parse.quote(mark, safe=""), urllib.parse.quote(mark), raw.hex()}
    quoted |= {urllib.parse.quote_plus(mark), raw.hex().upper()}
    texts = {mark, mark[::-1], *escaped, *quoted}
    return frozenset({*(text.encode() for text in texts), *_in_base64(raw)})


def _in_json(mark: str) -> Iterator[str]:
    """Escape as Python does, as Go does, and once more for JSON that stands in JSON."""
    for ascii_only in (True, False):
        once = json.dumps(mark, ensure_ascii=ascii_only)[1:-1]
        yield once
        yield json.dumps(once, ensure_ascii=ascii_only)[1:-1]
        yield once.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def _in_base64(raw: bytes) -> Iterator[bytes]:
    """Encode what does not depend on its neighbours, who decide where each three bytes begin."""
    for offset in range(3):
        whole = raw[offset : offset + (len(raw) - offset) // 3 * 3]
        yield base64.b64encode(whole)
        yield base64.urlsafe_b64encode(whole)


def found(marks: Iterable[str], emitted: str | bytes) -> set[str]:
    """Return the spellings of the marks that stand in what was emitted."""
    content = emitted.encode(errors="surrogatepass") if isinstance(emitted, str) else emitted
    return {form.decode() for mark in marks for form in forms(mark) if form in content}


def unpacked(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    """Return a file, or what an archive holds: a package, or a saved plan."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.namelist():
                yield from unpacked(f"{name}: {member}", archive.read(member))
    else:
        yield name, content


def of_exception(error: BaseException) -> str:
    """Write all that Lambda, a log or a person may print of an error."""
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

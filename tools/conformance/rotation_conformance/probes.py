"""Probes of a strategy beside rotations: other values, lost answers, and its output."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import re
import sys
import tempfile
import threading
import traceback
import warnings
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, TextIO

from rotation.api import RotationError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path
    from types import FrameType

    from rotation.api import Value

# A shorter text may be found by chance.
_SHORTEST: Final = 8
_CHANGING: Final = ("apply", "replace", "issue", "retire")
_JOIN_SECONDS: Final = 1


def fields(value: Value) -> dict[str, str]:
    """Return the texts of a value; a plain text has one without a name."""
    if isinstance(value, str):
        return {"": value}
    return {name: text for name, text in value.items() if isinstance(text, str)}


def with_field(value: Value, name: str, text: object) -> Any:  # noqa: ANN401 -- a Value, or what only JSON can hold
    """Return the value with another text in a field."""
    return text if isinstance(value, str) else {**value, name: text}


def altered(text: str) -> str:
    """Return another text of the same form: each letter and digit is the next one."""
    return re.sub(r"[0-9A-Za-z]", _following, text)


def _following(match: re.Match[str]) -> str:
    character = match[0]
    return {"9": "0", "z": "a", "Z": "A"}.get(character, chr(ord(character) + 1))


def secret_fields(values: Sequence[Value], public: AbstractSet[str]) -> dict[str, str]:
    """Return the name of the field for each text that differs from value to value."""
    found: dict[str, str] = {}
    for name in {name for value in values for name in fields(value)} - public:
        texts = {fields(value).get(name, "") for value in values}
        if len(texts) > 1:
            found |= {text: name for text in texts if len(text) >= _SHORTEST}
    return found


def naming_fields(value: Value, owner: str, others: Container[str]) -> list[list[str]]:
    """Return the fields whose text is a word of the owner's name, those of one text together.

    A user and a database may have the same name, and only one of them makes the account.

    Args:
        value: a value of the secret.
        owner: the owner's name.
        others: fields that are not the strategy's own.
    """
    named: dict[str, list[str]] = {}
    for name, text in fields(value).items():
        if name and name not in others:
            named.setdefault(text, []).append(name)
    return [
        names
        for text, names in named.items()
        if text and re.search(rf"(?<!\w){re.escape(text)}(?!\w)", owner)
    ]


class LostAnswer:
    """Raises an error in place of the answer to one call that the strategy makes.

    The call has taken effect then. Only calls in the methods that change something count.
    """

    def __init__(self, file: Path, strategy: object, at: int, error: Exception | None) -> None:
        """Take the number of the call, from 1, and the error; nothing happens yet."""
        self._file = str(file)
        # The class may have its methods from another file.
        methods = (getattr(strategy, name, None) for name in _CHANGING)
        self._changing = {getattr(method, "__code__", None) for method in methods}
        self._at = at
        self._error = error
        self._excused: set[FrameType] = set()
        self.calls: list[str] = []

    @contextmanager
    def lost(self) -> Iterator[None]:
        """Lose the answer during the block, which catches the error."""
        before = sys.gettrace()
        with warnings.catch_warnings():
            # An answer that is lost may be an open connection.
            warnings.simplefilter("ignore", ResourceWarning)
            sys.settrace(self._called)
            try:
                yield
            finally:
                sys.settrace(before)
                self._excused.clear()
                if self._error is not None:
                    self._error.__traceback__ = self._error.__context__ = None
                # An error that a frame keeps is a cycle. It is young.
                gc.collect(1)

    def _called(self, frame: FrameType, _event: str, _argument: Any) -> Any:  # noqa: ANN401 -- sys.settrace's
        caller = frame.f_back
        if caller is None or caller.f_code.co_filename != self._file or not self._changes(caller):
            return None
        frame.f_trace_lines = False
        return self._returned

    def _returned(self, frame: FrameType, event: str, _argument: Any) -> Any:  # noqa: ANN401 -- sys.settrace's
        if event == "exception":
            self._excused.add(frame)
        elif event == "return" and frame not in self._excused:
            caller = frame.f_back
            line = caller.f_lineno if caller else 0
            self.calls.append(f"{frame.f_code.co_name}, which line {line} called")
            if len(self.calls) == self._at and self._error is not None:
                raise self._error
        return self._returned

    def _changes(self, frame: FrameType | None) -> bool:
        while frame is not None:
            if frame.f_code in self._changing:
                return True
            frame = frame.f_back
        return False


class Learned:
    """Notes the errors of libraries that reach the strategy, one of each class."""

    def __init__(self, file: Path) -> None:
        """Take the file of the strategy; nothing is noted yet."""
        self._file = str(file)
        self.errors: list[Exception] = []

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note the errors during the block."""
        before = sys.gettrace()
        sys.settrace(self._trace)
        try:
            yield
        finally:
            sys.settrace(before)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ANN401 -- sys.settrace's
        if frame.f_code.co_filename != self._file:
            return None
        if event == "exception":
            error = argument[1]
            known = {type(one) for one in self.errors}
            if not isinstance(error, RotationError) and type(error) not in known:
                self.errors.append(error)
        return self._trace


@contextmanager
def output(*, exit_hooks: bool = True) -> Iterator[Callable[[], str]]:
    """Collect everything that the process writes during the block; yield a function to read it.

    Args:
        exit_hooks: whether hooks that are registered in the block run when the output is read.
    """
    with ExitStack() as stack:
        file = stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace"))
        hooks: list[Callable[[], object]] = []
        _redirect(stack, file)
        _watch_hooks(stack, file)
        if exit_hooks:
            _collect_exit_hooks(stack, hooks)
        before = set(threading.enumerate())
        # So that the collection below walks only through what the block makes.
        gc.freeze()
        stack.callback(gc.unfreeze)

        def read() -> str:
            for thread in set(threading.enumerate()) - before:
                thread.join(_JOIN_SECONDS)
            for hook in reversed(hooks):
                with suppress(BaseException):
                    hook()
            # Objects that fail or print when they are deleted.
            gc.collect()
            for stream in (file, sys.__stdout__, sys.__stderr__):
                if stream is not None:
                    stream.flush()
            file.seek(0)
            text = file.read()
            file.seek(0, os.SEEK_END)
            return text

        yield read


def _redirect(stack: ExitStack, file: TextIO) -> None:
    """Point descriptors and streams to the file."""
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        if stream is not None:
            stream.flush()
    for descriptor in (1, 2):
        copy = os.dup(descriptor)
        stack.callback(os.close, copy)
        stack.callback(os.dup2, copy, descriptor)
        os.dup2(file.fileno(), descriptor)
    _replace(stack, sys, "stdout", file)
    _replace(stack, sys, "stderr", file)


def _replace(stack: ExitStack, owner: object, name: str, value: object) -> None:
    stack.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, value)


def _watch_hooks(stack: ExitStack, file: TextIO) -> None:
    """Write down warnings, log records, and what the interpreter's hooks get."""

    def write(text: object) -> None:
        file.write(f"{text}\n")

    def failed(failure: Any) -> None:  # noqa: ANN401 -- the arguments of two hooks
        write("".join(traceback.format_exception(failure.exc_value)))

    def warned(message: object, *_: object) -> None:
        write(message)

    stack.enter_context(warnings.catch_warnings())
    warnings.simplefilter("always")
    _replace(stack, warnings, "showwarning", warned)
    _replace(stack, sys, "unraisablehook", failed)
    _replace(stack, threading, "excepthook", failed)
    handler = logging.StreamHandler(file)
    root = logging.getLogger()
    stack.callback(logging.disable, logging.root.manager.disable)
    logging.disable(logging.NOTSET)
    stack.callback(root.removeHandler, handler)
    root.addHandler(handler)


def _collect_exit_hooks(stack: ExitStack, hooks: list[Callable[[], object]]) -> None:
    def at_exit(hook: Callable[..., object], *args: object, **kwargs: object) -> object:
        hooks.append(lambda: hook(*args, **kwargs))
        return hook

    _replace(stack, atexit, "register", at_exit)

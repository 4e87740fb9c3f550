"""A plugin of pytest: each process of the tests parses the models of AWS's services once.

They are megabytes of JSON, which each session of the SDK would parse again: half of the processor
time of the tests that make many sessions.
"""

from typing import Any

from botocore.loaders import JSONFileLoader, Loader

_parsed: dict[str, Any] = {}


class _OnceLoader(JSONFileLoader):
    """Shares the content of each file between all sessions."""

    def load_file(self, file_path: str) -> Any:  # noqa: ANN401 -- JSON
        if file_path not in _parsed:
            content = super().load_file(file_path)
            if content is None:
                return None
            _parsed[file_path] = content
        return _parsed[file_path]


Loader.FILE_LOADER_CLASS = _OnceLoader

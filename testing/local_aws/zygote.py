"""A process that has imported the AWS SDK, and becomes each function's worker by a fork.

It runs as a script, imports nothing of this project, and ends when its socket closes.
"""

import sys

sys.path.pop(0)  # The folder of this file, which a function must not find.

import encodings.idna  # noqa: F401 - a client imports it
import gc
import json
import os
import runpy
import socket
import time
from pathlib import Path

# Only imports: a client or a session reads the environment, which is not the function's yet.
import boto3  # noqa: F401
import botocore.client
import botocore.endpoint
import botocore.handlers
import botocore.httpsession
import botocore.session  # noqa: F401

_MOST_BYTES = 1 << 20
_STREAMS = ("stdin", "stdout", "stderr")


def _fork_for_each_request(connection: socket.socket) -> bytes:
    """Return the request in the new worker, and its process ID to the server."""
    while True:
        request, streams, _, _ = socket.recv_fds(connection, _MOST_BYTES, len(_STREAMS))
        if not request:
            sys.exit()
        reader, writer = os.pipe()
        parent = os.fork()
        if parent == 0:
            worker = os.fork()
            if worker == 0:
                for number, stream in enumerate(streams):
                    os.dup2(stream, number)
                for descriptor in (reader, writer, *streams):
                    os.close(descriptor)
                connection.close()
                return request
            os.write(writer, str(worker).encode())
            os._exit(0)
        os.close(writer)
        # When its parent has ended, the worker is a child of the server.
        os.waitpid(parent, 0)
        connection.send(os.read(reader, _MOST_BYTES))
        for descriptor in (reader, *streams):
            os.close(descriptor)


def _become_worker(script: str, cwd: str, environment: dict[str, str]) -> None:
    """Set what a new interpreter sets before it runs a script."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    for number, name in enumerate(_STREAMS):
        old = getattr(sys, name)
        buffering = 1 if name == "stderr" else -1
        new = open(number, old.mode, buffering, old.encoding, old.errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, new)
        setattr(sys, f"__{name}__", new)
    sys.argv[:] = [script]
    sys.path.insert(0, str(Path(script).parent))


def _script() -> str:
    """Return the path of the script that the worker runs."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    modules = {name.partition(".")[0] for name in sys.modules}
    connection.send(json.dumps(sorted(modules)).encode())
    # A collection in a worker must not copy the memory of these modules.
    gc.collect()
    gc.freeze()
    request = json.loads(_fork_for_each_request(connection))
    _become_worker(**request)
    script: str = request["script"]
    return script


if __name__ == "__main__":
    runpy.run_path(_script(), run_name="__main__")

"""A server on loopback that serves one connection over TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import TYPE_CHECKING, cast

from testing.certificate import write_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO


@contextlib.contextmanager
def serving(folder: Path, serve: Callable[[BinaryIO], None]) -> Iterator[str]:
    """Serve one connection, with a new certificate in the folder."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*write_certificate(folder))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            connection, _ = listener.accept()
            # A client that does not trust the certificate closes the connection.
            with (
                connection,
                contextlib.suppress(OSError),
                tls.wrap_socket(connection, server_side=True) as stream,
                stream.makefile("rwb") as file,
            ):
                serve(cast("BinaryIO", file))

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join()

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
def serving(
    folder: Path,
    serve: Callable[[BinaryIO], None],
    *,
    certificate: tuple[Path, Path] | None = None,
    before_tls: Callable[[socket.socket], None] = lambda _: None,
    change: Callable[[ssl.SSLContext], None] = lambda _: None,
) -> Iterator[str]:
    """Serve one connection, with a new certificate in the folder.

    Args:
        folder: where the new certificate is written.
        serve: serves the connection after TLS has begun.
        certificate: the files of another certificate and its key.
        before_tls: serves the connection before that; an OSError closes it.
        change: changes how the server uses TLS.
    """
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*(certificate or write_certificate(folder)))
    change(tls)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            connection, _ = listener.accept()
            # A client that does not trust the certificate closes the connection.
            with connection, contextlib.suppress(OSError):
                before_tls(connection)
                with (
                    tls.wrap_socket(connection, server_side=True) as stream,
                    stream.makefile("rwb") as file,
                ):
                    serve(cast("BinaryIO", file))

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join()

"""Who may be connected to the demo, how many at once, and for how long?"""

import asyncio
import os
import sys

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPInputError, HTTPMessageDelegate
from tornado.iostream import IOStream

MOST_CONNECTIONS = 64
"""How many may be open at once. One more takes the place of the oldest of a stranger."""

IDLE = 30
"""Seconds for which a connection may wait for a request, and a request for its end."""

_PAUSE = 0.2  # s, where the system gives no more connections
_LONGEST_NUMBER = 20  # digits
_MOST_BODY_BYTES = 1 << 16


class Connections(HTTPServer):
    """A server of whose connections those that show no token can neither pile up nor stay.

    Whoever opens a connection is a stranger until `know` is called for it.
    """

    def initialize(self, application):
        """Serve a Tornado application."""
        super().initialize(
            application,
            idle_connection_timeout=IDLE,
            body_timeout=IDLE,
            max_body_size=_MOST_BODY_BYTES,
        )
        self._open, self._strangers = {}, {}  # as sets, in the order of their beginning

    async def accept(self, sock):
        """Take connections on a listening socket, until it is cancelled.

        What the system refuses, as for want of descriptors, is said once and tried again.
        """
        loop, is_said = asyncio.get_running_loop(), False
        while True:
            try:
                connection, address = await loop.sock_accept(sock)
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if not is_said:
                    why = os.strerror(error.errno or 0).lower()
                    said = f"Not every connection can be accepted ({why}): the oldest are ended."
                    print(said, file=sys.stderr, flush=True)
                    is_said = True
                self._end_oldest_stranger()
                await asyncio.sleep(_PAUSE)
                continue
            stream = IOStream(connection)
            if len(self._open) >= MOST_CONNECTIONS and not self._end_oldest_stranger():
                stream.close()
                continue
            self._open[stream] = self._strangers[stream] = None
            self.handle_stream(stream, address)

    def know(self, stream):
        """Take the one at the other end of a stream for no stranger any more."""
        self._strangers.pop(stream, None)

    def start_request(self, server_conn, request_conn):
        """Give what takes a request: here, what checks its headers first."""
        return _Sized(super().start_request(server_conn, request_conn))

    def on_close(self, server_conn):
        """Forget a connection."""
        super().on_close(server_conn)
        self._open.pop(server_conn.stream, None)
        self._strangers.pop(server_conn.stream, None)

    def _end_oldest_stranger(self):
        oldest = next(iter(self._strangers), None)
        if oldest is None:
            return False
        del self._strangers[oldest], self._open[oldest]
        oldest.close()
        return True


class _Sized(HTTPMessageDelegate):
    """Refuses a body whose size is not told in a number of usual length; browsers tell it."""

    def __init__(self, delegate):
        self._delegate = delegate
        self.data_received, self.finish = delegate.data_received, delegate.finish
        self.on_connection_close = delegate.on_connection_close

    def headers_received(self, start_line, headers):
        if "Transfer-Encoding" in headers:
            raise HTTPInputError("a body in chunks")
        if len(headers.get("Content-Length", "")) > _LONGEST_NUMBER:
            raise HTTPInputError("a length that is none")
        return self._delegate.headers_received(start_line, headers)

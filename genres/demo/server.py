"""How is a file of music classified in a browser?

A server that responds to this machine alone, and there only to those who have the token; a page to
drop files on. The work is done by `genres.demo.workers`.
"""

import asyncio
import hmac
import json
import logging
import os
import re
import secrets
import signal
import webbrowser
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler, stream_request_body

from genres import Refusal, project
from genres.decoding import formats
from genres.demo import sounds
from genres.demo.connections import Connections
from genres.demo.uploads import Uploads
from genres.demo.workers import LONGEST, Workers, find_model

MOST_BYTES = 200_000_000
"""How large a file may be."""

MOST_WAITING = 8
"""How many files may arrive, wait and be classified at once."""

STALLED = 15
"""Seconds for which nothing of a file may come, or of a response be taken."""

LONGEST_UPLOAD = 600
"""Seconds in which all of a file must have come."""

_HERE = "127.0.0.1"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_FILES = {
    path.name: path.read_bytes()
    for path in Path(__file__).parent.iterdir()
    if path.suffix in _TYPES
}
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; media-src blob:; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_SENTENCES = {
    403: "This is for who has the address with the token that the demo printed when it started.",
    404: "There is no such page.",
    408: f"For {STALLED} s nothing more of the file came: try again.",
    409: "There is no trained model yet.",
    413: f"The file is larger than {MOST_BYTES / 1e6:g} MB, which is as much as the demo takes.",
    503: "Too many files are waiting: try again when some of them are done.",
}
# A page, not a redirection: who is redirected from elsewhere would not bring a strict cookie.
_WELCOME = """\
<!doctype html><html lang="en"><meta charset="utf-8"><title>Genre timeline</title>
<meta http-equiv="refresh" content="0; url=/"><p><a href="/">To the demo</a></p></html>
"""


def serve(port: int | None = None, *, model: str | Path | None = None, browser: bool = True) -> int:
    """Serve the demo until a signal ends it; then nothing of it is left.

    Parameters
    ----------
    port : int, optional
        Where; by default any that is free.
    model : str or Path, optional
        Folder of a champion, as `genres.demo.classify.find_model` has it.
    browser : bool
        Whether to open the page in a browser, where there is one.

    Returns
    -------
    int
        The number of the signal: SIGINT, SIGTERM or SIGHUP.

    Raises
    ------
    Refusal
        If the port is in use, or the folder named holds no model.
    """
    found = find_model(model)
    try:
        sockets = bind_sockets(port or 0, _HERE)
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise Refusal(f"Port {port} cannot be used ({reason}): name another, or none.") from error
    # What a stranger sends is no news.
    logging.getLogger("tornado.general").setLevel(logging.ERROR)
    with Uploads() as uploads:
        return asyncio.run(_serve(Workers(found, uploads), sockets, browser))


async def _serve(workers, sockets, browser):
    """Serve until a signal comes; give its number."""
    loop = asyncio.get_running_loop()
    signals = asyncio.Queue()
    _pass_on_signals(loop, signals)
    port = sockets[0].getsockname()[1]
    token = secrets.token_urlsafe()
    application = _application(workers, token, port)
    application.settings["connections"] = server = Connections(application)
    accepting = [asyncio.create_task(server.accept(sock)) for sock in sockets]
    try:
        await workers.open()
        address = f"http://{_HERE}:{port}/?token={token}"
        print(workers.description or workers.how_to_train)
        print(f"The demo is at {address}\nCtrl-C ends it.", flush=True)
        with _door(address, port) if browser else nullcontext() as door:
            if door:
                loop.run_in_executor(None, _show, door.as_uri())
            return await signals.get()
    finally:
        for task in accepting:
            task.cancel()
        for sock in sockets:
            sock.close()
        await server.close_all_connections()
        await workers.close()


def _pass_on_signals(loop, signals):
    """Put the number of each signal that ends the demo into a queue of the loop's."""

    def receive(number, _):
        loop.call_soon_threadsafe(signals.put_nowait, number)

    for name in {"SIGINT", "SIGTERM", "SIGHUP"} & set(dir(signal)):  # Windows has not all
        signal.signal(getattr(signal, name), receive)


@contextmanager
def _door(address, port):
    """Make a page for this user alone that leads to the demo; None where none can be made.

    A browser's arguments can be read by everybody on this machine, and so could the token.
    """
    page = project.RUNS / f"demo-{port}.html"
    try:
        page.parent.mkdir(exist_ok=True)
        page.unlink(missing_ok=True)
        page.touch(mode=0o600)
        page.write_text(f'<meta http-equiv="refresh" content="0; url={address}">\n')
    except OSError:
        page = None
    try:
        yield page
    finally:
        if page:
            with suppress(OSError):
                page.unlink(missing_ok=True)


def _show(address):
    """Open a page in a browser, unless that would take the terminal."""
    with suppress(webbrowser.Error):
        found = webbrowser.get()
        if type(found) is not webbrowser.GenericBrowser:
            found.open(address)


def _application(workers, token, port):
    files = rf"/({'|'.join(map(re.escape, _FILES))})?"
    return Application(
        [
            (files, _Page),
            ("/state", _State),
            ("/train", _Train),
            ("/classify", _Classify),
            ("/sound/(example|known)", _Sound),
        ],
        default_handler_class=_Nowhere,
        log_function=lambda handler: None,
        workers=workers,
        token=token,
        session=(f"genre-demo-{port}", secrets.token_urlsafe()),
    )


class _Said(HTTPError):
    """A failure that a sentence of its own tells."""

    def __init__(self, status_code, sentence):
        super().__init__(status_code)
        self.sentence = sentence


def _equal(one, other):
    return hmac.compare_digest(one.encode(), other.encode())


class _Guarded(RequestHandler):
    """Serves whoever calls this machine by its own name and has the token, or the cookie for it."""

    def initialize(self):
        self.workers = self.settings["workers"]

    def set_default_headers(self):
        self.clear_header("Server")
        for name, value in _HEADERS.items():
            self.set_header(name, value)

    def prepare(self):
        # Another name that leads here may be a page's of elsewhere (DNS rebinding); cookies do not
        # tell one port from another, so what another server's page sends is told by its origin.
        host, origin = self.request.host_name, self.request.headers.get("Origin")
        if host not in (_HERE, "localhost"):
            said = f"The demo responds to {_HERE} and localhost alone, and not to {_shown(host)}"
            raise _Said(403, f"{said}: open the address that it printed when it started.")
        if not self.is_known():
            raise HTTPError(403)
        if self.request.method != "GET" and origin != f"http://{self.request.host}":
            raise _Said(403, f"The demo serves its own page, and not {_shown(origin or 'others')}.")
        self.settings["connections"].know(self.request.connection.stream)

    def is_known(self):
        name, secret = self.settings["session"]
        return _equal(self.get_cookie(name, ""), secret)

    def write_error(self, status_code, exc_info=(), **_):
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        said = [error.sentence for error in exc_info if isinstance(error, _Said)]
        self.finish(f"{(said or [_SENTENCES.get(status_code, self._reason)])[0]}\n")

    async def say(self, message):
        """Send a line of a response that takes its time."""
        self.set_header("Content-Type", "application/x-ndjson")
        self.write(json.dumps(message) + "\n")
        try:
            await asyncio.wait_for(self.flush(), STALLED)
        except asyncio.TimeoutError:  # others wait for their turn
            self.request.connection.stream.close()
            raise StreamClosedError from None


class _Nowhere(_Guarded):
    def prepare(self):
        super().prepare()
        raise HTTPError(404)


class _Page(_Guarded):
    def is_known(self):
        return super().is_known() or self._has_token()

    def _has_token(self):
        given = self.request.query_arguments.get("token", [b""])[-1]
        return _equal(given.decode(errors="replace"), self.settings["token"])

    def get(self, name):
        if self._has_token():
            self.set_cookie(*self.settings["session"], httponly=True, samesite="Strict")
            self.finish(_WELCOME)
        else:
            name = name or "page.html"
            self.set_header("Content-Type", f"{_TYPES[Path(name).suffix]}; charset=utf-8")
            self.finish(_FILES[name])


class _State(_Guarded):
    def get(self):
        state = {"model": self.workers.description, "how_to_train": self.workers.how_to_train}
        limits = {"most_bytes": MOST_BYTES, "longest": LONGEST, "too_large": _SENTENCES[413]}
        offered = {"formats": formats.READ, "examples": sounds.examples()}
        self.finish(state | limits | offered)


class _Sound(_Guarded):
    async def get(self, kind):
        name = self.get_query_argument("name", "")
        if self.workers.hearing is None:
            raise HTTPError(409)
        try:
            if kind == "example":
                wav = await asyncio.to_thread(sounds.example, name)
            else:
                wav = await asyncio.to_thread((await self.workers.known()).wav, name)
        except KeyError:
            raise _Said(404, "This sound is not at hand.") from None
        except Refusal as refusal:
            raise _Said(404, str(refusal)) from refusal
        self.set_header("Content-Type", "audio/wav")
        self.finish(wav)


class _Train(_Guarded):
    async def post(self):
        with suppress(StreamClosedError):
            await self.workers.train(self.say)


@stream_request_body
class _Classify(_Guarded):
    path = file = timer = refusal = None

    def prepare(self):
        super().prepare()
        length = self.request.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) > MOST_BYTES:
            raise HTTPError(413)
        self.request.connection.set_max_body_size(MOST_BYTES)
        self.request.connection.set_body_timeout(LONGEST_UPLOAD)
        self._expect_more()
        if self.workers.hearing is None:
            self._refuse(HTTPError(409))
        elif len(self.workers.files) >= MOST_WAITING:
            self._refuse(HTTPError(503))
        else:
            self.workers.files.add(self)
            try:
                self.path, self.file = self.workers.uploads.open_new()
            except OSError as error:
                self._refuse(_no_room(error))

    def data_received(self, chunk):
        if self._finished:
            return
        self._expect_more()
        if self.refusal is None:
            try:
                self.file.write(chunk)
            except OSError as error:
                self._refuse(_no_room(error))

    def _refuse(self, error):
        """Keep a failure until all of the file has come: who still sends it reads no response."""
        self._discard()
        self.refusal = error

    def _expect_more(self):
        """Begin to wait for more of the file anew."""
        if self.timer:
            self.timer.cancel()
        self.timer = asyncio.get_running_loop().call_later(STALLED, self.send_error, 408)

    async def post(self):
        if self._finished:
            return
        self.timer.cancel()
        if self.refusal:
            raise self.refusal
        try:
            try:
                self.file.close()
            except OSError as error:
                raise _no_room(error) from error
            name = "".join(filter(str.isprintable, self.get_query_argument("name", "")))
            with suppress(StreamClosedError):
                await self.workers.hearing.describe(self.path, name[:200] or "The file", self.tell)
        finally:
            self._discard()

    async def tell(self, message):
        """Say of each training track whether it can be played, and pass all else on."""
        if "nearest" in message:
            known = await self.workers.known()
            for track in (track for span in message["nearest"] for track in span["known"]):
                track["playable"] = track["name"] in known
        await self.say(message)

    def on_connection_close(self):
        super().on_connection_close()
        self.on_finish()

    def on_finish(self):
        if self.timer:
            self.timer.cancel()
        self._discard()

    def _discard(self):
        self.workers.files.discard(self)
        if self.file:
            with suppress(OSError):  # what was still to be written may have no room
                self.file.close()
            with suppress(OSError):
                self.path.unlink()


def _no_room(error):
    reason = os.strerror(error.errno or 0).lower()
    return _Said(507, f"The file cannot be kept on this machine's disk ({reason}).")


def _shown(text):
    """Give what a stranger sends as it may be shown."""
    return "".join(filter(str.isprintable, text))[:100]

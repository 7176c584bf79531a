"""The review page: aiohttp on loopback, for one reviewer at one run.

Whoever asks must show the token, name a loopback host, and come from no other page. Rows travel as JSON and are put
into the page as text; the page runs no script but its own file, and may load nothing from elsewhere.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import orjson
from aiohttp import web

from synthgen.errors import JobError, SynthgenError
from synthgen.review.session import ReviewSession
from synthgen.review.verdicts import WORDS, Verdict

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PAGE = Path(__file__).parent / "page"
_MAX_BODY_BYTES = 64 * 1024
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class ReviewServer:
    """Serves one desk while entered.

    Args:
        session: The reviewer's place.
        port: 0 takes a free one.
        token: What a request must show; None makes a random one.
    """

    def __init__(self, session: ReviewSession, *, port: int = 0, token: str | None = None) -> None:
        self._session = session
        self.port = port
        self._token = token or secrets.token_urlsafe(24)
        self._turn = asyncio.Lock()
        self._runner: web.AppRunner | None = None

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """What a browser opens; whoever has it can review."""
        return f"{self.origin}/?token={self._token}"

    async def __aenter__(self) -> ReviewServer:
        app = web.Application(middlewares=[self._guard], client_max_size=_MAX_BODY_BYTES)
        app.router.add_get("/", self._page)
        app.router.add_get("/review.css", self._file)
        app.router.add_get("/review.js", self._file)
        app.router.add_get("/api/state", self._state)
        app.router.add_get(r"/api/rows/{place:\d{1,7}}", self._row)
        app.router.add_post("/api/verdict", self._verdict)
        app.router.add_post("/api/note", self._note)
        app.router.add_post("/api/undo", self._undo)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise JobError(
                f"--port {self.port}: cannot listen there: {error.strerror}", hint="leave --port out to take a free one"
            ) from None
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    # --- who may ask -------------------------------------------------------------------------------------------

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = self._refusal(request) or await self._answer(request, handler)
        response.headers.update(_HEADERS)
        return response

    def _refusal(self, request: web.Request) -> web.Response | None:
        hosts = {f"127.0.0.1:{self.port}", f"localhost:{self.port}", f"[::1]:{self.port}"}
        if request.headers.get("Host", "").lower() not in hosts:
            return _plain(421, "this page answers only under its loopback address")
        origin = request.headers.get("Origin")
        if origin is not None and origin.lower() not in {f"http://{host}" for host in hosts}:
            return _plain(403, "another page may not ask here")
        if not self._is_token(request):
            return _plain(403, "open the address that `synthgen review` printed: it holds the key to this page")
        return None

    def _is_token(self, request: web.Request) -> bool:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        shown = (request.query.get("token", ""), request.cookies.get(self._cookie, ""), bearer)
        return any(hmac.compare_digest(found.encode(errors="replace"), self._token.encode()) for found in shown)

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            return _plain(error.status, error.reason)
        except SynthgenError as error:
            return _json({"error": error.message, "hint": error.hint}, status=409)

    @property
    def _cookie(self) -> str:
        return f"synthgen_review_{self.port}"  # ports of one host share their cookies

    # --- what is answered --------------------------------------------------------------------------------------

    async def _page(self, request: web.Request) -> web.Response:
        response = web.Response(body=(PAGE / "index.html").read_bytes(), content_type="text/html", charset="utf-8")
        response.set_cookie(self._cookie, self._token, httponly=True, samesite="Strict", path="/")
        return response

    async def _file(self, request: web.Request) -> web.Response:
        name = {"/review.css": "text/css", "/review.js": "text/javascript"}
        body = (PAGE / request.path.removeprefix("/")).read_bytes()
        return web.Response(body=body, content_type=name[request.path], charset="utf-8")

    async def _state(self, request: web.Request) -> web.Response:
        return _json(await self._in_turn(self._read_state))

    async def _row(self, request: web.Request) -> web.Response:
        try:
            return _json(await self._in_turn(lambda: self._session.card(int(request.match_info["place"]))))
        except IndexError:
            return _plain(404, "no such row")

    async def _verdict(self, request: web.Request) -> web.Response:
        body = await _body(request)
        row_id, verdict = str(body.get("row_id")), str(body.get("verdict"))
        if verdict not in WORDS:
            return _json({"error": f"unknown verdict '{verdict[:40]}'", "hint": None}, status=400)

        def work() -> dict[str, Any]:
            self._session.record(row_id, Verdict(verdict))
            return self._read_state(after=self._session.place_of(row_id))

        return _json(await self._in_turn(work))

    async def _note(self, request: web.Request) -> web.Response:
        body = await _body(request)

        def work() -> dict[str, Any]:
            self._session.record_note(str(body.get("row_id")), str(body.get("note", "")).strip())
            return self._read_state()

        return _json(await self._in_turn(work))

    async def _undo(self, request: web.Request) -> web.Response:
        await _body(request)

        def work() -> dict[str, Any]:
            place = self._session.undo()
            return {**self._read_state(), "undone": place}

        return _json(await self._in_turn(work))

    def _read_state(self, after: int = -1) -> dict[str, Any]:
        session, status = self._session, self._session.status()
        said = session.mine().said
        return {
            "name": session.context.name,
            "run_dir": str(session.run_dir),
            "reviewer": session.reviewer,
            "said": [said.get(row.mark.row_id) for row in session.sample.rows],
            "extra": sum(row.is_extra for row in session.sample.rows),
            "next": session.next_place(after),
            "standing": status.as_json(),
        }

    async def _in_turn(self, work: Callable[[], T]) -> T:
        """Off the event loop, one after the other: the desk blocks on the disk."""
        async with self._turn:
            return await asyncio.to_thread(work)


async def serve_until_signal(server: ReviewServer, announce: Callable[[ReviewServer], None]) -> None:
    """Serve until Ctrl-C or a request to end."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with server:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
        announce(server)
        await ended.wait()


async def _body(request: web.Request) -> dict[str, Any]:
    """A JSON object; nothing that a form of a foreign page could send.

    Raises:
        web.HTTPException: It is something else.
    """
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    try:
        found = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise web.HTTPBadRequest from None
    if not isinstance(found, dict):
        raise web.HTTPBadRequest
    return found


def _json(value: Any, *, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


def _plain(status: int, text: str) -> web.Response:
    return web.Response(text=text + "\n", status=status)

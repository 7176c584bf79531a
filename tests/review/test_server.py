"""The review page: who may ask, what is kept, and that a browser shows it as a person needs it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from synthgen.errors import JobError
from synthgen.journal import Journal
from synthgen.review.server import ReviewServer
from synthgen.review.session import open_session
from synthgen.review.status import read_review_status
from tests.browser import Tab, browser_tab, needs_browser
from tests.finished_run import Item, make_run, plain_items

pytestmark = pytest.mark.anyio
HOSTILE = [
    "<script>document.title = 'stolen'</script><img src=x onerror=\"document.title='stolen'\">",
    "shalom \u202egnp.exe\u202c \u05e9\u05dc\u05d5\u05dd",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 emoji \U0001f680",
    "bell \x07 escape \x1b[2J zero\u200bwidth",
    "x" * 100_000,
]


@contextlib.asynccontextmanager
async def serving(run_dir: Path, reviewer: str = "ada", *, size: int = 100) -> AsyncIterator[ReviewServer]:
    session = open_session(run_dir, reviewer=reviewer, size=size, extra=20)
    async with ReviewServer(session) as server:
        yield server


@contextlib.asynccontextmanager
async def client(server: ReviewServer, **headers: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.origin, headers=headers) as session:
        yield session


def token(server: ReviewServer) -> str:
    return server.url.partition("token=")[2]


def state_of(run_dir: Path) -> dict[str, Any]:
    with contextlib.closing(Journal.read(run_dir)) as journal:
        return read_review_status(journal).as_json()


async def test_page_needs_its_token(tmp_path: Path) -> None:
    """Without the token, or with another one, not even the script is handed out; the page's address sets a cookie."""
    async with serving(make_run(tmp_path, plain_items(5))) as server:
        async with client(server) as stranger:
            for path in ("/", "/?token=wrong", "/review.js", "/api/state", "/api/rows/0"):
                async with stranger.get(path) as response:
                    assert response.status == 403, path
            async with stranger.get("/api/state", headers={"Authorization": "Bearer \udcff"}) as response:
                assert response.status == 403
            async with stranger.post("/api/undo", json={}) as response:
                assert response.status == 403
        cookies = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(server.origin, cookie_jar=cookies) as friend:
            async with friend.get(server.url) as response:
                assert response.status == 200
                cookie = response.headers["Set-Cookie"]
                assert "HttpOnly" in cookie
                assert "SameSite=Strict" in cookie
            async with friend.get("/api/state") as response:
                assert response.status == 200


async def test_page_answers_on_loopback_under_its_own_name_only(tmp_path: Path) -> None:
    """A foreign Host (a rebound name) and a foreign Origin are refused, token or not; no other interface listens."""
    async with (
        serving(make_run(tmp_path, plain_items(5))) as server,
        client(server, Authorization=f"Bearer {token(server)}") as me,
    ):
        for host in (
            "evil.example",
            f"evil.example:{server.port}",
            "127.0.0.1",
            f"127.0.0.1:{server.port}.evil.example",
        ):
            async with me.get("/api/state", headers={"Host": host}) as response:
                assert response.status == 421, host
        for origin in ("http://evil.example", "null", f"https://127.0.0.1:{server.port}", "http://127.0.0.1:1"):
            async with me.post("/api/undo", json={}, headers={"Origin": origin}) as response:
                assert response.status == 403, origin
        async with me.get(
            "/api/state", headers={"Host": f"localhost:{server.port}", "Origin": server.origin}
        ) as response:
            assert response.status == 200
        for address in {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}:
            if not str(address).startswith("127."):
                with pytest.raises(OSError), socket.create_connection((address, server.port), timeout=1):  # noqa: PT011
                    pass


async def test_every_answer_carries_the_rules_for_the_browser(tmp_path: Path) -> None:
    """No script but the page's own file, nothing from elsewhere, no framing, no caching: refusals too."""
    async with serving(make_run(tmp_path, plain_items(5))) as server, client(server) as me:
        for path in (server.url, "/api/state", f"/nothing?token={token(server)}"):
            async with me.get(path) as response:
                policy = response.headers["Content-Security-Policy"]
                assert policy.startswith("default-src 'none'; script-src 'self';")
                assert "unsafe" not in policy
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "send", "status"),
    [
        ("/api/verdict", {"json": {"row_id": "r1:nobody", "verdict": "keep"}}, 409),
        ("/api/verdict", {"json": {"row_id": "r1:nobody", "verdict": "maybe"}}, 400),
        ("/api/verdict", {"json": [1]}, 400),
        ("/api/verdict", {"data": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ("/api/verdict", {"data": {"row_id": "x", "verdict": "keep"}}, 415),
        ("/api/note", {"json": {"row_id": "r1:nobody", "note": "x"}}, 409),
        ("/api/verdict", {"json": {"row_id": "x" * 200_000, "verdict": "keep"}}, 413),
        ("/api/rows/0", {"json": {}}, 405),
    ],
)
async def test_bad_requests_are_told_and_keep_nothing(
    tmp_path: Path, path: str, send: dict[str, Any], status: int
) -> None:
    """Wrong words, wrong rows, wrong types and too much are refused with a status; the journal stays as it was."""
    run_dir = make_run(tmp_path, plain_items(5))
    async with serving(run_dir) as server, client(server, Authorization=f"Bearer {token(server)}") as me:
        async with me.post(path, **send) as response:
            assert response.status == status
        async with me.get("/api/rows/5") as response:
            assert response.status == 404
    assert state_of(run_dir)["reviewers"] == {}


async def test_verdicts_undo_and_notes_over_http(tmp_path: Path) -> None:
    """What a key does: kept at once, the next open row told, undo back to the row; all of it outlives the server."""
    run_dir = make_run(tmp_path, plain_items(5))
    async with serving(run_dir) as server, client(server, Authorization=f"Bearer {token(server)}") as me:

        async def ask(path: str, body: object) -> dict[str, Any]:
            async with me.post(path, json=body) as response:
                assert response.status == 200
                found: dict[str, Any] = await response.json()
                return found

        rows = [await (await me.get(f"/api/rows/{place}")).json() for place in range(5)]
        assert rows[0]["seeds"][0]["text"] == "where is my parcel"
        state = await ask("/api/verdict", {"row_id": rows[0]["row_id"], "verdict": "wrong_label"})
        assert (state["next"], state["standing"]["errors"]) == (1, 1)
        assert state_of(run_dir)["errors"] == 1
        state = await ask("/api/undo", {})
        assert (state["undone"], state["next"], state["standing"]["looked_at"]) == (0, 0, 0)
        assert (await ask("/api/undo", {}))["undone"] is None
        await ask("/api/verdict", {"row_id": rows[4]["row_id"], "verdict": "keep"})
        await ask("/api/note", {"row_id": rows[4]["row_id"], "note": " good one "})
    async with serving(run_dir) as server, client(server, Authorization=f"Bearer {token(server)}") as me:
        state = await (await me.get("/api/state")).json()
        assert state["said"] == [None, None, None, None, "keep"]
        assert (await (await me.get("/api/rows/4")).json())["note"] == "good one"


async def test_hostile_rows_travel_as_plain_values(tmp_path: Path) -> None:
    """Rows come as JSON with control and direction characters written out; never inside the page's HTML."""
    run_dir = make_run(tmp_path, [Item("late", text) for text in HOSTILE])
    async with serving(run_dir) as server, client(server, Authorization=f"Bearer {token(server)}") as me:
        texts = [(await (await me.get(f"/api/rows/{place}")).json())["text"] for place in range(5)]
        page = await (await me.get("/")).text()
    assert sorted(map(len, texts))[-1] == 100_000
    assert not any(mark in text for text in texts for mark in ("\u202e", "\x1b", "\x07", "\u200b"))
    assert any("⟦U+202E⟧" in text for text in texts)
    assert "stolen" not in page
    assert "onerror" not in page


async def test_port_that_is_taken_is_told(tmp_path: Path) -> None:
    """A chosen port that another program holds: what and what to do."""
    run_dir = make_run(tmp_path, plain_items(5))
    async with serving(run_dir) as server:
        with pytest.raises(JobError, match=f"--port {server.port}"):
            async with ReviewServer(open_session(run_dir, reviewer="bob", size=5, extra=0), port=server.port):
                pass


# --- in a browser -----------------------------------------------------------------------------------------------------


async def shows(tab: Tab, place: object) -> None:
    await tab.wait_for(f"document.body.dataset.ready === '{place}'")


@needs_browser
async def test_browser_keys_undo_and_reload(tmp_path: Path) -> None:
    """Keys judge and go on, a held key does not, z goes back, a reload goes on where it was, the token is not shown."""
    run_dir = make_run(tmp_path, plain_items(6))
    async with serving(run_dir) as server, browser_tab() as tab:
        await tab.open(server.url)
        await shows(tab, 0)
        assert await tab.look("location.href") == f"{server.origin}/"
        for place, key in enumerate("kwu", 1):
            await tab.press(key)
            await shows(tab, place)
        assert state_of(run_dir)["verdicts"] == {"keep": 1, "wrong_label": 1, "unnatural": 1}
        await tab.press("k", repeats=True)
        await tab.press("Backspace")
        await shows(tab, 2)
        assert state_of(run_dir)["verdicts"] == {"keep": 1, "wrong_label": 1}
        await tab.look("document.body.dataset.isOld = 1")
        await tab.call("Page.reload")
        await tab.wait_for("document.body.dataset.ready === '2' && !document.body.dataset.isOld")
        assert await tab.look("document.querySelector('#count').textContent") == "2 of 6"
        await tab.press("n")
        await tab.type("k is typed, not pressed")
        await tab.press("Enter")
        await tab.wait_for("!document.querySelector('#note-shown').hidden")
        await tab.press("ArrowLeft")
        await shows(tab, 1)
        assert "wrong label" in await tab.look("document.querySelector('#said').textContent")
        await tab.press("ArrowRight")
        await shows(tab, 2)
        for place, key in ((3, "h"), (4, "s"), (5, "k"), ("end", "k")):
            await tab.press(key)
            await shows(tab, place)
        assert "2 errors in 5 rows" in await tab.look("document.querySelector('#end-sentence').textContent")
        assert tab.complaints() == []
        assert all(url.startswith((server.origin, "data:")) for url in tab.requests())
    assert state_of(run_dir)["reviewers"] == {"ada": {"keep": 3, "wrong_label": 1, "harmful": 1, "skip": 1}}


@needs_browser
async def test_browser_second_reviewer_starts_anew_and_sees_agreement(tmp_path: Path) -> None:
    """A second person gets every row, none of the first one's words, and in the end how far the two agree."""
    run_dir = make_run(tmp_path, plain_items(4))
    async with serving(run_dir, "ada") as server, client(server, Authorization=f"Bearer {token(server)}") as me:
        for place in range(4):
            row = await (await me.get(f"/api/rows/{place}")).json()
            await me.post("/api/verdict", json={"row_id": row["row_id"], "verdict": ["keep", "unnatural"][place % 2]})
    async with serving(run_dir, "bob") as server, browser_tab() as tab:
        await tab.open(server.url)
        await shows(tab, 0)
        assert await tab.look("document.querySelector('#said').hidden")
        for place, key in ((1, "k"), (2, "u"), (3, "k"), ("end", "k")):
            await tab.press(key)
            await shows(tab, place)
        assert "Cohen's kappa 0.50" in await tab.look("document.querySelector('#end-agreement').textContent")
        assert "agree on 3 of 4 rows" in await tab.look("document.querySelector('#end-agreement').textContent")


@needs_browser
async def test_browser_shows_hostile_rows_safely(tmp_path: Path) -> None:
    """Markup is text, nothing runs, nothing is loaded, and 100 kB in one word do not widen the page, on a phone either."""
    run_dir = make_run(tmp_path, [Item("late", text) for text in HOSTILE])
    async with serving(run_dir) as server, browser_tab() as tab:
        await tab.resize(390, 844)
        await tab.open(server.url)
        seen = []
        for place in range(len(HOSTILE)):
            await shows(tab, place)
            seen.append(await tab.look("document.querySelector('#text').textContent"))
            assert await tab.look("document.documentElement.scrollWidth <= innerWidth")
            assert await tab.look(
                "document.querySelector('[data-act=keep]').getBoundingClientRect().bottom <= innerHeight"
            )
            await tab.press("k")
        await shows(tab, "end")
        assert any("<script>" in text for text in seen)
        assert await tab.look("document.querySelectorAll('#text *, #text script').length") == 0
        assert "stolen" not in await tab.look("document.title")
        assert tab.complaints() == []


@needs_browser
async def test_browser_says_when_a_verdict_was_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a run holds the folder, the key changes nothing, the row stays, and the page says why."""
    monkeypatch.setattr("synthgen.review.session._LOCK_PATIENCE_S", 0.05)
    run_dir = make_run(tmp_path, plain_items(4))
    code = (
        "import sys, time; from pathlib import Path; from synthgen.journal import RunLock\n"
        "with RunLock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    async with serving(run_dir) as server, browser_tab() as tab:
        await tab.open(server.url)
        await shows(tab, 0)
        owner = subprocess.Popen([sys.executable, "-c", code, str(run_dir)], stdout=subprocess.PIPE)  # noqa: ASYNC220
        with owner:
            assert owner.stdout is not None
            owner.stdout.readline()
            await tab.press("k")
            await tab.wait_for("!document.querySelector('#trouble').hidden")
            assert "nothing was kept" in await tab.look("document.querySelector('#trouble').textContent")
            owner.kill()
        await shows(tab, 0)
        await tab.press("k")
        await shows(tab, 1)
        assert await tab.look("document.querySelector('#trouble').hidden")


# --- as a command -----------------------------------------------------------------------------------------------------


def test_command_serves_until_interrupted(tmp_path: Path) -> None:
    """`review --json` tells the address first and the standing last, and a Ctrl-C is a clean end."""
    run_dir = make_run(tmp_path, plain_items(5))
    command = [sys.executable, "-m", "synthgen", "review", str(run_dir), "--no-open", "--json", "--reviewer", "ada"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        told = orjson.loads(process.stdout.readline())
        assert told["url"].startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert orjson.loads(out.splitlines()[-1])["state"] == "unreviewed"
    assert "unreviewed" in err


def test_command_says_how_many_more_rows_to_look_at(tmp_path: Path) -> None:
    """A sample that ran out before it could pass: the next command draws what is missing, a skipped row's stand-in too."""
    run_dir = make_run(tmp_path, plain_items(300))
    command = [sys.executable, "-m", "synthgen", "review", str(run_dir), "--tui", "--sample", "20", "--reviewer", "ada"]
    done = subprocess.run(command, input="s\n" + "k\n" * 19, capture_output=True, text=True, timeout=60)
    assert "undecided: 0 errors in 19 rows looked at" in done.stdout
    assert f"next: synthgen review {run_dir} --sample 60" in done.stderr


def test_command_reads_keys_from_a_pipe(tmp_path: Path) -> None:
    """`review --tui` without a terminal takes the first letter of each line."""
    run_dir = make_run(tmp_path, plain_items(3))
    command = [sys.executable, "-m", "synthgen", "review", str(run_dir), "--tui", "--json", "--reviewer", "ada"]
    done = subprocess.run(command, input="k\nkeep\nw\n", capture_output=True, text=True, timeout=60, env=os.environ)
    assert done.returncode == 0, done.stderr
    found = orjson.loads(done.stdout.splitlines()[-1])
    assert (found["state"], found["verdicts"]) == ("failed", {"keep": 2, "wrong_label": 1})
    status = subprocess.run(
        [sys.executable, "-m", "synthgen", "status", str(run_dir), "--json"], capture_output=True, text=True, timeout=60
    )
    assert orjson.loads(status.stdout)["review"]["state"] == "failed", "status tells it too"

"""A headless Chromium for tests of pages, spoken to over its own debugging protocol. Absent where there is none."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
PATIENCE_S = 30.0
_KEYS = {"ArrowLeft": 37, "ArrowRight": 39, "Backspace": 8, "Enter": 13, "Escape": 27}


class Tab:
    """One page."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._numbers = socket, itertools.count(1)
        self.events: list[dict[str, Any]] = []

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command, to its answer."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found: dict[str, Any] = await self._socket.receive_json()
                if found.get("id") == number:
                    assert "error" not in found, found
                    result: dict[str, Any] = found["result"]
                    return result
                self.events.append(found)

    async def open(self, url: str) -> None:
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")
        await self.call("Page.navigate", url=url)

    async def look(self, expression: str) -> Any:
        """The value of an expression in the page."""
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    async def wait_for(self, expression: str) -> None:
        """Until an expression holds."""
        async with asyncio.timeout(PATIENCE_S):
            tried = f"(() => {{ try {{ return !!({expression}) }} catch {{ return false }} }})()"  # while it loads
            while not await self.look(tried):  # noqa: ASYNC110  the page has no event to wait on
                await asyncio.sleep(0.01)

    async def press(self, key: str, *, repeats: bool = False) -> None:
        """One key, down and up."""
        code = _KEYS.get(key, ord(key.upper()) if len(key) == 1 else 0)
        facts: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": code}
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        await self.call("Input.dispatchKeyEvent", type="keyDown", autoRepeat=repeats, **facts, **text)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **facts)

    async def type(self, text: str) -> None:
        await self.call("Input.insertText", text=text)

    async def resize(self, width: int, height: int) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    async def darken(self, is_dark: bool) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme])

    async def picture(self, *, whole: bool = False) -> bytes:
        """A PNG of the window, or of the whole page."""
        clip = await self._clip(whole)
        found = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole, **clip)
        return base64.b64decode(found["data"])

    async def _clip(self, whole: bool) -> dict[str, Any]:
        if not whole:
            return {}
        size = (await self.call("Page.getLayoutMetrics"))["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 16000), "scale": 1}}

    def complaints(self) -> list[str]:
        """Errors that the page met: exceptions, refused loads, console errors."""
        found = []
        for event in self.events:
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(str(event["params"]["exceptionDetails"].get("exception", {}).get("description")))
            if event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
                found.append(event["params"]["entry"]["text"])
        return found

    def requests(self) -> list[str]:
        """What the page loaded."""
        return [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]


@contextlib.asynccontextmanager
async def browser_tab() -> AsyncIterator[Tab]:
    """A fresh browser with one empty tab."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = _start(profile)
        try:
            port = await _port(Path(profile))
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as response:
                    (page,) = [t for t in await response.json() if t["type"] == "page"]
                async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    yield Tab(socket)
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def _start(profile: str) -> subprocess.Popen[bytes]:
    assert CHROMIUM is not None
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"]  # fmt: skip
    return subprocess.Popen([CHROMIUM, *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def _port(profile: Path) -> int:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(OSError, IndexError, ValueError):
                return int((profile / "DevToolsActivePort").read_text().splitlines()[0])
            await asyncio.sleep(0.02)

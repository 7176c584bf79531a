"""`AsyncOpenAI` on its aiohttp transport, workers by hand."""

from __future__ import annotations

from bench.peers.openai_sdk import main
from bench.peers.protocol import read_task

if __name__ == "__main__":
    main(read_task(), with_aiohttp=True)

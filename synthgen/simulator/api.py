"""The endpoints: from one parsed HTTP request to one reply. Knows no socket; the clock is handed in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

import orjson

from synthgen.simulator.answers import ModelAnswer, request_key, write_answer
from synthgen.simulator.dice import key_of
from synthgen.simulator.faults import Fate, decide_fate
from synthgen.simulator.gate import Gate
from synthgen.simulator.replies import Refusal, Reply, completion_body, models_body
from synthgen.simulator.requests import check_key, check_request, parse_body
from synthgen.simulator.settings import SimulatorSettings
from synthgen.simulator.stats import Purchase, Statistics, Tally

_COMPLETIONS = {"/chat/completions": True, "/completions": False}


class Api:
    """One simulated service. Paths are the same with and without their leading `/v1`.

    Args:
        settings: How it behaves at first.
        clock: Seconds that only grow.
    """

    def __init__(self, settings: SimulatorSettings, clock: Callable[[], float]) -> None:
        self.settings = settings
        self._clock = clock
        self._gate = Gate(settings)
        self._tally = Tally(clock())
        self._arrivals: Counter[bytes] = Counter()

    def apply(self, changes: Mapping[str, Any]) -> SimulatorSettings:
        """Changes settings while running.

        Raises:
            ValueError: An unknown name, a wrong value, or the port, which is bound already.
        """
        if changes.get("port", self.settings.port) != self.settings.port:
            raise ValueError("port cannot be changed while the server runs")
        self.settings = self.settings.with_changes(changes)
        self._gate.apply(self.settings)
        return self.settings

    def statistics(self) -> Statistics:
        return self._tally.read(self._clock())

    def reset_statistics(self) -> None:
        """Counts from zero again. Limits, quota and the number of times a request has come stay as they are."""
        self._tally.reset(self._clock())

    def answer(self, method: str, path: str, authorization: str, body: bytes) -> Reply:
        """The reply to one request; total. Where it `is_work`, call `sent` or `abandoned` once it is over."""
        path = path.partition("?")[0].removeprefix("/v1")
        is_chat = _COMPLETIONS.get(path)
        try:
            if is_chat is not None:
                _need("POST", method)
                return self._complete(authorization, body, is_chat)
            return self._other(method, path, authorization, body)
        except Refusal as refusal:
            if is_chat is not None:
                self._tally.answer(refusal.status)
            return Reply(refusal.status, refusal.as_body(), refusal.headers)

    def sent(self, reply: Reply) -> None:
        """Counts a reply whose body was begun."""
        self._tally.leave()
        self._tally.answer(reply.status)
        if reply.paid is not None:
            self._tally.grant(reply.paid, self._clock())

    def abandoned(self, reply: Reply) -> None:
        """Counts a reply whose client left before it."""
        if reply.is_work:
            self._tally.leave(is_abandoned=True)

    def _complete(self, authorization: str, raw: bytes, is_chat: bool) -> Reply:
        settings = self.settings
        self._tally.receive()
        check_key(settings, authorization)
        body = parse_body(raw, is_chat=is_chat)
        check_request(settings, body)
        self._gate.check_room(self._tally.in_flight)
        self._gate.check_stray(self._clock())
        key = request_key(settings.seed, body, is_chat=is_chat)
        arrival = self._arrivals[key]
        fate = decide_fate(settings, key, arrival)
        self._arrivals[key] += 1
        if fate.accident == "throttle":
            raise self._gate.throttle("Rate limit reached, please try again later.")
        if fate.accident == "error":
            self._tally.enter(self._clock())
            refusal = Refusal(settings.error_status, "The server had an error.", "server_error")
            return Reply(refusal.status, refusal.as_body(), delay_s=fate.delay_s, is_work=True)
        is_anew = settings.has_fresh_answers and arrival > 0
        said = key_of(settings.seed, b"again", key, arrival.to_bytes(8, "big")) if is_anew else key
        answer = write_answer(settings, body, said, is_chat=is_chat)
        now = self._clock()
        self._gate.admit(now, answer.input_tokens + answer.output_tokens if self._gate.counts_tokens else 0)
        self._tally.enter(now)
        reply_body = completion_body(answer, body.get("model"), key, is_chat=is_chat)
        return self._granted(answer, fate, raw, reply_body, now)

    def _granted(self, answer: ModelAnswer, fate: Fate, raw: bytes, body: bytes, now: float) -> Reply:
        is_whole = fate.accident != "cut"
        digest = blake2b(raw, digest_size=16).digest()
        paid = Purchase(digest, answer.input_tokens, answer.output_tokens, now, is_whole)
        ratio = 1.0 if is_whole else fate.cut_ratio
        return Reply(200, body, self._gate.headers(now), fate.delay_s, ratio, paid, is_work=True)

    def _other(self, method: str, path: str, authorization: str, body: bytes) -> Reply:
        if path == "/models":
            _need("GET", method)
            check_key(self.settings, authorization)
            return Reply(200, models_body(self.settings.models))
        if path == "/stats":
            _need("GET", method)
            return Reply(200, orjson.dumps(self.statistics().as_json(), option=orjson.OPT_NON_STR_KEYS))
        if path == "/stats/reset":
            _need("POST", method)
            self.reset_statistics()
            return Reply(200, b"{}")
        if path == "/control":
            _need("POST", method)
            return self._control(body)
        raise Refusal(404, f"Invalid URL ({method} {path}).")

    def _control(self, raw: bytes) -> Reply:
        try:
            changes = orjson.loads(raw)
            if not isinstance(changes, dict):
                raise ValueError("send a JSON object of settings")
            self.apply(changes)
        except ValueError as error:  # orjson's error is one
            raise Refusal(400, str(error)) from None
        return Reply(200, orjson.dumps(self.settings.as_json()))


def _need(wanted: str, method: str) -> None:
    if method != wanted:
        raise Refusal(405, f"Not allowed to {method} here; use {wanted}.")

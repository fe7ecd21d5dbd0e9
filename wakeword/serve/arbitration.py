"""Arbitration between satellites: of those that detect a keyword together, one gets its detection.

An `Arbiter` belongs to the server, an `ArbitratedClient` to each connection. Both run in the event
loop alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from wyoming.audio import AudioStart, AudioStop
from wyoming.event import Event
from wyoming.wake import Detect, Detection, NotDetected

from wakeword.serve.client_log import ClientLog


@dataclass(eq=False)
class Claim:
    """A detection that waits for the end of its round.

    Attributes:
        client: who has it; compared by identity.
        keyword: that was detected.
        score: highest one so far.
    """

    client: object
    keyword: str
    score: float


@dataclass
class _Round:
    claims: list[Claim] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    winner: object = None


class Arbiter:
    """Decides which client gets the detection that several clients have.

    The first detection of a keyword opens a round, which ends `window_s` later. The client with the
    highest score in it wins; of equal scores, the first. A later detection opens another round.

    Time is the server's, when it has computed a detection, and not that of the audio: a satellite
    whose audio arrives later than another's by more than `window_s` is in another round.

    Args:
        window_s: seconds that a detection waits, at most.
    """

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._rounds: dict[str, _Round] = {}

    async def wins(self, claim: Claim) -> bool:
        """Wait for the end of the round; return whether the client of this claim wins it.

        A claim whose task is cancelled is withdrawn.
        """
        current = self._rounds.get(claim.keyword)
        if current is None:
            current = self._rounds[claim.keyword] = _Round()
            asyncio.get_running_loop().call_later(self._window_s, self.end_round, claim.keyword)
        current.claims.append(claim)
        try:
            await current.ended.wait()
        except asyncio.CancelledError:
            current.claims.remove(claim)
            raise
        return current.winner is claim.client

    def end_round(self, keyword: str) -> None:
        """Decide the round of a keyword; called when its time is over."""
        ending = self._rounds.pop(keyword)
        if ending.claims:
            ending.winner = max(ending.claims, key=lambda claim: claim.score).client
        ending.ended.set()


class ArbitratedClient:
    """Sends the answers to one client; its detections wait until the arbiter has decided.

    Meanwhile the client's audio is processed as before, so that the highest score of a keyword
    counts, and not the first one that reached the threshold. A stream whose detections all lost
    ends with not-detected.

    Args:
        arbiter: of the server.
        send: sends an event to the client.
        log: of the client.
    """

    def __init__(
        self, arbiter: Arbiter, send: Callable[[Event], Awaitable[None]], log: ClientLog
    ) -> None:
        self._arbiter, self._send, self._log = arbiter, send, log
        self._waiting: dict[asyncio.Task[None], Claim] = {}
        self._outcomes: set[bool] = set()  # of the detections of this stream

    async def answer(
        self, request: Event, answers: Sequence[Event], scores: Mapping[str, float]
    ) -> None:
        """Send the answers to a request, detections later or not at all.

        Args:
            request: of the client.
            answers: of its session.
            scores: by keyword, highest score of the latest detection; see `StreamSession`.
        """
        if Detect.is_type(request.type) or AudioStart.is_type(request.type):
            self._outcomes = set()
        for claim in self._waiting.values():
            claim.score = max(claim.score, scores.get(claim.keyword, 0.0))
        for answer in answers:
            if Detection.is_type(answer.type):
                keyword = answer.data["name"]
                claim = Claim(self, keyword, scores[keyword])
                task = asyncio.create_task(self._send_if_won(answer, claim, self._outcomes))
                self._waiting[task] = claim
                task.add_done_callback(self._waiting.pop)
            else:
                await self._send(answer)
        if AudioStop.is_type(request.type):
            await asyncio.gather(*self._waiting)
            if self._outcomes == {False}:
                await self._send(NotDetected().event())
            self._outcomes = set()

    def close(self) -> None:
        """Withdraw what still waits: the client has disconnected."""
        for task in list(self._waiting):
            task.cancel()

    async def _send_if_won(self, answer: Event, claim: Claim, outcomes: set[bool]) -> None:
        won = await self._arbiter.wins(claim)
        outcomes.add(won)
        if not won:
            self._log.lost(claim.keyword, claim.score)
            return
        with suppress(OSError, asyncio.TimeoutError):  # disconnected: reading notices it
            await self._send(answer)

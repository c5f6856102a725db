"""Bodies that nobody holds in memory: sent piece by piece, or received so.

Each piece has a deadline of its own, so that a blob of any size may take its time and a server that drips may
not. A piece that has passed is gone: such an exchange is not repeated here, but begun anew by whoever copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

PIECE = 256 * 1024  # bytes passed on at a time


class Outgoing:
    """A request's body: so many bytes in all, and where they come from. Can be sent once."""

    def __init__(self, length: int, pieces: Iterable[bytes]) -> None:
        """`pieces` may raise one of our errors: the request is then cut short, and the error goes on."""
        self.length = length
        self._pieces = pieces

    def paced(self, extend: Callable[[], None]) -> Iterator[bytes]:
        """The pieces; `extend` before each, so that it gets time of its own, and after the last."""
        for piece in self._pieces:
            extend()
            yield piece
        extend()


class Incoming:
    """An answer's body, to be read once. Closing it early gives up the connection."""

    def __init__(self, read: Callable[[int], bytes], release: Callable[[bool], None]) -> None:
        """`read` gives at most so many bytes, b"" at the end, and raises our errors only.

        `release` is called once, with whether everything was read.
        """
        self._read = read
        self._release: Callable[[bool], None] | None = release

    def __iter__(self) -> Iterator[bytes]:
        """The pieces."""
        try:
            while piece := self._read(PIECE):
                yield piece
        except BaseException:
            self.close()
            raise
        self._let_go(finished=True)

    def close(self) -> None:
        """Give up what was not read."""
        self._let_go(finished=False)

    def _let_go(self, *, finished: bool) -> None:
        if self._release is not None:
            release, self._release = self._release, None
            release(finished)

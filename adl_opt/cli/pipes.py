"""Standard streams that outlive their reader: after `adl-opt solve ... | head -1` the rest is said to nobody,
and the command ends as it would have.
"""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

_CLOSED = (errno.EPIPE, errno.EINVAL) if os.name == "nt" else (errno.EPIPE,)


class _Pipe(io.FileIO):
    """A file descriptor that leads nowhere once its reader has gone."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in _CLOSED:
                raise
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())  # for whatever else writes there, at the interpreter's end too
        os.close(nowhere)
        return memoryview(data).nbytes


@contextlib.contextmanager
def outlived() -> Iterator[None]:
    """Within: stdout and stderr do not fail where what reads them has gone, or where they were never open."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(_patient, before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):  # a full disk was said when it was written to
                stream.flush()
        sys.stdout, sys.stderr = before


def _patient(stream: TextIO | None) -> TextIO:
    """The same stream, if it is a pipe or file of the operating system, through a `_Pipe`."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)  # unbuffered streams (python -u) have no raw one beneath
    if not isinstance(raw, io.FileIO) or stream.isatty():
        return stream
    stream.flush()
    pipe = io.BufferedWriter(_Pipe(raw.fileno(), "wb", closefd=False))
    return io.TextIOWrapper(pipe, stream.encoding, stream.errors, line_buffering=True)

"""Private server of this process: started by the command ``hyperswap up``, and stopped with this process."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import threading
import time
from collections import deque

from hyperswap.errors import HyperswapError, ServiceUnreachableError, error_of

default_host = "127.0.0.1"
default_port = 7420

_start_seconds = 120.0
_stop_seconds = 15.0
_serving = re.compile(r"^Serving on (\S+?)\.$")


def default_address() -> str:
    """Return the address at which the services listen by default."""
    host = os.environ.get("HYPERSWAP_HOST", default_host)
    return f"{host}:{os.environ.get('HYPERSWAP_PORT', default_port)}"


def listens(address: str) -> bool:
    """Return true if a server accepts connections at an address."""
    host, _, port = address.rpartition(":")
    if port == "0":
        return False
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=0.5):
            return True
    except (OSError, ValueError):
        return False


class LocalServer:
    """Server in a child process, on a free loopback port.

    The server ends when its standard input does. So it also ends when this process is killed.
    """

    def __init__(self, *, home: str | os.PathLike[str] | None = None, backbone: str | None = None) -> None:
        flags = [
            *(() if home is None else ("--home", os.fspath(home))),
            *(() if backbone is None else ("--backbone", backbone)),
        ]
        command = [*_command(), *flags, "--json", "--log-level", "error"]
        arguments = ["up", "--host", default_host, "--port", "0", "--attached"]
        # Ctrl-C reaches a whole process group. The server survives it, because this process may continue.
        self._process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._messages: deque[str] = deque(maxlen=50)
        self._address: str | None = None
        self._changed = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read_output, daemon=True, name="hyperswap-output"),
            threading.Thread(target=self._read_errors, daemon=True, name="hyperswap-errors"),
        ]
        for reader in self._readers:
            reader.start()
        atexit.register(self.stop)
        try:
            self.address = self._wait()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server: wait up to a second for open work, then end its process."""
        atexit.unregister(self.stop)
        process = self._process
        if process.stdin is not None and not process.stdin.closed:
            with contextlib.suppress(OSError):
                process.stdin.close()
        try:
            process.wait(_stop_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for reader in self._readers:
            reader.join(1.0)
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()

    def _wait(self) -> str:
        end = time.monotonic() + _start_seconds
        with self._changed:
            while self._address is None:
                if self._process.poll() is not None:
                    break
                left = end - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(min(left, 0.5))
            if self._address is not None:
                return self._address
        self._readers[1].join(1.0)
        raise self._failure()

    def _failure(self) -> HyperswapError:
        """Return the reason for which the server did not start."""
        for line in reversed(self._messages):
            try:
                told = json.loads(line)
                return error_of(told["error"], " ".join(filter(None, (told["message"], told.get("hint")))))
            except (ValueError, TypeError, KeyError):
                continue
        code = self._process.poll()
        what = f"did not start within {_start_seconds:g} s" if code is None else f"ended with code {code}"
        last = " ".join(self._messages)[-400:]
        reason = f"the server that was started for this process {what}{': ' + last if last else ''}"
        return ServiceUnreachableError.of(endpoint=default_host, reason=reason)

    def _read_output(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            match = _serving.match(line.strip())
            if match is not None:
                with self._changed:
                    self._address = match.group(1)
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._messages.append(line.strip())


def _command() -> list[str]:
    """Return the command that starts a server.

    Raises
    ------
    hyperswap.errors.ServiceUnreachableError
        It is not installed.
    """
    given = os.environ.get("HYPERSWAP_COMMAND", "")
    words = shlex.split(given, posix=os.name != "nt") if given else ["hyperswap"]
    found = shutil.which(words[0]) if words else None
    if found is not None:
        return [found, *words[1:]]
    source = f"HYPERSWAP_COMMAND names {given}, which" if given else "the command hyperswap"
    reason = (
        f"nothing listens there, and {source} is not on the PATH to start a server. Start one elsewhere and give its "
        "endpoint, or install the command (a checkout has it as bin/hyperswap after make setup) and name it in "
        "HYPERSWAP_COMMAND"
    )
    raise ServiceUnreachableError.of(endpoint=default_address(), reason=reason)

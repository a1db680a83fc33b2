"""A service that is measured: a tree of processes that sleeps while others have their turn, and what loads it."""

import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

START_SECONDS, IDLE_SECONDS, LATE_SECONDS, PAUSE_SECONDS = 120, 10, 20, 0.05
TICK = os.sysconf("SC_CLK_TCK")
PR_SET_PDEATHSIG = 1  # of Linux
# In a closed loop with few requests, those under way at the end count: then requests/s are what Little's law says.
FEW_REQUESTS = 50
WRK = """
wrk.method, wrk.path = "POST", "%s"
for name, value in string.gmatch("%s", "([^:]+): ([^\\n]+)\\n") do wrk.headers[name] = value end
wrk.body = io.open("%s", "rb"):read("*a")
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('{"requests": %%d, "us": %%d, "errors": %%d, "mean": %%f, "p50": %%f, "p99": %%f}\\n',
    summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
    latency.mean, latency:percentile(50), latency:percentile(99)))
end
"""


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def stat(pid):
    """The fields of /proc/PID/stat behind the name, from the state on; none when it has ended."""
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return None


class Request:
    """What one service is sent, kept as a file for wrk."""

    def __init__(self, path, headers, body, folder):
        self.path, self.headers, self.body = path, headers, body
        self.file = tempfile.NamedTemporaryFile(dir=folder)
        self.file.write(body)
        self.file.flush()

    def script(self):
        headers = "".join(f"{name}: {value}\\n" for name, value in self.headers.items())
        return WRK % (self.path, headers.replace('"', '\\"'), self.file.name)


class Failed(Exception):
    pass


class Service:
    def __init__(self, name, command, environment, port=None):
        """Without a port, the service prints its own."""
        self.name, self.port = name, port
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=self.log if port else subprocess.PIPE,
                                        stderr=self.log, text=True, env={**os.environ, **environment},
                                        start_new_session=True, preexec_fn=self.end_with_us)
        try:
            self.port = port or int(self.process.stdout.readline() or 0)
            self.wait()
            self.stop()
        except Failed:
            self.close()
            raise

    @staticmethod
    def end_with_us():
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def wait(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_SECONDS)
                connection.request("GET", "/")
                connection.getresponse().read()
                return
            time.sleep(PAUSE_SECONDS)
        self.log.seek(0)
        raise Failed((self.log.read().strip().splitlines() or ["it did not start"])[-1][:200])

    def tree(self):
        """The process and all below it."""
        children = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            fields = stat(pid)
            if fields:
                children.setdefault(int(fields[1]), []).append(int(pid))
        found = [self.process.pid]
        for pid in found:
            found += children.get(pid, [])
        return found

    def signal(self, number):
        for pid in self.tree():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def go(self):
        self.signal(signal.SIGCONT)

    def stop(self):
        self.signal(signal.SIGSTOP)

    def close(self):
        self.signal(signal.SIGKILL)
        self.process.wait()

    def cpu(self):
        """Seconds that all its processes have run."""
        return sum(int(f[11]) + int(f[12]) for f in map(stat, self.tree()) if f) / TICK

    def memory(self):
        """Bytes resident; what processes share is counted once."""
        kilobytes = 0
        for pid in self.tree():
            with contextlib.suppress(OSError):
                text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
                kilobytes += int(text.partition("\nPss:")[2].split()[0])
        return kilobytes * 1024

    def settle(self):
        """Waits until what was under way is done."""
        end, before = time.monotonic() + IDLE_SECONDS, -1
        while before != (before := self.cpu()) and time.monotonic() < end:
            time.sleep(PAUSE_SECONDS)

    def ask(self, request, count=1):
        """The last answer's headers and body, and each one's seconds."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_SECONDS)
        taken, buffer = [], bytearray()
        for _ in range(count):
            start = time.perf_counter()
            connection.request("POST", request.path, request.body, request.headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise Failed(f"status {answer.status}: {answer.read()[:200]}")
            if answer.length is None:
                buffer = bytearray(answer.read())
            else:
                if len(buffer) != answer.length:
                    buffer = bytearray(answer.length)
                answer.readinto(buffer)
                answer.read()
            taken.append(time.perf_counter() - start)
        connection.close()
        return answer.headers, bytes(buffer), taken

    def load(self, request, connections, seconds):
        """One run of wrk: requests/s, p50 and p99 and CPU a request in seconds."""
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(request.script())
            script.flush()
            before = self.cpu()
            command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={START_SECONDS}s",
                       "-s", script.name, f"http://127.0.0.1:{self.port}"]
            try:
                ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + LATE_SECONDS)
                said = json.loads(ran.stdout.strip().splitlines()[-1])
            except (subprocess.SubprocessError, ValueError, IndexError) as why:
                raise Failed(f"wrk: {why}") from why
        self.settle()
        if said["errors"] or not said["requests"]:
            raise Failed(f"{said['errors']} errors, {said['requests']} answers in {seconds} s")
        few = said["requests"] < FEW_REQUESTS * connections
        rate = connections / said["mean"] if few else said["requests"] / said["us"]
        # Each connection's last request is done as well, with nobody there to hear the answer.
        return {"rate": rate * 1e6, "p50": said["p50"] / 1e6, "p99": said["p99"] / 1e6,
                "cpu": (self.cpu() - before) / (said["requests"] + connections)}

"""One `sluice run` in a folder of its own, for tests of the whole: its configuration, log, engines and state file.

Everything is on loopback and on free ports; nothing outlives the block."""
import datetime
import http.client
import json
import os
import pathlib
import random
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

SLUICE = os.environ.get("SLUICE") or sys.argv[1]
SANITIZED = b"__asan_init" in pathlib.Path(SLUICE).read_bytes()  # memory is no measure then
PATIENCE_S = 60  # for anything that must come; generous, since machines may be slow


def end_by_signal(*_):
    sys.exit("told to end")


signal.signal(signal.SIGTERM, end_by_signal)  # whoever is too slow leaves its blocks too, and nothing outlives them


def await_true(condition, what, seconds=PATIENCE_S):
    """The first true result of condition()."""
    limit = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < limit, f"waited {seconds} s in vain: {what}"
        time.sleep(0.02)


def free_port():
    """One that nobody has, below those that the system gives to clients and to whoever asks for any: they cannot take it meanwhile."""
    start = random.randrange(21000, 31000)
    for port in range(start, 32700):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise AssertionError("no port is free")


def engine(*options, startup="300ms", **process):
    """A target that starts an emulated engine."""
    command = [SLUICE, "engine", "--port", "{port}", "--startup", startup, *options]
    return {"process": {"command": command, "ready": {"interval": "20ms"}, **process}}


def quick(target=4):
    """Scaling that follows the load within seconds, both ways."""
    return {"policy": "ratio", "metrics": [{"type": "concurrency", "target": str(target), "averagingWindow": "1s"}],
            "behavior": {"scaleDown": {"stabilizationWindow": "1s"}}}


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Stream:
    """A streamed chat request, read as it comes."""

    def __init__(self, port, model, tokens, request_id="stream", prompt="hello"):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        body = {"model": model, "stream": True, "max_tokens": tokens, "messages": [{"role": "user", "content": prompt}]}
        self.connection.request("POST", "/v1/chat/completions", json.dumps(body),
                                {"content-type": "application/json", "x-request-id": request_id})
        self.answer = self.connection.getresponse()

    def event(self):
        """The next event's data; None at the end. Comments are passed over."""
        while True:
            line = self.answer.readline()
            if not line:
                return None
            if line.startswith(b"data: "):
                return line[6:].strip().decode()

    def rest(self):
        """Events up to the end, and how it ended: "done", "closed", "cut"."""
        events = []
        try:
            while (data := self.event()) is not None:
                if data == "[DONE]":
                    return events, "done"
                events.append(data)
            return events, "closed"
        except (ConnectionError, http.client.HTTPException, socket.timeout):
            return events, "cut"

    def close(self):
        self.connection.close()


class House:
    """Starts nothing by itself: write() a configuration, then start()."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-e2e-"))
        self.file = self.folder / "sluice.yaml"
        self.state = self.folder / "sluice.db"
        self.log_file = self.folder / "sluice.log"
        self.process = None
        self.written = None  # readings before the file was written last, and not yet read again
        self.port = self.admin = None

    # ---- configuration ----

    def write(self, pools, **general):
        """The file is replaced in one piece, as editors and configuration management do."""
        listen = {"gateway": "127.0.0.1:0", "admin": "", **general.pop("listen", {})}
        if SANITIZED:  # the search for leaks at the end is one of the things that a sandbox takes away
            general.setdefault("sandbox", "off")
        text = json.dumps({"listen": listen, "state": str(self.state), **general, "pools": pools}, indent=1)
        self.write_text(text)

    def write_text(self, text, path=None):
        self.written = self.readings()
        part = self.folder / "part"
        part.write_text(text, encoding="utf-8")
        part.rename(path or self.file)

    # ---- life ----

    def start(self, *options, command=None, preexec=None):
        out = open(self.folder / "out", "w+", encoding="utf-8")
        with open(self.folder / "err", "a", encoding="utf-8") as err:
            self.process = subprocess.Popen([SLUICE, "run", "--log-file", self.log_file, *options, *(command or [self.file])],
                                            stdout=out, stderr=err, preexec_fn=preexec)
        self.port = self.admin = None
        self.written = None

        def listening():
            out.seek(0)
            for line in out:
                if line.startswith("gateway on http") and line.endswith("\n"):
                    self.port = int(line.rpartition(":")[2])
                if line.startswith("API on http") and line.endswith("\n"):
                    self.admin = int(line.rpartition(":")[2])
            assert self.port or self.process.poll() is None, self.errors()
            return self.port

        await_true(listening, "sluice listens")
        out.close()
        return self

    def errors(self):
        err = self.folder / "err"
        return err.read_text(encoding="utf-8") if err.exists() else ""

    def stop(self, signal_number=signal.SIGTERM):
        """Its exit code."""
        self.process.send_signal(signal_number)
        return self.process.wait(PATIENCE_S)

    def readings(self):
        """How often the file was read to an end."""
        return sum("file" in row for row in self.log("config-loaded") + self.log("config-refused"))

    def reload(self):
        """After what was written last has been read: by SIGHUP, or by the watch on the file where that was faster."""
        seen = self.written if self.written is not None else self.readings()
        self.process.send_signal(signal.SIGHUP)
        await_true(lambda: self.readings() > seen, "the file is read again")
        self.written = None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        while engines := self.engines():  # one that was just being made has no mark yet
            for pid, *_ in engines:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        if kind:
            print(f"--- log of sluice\n{self.log_text()[-8000:]}\n--- its errors\n{self.errors()}")
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- what can be seen ----

    def log_text(self):
        """Whole lines only: the last one may be on its way."""
        text = self.log_file.read_text(encoding="utf-8") if self.log_file.exists() else ""
        return text[:text.rfind("\n") + 1]

    def log(self, event=None, **fields):
        """Lines of the log as dicts, those of an event with these fields."""
        found = []
        for line in self.log_text().splitlines():
            if event is not None and f" {event}" not in line or not all(f"{k}=" in line for k in fields):
                continue  # taking lines apart is slow
            parts = shlex.split(line, posix=True) if "'" not in line else line.replace('"', "").split(" ")
            row = {"at": parts[0], "level": parts[1], "event": parts[2], "line": line}
            row.update(part.split("=", 1) for part in parts[3:] if "=" in part)
            if (event is None or row["event"] == event) and all(row.get(k) == str(v) for k, v in fields.items()):
                found.append(row)
        return found

    @staticmethod
    def clock(row):
        """Unix time of a line, in seconds."""
        return datetime.datetime.fromisoformat(row["at"].replace("Z", "+00:00")).timestamp()

    def await_log(self, event, count=1, seconds=PATIENCE_S, **fields):
        await_true(lambda: len(self.log(event, **fields)) >= count, f"{count} x {event} {fields} in the log", seconds)
        return self.log(event, **fields)

    def engines(self):
        """(pid, pool, replica) of every engine that carries the mark of this house."""
        try:
            name = pathlib.Path(str(self.state) + ".lock").read_text(encoding="ascii")
        except OSError:
            return []
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                marks = dict(part.split("=", 1) for part in (entry / "environ").read_bytes().decode("utf-8", "replace")
                             .split("\0") if part.startswith("SLUICE_") and "=" in part)
            except OSError:
                continue
            if name and marks.get("SLUICE_INSTALLATION") == name and is_alive(entry.name):
                found.append((int(entry.name), marks["SLUICE_POOL"], int(marks["SLUICE_REPLICA"])))
        return sorted(found, key=lambda row: row[2])

    def ready(self, pool, count):
        """Waits until the log says so often that a replica of the pool became ready."""
        return self.await_log("replica-changed", count, what="replica-ready", pool=pool)

    def query(self, text, *values):
        """Rows of the state file; [] while it is not there yet."""
        try:
            with sqlite3.connect(f"file:{self.state}?mode=ro", uri=True, timeout=PATIENCE_S) as base:
                rows = base.execute(text, values).fetchall()
            base.close()
            return rows
        except sqlite3.OperationalError:
            return []

    def signals(self, name="sluice_signal_value"):
        """{(pool, signal): value} of our own metrics page."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=PATIENCE_S)
        try:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        finally:
            connection.close()
        found = {}
        for line in text.splitlines():
            if line.startswith(name + "{"):
                labels, value = line[len(name) + 1:].rsplit("} ", 1)
                parts = dict(part.split("=", 1) for part in labels.split(","))
                found[parts["pool"].strip('"'), parts.get("signal", parts.get("source")).strip('"')] = float(value)
        return found

    def operate(self, *words):
        """Output of an operator's command; it must succeed."""
        result = subprocess.run([SLUICE, *words[:1], "--admin", f"127.0.0.1:{self.admin}", *words[1:]], capture_output=True,
                                text=True, timeout=PATIENCE_S, check=False)
        assert result.returncode == 0, (words, result)
        return result.stdout

    # ---- requests ----

    def load(self, *options):
        """Exit code and report of `sluice load`."""
        return self.load_end(self.load_begin(*options))

    def load_begin(self, *options):
        return subprocess.Popen([SLUICE, "load", "--json", *options, f"http://127.0.0.1:{self.port}"],
                                stdout=subprocess.PIPE, text=True)

    def load_end(self, process, seconds=150):
        text, _ = process.communicate(timeout=seconds)
        return process.returncode, json.loads(text)

    def stream(self, model, tokens, request_id="stream"):
        return Stream(self.port, model, tokens, request_id)

    def ask(self, model, tokens=4):
        """Status and answer of one request that is not streamed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            body = {"model": model, "max_tokens": tokens, "messages": [{"role": "user", "content": "hello"}]}
            connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


class Api:
    """The API of one house."""

    def __init__(self, house, token=None):
        self.port, self.token = house.admin, token

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8")
        connection.close()
        return answer.status, text

    def get(self, path, status=200):
        found, text = self.ask("GET", path)
        assert found == status, (path, found, text)
        return json.loads(text)

    def post(self, path, body=None, status=200):
        found, text = self.ask("POST", path, body)
        assert found == status, (path, found, text)
        return json.loads(text)


def run_tests(*tests):
    """Those named on the command line, or all."""
    wanted = [name for name in sys.argv[1:] if any(name == test.__name__ for test in tests)]
    for test in tests:
        if wanted and test.__name__ not in wanted:
            continue
        begin = time.monotonic()
        test()
        print(f"ok {test.__name__} ({time.monotonic() - begin:.1f} s)", flush=True)

"""Steps of a check: run side by side, one a core, with their output kept until one fails. Used by tools/check and
tools/check-long.

Niced steps (builds, static checks) leave their pace to tests beside them. A step is skipped when it says so itself (exit 77)
or when what it needs has failed."""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

root = pathlib.Path(__file__).resolve().parent.parent


class Step:
    def __init__(self, name, command, needs=(), nice=False, environment=(), limit_s=900):
        self.name, self.command, self.needs, self.nice, self.environment = name, command, needs, nice, dict(environment)
        self.limit_s = limit_s
        self.state = "waiting"  # running, ok, FAIL, skip
        self.process = self.log = self.started = None

    def start(self):
        self.state, self.started = "running", time.monotonic()
        self.log = tempfile.TemporaryFile("w+", errors="replace")
        command = ["nice", *self.command] if self.nice else self.command
        self.process = subprocess.Popen(command, cwd=root, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
                                        env=os.environ | self.environment, start_new_session=True)

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def poll(self):
        """True when the step has ended."""
        status = self.process.poll()
        late = time.monotonic() - self.started > self.limit_s
        if status is None and not late:
            return False
        if late:
            self.kill()
            self.process.wait()
            self.log.write(f"\nstopped after {self.limit_s} s\n")
        self.log.seek(0)
        text = self.log.read().rstrip()
        self.state = "ok" if status == 0 else "skip" if status == 77 else "FAIL"
        report(self, time.monotonic() - self.started, text.splitlines()[-1] if text else "")
        if self.state == "FAIL":
            print("\n".join("      " + line for line in text.splitlines()[-80:]), flush=True)
        return True


def report(step, seconds, words):
    words = "" if step.state == "FAIL" else words[:90]
    print(f"{step.state:5} {step.name:24} {seconds:4.0f} s  {words}".rstrip(), flush=True)


def chosen(steps, names):
    by_name = {step.name: step for step in steps}
    wanted, left = set(), list(names)
    while left:
        name = left.pop()
        if name not in by_name:
            sys.exit(f"there is no step {name}; there are: {', '.join(by_name)}")
        if name not in wanted:
            wanted.add(name)
            left.extend(by_name[name].needs)
    return [step for step in steps if step.name in wanted] if names else steps


def run(steps):
    by_name = {step.name: step for step in steps}
    slots = max(2, os.cpu_count())
    running = []
    while True:
        for step in steps:
            if step.state != "waiting":
                continue
            needed = [by_name[name].state for name in step.needs]
            if any(state in ("FAIL", "skip") for state in needed):
                step.state = "skip"
                report(step, 0, "needs " + ", ".join(step.needs))
            elif len(running) < slots and all(state == "ok" for state in needed):
                step.start()
                running.append(step)
        if not running:
            return
        time.sleep(0.05)
        running = [step for step in running if not step.poll()]


def main(steps, names):
    """Runs the steps (those named and what they need, or all); the last line is 'N passed, N failed, N skipped'."""
    steps = chosen(steps, names)
    started = time.monotonic()
    try:
        run(steps)
    finally:
        for step in steps:
            if step.state == "running":
                step.kill()
    failed = [step.name for step in steps if step.state == "FAIL"]
    count = {state: sum(step.state == state for step in steps) for state in ("ok", "FAIL", "skip")}
    print(f"{time.monotonic() - started:.0f} s" + (", failed: " + " ".join(failed) if failed else ""))
    print(f"{count['ok']} passed, {count['FAIL']} failed, {count['skip']} skipped")
    return 1 if failed else 0

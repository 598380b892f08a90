"""For tests of sources: something that is measured, a real Prometheus, and a pool that follows what one of them says."""
import http.client
import http.server
import json
import signal
import subprocess
import threading

from house import PATIENCE_S, await_true, engine, free_port


class Exporter:
    """A page of metrics with one gauge."""

    def __init__(self):
        self.value = 0
        exporter = self

        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if exporter.value is None:
                    self.send_error(503)
                    return
                body = f"# TYPE backlog_messages gauge\nbacklog_messages {exporter.value}\n".encode()
                self.send_response(200)
                self.send_header("content-type", "text/plain; version=0.0.4")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Prometheus:
    """The real one, in a folder of the house."""

    def __init__(self, house, exporter):
        self.folder = house.folder / "prometheus"
        self.folder.mkdir()
        self.port = free_port()
        self.process = None
        (self.folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\nscrape_configs:\n- job_name: test\n"
            f"  static_configs: [{{targets: ['127.0.0.1:{exporter.port}']}}]\n", encoding="utf-8")
        self.start()

    def start(self):
        with open(self.folder / "log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}"], stdout=log, stderr=log)
        await_true(self.is_up, "Prometheus answers")

    def is_up(self):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
            connection.request("GET", "/-/ready")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()


def follow(source, metric, window="1s"):
    """A pool that follows one metric within seconds."""
    return {"chat": {"target": engine(startup="10ms"), "minReplicas": 1, "maxReplicas": 6,
                     "autoscaling": {"policy": "ratio", "metrics": [{"type": metric, "target": "10", "averagingWindow": window}],
                                     "behavior": {"scaleDown": {"stabilizationWindow": "1s"}}},
                     "sources": [{"name": "backlog", "signal": metric, **source}]}}


def call(house, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", house.admin, timeout=PATIENCE_S)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def desired(house):
    return call(house, "GET", "/api/v1/pools/chat")[1]["replicas"]["desired"]


def down(house):
    """The words of the condition SourceDown; None: it does not hold."""
    return next((c["text"] for c in call(house, "GET", "/api/v1/conditions")[1]["conditions"] if c["name"] == "SourceDown"), None)


def lag(house):
    """The signal as decisions read it."""
    return next(i for i in call(house, "GET", "/api/v1/pools/chat/why")[1]["inputs"] if i["signal"] == "queue-lag")


def ticks_go_by(house, rounds, look=lambda view: None):
    """So many ticks; `look` sees the view of the pool meanwhile."""
    ticks = set()

    def seen():
        view = call(house, "GET", "/api/v1/pools/chat")[1]
        look(view)
        ticks.add(view["tick"])
        return len(ticks) > rounds

    await_true(seen, "ticks go by")


def holds(house, count, rounds=1):
    """The count stays over so many ticks."""

    def look(view):
        assert view["replicas"]["desired"] == count, view["sentence"]

    ticks_go_by(house, rounds, look)

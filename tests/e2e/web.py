"""A small server of a test, over TLS where it has a certificate."""
import http.server
import json
import ssl
import threading


class Web:
    """A server, with TLS where there is a certificate: GET gives {"backlog": value}, POST is kept."""

    def __init__(self, folder=None, name="one", host="127.0.0.1"):
        self.value, self.status, self.got = 35, 200, []
        web = self

        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(200, json.dumps({"backlog": web.value}).encode())

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                web.got.append((dict(self.headers.items()), body, web.status))
                self.answer(web.status, b"")

            def answer(self, status, body):
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass  # a client that does not trust us goes away

        self.server = Server((host, 0), Page)
        if folder:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

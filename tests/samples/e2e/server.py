"""An app and a mail catcher in one: keeps each POST and answers all of them to GET, once it has been told to be well."""

import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAILS: list[str] = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write("\n".join(MAILS).encode())

    def do_POST(self) -> None:
        MAILS.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.do_GET()

    def log_message(self, *_: object) -> None:
        print(f"{os.environ.get('NAME', 'app')} was asked", flush=True)


if os.environ.get("BROKEN"):
    raise SystemExit("no such luck")
time.sleep(float(os.environ.get("SLEEP", "0")))
ThreadingHTTPServer(("", int(os.environ.get("PORT", "8000"))), Handler).serve_forever()

#!/usr/bin/env python3
"""A hub of one model on 127.0.0.1 that misbehaves on order.

  hub.py FOLDER PLAN.json LOG.jsonl

Serves FOLDER as the model acme/tiny, its *.safetensors as LFS files. Prints its port, then serves until its
stdin closes. PLAN.json maps a path inside the model, or "list" for the file list, to a list of behaviours, one for each
request in turn; when they are used up (or none is given) the answer is right. Each request is logged as a line
{"path", "range", "if_range", "authorization", "encoding"}.

Behaviours: a number (that status, with "Retry-After: 0"), "cut:N" (the full length promised, N bytes sent, the
connection closed), "no-range" (200 and everything, whatever was asked), "wrong-range" (206 of another part),
"corrupt" (a flipped byte), "longer" (more bytes than listed, chunked), "body:TEXT", "redirect:URL", "stall" (nothing
for a long time), "new-etag" (the file has another ETag from here on, and If-Range no longer matches).
"""
import hashlib
import http.server
import json
import pathlib
import socketserver
import sys
import threading
import time

folder, plan_path, log_path = map(pathlib.Path, sys.argv[1:4])
plan = json.loads(plan_path.read_text())
lock = threading.Lock()
etag_suffix = {}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def listing():
    siblings = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        entry = {"rfilename": path.relative_to(folder).as_posix(), "size": len(data)}
        if path.suffix == ".safetensors":
            entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
            entry["blobId"] = "0" * 40
        else:
            entry["blobId"] = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        siblings.append(entry)
    return json.dumps({"id": "acme/tiny", "sha": COMMIT, "siblings": siblings}).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = self.path.split("?")[0]
        with lock, log_path.open("a") as log:
            get = self.headers.get
            log.write(json.dumps({
                "path": path, "range": get("Range"), "if_range": get("If-Range"),
                "authorization": get("Authorization"), "encoding": get("Accept-Encoding")}) + "\n")
        if path.startswith("/api/models/acme/tiny/revision/"):
            key, data = "list", listing()
        elif path.startswith(f"/acme/tiny/resolve/{COMMIT}/"):
            key = path.split(f"/{COMMIT}/", 1)[1]
            file = folder / key
            data = file.read_bytes() if file.is_file() else None
        elif path.startswith("/storage/"):
            key = path[1:]
            data = (folder / path[len("/storage/"):]).read_bytes()
        else:
            key, data = "?", None
        with lock:
            turns = plan.get(key, [])
            turn = turns.pop(0) if turns else None
        if turn == "new-etag":
            etag_suffix[key] = "-new"
        if data is None:
            turn = 404
        self.answer(key, data, turn)

    def answer(self, key, data, turn):
        if isinstance(turn, int):
            return self.send(turn, b"no", {"Retry-After": "0", "X-Error-Message": "on order"})
        kind, _, value = (turn or "").partition(":")
        if kind == "redirect":
            return self.send(302, b"elsewhere", {"Location": value})
        if kind == "body":
            return self.send(200, value.encode(), {})
        if kind == "stall":
            time.sleep(30)
            return
        if kind == "corrupt":
            data = bytes([data[0] ^ 1]) + data[1:]
        if kind == "longer":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in (data, b"and more"):
                self.wfile.write(b"%x\r\n" % len(piece) + piece + b"\r\n")
            self.wfile.write(b"0\r\n\r\n")
            return
        etag = '"%s%s"' % (hashlib.md5(data).hexdigest(), etag_suffix.get(key, ""))
        start, status, headers = 0, 200, {"ETag": etag}
        wanted = self.headers.get("Range")
        if wanted and kind != "no-range" and self.headers.get("If-Range", etag) == etag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if kind == "wrong-range":
                start -= 1
            if start >= len(data):
                return self.send(416, b"", {"Content-Range": f"bytes */{len(data)}"})
            status = 206
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        body = data[start:]
        if kind == "cut":
            self.send_response(status)
            for item in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(*item)
            self.end_headers()
            self.wfile.write(body[:int(value)])
            self.wfile.flush()
            self.close_connection = True
            return
        self.send(status, body, headers)

    def send(self, status, body, headers):
        self.send_response(status)
        for item in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(*item)
        self.end_headers()
        try:
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    block_on_close = False


server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()

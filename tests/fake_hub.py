"""A Hugging Face hub on this machine: the few endpoints that downloading takes, over folders."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


def commit_of(number: int) -> str:
    """Return the hash of the commit of this number."""
    return hashlib.sha1(str(number).encode()).hexdigest()


class FakeHub(ThreadingHTTPServer):
    """Serve `repos`: by name the folder of each revision; branches and tags are given as "main": commit.

    Attributes:
        repos: by "owner/name" what each commit's hash holds.
        refs: by "owner/name" the commit of each branch and tag.
        private: by "owner/name" the token that shows it; gated: the token that lets it be downloaded.
        refuses: a status with which everything is answered, if not 0.
        stalls: the end of a path whose second half is never sent, until `stalls` is emptied.
        seen: every request, as "METHOD path".
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repos: dict[str, dict[str, Path]] = {}
        self.refs: dict[str, dict[str, str]] = {}
        self.private: dict[str, str] = {}
        self.gated: dict[str, str] = {}
        self.refuses = 0
        self.stalls = ""
        self.stalled = threading.Event()
        self.seen: list[str] = []

    @property
    def url(self) -> str:
        """Return what HF_ENDPOINT is to be set to."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, name: str, folder: Path, *, number: int = 1, refs: tuple[str, ...] = ("main",)) -> str:
        """Make a folder a commit of a model, with branches and tags that point to it, and return its hash."""
        commit = commit_of(number)
        self.repos.setdefault(name, {})[commit] = folder
        self.refs.setdefault(name, {}).update(dict.fromkeys(refs, commit))
        return commit

    def environment(self, home: Path) -> dict[str, str]:
        """Return the environment of a process that knows this hub, keeps files in ``home``, and runs this checkout."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "SENTENCE_TRANS"))}
        names = {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0"}
        return kept | names | {"PYTHONPATH": str(Path(__file__).parent.parent)}

    def asked_for(self, end: str) -> int:
        """Return how many requests had a path of this end."""
        return sum(path.endswith(end) for path in self.seen)


@contextmanager
def serving() -> Iterator[FakeHub]:
    """Yield a hub that answers until the block ends."""
    hub = FakeHub()
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: FakeHub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def _answer(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.seen.append(f"{self.command} {path}")
        if self.server.refuses:
            return self._fail(self.server.refuses, "", "")
        parts = path.strip("/").split("/")
        is_api = parts[:2] == ["api", "models"]
        owner, repo, kind, *rest = [*parts[2 if is_api else 0 :], "", "", ""]
        name, rest = f"{owner}/{repo}", [part for part in rest if part]
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if name not in self.server.repos or self.server.private.get(name, token) != token:
            return self._fail(401 if not token else 404, "RepoNotFound", "Repository not found")
        refs, commits = self.server.refs[name], self.server.repos[name]
        revision = rest[0] if rest else "main"
        commit = refs.get(revision, revision)
        if commit not in commits:
            return self._fail(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        folder = commits[commit]
        if is_api and kind == "tree":
            files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
            return self._send_json([
                {"type": "file", "path": file.relative_to(folder).as_posix(), "size": file.stat().st_size,
                 "oid": _etag(file)} for file in files
            ], body=body)  # fmt: skip
        if is_api:
            return self._send_json({"id": name, "modelId": name, "sha": commit, "siblings": []}, body=body)
        if self.server.gated.get(name, token) != token:
            return self._fail(403 if token else 401, "GatedRepo", f"Access to model {name} is restricted")
        return self._send_file(folder, "/".join(rest[1:]), commit, body=body)

    def _send_file(self, folder: Path, path: str, commit: str, *, body: bool) -> None:
        file = folder / path
        if not file.is_file():
            return self._fail(404, "EntryNotFound", "Entry not found", commit)
        content = file.read_bytes()
        self.send_response(200)
        self.send_header("X-Repo-Commit", commit)
        self.send_header("ETag", f'"{_etag(file)}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if not body:
            return
        if self.server.stalls and path.endswith(self.server.stalls):
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            self.server.stalled.set()
            while self.server.stalls:
                threading.Event().wait(0.02)
            self.close_connection = True
            return
        self.wfile.write(content)

    def _send_json(self, content: object, *, body: bool) -> None:
        data = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)

    def _fail(self, status: int, code: str, message: str, commit: str = "") -> None:
        self.send_response(status)
        for header, value in (("X-Error-Code", code), ("X-Error-Message", message), ("X-Repo-Commit", commit)):
            if value:
                self.send_header(header, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _etag(file: Path) -> str:
    return hashlib.sha1(file.read_bytes()).hexdigest()

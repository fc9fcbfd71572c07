"""Downloads against a server on this machine: whole, resumed, truncated, wrong, refused."""

import hashlib
import http.server
import os
import re
import threading

import pytest

from darkpy import cfg
from darkpy.build import build
from darkpy.errors import UsageError
from darkpy.tasks import download as task
from darkpy.tasks.download import DownloadError, Wanted, download, wanted
from darkpy.tasks.models import KNOWN
from tests.shared import ROOT

BODY = bytes(range(256)) * 4000
SHA = hashlib.sha256(BODY).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """/FILE with flags in the query: norange, cut=N (the first answer ends after N bytes), chunked, html."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        server = self.server
        server.requests.append(dict(self.headers))
        if self.path.startswith("/missing"):
            return self.send_error(404, "Not Found")
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/file?")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        span = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        tag = self.headers.get("If-Range")
        start = int(span[1]) if span and "norange" not in self.path and tag in (None, server.tag) else 0
        if span and start >= len(BODY):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(BODY)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", "text/html" if "html" in self.path else "application/octet-stream")
        if server.tag:
            self.send_header("ETag", server.tag)
        if start:
            shift = 7 if "shift" in self.path else 0
            self.send_header("Content-Range", f"bytes {start + shift}-{len(BODY) - 1}/{len(BODY)}")
        cut = re.search(r"cut=(\d+)", self.path)
        body = BODY[start:]
        if "chunked" in self.path:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for at in range(0, len(body), 50_000):
                piece = body[at : at + 50_000]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                if cut:
                    self.close_connection = True
                    return None
            self.wfile.write(b"0\r\n\r\n")
            return None
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if cut and (server.always_cut or len(server.requests) == 1):
            body = body[: int(cut[1])]
            self.close_connection = True
        self.wfile.write(body)
        return None

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, address):
        """A client that hangs up is what some tests are about."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(task, "PAUSE", 0)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Server(("127.0.0.1", 0), Handler) as s:
        s.requests, s.tag, s.always_cut = [], '"v1"', False
        s.url = f"http://127.0.0.1:{s.server_port}"
        thread = threading.Thread(target=s.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield s
        s.shutdown()
        thread.join()


def get(server, folder, path, **kw):
    return download(Wanted([f"{server.url}{path}"], "m.weights", **kw), folder)


def left(folder):
    return sorted(p.name for p in folder.iterdir())


def test_whole_file(server, tmp_path):
    seen = []
    path = download(Wanted([server.url + "/file?"], "m.weights", (len(BODY),), SHA), tmp_path,
                    lambda done, total: seen.append((done, total)))
    assert path == tmp_path / "m.weights"
    assert path.read_bytes() == BODY
    assert left(tmp_path) == ["m.weights"]
    assert seen[0] == (0, len(BODY))
    assert seen[-1] == (len(BODY), len(BODY))
    assert server.requests[0]["User-Agent"].startswith("darkpy/")


def test_right_copy_is_not_fetched_again(server, tmp_path):
    for _ in range(2):
        get(server, tmp_path, "/file?", sizes=(len(BODY),), sha256=SHA)
    assert len(server.requests) == 1


def test_wrong_copy_is_replaced(server, tmp_path):
    (tmp_path / "m.weights").write_bytes(BODY[:-1] + b"x")
    get(server, tmp_path, "/file?", sizes=(len(BODY),), sha256=SHA)
    assert (tmp_path / "m.weights").read_bytes() == BODY


@pytest.mark.parametrize("path", ["/file?cut=300000", "/file?cut=300000,norange"])
def test_broken_connection_is_taken_up_again(server, tmp_path, path):
    assert get(server, tmp_path, path, sizes=(len(BODY),), sha256=SHA).read_bytes() == BODY
    assert server.requests[1]["Range"] == "bytes=300000-"
    assert server.requests[1]["If-Range"] == '"v1"'
    assert left(tmp_path) == ["m.weights"]


def test_later_run_resumes(server, tmp_path):
    (tmp_path / "m.weights.part").write_bytes(BODY[:400_000])
    (tmp_path / "m.weights.part.tag").write_text('"v1"')
    assert get(server, tmp_path, "/file?").read_bytes() == BODY
    assert server.requests[0]["Range"] == "bytes=400000-"
    assert left(tmp_path) == ["m.weights"]


def test_other_version_on_the_server_starts_anew(server, tmp_path):
    (tmp_path / "m.weights.part").write_bytes(b"old" * 1000)
    (tmp_path / "m.weights.part.tag").write_text('"v0"')
    assert get(server, tmp_path, "/file?").read_bytes() == BODY


def test_unknown_part_without_a_tag_is_not_trusted(server, tmp_path):
    (tmp_path / "m.weights.part").write_bytes(b"old" * 1000)
    assert get(server, tmp_path, "/file?").read_bytes() == BODY
    assert "Range" not in server.requests[0]


def test_part_that_is_already_complete(server, tmp_path):
    (tmp_path / "m.weights.part").write_bytes(BODY)
    assert get(server, tmp_path, "/file?", sha256=SHA).read_bytes() == BODY


def test_part_longer_than_the_file(server, tmp_path):
    (tmp_path / "m.weights.part").write_bytes(BODY + b"more")
    assert get(server, tmp_path, "/file?", sha256=SHA).read_bytes() == BODY


def test_server_that_answers_another_range(server, tmp_path):
    (tmp_path / "m.weights.part").write_bytes(BODY[:1000])
    assert get(server, tmp_path, "/file?shift", sha256=SHA).read_bytes() == BODY


def test_always_cut_keeps_the_part(server, tmp_path):
    server.always_cut = True
    with pytest.raises(DownloadError, match=r"the connection broke after 40,000 of 1,024,000 bytes: the same command"):
        get(server, tmp_path, "/file?cut=10000", sha256=SHA)
    assert len(server.requests) == task.TRIES
    assert (tmp_path / "m.weights.part").read_bytes() == BODY[:40_000]
    assert not (tmp_path / "m.weights").exists()


def test_chunked_without_length(server, tmp_path):
    assert get(server, tmp_path, "/file?chunked").read_bytes() == BODY


def test_chunked_and_cut(server, tmp_path):
    with pytest.raises(DownloadError, match="broke after 50,000"):
        get(server, tmp_path, "/file?chunked,norange,cut=1")


def test_redirect(server, tmp_path):
    assert get(server, tmp_path, "/moved").read_bytes() == BODY


def test_second_site_serves_where_the_first_does_not(server, tmp_path):
    want = Wanted([server.url + "/missing", server.url + "/file?"], "m.weights", (len(BODY),), SHA)
    assert download(want, tmp_path).read_bytes() == BODY


REFUSED = [
    ("/missing", {}, r"/missing: the server answers 404 Not Found"),
    ("/file?html", {}, r"/file\?html: is a web page, not a file of weights"),
    ("/file?", {"sizes": (16, 20)}, r"/file\?: has 1,024,000 bytes, and the right file 16 or 20"),
    ("/file?chunked", {"sizes": (16,)}, r"has 1,024,000 bytes, and the right file 16: it was not kept"),
    ("/file?", {"sha256": "0" * 64}, rf"/file\?: has the SHA-256 {SHA}, and the right file 0+: it was not kept"),
]


@pytest.mark.parametrize(("path", "kw", "message"), REFUSED)
def test_refused(server, tmp_path, path, kw, message):
    with pytest.raises(DownloadError, match=message) as e:
        get(server, tmp_path, path, **kw)
    assert "\n" not in str(e.value)
    assert left(tmp_path) == []


def test_no_connection(server, tmp_path):
    server.shutdown()
    server.server_close()
    with pytest.raises(DownloadError, match=r"no connection: .*refused"):
        get(server, tmp_path, "/file?")
    assert left(tmp_path) == []


def test_silent_server_times_out(monkeypatch, tmp_path):
    import socket

    monkeypatch.setattr(task, "TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as s:
        url = f"http://127.0.0.1:{s.getsockname()[1]}/file"
        with pytest.raises(DownloadError, match="timed out"):
            download(Wanted([url], "m.weights"), tmp_path)


def test_disk_too_small(server, tmp_path, monkeypatch):
    monkeypatch.setattr(task.shutil, "disk_usage", lambda folder: Usage)
    with pytest.raises(DownloadError, match=r"1 MB are needed and 0 MB are free: make room"):
        get(server, tmp_path, "/file?")
    assert left(tmp_path) == []


class Usage:
    free = 1000


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_full_disk_is_one_line(server, tmp_path):
    (tmp_path / "m.weights.part").symlink_to("/dev/full")
    with pytest.raises(DownloadError, match=r"m.weights: cannot be written: no space left on device"):
        get(server, tmp_path, "/file?")


def test_folder_that_is_a_file(server, tmp_path):
    (tmp_path / "f").write_text("")
    with pytest.raises(DownloadError, match="cannot be written"):
        get(server, tmp_path / "f" / "m.weights", "/file?")


def test_two_at_once(server, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    with open(tmp_path / "m.weights.part", "ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(DownloadError, match="another process is downloading this file"):
            get(server, tmp_path, "/file?")


def test_default_place_is_the_cache(server, tmp_path, monkeypatch):
    monkeypatch.setenv("DARKPY_CACHE", str(tmp_path))
    assert get(server, None, "/file?") == tmp_path / "models" / "m.weights"


def test_what_is_wanted():
    w = wanted("yolov3")
    assert w.name == "yolov3.weights"
    assert 248007048 in w.sizes
    assert w.urls[0].startswith("https://")
    assert wanted("yolov3.weights") == w
    assert wanted(None, "https://x.org/a%20b/net.weights?q#f").name == "net.weights"
    for url in ("file:///etc/passwd", "ftp://x/y", "https:///y", "https://x.org/", "https://x.org/a/%2e%2e", "x"):
        with pytest.raises(UsageError):
            wanted(None, url)
    with pytest.raises(UsageError, match="did you mean yolov3-tiny"):
        wanted("yolo3-tiny")
    with pytest.raises(UsageError, match="64 digits"):
        wanted(None, "https://x.org/y", "abc")


@pytest.mark.parametrize("name", KNOWN)
def test_sizes_follow_from_the_cfg(name):
    """The table's numbers are what the stock cfg needs."""
    m = KNOWN[name]
    graph = build(cfg.read(ROOT / "cfg" / m.cfg))
    assert sum(layer.n_params for layer in graph.layers[: m.layers]) == m.numbers
    assert not m.sha256 or re.fullmatch("[0-9a-f]{64}", m.sha256)


def test_sizes_of_files_seen_in_the_wild():
    sizes = {"yolov3": 248007048, "yolov3-tiny": 35434956, "yolov2": 203934260, "yolov1": 789312988,
             "darknet53.conv.74": 162482580, "darknet19_448.conv.23": 79327120, "yolov2-tiny-voc": 63471556}
    for name, size in sizes.items():
        assert size in KNOWN[name].sizes

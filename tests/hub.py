"""A small Hugging Face hub on 127.0.0.1, for tests of everything that downloads.

    push(root, "me/tiny-bert", folder)                       # a model, as its branch main
    push(root, "nyu-mll/glue", folder, kind="datasets")      # a dataset
    with serving(root) as endpoint, connected(endpoint, tmp_path / "cache"):
        AutoModel.from_pretrained("me/tiny-bert", revision="main")

It answers what `huggingface_hub` and `transformers` ask of the hub to resolve, list and download:
repository information, file trees, and files with their ETag and commit, over HEAD and GET.

Source: https://huggingface.co/docs/hub/api and the requests of `huggingface_hub` itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock
from urllib.parse import unquote, urlsplit

KINDS = ("models", "datasets")


def push(
    root: Path, repo: str, folder: Path, *, kind: str = "models", revision: str = "main"
) -> str:
    """Commits a copy of a folder to a repository and moves a branch or tag to it.

    Earlier commits stay, as on the real hub. Returns the 40-digit commit, which is made from the
    names and contents of the files and is therefore the same each time.
    """
    files = _files(folder)
    digest = hashlib.sha1(usedforsecurity=False)
    for name, path in files.items():
        digest.update(json.dumps([name, _etag(path)]).encode())
    commit = digest.hexdigest()
    store = root / kind / repo
    shutil.copytree(folder, store / "commits" / commit, dirs_exist_ok=True)
    reference = store / "refs" / revision
    reference.parent.mkdir(parents=True, exist_ok=True)
    reference.write_text(commit)
    return commit


@contextlib.contextmanager
def serving(root: Path) -> Iterator[str]:
    """Serves the repositories below `root` while it is open; gives the endpoint's address."""
    handler = type("Handler", (_Handler,), {"root": root})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def connected(endpoint: str, cache: Path) -> Iterator[None]:
    """Points this process's `huggingface_hub` and `transformers` at an endpoint and a cache.

    Both read HF_ENDPOINT and HF_HOME when they are imported, which is too late to change in a
    running test, and keep clients that remember the endpoint: all of that is swapped here and
    put back on leaving. A subprocess needs only these two variables.
    """
    import transformers.utils.hub
    from huggingface_hub import constants, hf_api

    with contextlib.ExitStack() as stack:
        for owner, name, value in (
            (constants, "ENDPOINT", endpoint),
            (
                constants,
                "HUGGINGFACE_CO_URL_TEMPLATE",
                endpoint + "/{repo_id}/resolve/{revision}/{filename}",
            ),
            (constants, "HF_HUB_CACHE", str(cache)),
            (constants, "HF_HUB_OFFLINE", False),
            (hf_api.api, "endpoint", endpoint),
        ):
            stack.enter_context(mock.patch.object(owner, name, value))
        # Newer releases of transformers keep one client, made on first use.
        stack.enter_context(mock.patch.object(transformers.utils.hub, "_hf_api", None, create=True))
        yield


class _Repo(NamedTuple):
    name: str
    commit: str
    folder: Path


class _MissingError(Exception):
    """Answered with 404 and the code by which clients tell the causes apart."""

    def __init__(self, code: str, commit: str | None = None) -> None:
        super().__init__(code)
        self.code, self.commit = code, commit


class _Handler(BaseHTTPRequestHandler):
    root: Path
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Tests are silent."""

    def _answer(self, with_body: bool) -> None:
        path = unquote(urlsplit(self.path).path).strip("/")
        try:
            headers, body = (
                _api(self.root, path[4:]) if path[:4] == "api/" else _file(self.root, path)
            )
            status = 200
        except _MissingError as missing:
            headers, body, status = {"X-Error-Code": missing.code}, b"", 404
            if missing.commit:
                headers["X-Repo-Commit"] = missing.commit
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)


def _api(root: Path, path: str) -> tuple[dict[str, str], bytes]:
    """`models/me/tiny`, `models/me/tiny/revision/main`, `models/me/tiny/tree/main/sub/folder`."""
    kind, _, rest = path.partition("/")
    if "/tree/" in rest:
        name, _, place = rest.partition("/tree/")
        repo, folder = _repo(root, kind, name, place)
        answer: Any = _tree(repo, folder)
    else:
        name, _, revision = rest.partition("/revision/")
        repo, _ = _repo(root, kind, name, revision or "main")
        files = [{"rfilename": file} for file in _files(repo.folder)]
        answer = {"id": name, "sha": repo.commit, "private": False, "siblings": files, "tags": []}
    return {"Content-Type": "application/json"}, json.dumps(answer).encode()


def _file(root: Path, path: str) -> tuple[dict[str, str], bytes]:
    """`me/tiny/resolve/main/config.json`, or the same after `datasets/`."""
    kind = "datasets" if path.startswith("datasets/") else "models"
    name, found, place = path.removeprefix("datasets/").partition("/resolve/")
    if not found:
        raise _MissingError("RepoNotFound")
    repo, file = _repo(root, kind, name, place)
    full = repo.folder / file
    if not full.is_file():
        raise _MissingError("EntryNotFound", repo.commit)
    return {"ETag": f'"{_etag(full)}"', "X-Repo-Commit": repo.commit}, full.read_bytes()


def _repo(root: Path, kind: str, name: str, place: str) -> tuple[_Repo, str]:
    """The commit that a revision means, and what stands after the revision in the address.

    Names of branches may hold slashes (refs/pr/1), so the longest one that is known is taken.
    """
    store = root / kind / name
    if kind not in KINDS or not (store / "refs").is_dir():
        raise _MissingError("RepoNotFound")
    words = place.split("/")
    for count in range(len(words), 0, -1):
        revision, rest = "/".join(words[:count]), "/".join(words[count:])
        reference = store / "refs" / revision
        commit = reference.read_text() if reference.is_file() else revision
        folder = store / "commits" / commit
        if "/" not in commit and folder.is_dir():
            return _Repo(name, commit, folder), rest
    raise _MissingError("RevisionNotFound")


def _tree(repo: _Repo, folder: str) -> list[dict[str, Any]]:
    """Every file below a folder of a repository, whether the client asks to recurse or not."""
    files = {
        name: path
        for name, path in _files(repo.folder).items()
        if not folder or name.startswith(f"{folder}/")
    }
    if folder and not files:
        raise _MissingError("EntryNotFound", repo.commit)
    return [
        {"type": "file", "path": name, "size": path.stat().st_size, "oid": _etag(path)}
        for name, path in files.items()
    ]


def _files(folder: Path) -> dict[str, Path]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in paths}


def _etag(path: Path) -> str:
    return hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()

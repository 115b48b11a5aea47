"""Where a model comes from, and how soon its absence is known."""

import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from dressage import Context, ModelError
from dressage_toxicity import source
from dressage_toxicity.source import Source, locate, reachable


@pytest.fixture
def online(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def uncached(monkeypatch):
    monkeypatch.setattr(source, "_is_cached", lambda name, revision: False)


def test_folder_is_relative_to_the_yaml(tmp_path):
    (tmp_path / "models" / "mine").mkdir(parents=True)
    found = locate("models/mine", Context(folder=tmp_path))
    assert found == Source(str(tmp_path / "models" / "mine"), local=True)


@pytest.mark.parametrize("name", ["./missing", "/no/where", "a/b/c"])
def test_path_that_does_not_exist_is_never_looked_up(name, tmp_path, monkeypatch):
    monkeypatch.setattr(source, "reachable", lambda url: pytest.fail("asked the network"))
    with pytest.raises(ModelError, match=r"judge: no folder .*; give a model folder or a hub id"):
        locate(name, Context(name="judge", folder=tmp_path))


def test_hub_name_without_a_network_fails_within_three_seconds(online, uncached, monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "https://hub.invalid")
    start = time.monotonic()
    with pytest.raises(ModelError, match=r"judge: model 'owner/name' .* https://hub.invalid does not answer; give a"):
        locate("owner/name", Context(name="judge", folder=tmp_path))
    assert time.monotonic() - start < 3


def test_offline_mode_asks_no_network(uncached, monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(source, "reachable", lambda url: pytest.fail("asked the network"))
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set"):
        locate("owner/name", Context(folder=tmp_path))


def test_cached_model_is_used_without_a_network(online, monkeypatch, tmp_path):
    monkeypatch.setattr(source, "reachable", lambda url: False)
    monkeypatch.setattr(source, "_is_cached", lambda name, revision: True)
    assert locate("owner/name", Context(folder=tmp_path)) == Source("owner/name", local=True)


def test_reachable_hub_may_be_asked(online, monkeypatch, tmp_path):
    monkeypatch.setattr(source, "reachable", lambda url: True)
    assert locate("owner/name", Context(folder=tmp_path)) == Source("owner/name", local=False)


def test_server_that_answers_with_an_error_is_reachable():
    class NotFound(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_error(404)

        def log_message(self, *arguments):
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), NotFound)
    threading.Thread(target=server.handle_request, daemon=True).start()
    assert reachable(f"http://127.0.0.1:{server.server_port}/")
    server.server_close()


def test_closed_port_is_not_reachable():
    assert not reachable("http://127.0.0.1:1/")


def test_server_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(source, "urlopen", lambda *arguments, **options: time.sleep(10))
    monkeypatch.setattr(source, "PATIENCE", 0.1)
    start = time.monotonic()
    assert not reachable("http://slow.invalid/")
    assert time.monotonic() - start < 2

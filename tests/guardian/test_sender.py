"""One exchange, on every kind of line."""

import shutil
import socket
import ssl
import subprocess
import threading
from base64 import b64encode
from contextlib import contextmanager

import pytest
from guardian_kit import KEY, PATIENCE, Provider, create

from firecrawl_interact.guardian.sender import NotSentError, send
from firecrawl_interact.models import LineSettings, Request

PLAIN = LineSettings(trust_env=False)


class Proxy:
    """
    A proxy that passes everything to one provider, whatever name it is asked for.

    Attributes:
        asked: The head of each request that came to it.
    """

    def __init__(self, port):
        self.asked = []
        self._target = port
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                near, _ = self._socket.accept()
            except OSError:
                return
            with near, socket.create_connection(("127.0.0.1", self._target)) as far:
                head = b""
                while b"\r\n\r\n" not in head and (data := near.recv(65536)):
                    head += data
                if not head:
                    continue  # It was connected to, and asked nothing.
                self.asked.append(head.decode())
                if head.startswith(b"CONNECT"):
                    near.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                else:
                    far.sendall(head)
                back = threading.Thread(target=_pump, args=(far, near))
                back.start()
                _pump(near, far)
                back.join()

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


def _pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.fixture
def proxied(provider):
    """
    A proxy in front of the provider.
    """
    proxy = Proxy(provider.port)
    yield proxy
    proxy.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """
    A PEM file with a certificate for localhost and its key.
    """
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost,DNS:provider.test "
        "-addext keyUsage=critical,digitalSignature,keyCertSign -keyout key.pem -out cert.pem",
        shell=True,
        cwd=folder,
        check=True,
        capture_output=True,
    )
    both = folder / "both.pem"
    both.write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())
    return str(both)


@pytest.fixture
def secure(certificate):
    """
    A provider behind TLS that asks for a client certificate and takes none too.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_OPTIONAL
    # Shaken hands with in the connection's own thread, so that a client that refuses blocks nobody.
    provider = Provider(
        wrap=lambda sock: context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
    )
    yield provider
    provider.close()


def delete(url, session_id="s1"):
    return Request("DELETE", f"{url}/sessions/{session_id}?now=1", {"Authorization": f"Bearer {KEY}"})


@contextmanager
def raw_server(answer):
    """Answer one connection with these bytes, and close it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            peer, _ = server.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


def test_request_travels_whole(provider):
    """
    Method, path, query, headers and body arrive, and the answer comes back.
    """
    status, headers, body = send(create(provider.url, name="s9"), PLAIN, timeout=PATIENCE)

    assert 200 == status
    assert "22" == headers["content-length"]
    assert b'{"data": {"id": "s9"}}' == body
    assert f"Bearer {KEY}" == provider.headers[0]["authorization"]

    send(delete(provider.url), PLAIN, timeout=PATIENCE)

    assert "/sessions/s1?now=1" == provider.arrivals[1][2]


def test_redirect_is_not_followed(provider):
    """
    The key is sent nowhere but where it was meant for.
    """
    answer = f"HTTP/1.1 307 Go\r\nLocation: {provider.url}/x\r\nContent-Length: 0\r\n\r\n".encode()
    with raw_server(answer) as url:
        status, _, _ = send(delete(url), PLAIN, timeout=PATIENCE)

    assert 307 == status
    assert [] == provider.arrivals


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
    ],
)
def test_broken_answer_may_have_arrived(answer):
    """
    An answer that is cut off or none at all is an error of the line, after the request was sent.
    """
    with raw_server(answer) as url, pytest.raises(OSError) as caught:
        send(delete(url), PLAIN, timeout=PATIENCE)

    assert not isinstance(caught.value, NotSentError)
    assert KEY not in str(caught.value)


def test_endless_answer_is_given_up(monkeypatch):
    """
    A body longer than any provider's is not read to its end.
    """
    monkeypatch.setattr("firecrawl_interact.guardian.sender.BODY_MAX", 10)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n0123456789a"
    with raw_server(answer) as url, pytest.raises(OSError, match="too long"):
        send(delete(url), PLAIN, timeout=PATIENCE)


def test_silent_provider_is_a_timeout(provider):
    """
    No answer in time is a TimeoutError.
    """
    provider.hold_creates.clear()

    with pytest.raises(TimeoutError):
        send(create(provider.url, name="s1"), PLAIN, timeout=0.05)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "ftp://provider/x", "http:///x", "http://h:port/x"])
def test_request_that_cannot_leave_says_so(url):
    """
    Where there is nobody, or no address, surely nothing was sent.
    """
    with pytest.raises(NotSentError):
        send(Request("DELETE", url), PLAIN, timeout=PATIENCE)


def test_plain_request_goes_through_the_proxy(provider, proxied):
    """
    The proxy is asked for the whole URL, with its own credentials.
    """
    line = LineSettings(proxy=proxied.url.replace("//", "//us%40er:p%3Aw@"))

    status, _, _ = send(delete("http://provider.test:81"), line, timeout=PATIENCE)

    assert 404 == status
    assert proxied.asked[0].startswith("DELETE http://provider.test:81/sessions/s1?now=1 HTTP/1.1\r\n")
    assert f"Proxy-Authorization: Basic {b64encode(b'us@er:p:w').decode()}" in proxied.asked[0]
    assert "Host: provider.test:81" in proxied.asked[0]


def test_secure_request_tunnels_through_the_proxy(secure, certificate):
    """
    The proxy learns the host and its own credentials, not the key.
    """
    proxy = Proxy(secure.port)
    line = LineSettings(proxy=proxy.url.replace("//", "//user:pw@"), ca_file=certificate)

    status, _, _ = send(delete("https://provider.test"), line, timeout=PATIENCE)
    proxy.close()

    assert 404 == status
    assert proxy.asked[0].startswith("CONNECT provider.test:443 HTTP/1.")
    assert f"Proxy-Authorization: Basic {b64encode(b'user:pw').decode()}" in proxy.asked[0]
    assert KEY not in proxy.asked[0]
    assert "proxy-authorization" not in secure.headers[0]


@pytest.mark.parametrize(
    ("environ", "asked"),
    [
        ({"HTTP_PROXY": "{proxy}"}, 1),
        ({"http_proxy": "{proxy}"}, 1),
        ({"HTTP_PROXY": "{proxy}", "NO_PROXY": "127.0.0.1"}, 0),
        ({"HTTPS_PROXY": "{proxy}"}, 0),
        ({"ALL_PROXY": "{proxy}"}, 0),
        ({}, 0),
    ],
)
def test_environment_names_the_proxy_as_for_aiohttp(provider, proxied, monkeypatch, environ, asked):
    """
    The scheme's own variable counts, and the exceptions to it.
    """
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value.format(proxy=proxied.url))

    send(delete(provider.url), LineSettings(), timeout=PATIENCE)

    assert asked == len(proxied.asked)


def test_environment_is_not_asked_unless_trusted(provider, proxied, monkeypatch):
    """
    trust_env=False goes straight to the provider.
    """
    monkeypatch.setenv("HTTP_PROXY", proxied.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    send(delete(provider.url), PLAIN, timeout=PATIENCE)

    assert [] == proxied.asked


def test_own_authority_is_believed_and_another_is_not(secure, certificate):
    """
    A provider of the given authority is talked to; without it nothing is sent.
    """
    url = f"https://localhost:{secure.port}"

    assert 404 == send(delete(url), LineSettings(ca_file=certificate, trust_env=False), timeout=PATIENCE)[0]
    with pytest.raises(NotSentError, match="CERTIFICATE_VERIFY_FAILED"):
        send(delete(url), PLAIN, timeout=PATIENCE)
    assert 1 == len(secure.arrivals)


def test_client_certificate_is_shown(certificate):
    """
    A provider that demands a client certificate gets it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    provider = Provider(
        wrap=lambda sock: context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
    )
    line = LineSettings(ca_file=certificate, client_cert=certificate, trust_env=False)
    try:
        status, _, _ = send(delete(f"https://localhost:{provider.port}"), line, timeout=PATIENCE)

        assert 404 == status
    finally:
        provider.close()


def test_guardian_honours_proxy_and_authority(secure, certificate, owner):
    """
    A killed owner's session is ended through its proxy, under its own certificate authority.
    """
    proxy = Proxy(secure.port)
    secure.open("s1")
    process = owner(
        f"from firecrawl_interact.models import LineSettings\n"
        f"opened('https://provider.test', 's1', line=LineSettings(ca_file={certificate!r}))\n"
        "say(); sys.stdin.readline()",
        https_proxy=proxy.url,
        no_proxy="",
    )
    process.hear()
    process.kill()
    try:
        secure.wait_empty()

        assert proxy.asked[0].startswith("CONNECT provider.test:443")
    finally:
        proxy.close()

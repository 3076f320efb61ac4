"""Certificates and proxies, against TLS servers and proxies on loopback."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import traceback

import pytest
import trustme

from firecrawl_interact.errors import InvalidOptionError, TransportError
from firecrawl_interact.transport.http import ConnectionSettings, HttpTransport

USER_INFO = "user:pa%2Fss"  # "user" and "pa/ss".
BASIC = b"Basic " + base64.b64encode(b"user:pa/ss")


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def ca_file(authority, tmp_path):
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def client_cert(authority, tmp_path):
    path = tmp_path / "client.pem"
    authority.issue_cert("client@example.org").private_key_and_cert_chain_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def server_tls(authority):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def no_proxies(monkeypatch):
    """An environment that names no proxy."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@contextlib.asynccontextmanager
async def transport_with(**settings):
    made = HttpTransport(ConnectionSettings(**{"trust_env": False, **settings}))
    try:
        yield made
    finally:
        await made.aclose()


async def answer_once(peer):
    if await peer.read_request():
        peer.answer()


# --- certificates ---------------------------------------------------------------------------


async def test_ca_file_makes_a_private_authority_good(servers, post, server_tls, ca_file):
    """
    A server whose certificate comes from the given authority is spoken to.
    """
    port = await servers.start(answer_once, ssl=server_tls)

    async with transport_with(ca_file=ca_file) as transport:
        answer = await transport.send(post(port, host="localhost", scheme="https"), timeout=5, fresh=True)

    assert 200 == answer.status


async def test_unknown_authority_is_not_sent_to(servers, transport, post, server_tls):
    """
    Without it the handshake fails, before a byte of the request left.
    """
    port = await servers.start(answer_once, ssl=server_tls)

    with pytest.raises(TransportError, match="certificate verify failed") as caught:
        await transport.send(post(port, host="localhost", scheme="https"), timeout=5, fresh=True)

    assert caught.value.sent is False


async def test_certificate_for_another_name_is_not_sent_to(servers, post, server_tls, ca_file):
    """
    A good certificate for another name is as bad as none.
    """
    port = await servers.start(answer_once, ssl=server_tls)

    async with transport_with(ca_file=ca_file) as transport:
        with pytest.raises(TransportError) as caught:
            await transport.send(post(port, host="127.0.0.1", scheme="https"), timeout=5, fresh=True)

    assert caught.value.sent is False


async def test_client_certificate_is_shown(servers, authority, post, server_tls, ca_file, client_cert):
    """
    A server that demands a certificate of its clients gets ours.
    """
    authority.configure_trust(server_tls)
    server_tls.verify_mode = ssl.CERT_REQUIRED
    port = await servers.start(answer_once, ssl=server_tls)

    async with transport_with(ca_file=ca_file, client_cert=client_cert) as transport:
        answer = await transport.send(post(port, host="localhost", scheme="https"), timeout=5, fresh=True)

    assert 200 == answer.status


async def test_callers_context_is_used_as_it_is(servers, authority, post, server_tls):
    """
    An ssl context of the caller's own replaces whatever we would make.
    """
    context = ssl.create_default_context()
    authority.configure_trust(context)
    port = await servers.start(answer_once, ssl=server_tls)

    async with transport_with(ssl=context) as transport:
        answer = await transport.send(post(port, host="localhost", scheme="https"), timeout=5, fresh=True)

    assert 200 == answer.status


def test_settings_with_one_context_are_equal():
    """
    Contexts count by identity: the same one may share a transport, another may not.
    """
    context = ssl.create_default_context()

    assert 1 == len({ConnectionSettings(ssl=context), ConnectionSettings(ssl=context)})
    assert 2 == len({ConnectionSettings(ssl=context), ConnectionSettings(ssl=ssl.create_default_context())})


@pytest.mark.parametrize("option", ["ca_file", "client_cert"])
@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_unusable_file_is_an_invalid_option(tmp_path, option, content):
    """
    A file that is missing or holds something else is refused before anything is sent, by its option's name.
    """
    path = tmp_path / "x.pem"
    if content is not None:
        path.write_text(content)

    with pytest.raises(InvalidOptionError) as caught:
        HttpTransport(ConnectionSettings(**{option: str(path)}))

    assert option == caught.value.option


# --- proxies --------------------------------------------------------------------------------


class Proxy:
    """Relay plain requests and CONNECT tunnels; remember what it was asked."""

    def __init__(self, *, refuse: int | None = None) -> None:
        self.requests: list[bytes] = []
        self._refuse = refuse

    async def __call__(self, peer):
        request = await peer.read_request()
        self.requests.append(request)
        if self._refuse is not None:
            peer.answer(self._refuse)
        elif request.startswith(b"CONNECT "):
            host, _, port = request.split(b" ")[1].partition(b":")
            peer.send(b"HTTP/1.1 200 Established\r\n\r\n")
            await peer.relay(host.decode(), int(port))
        else:
            peer.answer(body=b"by the proxy")

    def asked(self) -> list[bytes]:
        return [request.partition(b" HTTP/")[0] for request in self.requests]


async def test_explicit_proxy_gets_the_request_with_its_credentials(servers, post):
    """
    A proxy given with user and password is asked for the whole URL, and told who asks.
    """
    proxy = Proxy()
    port = await servers.start(proxy)

    async with transport_with(proxy=f"http://{USER_INFO}@127.0.0.1:{port}") as transport:
        answer = await transport.send(post(80, host="provider.example"), timeout=5, fresh=True)

    assert b"by the proxy" == answer.body
    assert [b"POST http://provider.example/v2/interact"] == proxy.asked()
    assert b"proxy-authorization: " + BASIC.lower() in proxy.requests[0].lower()


async def test_tls_goes_through_a_tunnel(servers, post, server_tls, ca_file):
    """
    Through a tunnel the proxy sees host and port, and never the key.
    """
    proxy = Proxy()
    provider = await servers.start(answer_once, ssl=server_tls)
    port = await servers.start(proxy)

    async with transport_with(proxy=f"http://{USER_INFO}@127.0.0.1:{port}", ca_file=ca_file) as transport:
        answer = await transport.send(post(provider, host="localhost", scheme="https"), timeout=5, fresh=True)

    assert 200 == answer.status
    assert [b"CONNECT localhost:%d" % provider] == proxy.asked()
    assert b"proxy-authorization: " + BASIC.lower() in proxy.requests[0].lower()
    assert b"fc-0123456789" not in proxy.requests[0]


@pytest.mark.parametrize("status", [403, 407, 502])
async def test_refused_tunnel_is_not_sent(servers, post, status):
    """
    A proxy that refuses the tunnel has not seen the request, and its password is in no text.
    """
    port = await servers.start(Proxy(refuse=status))

    async with transport_with(proxy=f"http://{USER_INFO}@127.0.0.1:{port}") as transport:
        with pytest.raises(TransportError, match=f"proxy answered {status}") as caught:
            await transport.send(post(443, host="provider.example", scheme="https"), timeout=5, fresh=True)

    assert caught.value.sent is False
    text = "".join(traceback.format_exception(caught.value))
    assert "pa/ss" not in text
    assert "pa%2Fss" not in text


async def test_unreachable_proxy_is_not_sent(post, free_port):
    """
    A proxy that is not there carries nothing.
    """
    async with transport_with(proxy=f"http://{USER_INFO}@127.0.0.1:{free_port}") as transport:
        with pytest.raises(TransportError) as caught:
            await transport.send(post(80, host="provider.example"), timeout=5, fresh=True)

    assert caught.value.sent is False
    assert "pa%2Fss" not in str(caught.value)


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY"])
async def test_proxy_of_the_environment_is_used(servers, post, no_proxies, variable):
    """
    HTTP_PROXY in either case counts, a bare host and port included.
    """
    proxy = Proxy()
    no_proxies.setenv(variable, f"127.0.0.1:{await servers.start(proxy)}")

    async with transport_with(trust_env=True) as transport:
        await transport.send(post(80, host="provider.example"), timeout=5, fresh=True)

    assert [b"POST http://provider.example/v2/interact"] == proxy.asked()


async def test_https_proxy_of_the_environment_is_used_for_tls_only(servers, post, no_proxies):
    """
    HTTPS_PROXY does not concern plain addresses.
    """
    proxy = Proxy(refuse=403)
    no_proxies.setenv("HTTPS_PROXY", f"http://127.0.0.1:{await servers.start(proxy)}")
    direct = await servers.start(answer_once)

    async with transport_with(trust_env=True) as transport:
        await transport.send(post(direct), timeout=5, fresh=True)
        with pytest.raises(TransportError):
            await transport.send(post(443, host="provider.example", scheme="https"), timeout=5, fresh=True)

    assert [b"CONNECT provider.example:443"] == proxy.asked()


@pytest.mark.parametrize("rule", ["127.0.0.1", "*", "other.example, 127.0.0.1", "127.0.0.1:{port}"])
async def test_no_proxy_goes_around_it(servers, post, no_proxies, free_port, rule):
    """
    What NO_PROXY names is reached directly.
    """
    port = await servers.start(answer_once)
    no_proxies.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port}")
    no_proxies.setenv("NO_PROXY", rule.format(port=port))

    async with transport_with(trust_env=True) as transport:
        answer = await transport.send(post(port), timeout=5, fresh=True)

    assert 200 == answer.status


async def test_environment_is_ignored_when_not_trusted(servers, post, no_proxies, free_port):
    """
    With trust_env off no variable counts.
    """
    no_proxies.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port}")
    port = await servers.start(answer_once)

    async with transport_with(trust_env=False) as transport:
        answer = await transport.send(post(port), timeout=5, fresh=True)

    assert 200 == answer.status


async def test_netrc_never_competes_with_the_key(servers, post, no_proxies, tmp_path):
    """
    A password for the same host in ~/.netrc neither replaces the key nor fails the request.
    """
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password other\n")
    no_proxies.setenv("NETRC", str(netrc))
    seen = []

    async def script(peer):
        seen.append(await peer.read_request())
        peer.answer()

    async with transport_with(trust_env=True) as transport:
        await transport.send(post(await servers.start(script)), timeout=5, fresh=True)

    assert b"authorization: bearer fc-0123456789" in seen[0].lower()


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "ftp://x", "http://", "://", ""])
def test_unusable_proxy_is_an_invalid_option(proxy):
    """
    A proxy that is no http(s) URL is refused before anything is sent.
    """
    with pytest.raises(InvalidOptionError) as caught:
        HttpTransport(ConnectionSettings(proxy=proxy))

    assert "proxy" == caught.value.option


async def test_unusable_proxy_of_the_environment_is_not_gone_around(servers, post, no_proxies):
    """
    A proxy that we cannot use fails the request; a way around it could be forbidden.
    """
    no_proxies.setenv("HTTP_PROXY", "socks5://user:pass@127.0.0.1:1")
    port = await servers.start(answer_once)

    async with transport_with(trust_env=True) as transport:
        with pytest.raises(TransportError, match="http_proxy") as caught:
            await transport.send(post(port), timeout=5, fresh=True)

    assert caught.value.sent is False
    assert "pass" not in str(caught.value)


def test_settings_show_no_password():
    """
    The proxy's password is not in the repr.
    """
    assert "pass" not in repr(ConnectionSettings(proxy="http://user:pass@127.0.0.1:1"))


async def test_closing_one_transport_leaves_another_open(servers, post):
    """
    Transports with equal settings share nothing unless somebody shares the transport.
    """
    port = await servers.start(answer_once)
    async with asyncio.timeout(30), transport_with() as one:
        async with transport_with() as other:
            await other.send(post(port), timeout=5)
        answer = await one.send(post(port), timeout=5)

    assert 200 == answer.status

"""The public face: options, states, the three ways to hold a session, and what it never shows."""

import asyncio
import pickle
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import attrs
import pytest

from firecrawl_interact import (
    AnchorBackend,
    BackendNotFoundError,
    CloseReceipt,
    CreateUnknownError,
    FirecrawlBackend,
    InvalidOptionError,
    LocalBackend,
    MemoryBackend,
    MissingKeyError,
    Profile,
    Session,
    SessionClosedError,
    SessionGoneError,
    SessionNotFoundError,
    SessionState,
    UnsupportedError,
    UsageError,
)


@pytest.fixture
def backend():
    """A provider without network; nothing of it is left when the test ends."""
    memory = MemoryBackend()
    yield memory

    assert set() == memory.alive


# --- holding one ----------------------------------------------------------------------------


async def test_entered_session_has_what_the_provider_told(backend):
    """Inside the block id, backend, links and deadline are there; after it the receipt."""
    before = datetime.now(UTC)
    async with Session.create(ttl=120, backend=backend) as session:
        assert "s1" == session.id
        assert "memory" == session.backend
        assert "memory://cdp/s1" == session.cdp_url
        assert "memory://live/s1" == session.live_view_url
        assert "memory://live/s1?interactive=true" == session.interactive_live_view_url
        assert (
            before + timedelta(seconds=119)
            <= session.expires_at
            <= datetime.now(UTC) + timedelta(seconds=120)
        )
        assert SessionState.OPEN is session.state
        assert session.receipt is None

    assert SessionState.CLOSED is session.state
    assert session.receipt.confirmed
    assert 2 == session.receipt.credits_billed
    assert isinstance(session.receipt.duration, timedelta)


async def test_awaited_session_is_closed_by_aclose(backend):
    """Awaiting gives the session itself, and aclose ends it once."""
    session = await Session.create(backend=backend)
    await session.aclose()
    await session.aclose()

    assert ["s1"] == backend.deleted


async def test_awaited_session_can_be_entered(backend):
    """A session that was awaited closes itself when its block is left."""
    session = await Session.create(backend=backend)
    async with session as same:
        pass

    assert same is session
    assert ["s1"] == backend.deleted


async def test_pending_session_stands_for_one_session(backend):
    """Entering or awaiting a second time is refused, and nothing is sent."""
    pending = Session.create(backend=backend)
    async with pending:
        pass
    with pytest.raises(UsageError, match="entered or awaited before"):
        await pending

    assert ["s1"] == backend.created


def test_pending_session_taken_for_a_session_says_what_is_missing(backend):
    """
    Whoever forgets the ``await`` reads about it, and not only that there is no such attribute.
    """
    pending = Session.create(backend=backend)

    with pytest.raises(AttributeError, match=r"no attribute 'cdp_url'.*await") as caught:
        pending.cdp_url  # noqa: B018
    assert ("cdp_url", pending) == (caught.value.name, caught.value.obj)
    assert not hasattr(pending, "__enter__")


async def test_nothing_is_sent_before_entering(backend):
    """Describing a session asks nobody for anything."""
    pending = Session.create(backend=backend)

    assert [] == backend.created
    assert "<PendingSession backend=memory not opened yet>" == repr(pending)


async def test_use_after_the_close_says_when_and_why(backend):
    """A link asked for after the end names the instant and the reason."""
    with pytest.raises(ValueError, match="the body"):
        async with Session.create(backend=backend) as session:
            raise ValueError("the body")

    year = str(datetime.now(UTC).year)
    for use in ("cdp_url", "live_view_url", "interactive_live_view_url"):
        with pytest.raises(SessionClosedError, match=rf"{use} .*{year}.*left by ValueError"):
            getattr(session, use)
    with pytest.raises(SessionClosedError, match="async with"):
        async with session:
            pass


async def test_repr_shows_no_secret(backend):
    """Id, backend and state are shown; links are not."""
    async with Session.create(backend=backend) as session:
        assert "<Session s1 backend=memory state=open>" == repr(session)


# --- giving it up, taking it up --------------------------------------------------------------


async def test_detached_session_lives_on(backend):
    """A detached session is nobody's: leaving the block does not end it."""
    async with Session.create(backend=backend) as session:
        session_id = await session.detach()
    alive = set(backend.alive)
    async with Session.attach(session_id, backend=backend, owned=True) as again:
        assert "s1" == again.id

    assert {"s1"} == alive
    assert SessionState.DETACHED is session.state
    assert ["s1"] == backend.deleted


async def test_attached_session_is_not_ended_unless_owned(backend):
    """Looking on does not end; only who takes the debt on ends."""
    async with Session.create(backend=backend):
        async with Session.attach("s1", backend=backend) as seen:
            assert "memory://cdp/s1" == seen.cdp_url
        alive = set(backend.alive)
        assert SessionState.DETACHED is seen.state

    assert {"s1"} == alive


async def test_attach_to_nothing(backend):
    """An unknown id is not found, an ended one is gone."""
    with pytest.raises(SessionNotFoundError):
        await Session.attach("s99", backend=backend)
    async with Session.create(backend=backend):
        pass
    with pytest.raises(SessionGoneError):
        await Session.attach("s1", backend=backend)


async def test_detach_after_the_close_is_refused(backend):
    """What is closed cannot be given up."""
    async with Session.create(backend=backend) as session:
        pass
    with pytest.raises(SessionClosedError):
        await session.detach()


def test_attach_to_another_process_local_session():
    """A local browser belongs to the process that opened it."""
    with pytest.raises(UnsupportedError, match="none of this process's"):
        Session.attach("019a1f00-7a10-7c3e-9b1d-2f6a4d5e6f01", backend="local")


# --- bad input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make", [MemoryBackend, lambda: FirecrawlBackend(api_key="fc-x")], ids=["memory", "firecrawl"]
)
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"ttl": 29}, ("ttl", "30", "3600", "29")),
        ({"ttl": 3601}, ("ttl", "30", "3600", "3601")),
        ({"ttl": "soon"}, ("ttl", "'soon'")),
        ({"ttl": True}, ("ttl", "True")),
        ({"ttl": float("nan")}, ("ttl", "nan")),
        ({"ttl": float("inf")}, ("ttl", "inf")),
        ({"ttl": -1}, ("ttl", "-1")),
        ({"ttl": timedelta(seconds=29)}, ("ttl", "30", "29")),
        ({"ttl": 90.5}, ("ttl", "90.5")),
        ({"activity_ttl": 9}, ("activity_ttl", "10", "9")),
        ({"activity_ttl": 3601}, ("activity_ttl", "3600", "3601")),
        ({"profile": ""}, ("profile", "1", "128")),
        ({"profile": "x" * 129}, ("profile", "128", "129")),
        ({"profile": Profile("p", save_changes="yes")}, ("save_changes", "'yes'")),
        ({"profile": 5}, ("profile", "5")),
        ({"live_view": 1}, ("live_view", "1")),
        ({"block_ads": "no"}, ("block_ads", "'no'")),
        ({"country": "Germany"}, ("country", "'Germany'")),
        ({"extra": ["a"]}, ("extra", "list")),
        ({"open_timeout": 0}, ("open_timeout", "0")),
        ({"close_timeout": "x"}, ("close_timeout", "'x'")),
        ({"on_unconfirmed": "ignore"}, ("on_unconfirmed", "'ignore'")),
        ({"guardian": "yes"}, ("guardian", "'yes'")),
        ({"ledger": 5}, ("ledger", "5")),
        ({"tags": "one"}, ("tags", "'one'")),
    ],
    ids=str,
)
def test_bad_option_is_refused_at_the_call(make, options, told):
    """The error names option, value and bound, and comes before anything is sent."""
    with pytest.raises(InvalidOptionError) as caught:
        Session.create(backend=make(), **options)

    assert isinstance(caught.value, ValueError)
    assert all(part in str(caught.value) for part in told)


@pytest.mark.parametrize(
    "session_id", ["", "all", "..", ".", "a/b", "a%2fb", "a?b", "a b", "a\n", "async", None]
)
@pytest.mark.parametrize(
    "make",
    [MemoryBackend, lambda: FirecrawlBackend(api_key="fc-x"), lambda: AnchorBackend(api_key="k")],
    ids=["memory", "firecrawl", "anchor"],
)
def test_impossible_session_id_is_refused_at_the_call(make, session_id):
    """An id that would become another route never gets near a URL; the error names the argument."""
    with pytest.raises(InvalidOptionError, match=r"^session_id must"):
        Session.attach(session_id, backend=make())


def test_unknown_backend_is_refused_with_a_suggestion():
    """A misspelt name suggests the right one."""
    with pytest.raises(BackendNotFoundError, match="firecrawl"):
        Session.create(backend="firecrowl")


def test_missing_key_at_the_providers_own_address():
    """Without a key the provider's own address cannot work, and the error says which variable to set."""
    with pytest.raises(MissingKeyError, match="FIRECRAWL_API_KEY"):
        Session.create(backend="firecrawl")
    with pytest.raises(MissingKeyError, match="ANCHORBROWSER_API_KEY"):
        Session.create(backend="anchor")


def test_base_url_without_scheme_is_refused():
    """A base URL is an origin with its scheme."""
    with pytest.raises(InvalidOptionError, match="localhost:3002"):
        Session.create(backend="firecrawl", api_key="fc-x", base_url="localhost:3002")


def test_relay_without_a_guardian_is_refused():
    """The guardian cannot send what it is not there for."""
    with pytest.raises(UsageError, match="relay"):
        Session.create(backend=FirecrawlBackend(api_key="fc-x"), relay=True, guardian=False)


def test_key_beside_a_list_of_backends_is_refused():
    """One key cannot belong to several providers."""
    with pytest.raises(UsageError):
        Session.create(backend=["firecrawl", "anchor"], api_key="fc-x")


def test_memory_is_not_supported_to_carry_tags():
    """An option that cannot be honoured is refused, not dropped."""
    with pytest.raises(UnsupportedError, match="tags"):
        Session.create(backend=MemoryBackend(), tags=["a"])


@attrs.frozen
class MemoryOptions:
    """Typed options of the provider in memory."""

    backend: ClassVar[str] = "memory"
    note: str = ""


@attrs.frozen
class OtherOptions:
    """Typed options of a provider that nobody asks."""

    backend: ClassVar[str] = "other"


class Typed(MemoryBackend):
    """A provider in memory that takes typed options."""

    options_type = MemoryOptions

    def __init__(self):
        super().__init__()
        self.asked = []

    def prepare(self, options):
        self.asked.append(options.provider)
        return super().prepare(options)


class OtherTyped(Typed):
    """Another one, that takes none."""

    name = "other"
    options_type = None


@pytest.mark.parametrize(
    "options", [MemoryOptions("a"), [MemoryOptions("a")], {MemoryOptions("a"): 1}.keys()]
)
async def test_typed_options_reach_their_backend_alone(options):
    """Of several backends only the one they are for gets them."""
    memory, other = Typed(), OtherTyped()
    other.fail_next("create", 402)
    async with Session.create(backend=[other, memory], options=options):
        pass

    assert [None] == other.asked
    assert [MemoryOptions("a")] == memory.asked


@pytest.mark.parametrize(
    "options", [5, "memory", [5], MemoryOptions, [MemoryOptions(), MemoryOptions()]], ids=str
)
def test_what_is_no_typed_option_is_refused(options):
    """Anything else than typed options, or two for one backend, comes out at the call."""
    with pytest.raises(InvalidOptionError, match="options must"):
        Session.create(backend=MemoryBackend(), options=options)


def test_typed_options_are_refused_by_a_backend_that_has_none():
    """A backend without typed options drops none in silence."""
    with pytest.raises(UnsupportedError, match="memory backend takes no typed options"):
        Session.create(backend=MemoryBackend(), options=MemoryOptions())


def test_typed_options_for_nobody_are_refused():
    """Options of a backend that is not asked would be dropped in silence."""
    with pytest.raises(UnsupportedError, match="OtherOptions is for the other backend"):
        Session.create(backend=MemoryBackend(), options=OtherOptions())


# --- which backend ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "chosen"),
    [
        ({}, "local"),
        ({"FIRECRAWL_API_KEY": "fc-x"}, "firecrawl"),
        ({"FIRECRAWL_API_URL": "http://127.0.0.1:3002"}, "firecrawl"),
        ({"ANCHORBROWSER_API_KEY": "k"}, "anchor"),
        ({"ANCHOR_API_KEY": "k"}, "anchor"),
        ({"FIRECRAWL_API_KEY": "fc-x", "ANCHOR_API_KEY": "k"}, "firecrawl"),
        ({"FIRECRAWL_API_KEY": "fc-x", "FIRECRAWL_INTERACT_BACKEND": "memory"}, "memory"),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("default")
def test_environment_chooses_the_backend(monkeypatch, environment, chosen):
    """Without an argument the environment decides, and this machine comes last."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert f"<PendingSession backend={chosen} not opened yet>" == repr(Session.create())


def test_configured_backends_are_exported():
    """The four backends are there under their names."""
    assert ("firecrawl", "anchor", "local", "memory") == tuple(
        each.name for each in (FirecrawlBackend, AnchorBackend, LocalBackend, MemoryBackend)
    )


# --- values ----------------------------------------------------------------------------------


def test_errors_survive_pickling():
    """An error that crosses a process boundary keeps its data."""
    error = CreateUnknownError("lost", backend="firecrawl", mark="fi-1", recovered=("s1",), session_id="s1")
    copy = pickle.loads(pickle.dumps(error))

    assert ("lost", "firecrawl", "fi-1", ("s1",), "s1") == (
        str(copy),
        copy.backend,
        copy.mark,
        copy.recovered,
        copy.session_id,
    )


def test_receipt_is_a_value():
    """Receipts compare by what they say."""
    assert CloseReceipt(confirmed=True) == CloseReceipt(confirmed=True, duration=None, credits_billed=None)


async def test_many_sessions_at_once(backend):
    """A hundred at once open and close independently."""

    async def one():
        async with Session.create(backend=backend):
            await asyncio.sleep(0)

    await asyncio.gather(*(one() for _ in range(100)))

    assert 100 == len(backend.deleted)

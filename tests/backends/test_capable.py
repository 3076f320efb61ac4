"""What a backend cannot do is refused by what it says of itself, and the refusal names a way out."""

import pytest

from firecrawl_interact import (
    AnchorBackend,
    Capabilities,
    FirecrawlBackend,
    LocalBackend,
    MemoryBackend,
    Profile,
    Session,
    SessionOptions,
    UnsupportedError,
    register_backend,
)
from firecrawl_interact.backends import _registry
from firecrawl_interact.backends._capable import refuse_options, refuse_run
from firecrawl_interact.models import Run

EVERYTHING = {
    "profile": SessionOptions(profile=Profile("work")),
    "live_view": SessionOptions(live_view=True),
    "no_live_view": SessionOptions(live_view=False),
    "record": SessionOptions(record=True),
    "block_ads": SessionOptions(block_ads=True),
    "no_block_ads": SessionOptions(block_ads=False),
    "country": SessionOptions(country="DE"),
    "tags": SessionOptions(tags=("night",)),
}


class Bare(MemoryBackend):
    """A backend that says it can do nothing."""

    name = "bare"
    capabilities = Capabilities()


class Able(MemoryBackend):
    """A backend that says it can do everything."""

    name = "able"
    capabilities = Capabilities(
        options=frozenset(EVERYTHING), languages=frozenset({"node", "python", "bash"}), prompts=True
    )


@pytest.fixture
def registered(monkeypatch):
    """The registry, restored afterwards."""
    monkeypatch.setattr(_registry, "_registered", {})


@pytest.mark.parametrize("option", EVERYTHING)
def test_what_is_not_listed_is_refused(option):
    """Every option of the face is refused by a backend that lists none."""
    with pytest.raises(UnsupportedError, match="The bare backend cannot honour"):
        refuse_options(Bare(), EVERYTHING[option])


@pytest.mark.parametrize("option", EVERYTHING)
def test_what_is_listed_passes(option):
    """Every option of the face passes at a backend that lists it."""
    refuse_options(Able(), EVERYTHING[option])


@pytest.mark.parametrize("option", EVERYTHING)
@pytest.mark.parametrize(
    "make",
    [
        lambda: FirecrawlBackend(api_key="fc-x"),
        lambda: AnchorBackend(api_key="k"),
        LocalBackend,
        MemoryBackend,
    ],
    ids=["firecrawl", "anchor", "local", "memory"],
)
def test_a_backend_itself_refuses_what_it_does_not_list(make, option):
    """Used on its own, without a Session, a backend holds to what it says of itself."""
    backend = make()
    try:
        backend.prepare(EVERYTHING[option])
        refused = False
    except UnsupportedError:
        refused = True

    assert (option not in backend.capabilities.options) is refused


def test_refusal_names_those_that_can(registered):
    """Built-in and registered backends are named, and only those that can."""
    register_backend("able", Able)
    register_backend("bare", Bare)
    with pytest.raises(UnsupportedError) as caught:
        Session.create(backend=MemoryBackend(), tags=["night"])

    assert "The memory backend cannot honour tags; these can: able, anchor." == str(caught.value)


def test_refusal_passes_over_what_cannot_be_imported(registered):
    """A registered backend that is broken is not named, and does not replace the refusal."""
    register_backend("broken", "no_such_module:Backend")
    register_backend("made", lambda: Able())  # noqa: PLW0108  # a function declares nothing
    with pytest.raises(UnsupportedError, match="these can: anchor"):
        Session.create(backend=MemoryBackend(), tags=["night"])


def test_refusal_says_where_nobody_can(monkeypatch):
    """Without any way out the text does not pretend one."""
    monkeypatch.setattr(_registry, "_BUILT_IN", {})
    with pytest.raises(UnsupportedError, match="no known backend can"):
        refuse_options(Bare(), EVERYTHING["tags"])


@pytest.mark.parametrize(
    ("run", "told"),
    [
        (Run(code="1"), "runs no code; these can: anchor, firecrawl"),
        (Run(prompt="Look."), "takes prompts; these can: anchor, firecrawl"),
    ],
    ids=["code", "prompt"],
)
def test_runs_are_refused_by_a_backend_without(run, told):
    """Code and prompts are refused by name, too."""
    with pytest.raises(UnsupportedError, match=told):
        refuse_run(Bare(), run)


def test_language_that_is_not_spoken_is_refused():
    """A language of another provider is refused, with what is spoken here."""
    with pytest.raises(UnsupportedError, match=r"no code in 'bash' \(but in node\); these can: firecrawl"):
        refuse_run(AnchorBackend(api_key="k"), Run(code="ls", language="bash"))


async def test_run_is_refused_before_anything_is_sent():
    """Nothing reaches a provider that could only say no."""
    backend = Bare()
    async with Session.create(backend=backend) as session:
        with pytest.raises(UnsupportedError, match="bare backend runs no code"):
            await session.execute("1")
        with pytest.raises(UnsupportedError, match="bare backend has no agent"):
            await session.prompt("Look.")

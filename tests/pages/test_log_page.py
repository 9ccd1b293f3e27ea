"""The log's page: what it says is verified, in two languages; it works without scripts, by keyboard and for the ear."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from diptych.adapters.journal import Journal, Role
from diptych.errors import Unavailable
from diptych.formats.tlog.entry import ActorClass, ActType, parse_entry
from diptych.formats.tlog.proof import LogProof
from diptych.protocols.oauth.form import encode_form
from diptych.roles.log.overview import LogOverview
from diptych.web.log import words
from diptych.web.log.chart import HEIGHT, MOST_SERIES, draw
from diptych.web.log.page import LogPage
from diptych.web.log.pool import Pool
from diptych.web.log.server import build_server
from tests.asgi_client import AsgiClient
from tests.log_world import POLICY, URLS, World, entry
from tests.pages.browser import screenshot

FORM = "application/x-www-form-urlencoded"
URL = "https://log.utopia.example/acts"


def on_day(number: int, days_ago: int, act_type: ActType = ActType.ISSUED) -> bytes:
    made = parse_entry(entry(number, act_type))
    return replace(made, day=made.day - timedelta(days=days_ago)).encode()


@dataclass
class Town:
    """A log with a month of acts, and whoever reads its page."""

    world: World
    client: AsgiClient
    receipts: list[LogProof]

    def page(self, path: str = "/", headers: Mapping[str, str] | None = None) -> str:
        answer = self.client.get(path, headers or {})
        assert answer.status_code == 200
        return answer.text

    def search(self, receipt: str, path: str = "/search") -> httpx.Response:
        return self.client.post(path, encode_form({"receipt": receipt}), [("Content-Type", FORM)])


def built(world: World) -> AsgiClient:
    page = LogPage(LogOverview(world.store, world.files, POLICY), url=URL, clock=lambda: world.now)
    journal = Journal(Role.LOG, descriptor=-1)
    pool = Pool(world.log, clock=lambda: world.now, seconds=0, journal=journal)
    server = build_server(
        pool,
        origin=world.log.origin,
        writers={},
        files=world.files,
        clock=lambda: world.now,
        journal=journal,
        page=page,
    )
    return AsgiClient(server, "http://log.example")


@pytest.fixture(scope="module")
def town() -> Town:
    world = World()
    acts = [
        on_day(1000 * days_ago + number, days_ago, act_type)
        for days_ago in range(30)
        for act_type, count in ((ActType.ISSUED, 30 - days_ago), (ActType.RENEWED, 12), (ActType.REVOKED, days_ago % 4))
        for number in range(100 * act_type, 100 * act_type + count)
    ]
    receipts = list(world.log.append(acts, now=world.now).receipts)
    return Town(world, built(world), receipts)


class Outline(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_the_latest_checkpoint_and_who_cosigned_it_are_shown(town: Town) -> None:
    html = town.page()
    published = town.world.log.published
    assert published is not None
    assert published.checkpoint.encode().splitlines()[2] in html.replace("&#43;", "+")
    assert f"{published.checkpoint.size:,}" in html
    for signature in published.signatures:
        assert signature.key.name in html
    assert html.count("ML-DSA-44") >= 3


def test_acts_per_day_are_drawn_and_are_there_as_numbers_too(town: Town) -> None:
    outline = Outline(town.page())
    bars = [rect for rect in outline.all("rect") if rect.get("height") != "12"]
    assert len(bars) == 30 + 30 + sum(days_ago % 4 > 0 for days_ago in range(30))
    (chart,) = [svg for svg in outline.all("svg") if svg.get("role") == "img"]
    assert chart["aria-labelledby"] == "chart_title"
    assert re.search(r"2026-11-24</th><td[^>]*>30</td><td[^>]*>12</td><td[^>]*>0</td>", town.page())


def test_a_new_act_is_counted_once_and_an_unpublished_one_not_at_all(town: Town) -> None:
    world = World()
    overview = LogOverview(world.store, world.files, POLICY)
    world.append(entry(1))
    world.witnesses.silent = set(URLS)
    with pytest.raises(Unavailable):
        world.append(entry(2))
    for _ in range(2):
        assert sum(overview.read().acts.values()) == 1
    world.witnesses.silent.clear()
    world.start()
    assert sum(overview.read().acts.values()) == 2


def test_a_receipt_is_looked_up_as_a_browser_sends_it(town: Town) -> None:
    receipt = town.receipts[3].encode().decode().replace("\n", "\r\n").strip()
    for language, act, holds in (("en", "issued", "The receipt holds."), ("fr", "délivrance", "Le reçu est valable.")):
        answer = town.search(receipt, f"/search?lang={language}")
        assert answer.status_code == 200
        assert holds in answer.text
        assert act in answer.text
        assert "no-store" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "receipt", ["", "nonsense", "<script>alert(1)</script>", "c2sp.org/tlog-proof@v1\nindex 1\n\n"]
)
def test_what_is_no_receipt_is_refused_by_name_and_not_repeated(town: Town, receipt: str) -> None:
    answer = town.search(receipt)
    assert "The receipt does not hold." in answer.text
    assert "<script" not in answer.text


def test_a_receipt_of_another_entry_is_refused(town: Town) -> None:
    forged = replace(town.receipts[3], extra=town.receipts[4].extra).encode().decode()
    assert "tlog.inclusion.root" in town.search(forged).text


def test_the_page_speaks_the_readers_language_and_both_say_the_same(town: Town) -> None:
    for headers, path, language in (
        ({}, "/", "en"),
        ({"Accept-Language": "fr-CH, en;q=0.8"}, "/", "fr"),
        ({"Accept-Language": "fr"}, "/?lang=en", "en"),
        ({"Accept-Language": "de"}, "/?lang=xx", "en"),
        ({}, "/?lang=fr", "fr"),
    ):
        (html,) = Outline(town.page(path, headers)).all("html")
        assert html["lang"] == language
    assert words.WORDS["en"].keys() == words.WORDS["fr"].keys()
    for named, known in ((words.ACTS, ActType), (words.ACTORS, ActorClass)):
        assert set(named["en"]) == set(named["fr"]) == set(known)
        assert len(set(named["fr"].values())) == len(set(known))


def test_it_works_by_keyboard_for_the_ear_and_without_a_script(town: Town) -> None:
    html = town.search("x").text
    outline = Outline(html)
    assert [tag for tag, _ in outline.elements if tag in ("script", "iframe", "img")] == []
    assert len(outline.all("h1")) == len(outline.all("main")) == 1
    identifiers = [str(attributes["id"]) for _, attributes in outline.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    for _, attributes in outline.elements:
        for name in ("aria-labelledby", "aria-describedby", "for"):
            assert name not in attributes or attributes[name] in identifiers
    assert next(attributes for tag, attributes in outline.elements if tag == "a")["href"] == "#content"
    assert {label["for"] for label in outline.all("label")} == {area["id"] for area in outline.all("textarea")}
    assert all("scope" in cell for cell in outline.all("th"))
    assert outline.all("section")[0]["role"] == "status"  # what came of the search is read out


def test_nothing_comes_from_elsewhere_and_nobody_may_frame_it(town: Town) -> None:
    answer = town.client.get("/")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert not re.search(r"(?:src|href|action)=\"(?:[a-z]+:|//)", answer.text)
    assert town.client.get("/page.css").headers["content-type"].startswith("text/css")


def test_before_the_first_checkpoint_it_says_so() -> None:
    assert built(World()).get("/").status_code == 503


def test_more_types_than_colours_share_the_last_one_and_an_empty_month_has_an_axis() -> None:
    today = parse_entry(entry(1)).day
    types = {act_type: {today: 3} for act_type in list(ActType)[:10]}
    chart = draw(types, days=30, until=today)
    assert chart.series[-1] is None
    assert len(chart.series) == MOST_SERIES + 1
    assert chart.rows[-1][1] == [3] * MOST_SERIES + [9]
    assert min(bar.y for bar in chart.bars) >= 0
    assert max(bar.y + bar.height for bar in chart.bars) <= HEIGHT
    empty = draw({}, days=30, until=today)
    assert [tick.count for tick in empty.ticks] == [0, 1]
    for most in (1, 4, 5, 99, 1_000_000):
        ticks = draw({ActType.ISSUED: {today: most}}, days=30, until=today).ticks
        assert len(ticks) <= 5
        assert ticks[-1].count >= most


@pytest.mark.parametrize(("width", "height"), [(1280, 1400), (390, 1700)])
def test_a_browser_draws_it_on_a_desk_and_on_a_phone(town: Town, width: int, height: int, tmp_path: Path) -> None:
    style = town.client.get("/page.css").text
    html = town.page("/?lang=fr").replace('<link rel="stylesheet" href="page.css">', f"<style>{style}</style>")
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    picture = screenshot(tmp_path / "page.html", tmp_path / "page.png", width=width, height=height)
    assert len(picture) > 20_000  # something was drawn

"""What the pages say in both languages, for every look of a tile; they are complete without script."""

import asyncio
import re

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, delete, select, update

from pleintemps_contract.world import ManualWorld
from pleintemps_gateway.api.app import create_app
from pleintemps_gateway.store import schema
from pleintemps_gateway.store.changes import record_change
from pleintemps_gateway.store.engine import write_transaction
from pleintemps_gateway.web.picture import load_board

from . import town
from .clients import browser, csrf_of, enter
from .sessions import visitor


def get(app: FastAPI, path: str = "/", name: str = "camille") -> str:
    async def story() -> str:
        async with visitor(app, app.state.context.engine, name) as client:
            return (await client.get(path)).text

    return asyncio.run(story())


def words(html: str) -> str:
    """The text that a reader gets: no tags, single blanks, no-break spaces as blanks."""
    text = re.sub(r"<[^>]+>", " ", re.sub(r"</?b>", "", html)).replace("\u00a0", " ")
    text = text.replace("&#39;", "'").replace("&lt;", "<").replace("&gt;", ">")
    return re.sub(r" ([.,])", r"\1", re.sub(r"\s+", " ", text))


def part(html: str, name: str) -> str:
    """The element with that id, up to the next tile, alert or section."""
    start = html.index(f'id="{name}"')
    rest = re.split(r'<li class="(?:tile|al)|</ul>|</ol>|</section>', html[start:])[0]
    return html[html.rindex("<", 0, start) : start] + rest


@pytest.fixture
def french(app: FastAPI) -> str:
    return get(app)


@pytest.fixture
def english(app: FastAPI) -> str:
    return get(app, "/?lang=en")


def test_the_head_counts_what_asks_for_a_person(french: str, english: str) -> None:
    assert "1 alerte 2 à surveiller 2 occupés 1 périmé 2 inconnus" in words(french)
    assert "1 alert 2 to watch 2 occupied 1 stale 2 unknown" in words(english)
    assert "Jeudi 19 novembre · heures calmes depuis 22:00" in words(french)
    assert "Thursday 19 November · quiet hours since 22:00" in words(english)
    assert '<html lang="fr">' in french and '<html lang="en">' in english


@pytest.mark.parametrize(
    ("tile", "look", "sign", "in_french", "in_english"),
    [
        ("moulin_studio", "is-alert", "w-lit", "Occupé · sûr à 98 %", "Occupied · 98% sure"),
        (
            "moulin_theatre",
            "",
            "w-lit",
            "Théâtre 20:30–23:00 · 14 attendus",
            "Théâtre 20:30–23:00 · 14 expected",
        ),
        ("moulin_danse", "is-watch", "w-free", "Libre · sûr à 99 %", "Free · 99% sure"),
        ("moulin_bois", "", "w-half", "Sans doute libre · 71 %", "Probably free · 71%"),
        ("moulin_hall", "is-unknown", "w-unk", "Inconnu · rien reçu", "Unknown · nothing received"),
        ("ecole_biblio", "is-stale", "w-stale", "Dernier état : libre", "Last state: free"),
        ("ecole_cantine", "is-unknown", "w-unk", "Inconnu · agent muet", "Unknown · agent silent"),
        (
            "ecole_preau",
            "",
            "w-book",
            "Libre, réservé à 23:30 · sûr à 95 %",
            "Free, booked at 23:30 · 95% sure",
        ),
    ],
)
def test_a_tile_shows_its_state_by_class_shape_and_words(
    french: str, english: str, tile: str, look: str, sign: str, in_french: str, in_english: str
) -> None:
    for html, said in ((french, in_french), (english, in_english)):
        shown = part(html, f"tile-{tile}")
        assert said in words(shown)
        assert re.search(rf'class="tile( is-[a-z]+)?" id="tile-{tile}"', html)
        assert f'class="tile{" " + look if look else ""}" id="tile-{tile}"' in html
        assert f'href="#{sign}"' in shown


def test_a_tile_tells_age_source_level_and_limit(french: str) -> None:
    studio = words(part(french, "tile-moulin_studio"))
    assert "8 s" in studio and "studio-radar (quelqu'un bouge)" in studio
    assert "74 dB(A)" in studio and "65" in studio
    assert "dépassé depuis 23 min" in studio
    assert 'class="over">74' in part(french, "tile-moulin_studio")


def test_old_and_unknown_have_their_age_and_unknown_has_no_value(french: str) -> None:
    assert "il y a 14 min" in words(part(french, "tile-ecole_biblio"))
    canteen = words(part(french, "tile-ecole_cantine"))
    assert (
        "depuis 41 min" in canteen
        and "Aucune mesure" in canteen
        and "dB" not in canteen
        and "%" not in canteen
    )
    assert "Réfectoire : inconnue, la porte marche seule" in canteen


def test_a_page_left_alone_for_four_minutes_is_stale_and_after_a_quarter_unknown(
    app: FastAPI, world: ManualWorld
) -> None:
    world.move(4 * town.MINUTE)
    assert 'is-stale" id="tile-moulin_theatre"' in get(app)
    world.move(15 * town.MINUTE)
    html = get(app)
    assert 'is-unknown" id="tile-moulin_theatre"' in html
    assert "0 occupé" in words(html)


def test_bookings_come_with_their_code_and_are_never_markup(french: str, english: str) -> None:
    assert "Astronomie, Préau et cour 18 attendus · code sur la porte" in words(french)
    assert "Start Astronomie, Préau et cour 18 expected · code on the door" in words(english)
    assert "ensuite Astronomie 23:30 · 18 attendus code sur la porte" in words(
        part(french, "tile-ecole_preau")
    )
    without = "code pas encore sur la porte : pas encore créé"
    assert f"ensuite Pilates demain 08:30 · 9 attendus {without}" in words(part(french, "tile-moulin_danse"))
    assert f"Début Pilates, Salle de danse 9 attendus · {without}" in words(french)
    assert "code not yet on the door: no door leads there" in words(part(english, "tile-moulin_theatre"))
    assert "Chorale &lt;b&gt;" in french and "Chorale <b>" not in french


def test_alerts_say_why_and_what_was_done(app: FastAPI, french: str, english: str) -> None:
    assert "74 dB(A) sur 15 min, limite 65 en heures calmes. Réservé : Atelier rock." in words(french)
    assert "74 dB(A) over 15 min, limit 65 in quiet hours. Booked: Atelier rock." in words(english)
    assert "Rien reçu depuis 22:12. Les portes marchent seules avec leurs codes." in words(french)
    order = [french.index(f'id="alert-{alert}"') for alert in (town.NOISE, town.DOOR_OPEN, town.SILENT)]
    assert order == sorted(order)


def test_an_alert_is_taken_by_a_form_with_a_comment(app: FastAPI, world: ManualWorld) -> None:
    path = f"/alerts/moulin/{town.NOISE}"

    async def story() -> None:
        async with browser(app) as client:
            await enter(client)
            assert (await client.post(f"{path}/take", data={"comment": "x"})).status_code == 403
            world.move(town.MINUTE)
            fields = {"csrf": await csrf_of(client), "comment": "J'y <i>vais</i>", "back": path}
            answer = await client.post(f"{path}/take", data=fields)
            assert (answer.status_code, answer.headers["location"]) == (303, path)
            page = (await client.get("/")).text
            shown = part(page, f"alert-{town.NOISE}")
            assert "Prise en charge à 22:54 par camille. « J'y <i>vais</i> »" in words(shown)
            assert "<i>" not in shown and "take-" not in shown and "#a-taken" in shown
            again = await client.post(f"{path}/take", data=fields)
            assert again.status_code == 409 and "Quelqu'un l'a déjà prise" in words(again.text)

    asyncio.run(story())


def test_nothing_to_see_says_since_when(app: FastAPI, engine: Engine) -> None:
    with engine.begin() as conn:
        conn.execute(delete(schema.alerts).where(schema.alerts.c.alert != town.NOISE))
        gone = {"state": "resolved", "resolved": town.at("21:40")}
        conn.execute(update(schema.alerts).values(gone))
    assert "Rien à voir. Aucune alerte depuis 21:40. Dernière vérification il y a 0 s." in words(get(app))
    assert "Nothing to see. No alert since 21:40. Last checked 0 s ago." in words(get(app, "/?lang=en"))
    with write_transaction(engine, ["moulin", "ecole"]) as conn:
        conn.execute(delete(schema.alerts))
        for site in ("moulin", "ecole"):
            record_change(conn, site, "alerts", town.NOISE, town.NOW)
    assert "Rien à voir. Aucune alerte jusqu'ici." in words(get(app))


@pytest.mark.parametrize(
    ("kind", "facts", "in_french", "in_english"),
    [
        (
            "noise",
            '{"level_db": 80.4, "limit_db": 75, "window_s": 60, "quiet": false}',
            "80 dB(A) sur 1 min, limite 75.",
            "80 dB(A) over 1 min, limit 75.",
        ),
        (
            "unexpected-presence",
            '{"probability": 0.84, "evidence": "hall-radar moving"}',
            "Quelqu'un est là : 84 %. Vu par hall-radar (quelqu'un bouge).",
            "Somebody is there: 84%. Seen by hall-radar (somebody moving).",
        ),
        (
            "no-show",
            '{"title": "Judo", "start": 1795111200000}',
            "Judo devait commencer à 19:00, la salle est vide.",
            "Judo was to start at 19:00, the room is empty.",
        ),
        (
            "overstay",
            '{"title": "Judo", "end": 1795111200000}',
            "Judo finissait à 19:00, la salle est occupée.",
            "Judo ended at 19:00, the room is in use.",
        ),
        (
            "door-forced-open",
            '{"door": "hall"}',
            "Ouverte à 22:38 sans code ni commande.",
            "Opened at 22:38 without a code or a command.",
        ),
        ("agent-silent", '{"last_seen": null}', "Rien n'a jamais été reçu.", "Nothing was ever received."),
        (
            "device-fault",
            '{"device": "hall-radar", "detail": "no report"}',
            "hall-radar signale un défaut : no report",
            "hall-radar reports a fault: no report",
        ),
        (
            "code-attempts",
            '{"door": "hall", "count": 6}',
            "6 codes refusés ; le clavier fait attendre.",
            "6 codes were refused; the keypad now waits.",
        ),
        (
            "bad-messages",
            '{"source": "x/events", "reason": "<b>", "count": 2}',
            "2 refus de x/events : <b>",
            "2 refused from x/events: <b>",
        ),
        (
            "feed-fault",
            '{"feed": "agenda", "error": "timeout"}',
            "agenda : timeout. Les réservations déjà lues sont gardées.",
            "agenda: timeout. The bookings read before are kept.",
        ),
        ("of-a-later-version", "{}", "of-a-later-version", "of-a-later-version"),
        ("overstay", "not JSON", "Encore là après la fin", "Still there after the end"),
    ],
)
def test_every_kind_of_alert_has_its_sentence(
    app: FastAPI, engine: Engine, kind: str, facts: str, in_french: str, in_english: str
) -> None:
    with engine.begin() as conn:
        here = schema.alerts.c.alert == town.NOISE
        conn.execute(update(schema.alerts).where(here).values(kind=kind, facts=facts))
    path = f"/alerts/moulin/{town.NOISE}"
    assert in_french in words(get(app, path))
    assert in_english in words(get(app, f"{path}?lang=en"))


def test_opening_a_door_asks_first_and_tells_the_result(
    app: FastAPI, engine: Engine, world: ManualWorld
) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await enter(client)
            asked = words((await client.get("/doors/moulin/studio")).text)
            assert "La serrure de Studio laisse un passage, puis se verrouille d'elle-même." in asked
            assert "Maintenant : verrouillée." in asked
            silent = words((await client.get("/doors/ecole/cantine")).text)
            assert "Son agent est muet" in silent
            assert (await client.post("/doors/moulin/studio/open", data={})).status_code == 403
            form = {"csrf": await csrf_of(client), "reason": "a delivery"}
            sent = await client.post("/doors/moulin/studio/open", data=form)
            assert sent.status_code == 303
            result = sent.headers["location"]
            said = {
                "requested": "Ouverture demandée à 22:53.",
                "sent": "Demande de 22:53 envoyée à la porte, réponse attendue.",
                "done": "Ouverte d'ici à 22:54.",
                "refused": "Pas ouverte : la porte est bloquée ou en mode d'urgence (22:54).",
            }
            for outcome, sentence in said.items():
                answered = town.at("22:54") if outcome in ("done", "refused") else None
                refusal = "door-mode" if outcome == "refused" else None
                with write_transaction(engine, ["moulin"]) as conn:
                    conn.execute(
                        update(schema.commands).values(outcome=outcome, answered=answered, refusal=refusal)
                    )
                    record_change(conn, "moulin", "commands", "any", town.NOW)
                page = (await client.get(result)).text
                assert sentence in words(page)
                assert sentence in words(part((await client.get("/")).text, "tile-moulin_studio"))
                assert ('id="again"' in page) == (outcome in ("requested", "sent"))
            with engine.begin() as conn:
                conn.execute(update(schema.commands).values(outcome="sent", answered=None, refusal=None))
            world.move(60_000)
            assert "la porte n'a pas répondu" in words((await client.get(result)).text)

    asyncio.run(story())
    with engine.connect() as conn:
        assert conn.execute(select(schema.commands.c.action)).scalar_one() == "AccessDoor"


def test_health_shows_what_a_caretaker_can_mend(app: FastAPI) -> None:
    agents = words(get(app, "/agents"))
    assert "biblio-radar ld2410 muet no report for 90 s" in agents
    assert "pleintemps/v1/moulin/moulin-1/events $.records: array too long 3" in words(get(app, "/refused"))
    assert "MJC du Moulin, agenda" in words(get(app, "/feeds"))


def test_a_simulated_clock_says_so_on_every_page(engine: Engine) -> None:
    class Simulated(ManualWorld):
        source = "simulated"

    app = create_app(town.config(), Simulated(now=town.NOW), engine)
    for path in (
        "/",
        "/alerts",
        "/agents",
        "/doors/moulin/studio",
        f"/alerts/moulin/{town.NOISE}",
        "/nothing",
    ):
        assert "Horloge simulée : ceci est une démonstration" in words(get(app, path))


def test_an_ordinary_clock_says_nothing(french: str) -> None:
    assert "Horloge simulée" not in french


def test_language_by_address_cookie_and_browser(app: FastAPI) -> None:
    async def story() -> None:
        async with browser(app, **{"accept-language": "de, en-GB;q=0.8, fr;q=0.5"}) as client:
            assert '<html lang="en">' in (await client.get("/login")).text
            assert '<html lang="fr">' in (await client.get("/login?lang=fr")).text
            assert '<html lang="fr">' in (await client.get("/login")).text
            assert '<html lang="fr">' in (await client.get("/login?lang=xx")).text
        async with browser(app, **{"accept-language": "de;q=x,,;"}) as client:
            assert '<html lang="fr">' in (await client.get("/login")).text

    asyncio.run(story())


def test_every_answer_keeps_the_browser_within_our_own_files(app: FastAPI) -> None:
    async def story() -> None:
        async with browser(app) as client:
            await enter(client)
            for path in (
                "/",
                "/nothing",
                "/api/v1/summary",
                "/static/tokens.css",
                "/static/live.js",
                "/healthz",
            ):
                answer = await client.get(path)
                policy = answer.headers["content-security-policy"]
                assert policy.startswith(
                    "default-src 'self'; script-src 'self'; style-src 'self'; frame-ancestors 'none'"
                )
                assert "unsafe" not in policy
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert answer.headers["referrer-policy"] == "same-origin"
            assert (await client.get("/")).headers["cache-control"] == "no-store"
            style = await client.get("/static/tokens.css")
            known = await client.get("/static/tokens.css", headers={"if-none-match": style.headers["etag"]})
            assert known.status_code == 304

    asyncio.run(story())


def test_no_page_has_inline_script_style_or_an_address_elsewhere(app: FastAPI) -> None:
    pages = (
        "/",
        "/alerts",
        f"/alerts/moulin/{town.NOISE}",
        "/doors/moulin/studio",
        "/agents",
        "/api/docs",
        "/x",
    )
    for path in pages:
        html = get(app, path)
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", html)
        assert all(" src=" in tag for tag in re.findall(r"<script[^>]*>", html))
        assert not re.search(r"(?:href|src|action)=\"(?:https?:)?//", html)


def test_static_addresses_change_with_the_content(french: str) -> None:
    assert re.search(r'/static/live\.js\?v=[0-9a-f]{12}"', french)
    assert re.search(r'/static/tokens\.css\?v=[0-9a-f]{12}"', french)


def test_the_pages_work_without_script(french: str) -> None:
    form = re.search(
        rf'<form class="acts" method="post" action="(/alerts/moulin/{town.NOISE}/take)">', french
    )
    assert form
    assert len(re.findall(r'<input type="hidden" name="csrf" value="[0-9a-f]{64}">', french)) >= 4
    assert 'href="/doors/moulin/studio"' in french


def test_the_legend_says_the_limit_to_the_second(engine: Engine, app: FastAPI) -> None:
    with write_transaction(engine, ["moulin", "ecole"]) as conn:
        conn.execute(update(schema.series).values(max_silence_s=45))
    assert "Stale: over 90 s" in words(get(app, "/?lang=en"))


def test_a_space_without_sensors_goes_by_the_silence_of_a_driver(engine: Engine) -> None:
    with write_transaction(engine, ["moulin", "ecole"]) as conn:
        conn.execute(delete(schema.series))
    with engine.connect() as conn:
        board = load_board(conn, town.config(), ("moulin", "ecole"), town.NOW)
    assert {tile.stale_after_ms for tile in board.tiles} == {90_000}

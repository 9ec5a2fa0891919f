"""What the demo says to the person at the keyboard, in French and in English."""

import os
from typing import Final, Literal

Language = Literal["fr", "en"]

WORDS: Final[dict[str, dict[Language, str]]] = {
    "starting": {
        "fr": "Le bâtiment de démonstration démarre…",
        "en": "The demo building is starting…",
    },
    "page": {
        "fr": "Page du gardien      {url}",
        "en": "Caretaker's page     {url}",
    },
    "panel": {
        "fr": "Page du testeur      {url}",
        "en": "Tester's page        {url}",
    },
    "login": {
        "fr": "Identifiant          {name}   mot de passe  {password}",
        "en": "Log in as            {name}   password      {password}",
    },
    "code": {
        "fr": "Code valable         {code}   portes : {doors}",
        "en": "Code valid now       {code}   doors: {doors}",
    },
    "people": {
        "fr": "Une chorale vient chanter trop fort, un cours ne vient pas, un inconnu force une porte.",
        "en": "A choir comes and sings too loud, a class does not come, a stranger forces a door.",
    },
    "try": {
        "fr": "À essayer dans un autre terminal :",
        "en": "To try in another terminal:",
    },
    "orders": {
        "fr": "Aussi : leave PORTE, force PORTE, noise SALLE,"
        " unplug APPAREIL, plug APPAREIL (appareils : {devices})",
        "en": "Also: leave DOOR, force DOOR, noise ROOM, unplug DEVICE, plug DEVICE (devices: {devices})",
    },
    "data": {
        "fr": "Journaux et données  {data}",
        "en": "Logs and data        {data}",
    },
    "stop": {
        "fr": "Ctrl-C arrête tout.",
        "en": "Ctrl-C ends everything.",
    },
}


def language() -> Language:
    """The user's language by the usual environment variables; English unless it is French."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return "fr" if value.lower().startswith("fr") else "en"
    return "en"


def word(key: str, **fields: object) -> str:
    """One sentence in the user's language."""
    return WORDS[key][language()].format(**fields)

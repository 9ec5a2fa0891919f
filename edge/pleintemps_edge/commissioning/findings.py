"""What the self test can find, and what to do about it: French first, English second. Pure."""

from typing import Final

from .words import Text

FINDINGS: Final[dict[str, tuple[Text, Text]]] = {
    "silent": (
        ("rien n’est venu de {device} dans le temps donné", "nothing came from {device} within its time"),
        (
            "Contrôlez l’alimentation et les fils : {wiring}.",
            "Check its supply and its wires: {wiring}.",
        ),
    ),
    "swapped": (
        (
            "rien n’est venu de {device}, mais {others} a réagi",
            "nothing came from {device}, but {others} did",
        ),
        (
            "Les fils de {device} et {others} sont sans doute croisés : {wiring}.",
            "The wires of {device} and {others} are probably changed over: {wiring}.",
        ),
    ),
    "stays-active": (
        ("{device} ne revient pas au repos", "{device} does not come back to rest"),
        (
            "Contact coincé, aimant déplacé ou fil en court-circuit : {wiring}.",
            "A wedged contact, a magnet out of place or a shorted wire: {wiring}.",
        ),
    ),
    "rests-active": (
        ("{device} est actif au repos et ne change pas", "{device} is active at rest and does not change"),
        (
            "Fil coupé, aimant absent, ou niveau inversé dans la configuration : {wiring}.",
            "A cut wire, no magnet, or the level turned round in the configuration: {wiring}.",
        ),
    ),
    "ill": (
        ("l’agent le dit en défaut : {detail}", "the agent says that it is ill: {detail}"),
        ("Contrôlez {wiring}.", "Check {wiring}."),
    ),
    "disobeys": (
        ("{device} n’obéit pas : {reason}", "{device} does not obey: {reason}"),
        ("Contrôlez {wiring}.", "Check {wiring}."),
    ),
    "bounce": (
        ("le contact rebondit", "the contact bounces"),
        (
            "Resserrez les bornes, rapprochez l’aimant, remplacez le contact : {wiring}.",
            "Tighten the terminals, bring the magnet closer, replace the contact: {wiring}.",
        ),
    ),
    "one-line": (
        ("aucune impulsion sur la ligne {line}", "no pulse on line {line}"),
        (
            "Fil {line} coupé ou sur une autre borne : {wiring}.",
            "Wire {line} is cut or on another terminal: {wiring}.",
        ),
    ),
    "reversed": (
        ("D0 et D1 sont croisés", "D0 and D1 are changed over"),
        (
            "Échangez les deux fils, ou d0 et d1 dans la configuration : {wiring}.",
            "Change the two wires over, or d0 and d1 in the configuration: {wiring}.",
        ),
    ),
    "star-hash": (
        ("* et # sont échangés", "* and # are swapped"),
        (
            "Mettez swap_star_hash à l’inverse dans la configuration.",
            "Turn swap_star_hash round in the configuration.",
        ),
    ),
    "keys-wrong": (
        ("{wrong} touches sur {of} sont fausses", "{wrong} of {of} keys are wrong"),
        (
            "Câble trop long, non blindé ou masse absente ; le format (bits) convient-il ? {wiring}.",
            "A cable too long, not shielded or without ground; is the format (bits) right? {wiring}.",
        ),
    ),
    "card-unreadable": (
        ("le badge n’est pas lu : {reason}", "the card is not read: {reason}"),
        (
            "Ajoutez sa longueur à cards, ou prenez un badge d’un format connu.",
            "Add its length to cards, or take a card of a known format.",
        ),
    ),
    "not-shown": (
        ("le voyant ou le signal ne marche pas", "lamp or tone does not work"),
        (
            "Contrôlez les fils du voyant et du signal, et active : {wiring}.",
            "Check the wires of lamp and sounder, and active: {wiring}.",
        ),
    ),
    "no-channel": (
        ("pas de canal sûr : {detail}", "no secure channel: {detail}"),
        (
            "Contrôlez A, B, adresse et vitesse ; la clé : pleintemps-edge osdp-install. {wiring}.",
            "Check A, B, address and speed; the key: pleintemps-edge osdp-install. {wiring}.",
        ),
    ),
    "no-lines": (
        ("des octets viennent, mais aucune ligne de texte", "bytes come, but no line of text"),
        (
            "Vitesse (baud) ou fin de ligne du lecteur : {wiring}.",
            "The reader's speed (baud) or line end: {wiring}.",
        ),
    ),
    "no-frames": (
        ("{bytes} octets sont venus, mais aucune trame", "{bytes} bytes came, but no frame"),
        (
            "Vitesse, masse commune, ou un autre modèle sur {wiring}.",
            "Speed, common ground, or another model on {wiring}.",
        ),
    ),
    "bad-line": (
        ("la ligne perd ou abîme des trames", "the line loses or damages frames"),
        (
            "Masse, longueur du câble, alimentation 5 V d’au moins 200 mA : {wiring}.",
            "Ground, length of the cable, 5 V supply of 200 mA at least: {wiring}.",
        ),
    ),
    "blind": (
        ("{device} ne voit personne", "{device} sees nobody"),
        (
            "Orientation, obstacle, sortie du détecteur : {wiring}.",
            "Direction, something before it, its output: {wiring}.",
        ),
    ),
    "never-rests": (
        ("{device} ne revient pas au repos dans une pièce vide", "{device} does not rest in an empty room"),
        (
            "Durée de maintien, sortie collée, chauffage ou soleil dans le champ : {wiring}.",
            "Hold time, a stuck output, a heater or sun in its view: {wiring}.",
        ),
    ),
    "moves-alone": (
        ("{device} voit bouger une pièce vide", "{device} sees an empty room move"),
        (
            "Écartez-le des radiateurs, des courants d’air et du soleil.",
            "Keep it away from heaters, draughts and sun.",
        ),
    ),
    "loses-still": (
        ("{device} perd quelqu’un d’immobile", "{device} loses somebody who keeps still"),
        (
            "Rapprochez-le ou augmentez la sensibilité immobile.",
            "Bring it closer or raise its still sensitivity.",
        ),
    ),
    "never-empty": (
        ("{device} voit quelqu’un dans une pièce vide", "{device} sees somebody in an empty room"),
        (
            "Plante, rideau, ventilateur ou cloison mince : déplacez-le ou baissez sa sensibilité.",
            "A plant, a curtain, a fan or a thin wall: move it or lower its sensitivity.",
        ),
    ),
    "sees-ghosts": (
        ("{device} a vu quelqu’un dans la pièce vide", "{device} saw somebody in the empty room"),
        ("Baissez la sensibilité ou déplacez-le.", "Lower its sensitivity or move it."),
    ),
    "noisy-gate": (
        ("le bruit de fond approche la sensibilité ({gate})", "noise comes near the sensitivity ({gate})"),
        (
            "Baissez la sensibilité de cette distance ou ôtez ce qui bouge.",
            "Lower the sensitivity of that distance or take away what moves.",
        ),
    ),
    "no-gates": (
        (
            "le radar ne donne pas ses énergies par distance",
            "the radar does not give its energies by distance",
        ),
        (
            "Le sens d’émission (TX de la carte) est-il câblé ? {wiring}.",
            "Is the way to it (TX of the board) wired? {wiring}.",
        ),
    ),
    "no-answer": (
        ("aucune réponse sur le bus", "no answer on the bus"),
        (
            "A et B, adresse, vitesse, alimentation 10-30 V : {wiring}.",
            "A and B, address, speed, supply 10-30 V: {wiring}.",
        ),
    ),
    "bad-answers": (
        (
            "des réponses manquent ou sont abîmées ({of} demandes)",
            "answers are missing or damaged ({of} questions)",
        ),
        (
            "Résistance de fin de ligne 120 ohms, masse, deux maîtres sur le bus : {wiring}.",
            "End resistor 120 ohms, ground, two masters on the bus: {wiring}.",
        ),
    ),
    "no-tone": (
        (
            "le ton du calibreur n’est pas entendu (lu : {told})",
            "the calibrator's tone is not heard (read: {told})",
        ),
        (
            "Le calibreur est-il allumé et bien posé ? Registre et échelle : {wiring}.",
            "Is the calibrator on and tight? Register and scale: {wiring}.",
        ),
    ),
    "level-off": (
        ("le niveau est faux de {off} dB", "the level is {off} dB off"),
        (
            "Microphone : pleintemps-edge calibrate. Sonomètre : à régler ou à remplacer.",
            "Microphone: pleintemps-edge calibrate. Meter: have it adjusted or replaced.",
        ),
    ),
    "frozen": (
        ("le niveau ne redescend pas", "the level does not fall again"),
        (
            "Appareil figé : coupez son alimentation, sinon remplacez-le. {wiring}.",
            "A frozen device: take its supply away, else replace it. {wiring}.",
        ),
    ),
    "deaf": (
        ("un claquement de mains ne se voit pas dans le niveau", "a clap does not show in the level"),
        (
            "Ouverture bouchée, registre, canal ou appareil figé : {wiring}.",
            "A blocked opening, register, channel or a frozen device: {wiring}.",
        ),
    ),
    "does-not-release": (
        (
            "l’ordre d’ouvrir n’est pas suivi (dit : {told})",
            "the order to open is not followed (told: {told})",
        ),
        (
            "Pêne bloqué, alimentation de la gâche, relais, contact de pêne : {wiring}.",
            "A jammed bolt, the strike's supply, the relay, the bolt contact: {wiring}.",
        ),
    ),
    "does-not-lock": (
        (
            "l’ordre de fermer n’est pas suivi (dit : {told})",
            "the order to lock is not followed (told: {told})",
        ),
        (
            "Pêne bloqué, porte mal fermée, contact de pêne : {wiring}.",
            "A jammed bolt, a door ajar, the bolt contact: {wiring}.",
        ),
    ),
    "does-not-open": (
        ("la porte {door} ne s’ouvre pas", "door {door} does not open"),
        (
            "Pêne sous pression, alimentation, relais, wiring et energise : {wiring}.",
            "A bolt under pressure, supply, relay, wiring and energise: {wiring}.",
        ),
    ),
    "not-shut": (
        ("la porte {door} n’a pas été refermée", "door {door} was not shut again"),
        ("Refermez-la ; le ferme-porte suffit-il ?", "Shut it; is the door closer strong enough?"),
    ),
    "does-not-hold": (
        ("la porte s’ouvre alors que la serrure est refermée", "the door opens although the lock is closed"),
        (
            "Serrure montée à l’envers, wiring ou energise inversés : {wiring}.",
            "A lock mounted the wrong way, wiring or energise turned round: {wiring}.",
        ),
    ),
    "not-freed": (
        ("la ventouse tient la porte {door} malgré {by}", "the magnet holds door {door} in spite of {by}"),
        (
            "DANGER : câblez {by} en série dans l’alimentation de la ventouse. Ne mettez pas en service.",
            "DANGER: wire {by} in series with the magnet's supply. Do not put it into service.",
        ),
    ),
    "not-tripped": (
        (
            "{by} n’a pas été actionné : coupure de la ventouse non prouvée",
            "{by} was not moved: that it frees the magnet is not proved",
        ),
        ("Recommencez avant la mise en service.", "Do it again before it goes into service."),
    ),
    "not-online": (
        (
            "ne répond pas par le courtier du bâtiment : {detail}",
            "does not answer over the building's broker: {detail}",
        ),
        (
            "Wi-Fi ou Zigbee, piles, nom et adresse du courtier.",
            "Wi-Fi or Zigbee, batteries, name and address of the broker.",
        ),
    ),
    "dark": (
        ("le voyant reste éteint", "the light stays dark"),
        ("Lampe, relais, energise : {wiring}.", "Lamp, relay, energise: {wiring}."),
    ),
    "in-alarm": (
        ("la centrale est en alarme", "the panel is in alarm"),
        (
            "Acquittez à la centrale ; fil coupé ? {wiring}.",
            "Acknowledge at the panel; a cut wire? {wiring}.",
        ),
    ),
    "not-ready": (
        ("la centrale n’est pas prête", "the panel is not ready"),
        ("Fermez portes et fenêtres surveillées.", "Shut the doors and windows it watches."),
    ),
    "does-not-arm": (
        ("l’alarme ne se met pas en service", "the alarm is not set"),
        (
            "Entrée à clé de la centrale, relais, contact d’état : {wiring}.",
            "The panel's key input, relay, state contact: {wiring}.",
        ),
    ),
    "does-not-disarm": (
        ("l’alarme ne se met pas hors service", "the alarm is not unset"),
        (
            "Entrée à clé de la centrale, relais, contact d’état : {wiring}.",
            "The panel's key input, relay, state contact: {wiring}.",
        ),
    ),
    "no-ntp": (
        ("l’horloge du système n’est pas réglée par NTP", "the system's clock is not disciplined by NTP"),
        (
            "Réseau ou serveur de temps ; sans lui la passerelle ou la puce donne l’heure.",
            "Network or time server; without it the gateway or the chip gives the time.",
        ),
    ),
    "no-chip": (
        (
            "pas d’horloge sauvegardée alors qu’il y a des portes",
            "no battery-backed clock although there are doors",
        ),
        ("Posez un DS3231 et mettez clock.rtc.", "Fit a DS3231 and set clock.rtc."),
    ),
    "no-reference": (
        (
            "la puce répond ; sans NTP son heure ne se contrôle pas",
            "the chip answers; without NTP its time cannot be checked",
        ),
        ("Recommencez avec le réseau.", "Do it again with the network."),
    ),
    "chip-silent": (
        ("la puce d’horloge ne répond pas", "the clock chip does not answer"),
        (
            "SDA, SCL, 3,3 V, dtoverlay=i2c-rtc,ds3231 : {wiring}.",
            "SDA, SCL, 3.3 V, dtoverlay=i2c-rtc,ds3231: {wiring}.",
        ),
    ),
    "chip-stopped": (
        ("la puce d’horloge s’est arrêtée", "the clock chip has stopped"),
        ("Changez la pile, puis réglez-la : hwclock -w.", "Change its battery, then set it: hwclock -w."),
    ),
    "chip-off": (
        ("la puce d’horloge n’est pas à l’heure", "the clock chip is wrong"),
        (
            "Réglez-la : hwclock -w ; si cela revient, changez-la.",
            "Set it: hwclock -w; if it comes again, change it.",
        ),
    ),
    "free-space": (
        ("peu de place sur le disque de l’état", "little room on the state's disk"),
        ("Libérez de la place sur {wiring}.", "Make room on {wiring}."),
    ),
    "skipped": (("étape sautée : {step}", "step left out: {step}"), ("", "")),
    "alone": (
        ("personne sur place : étapes à la main sautées", "nobody there: steps by hand left out"),
        ("", ""),
    ),
    "not-agreed": (("non essayé : pas d’accord donné", "not tried: nobody agreed"), ("", "")),
    "fire-broken": (
        (
            "non essayé : la boucle incendie {by} est en défaut",
            "not tried: the fire loop {by} is broken",
        ),
        ("", ""),
    ),
    "others-on-bus": (
        (
            "d’autres appareils répondent sur le bus : adresses {addresses}",
            "other devices answer on the bus: addresses {addresses}",
        ),
        (
            "Est-ce voulu ? Deux appareils à une même adresse se brouillent.",
            "Is that meant? Two devices at one address spoil each other.",
        ),
    ),
    "interrupted": (("l’essai a été interrompu ici", "the test was ended here"), ("", "")),
    "unproved": (
        (
            "non prouvé que {by} libère la ventouse par fil",
            "that {by} frees the magnet by wire is not proved",
        ),
        ("", ""),
    ),
    "unanswered": (("sans réponse", "not answered"), ("", "")),
    "no-script": (("pas d’essai pour ce pilote", "no test for this driver"), ("", "")),
}
"""What is found, and what to do about it."""

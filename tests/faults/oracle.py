"""What the doors of the town should say, asked by the minute and by the day of the week."""

from collections import Counter
from datetime import timedelta

from .lonely_town import DAY, DOORS, HOUR, MIDNIGHT, MINUTE, SPACES, Right, Telephoned, Town


class Oracle:
    """Says what ought to happen, from the town itself. ``now`` is in ms since the start."""

    def __init__(self, town: Town) -> None:
        self.by_secret: dict[tuple[bool, str], list[Right]] = {}
        for right in town.rights:
            self.by_secret.setdefault((right.card, right.secret), []).append(right)
        self.told: dict[str, list[Telephoned]] = {}
        for told in town.told:
            self.told.setdefault(told.secret, []).append(told)
        self.spent: set[tuple[str, int]] = set()
        self.mistakes: Counter[str] = Counter()
        self.shut_until: dict[str, int] = {}
        self.heard_at = 0

    def restart(self, now: int) -> None:
        self.heard_at = now
        for door in DOORS:
            self.shut_until[door] = now + self._penalty(self.mistakes[door])

    @staticmethod
    def _penalty(mistakes: int) -> int:
        return [0, 0, 0, 0, 0, 30_000, 60_000, 120_000, 240_000, 300_000][min(mistakes, 9)]

    @staticmethod
    def _is_on(right: Right, now: int) -> bool:
        minute = now // MINUTE
        if any(minute in range(first, after) for first, after in right.visits):
            return True
        clock = MIDNIGHT + timedelta(minutes=minute)
        of_day = clock.hour * 60 + clock.minute
        return any(
            clock.weekday() == course.weekday and 0 <= of_day - course.minute < course.length
            for course in right.courses
        )

    def says(self, door: str, secret: str, card: bool, now: int) -> str:
        if not card and now < self.shut_until.get(door, 0):
            return "wait"
        dark = 11 * DAY <= now < 11 * DAY + 5 * HOUR
        rights = self.by_secret.get((card, secret), [])
        good = [
            right
            for right in rights
            if door in right.doors
            and (right.card and right.staff if dark else self._is_on(right, now))
            and (door, right.number) not in self.spent
        ]
        if good:
            if all(right.once for right in good):
                self.spent.add((door, good[0].number))
            if not card:
                self.mistakes[door] = 0
                self.shut_until[door] = 0
            return "open, under duress" if any(right.duress for right in good) else "open"
        if card or rights:
            return "no"
        return self._telephoned(door, secret, now, dark)

    def _telephoned(self, door: str, secret: str, now: int, dark: bool) -> str:
        if not dark:
            for told in self.told.get(secret, []):
                if door in SPACES[told.space][0] and now // MINUTE in range(told.first, told.after):
                    if told.denied or now - self.heard_at < 15 * MINUTE:
                        return "no"  # a code that exists is no guess
                    self.mistakes[door] = 0
                    self.shut_until[door] = 0
                    return "open"
        self.mistakes[door] += 1
        self.shut_until[door] = now + self._penalty(self.mistakes[door])
        return "no"

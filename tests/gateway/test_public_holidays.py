"""Public holidays: France alone of the library has the same days as France among all countries."""

import subprocess
import sys

from pleintemps_gateway.bookings.public_holidays import public_holidays, regions

YEARS = (2024, 2026, 2038)
PLAIN = f"""
import holidays
for region in {regions()!r}:
    days = holidays.country_holidays("FR", subdiv=region or None, years={YEARS!r})
    print(region, *sorted(days))
"""


def test_the_days_of_all_regions_are_those_of_the_whole_library() -> None:
    found = subprocess.run([sys.executable, "-c", PLAIN], check=True, capture_output=True, text=True)
    ours = [
        " ".join([region, *map(str, sorted(day for year in YEARS for day in public_holidays(region, year)))])
        for region in regions()
    ]
    assert found.stdout.splitlines() == ours
    assert len(ours) > 5


def test_no_other_country_is_loaded() -> None:
    look = "import sys; from pleintemps_gateway.bookings.public_holidays import public_holidays as days;"
    look += "days('Moselle', 2026);"
    look += "print(sum(name.startswith('holidays.countries.') for name in sys.modules))"
    found = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True)
    assert int(found.stdout) < 10

"""The report of ``evaluate occupancy``: the filter and a plain timeout on the same moments."""

from itertools import groupby

from pleintemps_gateway.occupancy.memory import Memory

from .recording import Recording, Truth
from .replay import TIMEOUTS_S, by_timeout, lived
from .scores import Score, changes, score


def report(recording: Recording, *, leave_one_day_out: bool, in_order: bool) -> dict[str, object]:
    """Figures as plain data.

    ``in_order``: one room goes through all days. Otherwise, with ``leave_one_day_out``, each day comes after
    all the others. The baseline's timeout is chosen for each day on the other days, or, without
    ``leave_one_day_out``, in hindsight on all."""
    truths = recording.truths
    if leave_one_day_out and not in_order:
        said, memory = _left_out(recording)
    else:
        said, memory = lived(recording, Memory())
    timeouts, baseline = _baseline(recording, leave_one_day_out)
    found = _shown(score(truths, said))
    return found | {
        "baseline": _shown(score(truths, baseline)) | {"timeout_s": sorted(set(timeouts))},
        "split": "leave-one-day-out" if leave_one_day_out else "none",
        "unsupervised": in_order,
        "moments": len(truths),
        "days": len({truth.day for truth in truths}),
        "arrivals": len(changes(truths, said, True)),
        "departures": len(changes(truths, said, False)),
        "series": sorted({sample.series for sample in recording.samples}),
        "learnt": memory.kept(),
        "rejected": recording.rejected,
    }


def _left_out(recording: Recording) -> tuple[list[bool | None], Memory]:
    """Each day by a filter that lived through the other days, without their truth; what it had learnt at the
    last day's end."""
    parts, said, memory = _days(recording), [], Memory()
    for place, part in enumerate(parts):
        memory = Memory()
        for other in (*parts[:place], *parts[place + 1 :]):
            memory = lived(other, memory).memory
        said += lived(part, memory).said
    return said, memory


def _days(recording: Recording) -> list[Recording]:
    days = []
    for day, truths in groupby(recording.truths, lambda truth: truth.day):
        samples = [sample for sample in recording.samples if Truth(sample.at, False).day == day]
        days.append(recording._replace(samples=samples, truths=list(truths)))
    return days


def _baseline(recording: Recording, leave_one_day_out: bool) -> tuple[list[int], list[bool]]:
    """The timeout of each day with the answers; the smallest of the best by F1 of occupied."""
    truths = recording.truths
    answers = {timeout: by_timeout(recording, timeout) for timeout in TIMEOUTS_S}
    days = sorted({truth.day for truth in truths}) if leave_one_day_out else [None]
    chosen, said = [], []
    for day in days:
        training = [index for index, truth in enumerate(truths) if truth.day != day] or range(len(truths))
        best = max(
            TIMEOUTS_S,
            key=lambda timeout: (
                score([truths[i] for i in training], [answers[timeout][i] for i in training]).f1,
                -timeout,
            ),
        )
        chosen.append(best)
        own = (index for index, truth in enumerate(truths) if day is None or truth.day == day)
        said += [answers[best][index] for index in own]
    return chosen, said


def _shown(found: Score) -> dict[str, object]:
    return found._asdict() | {
        "accuracy": round(found.accuracy, 4),
        "f1": round(found.f1, 4),
        "arrival_s": found.arrival_s._asdict(),
        "clear_s": found.clear_s._asdict(),
    }

"""A sound level meter as pure functions of samples: IEC 61672-1 weightings, levels, percentiles, octaves.

``numpy`` is imported by this package alone, and this package only by who has a microphone or a recording.
"""

"""Commissioning: does every device of this agent do what its configuration says? ``selftest``, ``discover``.

Pure: limits, steps (what is asked, when it is answered, how it is judged), texts, the page, what discovery
makes of bytes. At the rim: the running of the real drivers, the terminal, ports, files.
"""

"""Updates of the agent's own program: signed, tried out, and taken back by the agent itself.

<root>/versions/<version>/     one environment for each version that is held, at most two
<root>/current                 what the service starts
<root>/proven                  the last version that was well; what looks after updates runs from there
<root>/update.json             what is known of them
"""

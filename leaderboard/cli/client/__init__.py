"""The participants' half of the command: what talks to a Podium server over its public API. Needs no extra."""

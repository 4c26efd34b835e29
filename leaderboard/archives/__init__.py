"""Opening the zips and tars of strangers: within limits, or refused with a sentence and nothing left behind."""

"""Three calls of the public part fail: one raises, one is too slow, one returns a text."""

import time


class Estimator:
    def predict(self, item):
        if item["id"] == "p001":
            raise RuntimeError("I do not like this one")
        if item["id"] == "p002":
            time.sleep(60)
        return "half" if item["id"] == "p003" else 0.5

"""Every call returns what is no number."""


class Estimator:
    def predict(self, item):
        return float("nan")

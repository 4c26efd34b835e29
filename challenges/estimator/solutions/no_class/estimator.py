"""Has another class than is asked for."""


class Model:
    def predict(self, item):
        return 0.5

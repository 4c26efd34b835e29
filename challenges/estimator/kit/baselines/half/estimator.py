"""The mean of the training answers, whatever the network."""

import csv


class Estimator:
    def setup(self, context):
        with open(context["train_dir"] + "/answers.csv") as file:
            answers = [float(row["probability"]) for row in csv.DictReader(file)]
        self.mean = sum(answers) / len(answers)

    def predict(self, item):
        return self.mean

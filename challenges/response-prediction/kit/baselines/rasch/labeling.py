"""Spends the labels on items that nobody has answered, as evenly as possible: of them the least is known."""

import csv


def score_pairs(test_pairs, train_dir, test_dir):
    with open(train_dir + "/train_responses.csv", encoding="utf-8", newline="") as file:
        answered = {row["item_id"] for row in csv.DictReader(file)}
    scores, asked = [], {}
    for pair in test_pairs:
        item = pair["item_id"]
        asked[item] = asked.get(item, 0) + 1
        scores.append(-1000.0 if item in answered else -float(asked[item]))
    return scores

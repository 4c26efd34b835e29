"""The Rasch model, and how much better or worse each model is at each task than it is in general."""

from rasch import Rasch, read

PRIOR = 8.0


def train(train_dir):
    global known, category
    known = [
        (row["model_id"], row["item_id"], int(row["response"])) for row in read(train_dir + "/train_responses.csv")
    ]
    category = {row["item_id"]: row["category"] for row in read(train_dir + "/train_items.csv")}


def predict(train_dir, test_dir, labeled_pairs):
    category.update({row["item_id"]: row["category"] for row in read(test_dir + "/test_items.csv")})
    responses = known + [(pair["model_id"], pair["item_id"], int(pair["label"])) for pair in labeled_pairs]
    fitted = Rasch(responses, category)
    missing, certain = {}, {}
    for model, item, response in responses:
        chance, key = fitted.probability(model, item), (model, category[item])
        missing[key] = missing.get(key, 0.0) + response - chance
        certain[key] = certain.get(key, PRIOR / 4) + chance * (1 - chance)
    return [
        {**row, "predicted_probability": shifted(fitted, row, missing, certain)}
        for row in read(test_dir + "/test_pairs.csv")
    ]


def shifted(fitted, row, missing, certain):
    """The probability, moved by what the model's answers to other items of the task say."""
    chance, key = fitted.probability(row["model_id"], row["item_id"]), (row["model_id"], category[row["item_id"]])
    odds = chance / (1 - chance) * 2.718281828459045 ** (missing.get(key, 0.0) / certain.get(key, 1.0))
    return float(odds / (1 + odds))

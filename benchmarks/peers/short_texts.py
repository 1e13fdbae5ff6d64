#!/usr/bin/env python3
"""Short labelled texts from IMDB, and Kim's convolution on them in PyTorch.

    python short_texts.py data aclImdb_v1.tar.gz FOLDER
    python short_texts.py train FOLDER/polarity-train.tsv FOLDER/polarity-test.tsv --seed 0

`data` takes the last sentence of 5 to 40 words from each labelled review, 10,000 of the training part and 5,000 of the
test part, drawn with a fixed seed. It writes polarity-{train,test}.tsv (two classes) and stars-{train,test}.tsv (six
classes: 1, 2-3, 4, 7, 8-9 and 10 stars), with the columns text and label.

`train` is the random model of Kim, "Convolutional Neural Networks for Sentence Classification", 2014: words in lower
case, random vectors of 300, windows of 3, 4 and 5 words with 100 maps each, the largest value of each map, dropout 0.5,
rows of the output's kernel with a norm of up to 3, Adadelta, batches of 50, 25 epochs. A tenth of the training texts is
for validation; the test accuracy is that of the epoch with the best validation accuracy.

Prints one JSON line:

    {"peer", "version", "file", "seed", "best_epoch", "valid_accuracy", "test_accuracy", "seconds"}
"""

import argparse
import csv
import json
import random
import re
import sys
import tarfile
import time
from collections import Counter
from pathlib import Path

STARS = {1: "1", 2: "2-3", 3: "2-3", 4: "4", 7: "7", 8: "8-9", 9: "8-9", 10: "10"}
SIZES = {"train": 10_000, "test": 5_000}
WORD = re.compile(r"[\w']+|[^\w\s]")


def last_sentence(review):
    """The last sentence of 5 to 40 words; None if there is none."""
    sentences = re.split(r"(?<=[.!?])\s+", review.replace("<br />", " "))
    lengths = ((sentence.strip(), len(sentence.split())) for sentence in reversed(sentences))
    return next((" ".join(sentence.split()) for sentence, words in lengths if 5 <= words <= 40), None)


def write_data(archive, folder):
    parts = {"train": [], "test": []}
    with tarfile.open(archive, "r|gz") as tar:
        for member in tar:
            name = re.fullmatch(r"aclImdb/(train|test)/(pos|neg)/\d+_(\d+)\.txt", member.name)
            sentence = last_sentence(tar.extractfile(member).read().decode()) if name else None
            if sentence:
                parts[name[1]].append((member.name, sentence, name[2], STARS[int(name[3])]))
    folder.mkdir(parents=True, exist_ok=True)
    for part, rows in parts.items():
        rows.sort()
        rows = random.Random(0).sample(rows, SIZES[part])
        for task, column in (("polarity", 2), ("stars", 3)):
            with open(folder / f"{task}-{part}.tsv", "w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, delimiter="\t")
                writer.writerow(["text", "label"])
                writer.writerows([row[1], row[column]] for row in rows)


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [(WORD.findall(row["text"].lower()), row["label"]) for row in rows]


def train(train_file, test_file, seed, threads):
    import torch
    from torch import nn

    torch.manual_seed(seed)
    if threads:
        torch.set_num_threads(threads)
    began = time.perf_counter()
    rows, test = read(train_file), read(test_file)
    random.Random(seed).shuffle(rows)
    tenth = len(rows) // 10
    valid, rows = rows[:tenth], rows[tenth:]
    ids = {word: 2 + at for at, word in enumerate(Counter(word for words, _ in rows for word in words))}
    labels = {label: at for at, label in enumerate(sorted({label for _, label in rows}))}

    class Kim(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(2 + len(ids), 300, padding_idx=0)
            nn.init.uniform_(self.words.weight, -0.25, 0.25)
            with torch.no_grad():
                self.words.weight[0] = 0.0
            self.windows = nn.ModuleList(nn.Conv1d(300, 100, width) for width in (3, 4, 5))
            self.output = nn.Linear(300, len(labels))

        def forward(self, batch):
            vectors = self.words(batch).transpose(1, 2)
            maps = [window(vectors).relu().amax(2) for window in self.windows]
            return self.output(nn.functional.dropout(torch.cat(maps, 1), 0.5, self.training))

    def batch(some):
        longest = max(5, max(len(words) for words, _ in some))
        # Four zeros on both sides, as in the paper's code: the widest window also sees a text's first and last word alone.
        pad = lambda words: [0] * 4 + [ids.get(word, 1) for word in words] + [0] * (4 + longest - len(words))
        return torch.tensor([pad(words) for words, _ in some]), torch.tensor([labels[label] for _, label in some])

    def accuracy(some):
        model.eval()
        with torch.no_grad():
            right = 0
            for at in range(0, len(some), 200):
                texts, expected = batch(some[at : at + 200])
                right += int((model(texts).argmax(1) == expected).sum())
        return right / len(some)

    model = Kim()
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0, rho=0.95, eps=1e-6)
    best = {"valid_accuracy": 0.0}
    order = random.Random(seed)
    for epoch in range(1, 26):
        order.shuffle(rows)
        model.train()
        for at in range(0, len(rows), 50):
            texts, expected = batch(rows[at : at + 50])
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(texts), expected).backward()
            optimizer.step()
            with torch.no_grad():
                model.output.weight.copy_(torch.renorm(model.output.weight, 2, 0, 3.0))
        found = accuracy(valid)
        if found > best["valid_accuracy"]:
            best = {"best_epoch": epoch, "valid_accuracy": found, "test_accuracy": accuracy(test)}
    told = {"peer": "torch", "version": torch.__version__, "file": Path(train_file).stem, "seed": seed}
    print(json.dumps(told | best | {"seconds": round(time.perf_counter() - began, 1)}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_subparsers(dest="what", required=True)
    data = what.add_parser("data", help="write the texts")
    data.add_argument("archive", type=Path)
    data.add_argument("folder", type=Path)
    kim = what.add_parser("train", help="train Kim's convolution")
    kim.add_argument("train_file", type=Path)
    kim.add_argument("test_file", type=Path)
    kim.add_argument("--seed", type=int, default=0)
    kim.add_argument("--threads", type=int)
    options = parser.parse_args()
    if options.what == "data":
        write_data(options.archive, options.folder)
    else:
        train(options.train_file, options.test_file, options.seed, options.threads)


if __name__ == "__main__":
    sys.exit(main())

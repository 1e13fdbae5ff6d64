#!/usr/bin/env python3
"""Times whole epochs of Keras on the IMDB reviews with the conv_bilstm model, on the CPU.

    python imdb_epoch.py --data DIR [--epochs 1] [--threads N]

DIR is or contains aclImdb (train/neg and train/pos are read) or aclImdb_v1.tar.gz; it may also be the archive.
A fifth of the 25,000 training reviews is for validation. As in Kiln's example, the words of all 25,000 are counted.

Prints one JSON line:

    {"peer", "version", "task", "device", "threads", "prepare_s", "epoch_s", "peak_rss_mb", "val_accuracy"}

`prepare_s`: reading, counting and encoding the reviews. `epoch_s`: one figure per epoch, training and validation; the
first also includes building the graph. `peak_rss_mb`: the peak memory of the process, in MiB.
`val_accuracy`: after the last epoch.
"""

import argparse
import json
import os
import random
import resource
import sys
import tarfile
import time
from collections import Counter
from pathlib import Path

from train_step import TASKS, keras_conv_bilstm, start_keras

ARCHIVE = "aclImdb_v1.tar.gz"
CLASSES = ("neg", "pos")
WORDS = TASKS["conv_bilstm"].vocab
LENGTH = TASKS["conv_bilstm"].steps
BATCH = TASKS["conv_bilstm"].batch
HELD_OUT = 0.2
# The characters that separate words in the Keras tokenizer.
SEPARATORS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
TO_SPACES = str.maketrans(SEPARATORS, " " * len(SEPARATORS))


def find_reviews(data):
    """The folder with train/neg and train/pos, otherwise the archive, that `data` is or contains."""
    for folder in (data, data / "aclImdb"):
        if all((folder / "train" / name).is_dir() for name in CLASSES):
            return folder
    for archive in (data, data / ARCHIVE):
        if archive.is_file():
            return archive
    sys.exit(f"imdb_epoch.py: neither aclImdb nor {ARCHIVE} in {data}")


def read_folder(folder):
    """Class, file name and text of every training review in a folder."""
    for name in CLASSES:
        for file in (folder / "train" / name).glob("*.txt"):
            yield name, file.name, file.read_text(encoding="utf-8")


def read_archive(archive):
    """Class, file name and text of every training review in an archive."""
    with tarfile.open(archive, "r|gz") as members:
        for member in members:
            parts = member.name.split("/")
            if member.isfile() and parts[-3:-2] == ["train"] and parts[-2] in CLASSES:
                yield parts[-2], parts[-1], members.extractfile(member).read().decode("utf-8")


def read_reviews(source):
    """The training reviews as (text, label), shuffled the same way every time."""
    found = sorted(read_folder(source) if source.is_dir() else read_archive(source))
    if not found:
        sys.exit(f"imdb_epoch.py: no training reviews in {source}")
    reviews = [(text, CLASSES.index(name)) for name, _, text in found]
    random.Random(0).shuffle(reviews)
    return reviews


def split_words(text):
    """The lower-case words of a text. As in Keras, only plain spaces separate them, not no-break spaces."""
    return [word for word in text.lower().translate(TO_SPACES).split(" ") if word]


def number_words(documents):
    """Ids from 1 for the most frequent words, equal counts in order of appearance; 0 is for padding."""
    counts = Counter()
    for words in documents:
        counts.update(words)
    return {word: place + 1 for place, (word, _) in enumerate(counts.most_common(WORDS - 1))}


def encode(documents, ids):
    """One row of ids per document: its last known words, padded in front."""
    import numpy as np

    rows = np.zeros((len(documents), LENGTH), dtype=np.int32)
    for row, words in zip(rows, documents):
        known = [ids[word] for word in words if word in ids][-LENGTH:]
        if known:
            row[-len(known):] = known
    return rows


def prepare(data, limit):
    """Rows and labels to train on and to validate on."""
    import numpy as np

    reviews = read_reviews(find_reviews(data))[:limit]
    documents = [split_words(text) for text, _ in reviews]
    rows = encode(documents, number_words(documents))
    labels = np.array([[label] for _, label in reviews], dtype=np.float32)
    border = len(rows) - int(len(rows) * HELD_OUT)
    return (rows[:border], labels[:border]), (rows[border:], labels[border:])


def train(keras, fit, valid, epochs):
    """Trains the model; returns the seconds of every epoch, and the validation accuracy after the last one."""

    class Clock(keras.callbacks.Callback):
        """Times the epochs. Keras ends an epoch after its validation."""

        def __init__(self):
            super().__init__()
            self.seconds = []

        def on_epoch_begin(self, epoch, logs=None):
            self.start = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.seconds.append(time.perf_counter() - self.start)

    def accuracy(labels, logits):
        """1 if the logit is on the label's side of 0."""
        return keras.ops.equal(labels > 0.5, logits > 0)

    model = keras_conv_bilstm()
    model.compile(
        optimizer="adam", loss=keras.losses.BinaryCrossentropy(from_logits=True), metrics=[accuracy]
    )
    clock = Clock()
    history = model.fit(
        *fit, validation_data=valid, epochs=epochs, batch_size=BATCH, callbacks=[clock], verbose=0
    )
    return clock.seconds, history.history["val_accuracy"][-1]


def peak_memory():
    """The peak memory of this process, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10  # macOS counts bytes, Linux KiB


def main():
    parser = argparse.ArgumentParser(description="Times epochs of Keras on the IMDB reviews.")
    parser.add_argument("--data", type=Path, required=True, help=f"where aclImdb or {ARCHIVE} is")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="default: one per core")
    parser.add_argument("--limit", type=int, help="only this many reviews, to try the script")
    options = parser.parse_args()

    keras = start_keras(options.threads)
    start = time.perf_counter()
    fit, valid = prepare(options.data, options.limit)
    prepare_seconds = time.perf_counter() - start
    epoch_seconds, accuracy = train(keras, fit, valid, options.epochs)
    line = {
        "peer": "keras",
        "version": keras.__version__,
        "task": "imdb_epoch",
        "device": "cpu",
        "threads": options.threads,
        "prepare_s": round(prepare_seconds, 2),
        "epoch_s": [round(seconds, 2) for seconds in epoch_seconds],
        "peak_rss_mb": round(peak_memory()),
        "val_accuracy": round(float(accuracy), 4),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()

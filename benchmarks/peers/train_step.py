#!/usr/bin/env python3
"""Times one training step and one forward pass of small sequence models in PyTorch or Keras.

    python train_step.py torch
    python train_step.py keras --threads 1 --only gru_product
    python train_step.py torch --device cuda

Prints one JSON line per task:

    {"peer", "version", "task", "device", "threads", "step_ms", "forward_ms"}

PyTorch: a step is zero_grad, forward, loss, backward and the optimizer's step (for `lm_650` clipping and gradient
descent, for the others Adam). A forward pass runs without gradients in evaluation mode. On a GPU, both end when the
device has finished. Each figure is the median of 20, after 5 that are not counted. `--device cuda` needs a CUDA build
of PyTorch; cuDNN computes the recurrent layers.

Keras: a step and a forward pass are the time that a batch adds to `fit` and to `predict`, see `seconds_per_batch`.
"""

import argparse
import json
import os
import statistics
import time
from dataclasses import dataclass
from functools import partial

WARM_UP = 5
MEASURED = 20


# Models that differ only in their sizes: the cell of a bidirectional layer; cell, features, units and layers.
BIDIRECTIONAL = {"bilstm": "LSTM", "bigru": "GRU"}
RECURRENT = {
    "gru_product": ("GRU", 2, 30, 2),
    "lstm_256": ("LSTM", 256, 256, 1), "lstm_512": ("LSTM", 512, 512, 1),
    "gru_256": ("GRU", 256, 256, 1), "gru_512": ("GRU", 512, 512, 1),
}


def models(conv_bilstm, bidirectional, recurrent, language=None):
    """The function that makes the model of each task, from the functions of one library."""
    made = {"conv_bilstm": conv_bilstm} | ({"lm_650": language} if language else {})
    made |= {name: partial(bidirectional, cell) for name, cell in BIDIRECTIONAL.items()}
    return made | {name: partial(recurrent, *options) for name, options in RECURRENT.items()}


@dataclass(frozen=True)
class Task:
    """A task's input, ids below `vocab` or `features` numbers per step, and whether it predicts the next id."""

    batch: int
    steps: int
    vocab: int = 0
    features: int = 0
    language: bool = False


TASKS = {
    "conv_bilstm": Task(batch=64, steps=200, vocab=10_000),
    "bilstm": Task(batch=64, steps=300, vocab=8_185),
    "bigru": Task(batch=64, steps=300, vocab=8_185),
    "gru_product": Task(batch=32, steps=100, features=2),
    "lstm_256": Task(batch=32, steps=100, features=256),
    "lstm_512": Task(batch=32, steps=100, features=512),
    "gru_256": Task(batch=32, steps=100, features=256),
    "gru_512": Task(batch=32, steps=100, features=512),
    "lm_650": Task(batch=20, steps=35, vocab=10_000, language=True),
}


def random_batches(task, count):
    """Random inputs and targets for `count` batches: next ids for a language model, otherwise 0 or 1 for ids."""
    import numpy as np

    random = np.random.default_rng(0)
    rows = task.batch * count
    if task.vocab:
        inputs = random.integers(0, task.vocab, (rows, task.steps), dtype=np.int32)
        if task.language:
            targets = random.integers(0, task.vocab, (rows, task.steps), dtype=np.int64)
        else:
            targets = random.integers(0, 2, (rows, 1)).astype(np.float32)
    else:
        inputs = random.random((rows, task.steps, task.features), dtype=np.float32)
        targets = random.random((rows, 1), dtype=np.float32)
    return inputs, targets


def report(peer, version, task, threads, step, forward, device="cpu"):
    """Prints a task's line; `step` and `forward` are seconds."""
    line = {
        "peer": peer,
        "version": version,
        "task": task,
        "device": device,
        "threads": threads,
        "step_ms": round(step * 1000, 3),
        "forward_ms": round(forward * 1000, 3),
    }
    print(json.dumps(line), flush=True)


# PyTorch


def torch_conv_bilstm():
    """Embedding, convolution, pooling and two bidirectional LSTMs."""
    import torch
    from torch import nn

    class ConvBiLstm(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(10_000, 200)
            self.dropout = nn.Dropout(0.5)
            self.convolution = nn.Conv1d(200, 64, kernel_size=5)
            self.pool = nn.MaxPool1d(4)
            self.lower = nn.LSTM(64, 64, batch_first=True, bidirectional=True)
            self.upper = nn.LSTM(128, 32, batch_first=True, bidirectional=True)
            self.output = nn.Linear(64, 1)

        def forward(self, ids):
            embedded = self.dropout(self.embedding(ids))
            channels = self.convolution(embedded.transpose(1, 2))
            pooled = self.pool(torch.relu(channels)).transpose(1, 2)
            sequence, _ = self.lower(pooled)
            _, (hidden, _) = self.upper(self.dropout(sequence))
            return self.output(torch.cat([hidden[0], hidden[1]], dim=1))

    return ConvBiLstm()


def torch_bidirectional(cell):
    """Embedding, one bidirectional layer ("LSTM" or "GRU"), and two dense layers on its last states."""
    import torch
    from torch import nn

    class Bidirectional(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(8_185, 64)
            self.recurrent = getattr(nn, cell)(64, 64, batch_first=True, bidirectional=True)
            self.dense = nn.Linear(128, 64)
            self.output = nn.Linear(64, 1)

        def forward(self, ids):
            _, state = self.recurrent(self.embedding(ids))
            hidden = state[0] if cell == "LSTM" else state
            both = torch.cat([hidden[0], hidden[1]], dim=1)
            return self.output(torch.relu(self.dense(both)))

    return Bidirectional()


def torch_recurrent(cell, features, units, layers=1):
    """Recurrent layers ("LSTM" or "GRU") of `units` each on numbers, and a dense layer on the last state."""
    from torch import nn

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.recurrent = getattr(nn, cell)(features, units, num_layers=layers, batch_first=True)
            self.output = nn.Linear(units, 1)

        def forward(self, numbers):
            _, state = self.recurrent(numbers)
            hidden = state[0] if cell == "LSTM" else state
            return self.output(hidden[-1])

    return Recurrent()


def torch_language():
    """Embedding, two LSTMs of 650 whose states carry over between batches, and a softmax with the embedding's table."""
    from torch import nn

    class Language(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(10_000, 650)
            self.dropout = nn.Dropout(0.5)
            self.recurrent = nn.LSTM(650, 650, num_layers=2, dropout=0.5, batch_first=True)
            self.output = nn.Linear(650, 10_000)
            self.output.weight = self.embedding.weight
            self.states = None

        def forward(self, ids):
            hidden, states = self.recurrent(self.dropout(self.embedding(ids)), self.states)
            self.states = tuple(state.detach() for state in states)
            return self.output(self.dropout(hidden)).flatten(0, 1)

    return Language()


TORCH_MODELS = models(torch_conv_bilstm, torch_bidirectional, torch_recurrent, torch_language)


def start_torch(threads):
    """Imports PyTorch with a fixed seed and number of threads."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    return torch


def median_seconds(action):
    """The median time of repeated calls of `action`."""
    times = []
    for _ in range(WARM_UP + MEASURED):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times[WARM_UP:])


def time_torch(names, threads, device):
    torch = start_torch(threads)
    on_a_gpu = device == "cuda"
    if on_a_gpu and not torch.cuda.is_available():
        raise SystemExit(f"PyTorch {torch.__version__} finds no CUDA device; use --device cpu")
    card = torch.cuda.get_device_name() if on_a_gpu else "cpu"
    wait = torch.cuda.synchronize if on_a_gpu else (lambda: None)
    for name in names:
        task = TASKS[name]
        inputs, targets = (torch.from_numpy(array).to(device) for array in random_batches(task, 1))
        inputs = inputs.long() if task.vocab else inputs
        model = TORCH_MODELS[name]().to(device)
        if task.language:
            targets = targets.flatten()
            loss, optimizer = torch.nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr=1e-3)
        else:
            loss = torch.nn.BCEWithLogitsLoss() if task.vocab else torch.nn.MSELoss()
            optimizer = torch.optim.Adam(model.parameters())

        def step():
            optimizer.zero_grad()
            loss(model(inputs), targets).backward()
            if task.language:
                torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
            optimizer.step()
            wait()

        def forward():
            model(inputs)
            wait()

        model.train()
        step_seconds = median_seconds(step)
        model.eval()
        with torch.no_grad():
            forward_seconds = median_seconds(forward)
        report("torch", torch.__version__, name, threads, step_seconds, forward_seconds, card)


# Keras


def start_keras(threads):
    """Imports Keras on TensorFlow with a fixed seed and number of threads."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import tensorflow

    tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
    tensorflow.config.threading.set_inter_op_parallelism_threads(threads)
    import keras

    keras.utils.set_random_seed(0)
    return keras


def keras_conv_bilstm():
    """Embedding, convolution, pooling and two bidirectional LSTMs."""
    from keras import Sequential, layers

    return Sequential([
        layers.Input((200,), dtype="int32"),
        layers.Embedding(10_000, 200),
        layers.Dropout(0.5),
        layers.Conv1D(64, 5, activation="relu"),
        layers.MaxPooling1D(4),
        layers.Bidirectional(layers.LSTM(64, return_sequences=True)),
        layers.Dropout(0.5),
        layers.Bidirectional(layers.LSTM(32)),
        layers.Dense(1),
    ])


def keras_bidirectional(cell):
    """Embedding, one bidirectional layer ("LSTM" or "GRU"), and two dense layers on its last states."""
    from keras import Sequential, layers

    return Sequential([
        layers.Input((300,), dtype="int32"),
        layers.Embedding(8_185, 64),
        layers.Bidirectional(getattr(layers, cell)(64)),
        layers.Dense(64, activation="relu"),
        layers.Dense(1),
    ])


def keras_recurrent(cell, features, units, layers=1):
    """Recurrent layers ("LSTM" or "GRU") of `units` each on numbers, and a dense layer on the last state."""
    import keras

    recurrent = getattr(keras.layers, cell)
    model = keras.Sequential([keras.layers.Input((100, features))])
    for _ in range(layers - 1):
        model.add(recurrent(units, return_sequences=True))
    model.add(recurrent(units))
    model.add(keras.layers.Dense(1))
    return model


KERAS_MODELS = models(keras_conv_bilstm, keras_bidirectional, keras_recurrent)


def seconds_per_batch(run, many):
    """The time that one more batch adds to `run(batches)`.

    The start-up of `fit` or `predict` costs the same for any number of batches, so it cancels out in the
    difference between a long and a short call. The median of five such differences; a call before them builds
    the graph.
    """
    few = many // 4

    def seconds(batches):
        start = time.perf_counter()
        run(batches)
        return time.perf_counter() - start

    run(few)
    slopes = []
    for _ in range(5):
        short, long = seconds(few), seconds(many)
        slopes.append((long - short) / (many - few))
    return statistics.median(slopes)


def time_keras(names, threads):
    if not names:
        return
    keras = start_keras(threads)
    batches = 40
    for name in names:
        task = TASKS[name]
        inputs, targets = random_batches(task, batches)
        model = KERAS_MODELS[name]()
        loss = keras.losses.BinaryCrossentropy(from_logits=True) if task.vocab else "mse"
        model.compile(optimizer="adam", loss=loss)

        def fit(count):
            rows = count * task.batch
            model.fit(inputs[:rows], targets[:rows], batch_size=task.batch, verbose=0)

        def predict(count):
            model.predict(inputs[: count * task.batch], batch_size=task.batch, verbose=0)

        step_seconds = seconds_per_batch(fit, batches)
        forward_seconds = seconds_per_batch(predict, batches)
        report("keras", keras.__version__, name, threads, step_seconds, forward_seconds)


def main():
    parser = argparse.ArgumentParser(description="Times a training step and a forward pass in PyTorch or Keras.")
    parser.add_argument("peer", choices=["torch", "keras"])
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="default: one per core")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="Keras runs only on the CPU")
    parser.add_argument("--only", choices=list(TASKS), help="only this task")
    options = parser.parse_args()

    names = [options.only] if options.only else list(TASKS)
    if options.peer == "torch":
        time_torch(names, options.threads, options.device)
    elif options.device != "cpu":
        parser.error("only PyTorch is timed on a GPU: leave --device out for Keras")
    else:
        time_keras([name for name in names if name in KERAS_MODELS], options.threads)


if __name__ == "__main__":
    main()

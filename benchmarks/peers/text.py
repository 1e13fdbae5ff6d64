"""Times text preprocessing in Keras, scikit-learn and Hugging Face's tokenizers; prints one JSON line per task.

    python text.py FOLDER keras|sklearn|hf [--only TASK]

FOLDER holds *.txt files, one document each, at any depth. They are read first, in the order of their paths. Each task
runs twice and the better run counts; long tasks run once. kiln-text's example text-bench has the same tasks with the
same names.
"""

import argparse
import json
import os
import time
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("folder", type=Path)
parser.add_argument("peer", choices=["keras", "sklearn", "hf"])
parser.add_argument("--only", metavar="TASK")
options = parser.parse_args()

texts = [path.read_text(encoding="utf8") for path in sorted(options.folder.rglob("*.txt"))]
if not texts:
    parser.error(f"{options.folder} holds no *.txt file at any depth")
megabytes = sum(len(text.encode()) for text in texts) / 1e6
words = sum(len(text.split()) for text in texts)


def timed(task, work, runs=2, tokens=None):
    """Times work() and prints its line; tokens(result) counts the tokens of an encoding."""
    if options.only not in (None, task):
        return
    seconds = []
    for _ in range(runs):
        began = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - began)
    line = {"peer": options.peer, "task": task, "documents": len(texts), "mb": round(megabytes, 1),
            "seconds": round(min(seconds), 4), "mb_per_s": round(megabytes / min(seconds), 1)}
    if tokens:
        line["tokens_per_word"] = round(tokens(result) / words, 4)
    print(json.dumps(line), flush=True)


def keras():
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow
    from keras import layers, utils
    from keras.src.legacy.preprocessing.text import Tokenizer

    def fitted():
        tokenizer = Tokenizer(num_words=10_000)
        tokenizer.fit_on_texts(texts)
        return tokenizer

    timed("word_fit", fitted, runs=1)
    if options.only is None or options.only in ("word_encode", "pad", "tfidf_matrix_1000_docs"):
        tokenizer = fitted()
        timed("word_encode", lambda: tokenizer.texts_to_sequences(texts), runs=1)
        sequences = tokenizer.texts_to_sequences(texts)
        timed("pad", lambda: utils.pad_sequences(sequences, maxlen=200))
        timed("tfidf_matrix_1000_docs", lambda: tokenizer.texts_to_matrix(texts[:1000], mode="tfidf"), runs=1)
    if options.only is None or options.only.startswith("text_vectorization"):
        batches = tensorflow.data.Dataset.from_tensor_slices(texts).batch(512)
        layer = layers.TextVectorization(max_tokens=10_000, output_sequence_length=200)
        timed("text_vectorization_fit", lambda: layer.adapt(batches), runs=1)
        if options.only == "text_vectorization_encode":
            layer.adapt(batches)
        timed("text_vectorization_encode", lambda: sum(1 for _ in batches.map(layer)), runs=1)


def sklearn():
    from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer

    timed("count", lambda: CountVectorizer(max_features=10_000).fit_transform(texts))
    timed("count_bigram", lambda: CountVectorizer(max_features=10_000, ngram_range=(1, 2)).fit_transform(texts), runs=1)
    timed("hashing", lambda: HashingVectorizer(n_features=2**18).transform(texts))
    timed("tfidf", lambda: TfidfVectorizer(max_features=10_000).fit_transform(texts))


def hf():
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    def word_level():
        tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.Lowercase()
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        special = ["[PAD]", "[UNK]"]
        trainer = trainers.WordLevelTrainer(vocab_size=10_000, special_tokens=special, show_progress=False)
        tokenizer.train_from_iterator(texts, trainer)
        return tokenizer

    def byte_pairs():
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=8_185, show_progress=False))
        return tokenizer

    def tokens(encodings):
        return sum(len(encoding) for encoding in encodings)

    for task, train, runs, count in (("word", word_level, 2, None), ("bpe", byte_pairs, 1, tokens)):
        timed(f"{task}_fit", train, runs)
        if options.only in (None, f"{task}_encode"):
            tokenizer = train()
            timed(f"{task}_encode", lambda: tokenizer.encode_batch_fast(texts), tokens=count)


{"keras": keras, "sklearn": sklearn, "hf": hf}[options.peer]()

"""Trains gensim's Word2Vec on a text with one sentence per line; prints a JSON line.

    python word2vec.py TEXT [--skip-gram] [--epochs 5] [--workers 2] [--seed 1] [--eval DIR] [--output FILE]

words_per_s is the number of words of the text times the epochs, divided by the training time, which
excludes counting the vocabulary. --eval DIR holds wordsim353.tsv, simlex999.txt and questions-words.txt.
"""

import argparse
import json
import time

from gensim.models import Word2Vec


def scores(vectors, folder):
    """Spearman's rho for both lists of pairs, and the share of right analogies among 30,000 words."""
    rho = {name: {"spearman": round(float(vectors.evaluate_word_pairs(f"{folder}/{file}")[1][0]), 4)}
           for name, file in (("wordsim353", "wordsim353.tsv"), ("simlex999", "simlex999.txt"))}
    analogies = vectors.evaluate_word_analogies(f"{folder}/questions-words.txt", restrict_vocab=30_000)[0]
    return {**rho, "analogies": round(analogies, 4)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text")
    parser.add_argument("--skip-gram", action="store_true")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--eval", metavar="DIR")
    parser.add_argument("--output", metavar="FILE", help="word2vec's text format")
    options = parser.parse_args()

    model = Word2Vec(sg=int(options.skip_gram), workers=options.workers, seed=options.seed)
    model.build_vocab(corpus_file=options.text)
    words = model.corpus_total_words
    began = time.perf_counter()
    model.train(corpus_file=options.text, total_examples=model.corpus_count, total_words=words, epochs=options.epochs)
    seconds = time.perf_counter() - began

    line = {"peer": "gensim", "task": "skip_gram" if options.skip_gram else "cbow", "vocab": len(model.wv),
            "raw_words": words, "epochs": options.epochs, "seconds": round(seconds, 2),
            "words_per_s": round(words * options.epochs / seconds)}
    if options.eval:
        line["scores"] = scores(model.wv, options.eval)
    if options.output:
        model.wv.save_word2vec_format(options.output)
    print(json.dumps(line))


if __name__ == "__main__":
    main()

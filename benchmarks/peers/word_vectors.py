"""Times gensim's KeyedVectors on the files that kiln-vector-bench makes; prints one JSON line per figure.

    python word_vectors.py DIR

DIR holds vectors.txt, 400,000 words with 100 numbers each in GloVe's text format.
"""

import json
import statistics
import sys
import time

from gensim.models import KeyedVectors

QUERIES = 50


def say(task, seconds):
    print(json.dumps({"peer": "gensim", "task": task, "seconds": seconds}), flush=True)


folder = sys.argv[1]
began = time.perf_counter()
vectors = KeyedVectors.load_word2vec_format(f"{folder}/vectors.txt", binary=False, no_header=True)
say("load_text", time.perf_counter() - began)

# gensim's own format, memory-mapped; the words are unpickled.
vectors.save(f"{folder}/gensim.kv")
began = time.perf_counter()
mapped = KeyedVectors.load(f"{folder}/gensim.kv", mmap="r")
mapped["word399999"]
say("open_mapped", time.perf_counter() - began)

# The product uses all cores. There is no batch query, so both lines have the time of a single query.
seconds = []
for n in range(QUERIES + 5):
    word = f"word{n * 7919 % len(vectors)}"
    began = time.perf_counter()
    vectors.most_similar(word, topn=10)
    seconds.append(time.perf_counter() - began)
each = statistics.median(seconds[5:])
say("query_one_core", each)
say("query_in_batch", each)

"""Writes the training reviews of the Large Movie Review Dataset as a text for word vectors.

    python imdb_text.py aclImdb_v1.tar.gz imdb.txt

The 75,000 reviews of train/pos, train/neg and train/unsup, sorted by their names in the archive, one per
line: in lower case, without <br />, words of [a-z0-9'] separated by spaces.
"""

import os
import re
import sys
import tarfile

archive, output = sys.argv[1:]
reviews = {}
with tarfile.open(archive, "r|gz") as tar:
    for member in tar:
        if re.fullmatch(r"aclImdb/train/(pos|neg|unsup)/[0-9_]+\.txt", member.name):
            reviews[member.name] = tar.extractfile(member).read().decode()
with open(output + ".new", "w") as file:
    for name in sorted(reviews):
        text = reviews[name].lower().replace("<br />", " ")
        file.write(" ".join(re.findall(r"[a-z0-9']+", text)) + "\n")
os.replace(output + ".new", output)
print(len(reviews), "reviews")

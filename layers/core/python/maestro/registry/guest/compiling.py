"""Compile the files that a list names, one path a line; standard library only, Python 3.8 and later.

``python compiling.py LIST``: with as many processes as there are cores, where it is worth it. What does not compile
(a file for another version of Python) is left out.
"""

import compileall
import os
import sys

WORTH_IT = 40  # files for a further process


def main():
    """Compile."""
    with open(sys.argv[1], encoding="utf-8", errors="surrogateescape") as listed:
        files = listed.read().splitlines()
    processes = max(1, min(os.cpu_count() or 1, len(files) // WORTH_IT, 8))
    number = 0
    for child in range(1, processes):
        if os.fork() == 0:
            number = child
            break
    for file in files[number::processes]:
        compileall.compile_file(file, quiet=2, force=True)
    if number:
        os._exit(0)
    for _ in range(1, processes):
        os.wait()


if __name__ == "__main__":
    main()

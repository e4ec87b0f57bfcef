"""`python -m tests.clerk`: a process in which Django is ready, so that asking it costs little.

It reads one JSON object a line, {"code": …, "values": …}, and answers each with one,
{"answer": …} or {"error": …}. Each is done by a child of its own, which finds nothing that
another has left behind: no connection, no cache, no object.
"""

import json
import os
import random
import sys
import tempfile
import traceback


def main():
    import django

    django.setup()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(done(**json.loads(line))) + "\n")
        sys.stdout.flush()


def done(code, values):
    with tempfile.TemporaryFile("w+") as answered, tempfile.TemporaryFile("w+") as said:
        child = os.fork()
        if child == 0:
            only_do(code, values, answered, said)
        _, status = os.waitpid(child, 0)
        answered.seek(0)
        said.seek(0)
        return {"answer": json.load(answered)} if status == 0 else {"error": said.read() or status}


def only_do(code, values, answered, said):
    """The life of a child, which ends here whatever happens."""
    failed = 1
    try:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
        random.seed()  # Or every child would throw the same dice.
        names = values | {"answer": None}
        exec(code, names)  # noqa: S102 (the tests' own words)
        json.dump(names["answer"], answered, default=str)
        answered.flush()
        failed = 0
    except BaseException:
        traceback.print_exc(file=said)
        said.flush()
    finally:
        os._exit(failed)


if __name__ == "__main__":
    main()

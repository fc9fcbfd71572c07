"""`rnn train`, `generate`, `valid`, `vec`: recurrent networks that read and write text, in the original's words."""

from __future__ import annotations

import codecs
import sys

from darkpy.cli import console, train
from darkpy.cli.args import Arg, Args, Command, Opt
from darkpy.cli.models import device
from darkpy.errors import DataError


def learn(args: Args) -> int:
    from darkpy.tasks.train import Job, open_text_training

    job = Job(args.file, args.cfg, args.weights, args.cutoff, args.clear, args.seed, args.threads, None, args.resume,
              args.save_every, 0 if args.no_chart else args.chart_every, args.max_batches, lax=args.lax,
              folder=args.backup, device=device(args))
    return train.follow(open_text_training(job, args.tokenized), "characters")


def escaped(text: str) -> bytes:
    """The bytes of a seed, in which \\n, \\t and so on may be written."""
    return text.replace("\\n", "\n").replace("\\t", "\t").encode("utf-8", "surrogateescape")


def generate(args: Args) -> int:
    import numpy as np

    from darkpy.tasks.text import Writer
    from darkpy.vision.names import read_names

    writer = Writer(args.cfg, args.weights, args.temp, args.lax)
    random = np.random.default_rng(args.srand)
    if args.tokens:
        names = read_names(args.tokens)
        numbers = {name: i for i, name in enumerate(names)}
        seed = [numbers[word] for word in args.seed.split() if word in numbers]
        print(*(names[k] for k in seed), end=" ")
        for k in writer.write(seed, args.len, random):
            print(names[k] if k < len(names) else k, end=" ", flush=True)
        print()
        return 0
    start = escaped(args.seed)
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    sys.stdout.write(decode(start))
    for k in writer.write(start, args.len, random):
        sys.stdout.write(decode(bytes([min(k, 255)])))
        sys.stdout.flush()
    print(decode(b"", True))
    return 0


def text_of(args: Args) -> bytes:
    from darkpy.datasets.text import TEXT_BYTES
    from darkpy.vision.textfile import read_bytes

    return read_bytes(args.file, "a text", TEXT_BYTES) if args.file else sys.stdin.buffer.read(TEXT_BYTES)


def valid(args: Args) -> int:
    from darkpy.tasks.text import Measured, Writer, measure

    text = text_of(args)
    writer, state = Writer(args.cfg, args.weights, lax=args.lax), Measured()
    for latest in console.progress(measure(writer, escaped(args.seed), text), len(text) - 1, "reading"):
        state = latest
    if not state.characters:
        raise DataError("there is no text to measure on: give two characters at least")
    print(f"{state.characters} BPC: {state.bpc:4.4f}   Perplexity: {state.perplexity:4.4f}    "
          f"Word Perplexity: {state.word_perplexity:4.4f}")
    return 0


def vec(args: Args) -> int:
    from darkpy.tasks.text import Writer

    writer = Writer(args.cfg, args.weights, lax=args.lax)
    for line in text_of(args).splitlines():
        numbers = writer.describe(escaped(args.seed) + line.strip())
        print(line.strip().decode("utf-8", "replace"), *(f"{v:g}" for v in numbers), sep=",")
    return 0


NOT_FOR_TEXT = ("-validate_every", "-patience", "-workers", "-display")
CFG = [Arg("cfg", "network description"), Arg("weights", "its parameters")]
LAX = Opt("--lax", "unknown keys in the cfg are only warned of")
SEED = Opt("-seed", "what is read first; \\n is a new line", str, "\\n\\n", metavar="TEXT")
FILE = Opt("-file", "the text; stdin by default", str, metavar="FILE")
GROUP = "As in Darknet"
COMMANDS = [
    Command(("rnn", "train"), "train a net to go on with a text", learn,
            [Arg("cfg", "network description, as cfg/rnn.train.cfg"),
             Arg("weights", "what to start from", required=False)],
            [Opt("-file", "the text to learn from", str, "data/shakespeare.txt", metavar="FILE"),
             Opt("-backup", "folder for weights", str, "backup", metavar="FOLDER"),
             Opt("-tokenized", "the file holds whole numbers, not characters"),
             *(o for o in train.OPTS if o.name not in NOT_FOR_TEXT)], GROUP,
            "A character is a byte, and inputs= says how many there are.  Files are those of darkpy train."),
    Command(("rnn", "generate"), "write text", generate, CFG,
            [SEED, Opt("-len", "characters to write", int, 1000, low=0),
             Opt("-temp", "temperature: below 1 the likely becomes likelier", float, 0.7, low=0.01, high=100),
             Opt("-srand", "for the random choice", int, 0, low=0),
             Opt("-tokens", "file of the words of a net that was trained on tokens", str, metavar="FILE"), LAX], GROUP),
    Command(("rnn", "valid"), "how well a text is foreseen: bits for each character", valid, CFG, [SEED, FILE, LAX],
            GROUP),
    Command(("rnn", "vec"), "for each line what the first layer makes of it", vec, CFG, [SEED, FILE, LAX], GROUP),
]

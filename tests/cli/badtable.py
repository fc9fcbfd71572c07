"""Bad input of many kinds, with what darkpy answers, word for word: so that it can be read aloud."""

from typing import NamedTuple

from tests.cli import badfiles as bad
from tests.cli.badfiles import CONV, HEAD, YOLO

DETECT = "detect tiny.cfg tiny.weights"  # what works, if an image follows
CFG = "detect bad.cfg tiny.weights one.png"
WEIGHTS = "detect tiny.cfg bad.weights one.png"
DATA = "detector test bad.data tiny.cfg tiny.weights one.png"


class Bad(NamedTuple):
    """`make` puts something bad into the folder of good files; then `argv` fails with `status`, saying `lines`."""

    name: str
    make: bad.Make | None
    argv: str
    lines: str


# exit status 3: the model
CFGS = [
    Bad("no such cfg", None, "detect none.cfg tiny.weights one.png",
        "none.cfg: no such file or directory: check the path"),
    Bad("cfg in a file instead of a folder", None, "detect one.png/a.cfg tiny.weights one.png",
        "one.png/a.cfg: not a directory: check the path"),
    Bad("directory as cfg", bad.directory("bad.cfg"), CFG, "bad.cfg: is a directory: give the name of a file in it"),
    Bad("empty cfg", bad.text("bad.cfg", ""), CFG,
        "bad.cfg:1: no section: a cfg begins with [net] (is this the right file?)"),
    Bad("binary cfg", bad.raw("bad.cfg", bytes(range(256))), CFG,
        "bad.cfg: holds NUL bytes: binary, where text is expected (the cfg comes before the weights)"),
    Bad("weights as cfg", None, "detect tiny.weights tiny.cfg one.png",
        "tiny.weights: holds NUL bytes: binary, where text is expected (the cfg comes before the weights)"),
    Bad("UTF-16", bad.raw("bad.cfg", bad.NET.encode("utf-16")), CFG,
        "bad.cfg: is UTF-16 text: save the file as UTF-8"),
    Bad("no [net]", bad.text("bad.cfg", CONV), CFG,
        "bad.cfg:1: the first section is [convolutional]: it must be [net]"),
    Bad("only [net]", bad.cfg(""), CFG, "bad.cfg:1: no layers behind [net]"),
    Bad("no size", bad.text("bad.cfg", "[net]\nwidth=32\n" + CONV), CFG,
        "bad.cfg:1: [net] no input size: give height=, channels= (or inputs= for rows of numbers)"),
    Bad("unknown section", bad.cfg("[convolutionel]\nfilters=3\n"), CFG,
        "bad.cfg:5: unknown section [convolutionel]: did you mean convolutional?"),
    Bad("unknown key", bad.cfg("[convolutional]\nfiltres=3\n"), CFG,
        "bad.cfg:6: [convolutional] filtres=3: unknown key: did you mean filters?"),
    Bad("unknown activation", bad.cfg("[convolutional]\nactivation=leeky\n"), CFG,
        "bad.cfg:6: [convolutional] activation=leeky: unknown word: did you mean leaky?"),
    Bad("unknown policy", bad.text("bad.cfg", bad.NET + "policy=stpes\n" + CONV), CFG,
        "bad.cfg:5: [net] policy=stpes: unknown word: did you mean steps?"),
    Bad("steps without as many scales",
        bad.text("bad.cfg", bad.NET + "policy=steps\nsteps=1,2,3\nscales=.1\n" + CONV), CFG,
        "bad.cfg:7: [net] 1 number in scales= for 3 in steps=: give one for each"),
    Bad("a billion filters", bad.cfg("[convolutional]\nfilters=1000000000\n"), CFG,
        "bad.cfg:5: [convolutional] an output of 32x32x1000000000 is 1,024,000,000,000 numbers for one image: "
        "at most 2,147,483,648 are allowed"),
    Bad("a net of 65536 x 65536", None, f"{DETECT} one.png --size 65536",
        "tiny.cfg:2: [net] an input of 12,884,901,888 numbers: at most 2,147,483,648 are allowed"),
    Bad("an input too small", None, f"{DETECT} one.png --size 5",
        "tiny.cfg:5: [maxpool] leaves nothing of its input 5x5x3: the output would be 0x0x3: take a larger net size, "
        "or a smaller size= or stride="),
    Bad("too many layers", bad.cfg("[dropout]\n" * 5000), CFG,
        "bad.cfg: 5,000 layers: at most 4,096 are allowed"),
    Bad("size 0", bad.cfg("[convolutional]\nsize=0\n"), CFG, "bad.cfg:6: [convolutional] size=0: must be at least 1"),
    Bad("stride 0", bad.cfg("[convolutional]\nstride=0\n"), CFG,
        "bad.cfg:6: [convolutional] stride=0: must be at least 1"),
    Bad("groups", bad.cfg("[convolutional]\ngroups=2\nfilters=4\n"), CFG,
        "bad.cfg:6: [convolutional] groups=2 does not divide its 3 input channels"),
    Bad("upsample by 0", bad.cfg(CONV + "[upsample]\nstride=0\n"), CFG,
        "bad.cfg:10: [upsample] stride=0 has no meaning: 2 doubles the map"),
    Bad("a route cycle", bad.cfg(CONV + "[route]\nlayers=2\n[route]\nlayers=1\n"), CFG,
        "bad.cfg:10: [route] layers=2 of layer 1 points at layer 2, which comes later: only earlier layers can be "
        "read"),
    Bad("a route to itself", bad.cfg(CONV + "[route]\nlayers=1\n"), CFG,
        "bad.cfg:10: [route] layers=1 of layer 1 points at itself: only earlier layers can be read"),
    Bad("a route before the first layer", bad.cfg(CONV + "[route]\nlayers=-3\n"), CFG,
        "bad.cfg:10: [route] layers=-3 of layer 1 points before the first layer, which is 0"),
    Bad("a route to nothing", bad.cfg(CONV + "[route]\n"), CFG, "bad.cfg:9: [route] needs layers="),
    Bad("a shortcut that does not fit", bad.cfg(CONV + CONV + "stride_x=2\n[shortcut]\nfrom=-2\n"), CFG,
        "bad.cfg:15: [shortcut] joins a 16x32 map and a 32x32 map: widths and heights must have the same integer "
        "ratio"),
    Bad("no classes", bad.cfg(HEAD + YOLO.replace("classes=2", "classes=0")), CFG,
        "bad.cfg:12: [yolo] classes=0: must be at least 1"),
    Bad("filters before a head", bad.cfg(HEAD.replace("14", "75") + YOLO), CFG,
        "bad.cfg:6: [convolutional] filters=75 feeds [yolo] with classes=2, 2 masks: it needs filters=14"),
    Bad("a mask too large", bad.cfg(HEAD + YOLO.replace("0,1", "0,3")), CFG,
        "bad.cfg:9: [yolo] mask=3 chooses an anchor that does not exist: they are 0 to 2"),
    Bad("surplus anchors", bad.cfg(HEAD + YOLO.replace("9,9", "9,9, 7,7")), CFG,
        "bad.cfg:10: [yolo] 8 numbers for num=3 anchors: give 6, a width and a height for each"),
    Bad("a tree with a cycle", bad.both(bad.text("bad.tree", "animal -1\ndog 2\ncat 1\n"), bad.cfg(bad.REGION)), CFG,
        "bad.cfg:12: [region] tree=bad.tree: bad.tree:2: parent '2' of 'dog' must be -1 (a root) or 0"),
    Bad("no such tree", bad.cfg(bad.REGION), CFG,
        "bad.cfg:12: [region] tree=bad.tree: bad.tree: no such file: give its full path, or start from the folder that "
        "holds it"),
    Bad("a tree of another size", bad.both(bad.text("bad.tree", "animal -1\ndog 0\n"), bad.cfg(bad.REGION)), CFG,
        "bad.cfg:12: [region] tree=bad.tree has 2 nodes, but classes=3: they must be equal"),
    Bad("five problems at once",
        bad.cfg("[convolutional]\nfilters=0\nsize=x\n[conv\n[route]\nlayers=9\n[yolov3]\n"), CFG,
        "bad.cfg:6: [convolutional] filters=0: must be at least 1\n"
        "bad.cfg:7: [convolutional] size=x: is not a whole number\n"
        "bad.cfg:8: '[conv' is no section: write it as [convolutional]\n"
        "bad.cfg:10: [route] layers=9 of layer 1 points at layer 9, which comes later: only earlier layers can be "
        "read\n"
        "bad.cfg:11: unknown section [yolov3]: did you mean yolo?"),
    Bad("no detector", bad.both(bad.cfg("[dropout]\n"), bad.cut("bad.weights", "tiny.weights", 20)),
        "detect bad.cfg bad.weights one.png",
        "bad.cfg: no detection layer ([yolo], [region] or [detection]): for a classifier use darkpy classify, or "
        "darkpy.Classifier"),
]

WEIGHTS_FILES = [
    Bad("no such weights", None, WEIGHTS,
        "bad.weights: no such file: check the path, or download the weights first"),
    Bad("weights in a file instead of a folder", None, "detect tiny.cfg one.png/a.weights one.png",
        "one.png/a.weights: cannot be read: not a directory: check the path"),
    Bad("directory as weights", bad.directory("bad.weights"), WEIGHTS,
        "bad.weights: is a directory: give the .weights file in it"),
    Bad("empty weights", bad.raw("bad.weights", b""), WEIGHTS,
        "bad.weights: the file is empty: download or save it again"),
    Bad("half a header", bad.raw("bad.weights", bytes(10)), WEIGHTS,
        "bad.weights: 10 bytes, but the header alone has 16: download or save it again"),
    Bad("truncated weights", bad.cut("bad.weights", "tiny.weights", 66), WEIGHTS,
        "bad.weights: 66 bytes, but this cfg needs 132: it ends in layer 1 [convolutional] weights: the download broke "
        "off, or it belongs to another cfg (number of classes?)"),
    Bad("weights of another net", bad.changed("bad.weights", "tiny.weights", lambda content: content + bytes(40)),
        WEIGHTS,
        "bad.weights: 172 bytes, but this cfg needs 132: 40 bytes are left over: it belongs to another cfg (number of "
        "classes?)"),
    Bad("weights for more classes", bad.changed("bad.weights", "tiny.weights", lambda content: content + bytes(48)),
        WEIGHTS,
        "bad.weights: 180 bytes, but this cfg needs 132: 48 bytes are left over: it would fit classes=5: take the cfg "
        "it was trained with"),
    Bad("weights with NaN", bad.changed("bad.weights", "tiny.weights", bad.with_nan), WEIGHTS,
        "bad.weights: layer 1 [convolutional] biases: 1 of 7 numbers are not finite: the file is damaged or its "
        "training diverged: take another one"),
    Bad("HTML as weights", bad.raw("bad.weights", bad.HTML), WEIGHTS,
        "bad.weights: this is a web page, saved in place of the weights: download the file again"),
    Bad("an LFS pointer", bad.raw("bad.weights", bad.LFS), WEIGHTS,
        "bad.weights: this is a Git LFS pointer, not the file it stands for: run git lfs pull"),
    Bad("gzip", bad.changed("bad.weights", "tiny.weights", bad.gzipped), WEIGHTS,
        "bad.weights: this is compressed with gzip: unpack it first"),
    Bad("zip", bad.changed("bad.weights", "tiny.weights", bad.zipped), WEIGHTS,
        "bad.weights: this is a zip archive (or a PyTorch checkpoint, which is one): unpack it, or give a .weights "
        "file"),
    Bad("a cfg as weights", None, "detect tiny.cfg tiny.cfg one.png",
        "tiny.cfg: this is a .cfg: the order is: cfg, then weights"),
    Bad("an image as weights", None, "detect tiny.cfg one.png tiny.weights",
        "one.png: this is a picture (PNG): the order is: cfg, weights, images"),
    Bad("any bytes as weights", bad.raw("bad.weights", bytes(range(1, 200))), WEIGHTS,
        "bad.weights: its header says version 67305985.134678021.202050057: not a Darknet weights file: give a "
        ".weights file"),
]

# exit status 4: data
IMAGES = [
    Bad("no such image", None, f"{DETECT} none.png", "none.png: no such file: check the path"),
    Bad("a name of 300 characters", None, f"{DETECT} {'x' * 300}.png",
        f"{'x' * 300}.png: cannot be read: file name too long: check the path"),
    Bad("an image in a file instead of a folder", None, f"{DETECT} one.png/two.png",
        "one.png/two.png: cannot be read: not a directory: check the path"),
    Bad("an empty folder", bad.directory("none"), f"{DETECT} none",
        "none: this folder holds no images (.jpg, .png ...): choose another"),
    Bad("a folder that ends in .png", bad.both(bad.directory("none.png"), bad.text("list.txt", "none.png\n")),
        f"{DETECT} list.txt", "none.png: is a directory, not an image: give the name of a file in it"),
    Bad("a pattern without match", None, f"{DETECT} *.bmp", "*.bmp: no file matches: check the pattern"),
    Bad("a device", None, f"{DETECT} /dev/zero",
        "/dev/zero: is not a regular file, so not an image: save it to a file first"),
    Bad("text as image", None, f"{DETECT} my.names",
        "my.names: is not an image darkpy can read: save it as JPEG, PNG, BMP, GIF, PPM, WebP, TIFF or TGA"),
    Bad("HTML as image", bad.raw("bad.jpg", bad.HTML), f"{DETECT} bad.jpg",
        "bad.jpg: is not an image darkpy can read: save it as JPEG, PNG, BMP, GIF, PPM, WebP, TIFF or TGA"),
    Bad("an empty image", bad.raw("bad.png", b""), f"{DETECT} bad.png",
        "bad.png: the file is empty: download or save it again"),
    Bad("100,000 x 100,000 pixels", bad.raw("bad.png", bad.png_header(100_000, 100_000)), f"{DETECT} bad.png",
        "bad.png: 100000x100000 pixels are more than the 178,956,970 allowed: scale it down"),
    Bad("a truncated JPEG", bad.raw("bad.jpg", bad.encoded("JPEG")[:-2000]), f"{DETECT} bad.jpg",
        "bad.jpg: the image is truncated: download or save it again"),
    Bad("half a JPEG header", bad.raw("bad.jpg", bad.encoded("JPEG")[:100]), f"{DETECT} bad.jpg",
        "bad.jpg: the image is truncated: download or save it again"),
    Bad("a truncated PNG", bad.raw("bad.png", bad.png_header(100, 100)), f"{DETECT} bad.png",
        "bad.png: the image is truncated: download or save it again"),
    Bad("a truncated GIF", bad.raw("bad.gif", bad.encoded("GIF")[:700]), f"{DETECT} bad.gif",
        "bad.gif: begins as GIF, but its header is cut off or damaged: download or save it again"),
    Bad("a truncated WebP", bad.raw("bad.webp", bad.encoded("WEBP")[:700]), f"{DETECT} bad.webp",
        "bad.webp: the image is damaged (could not create decoder object): download or save it again"),
    Bad("no such list", None, f"{DETECT} list.txt", "list.txt: no such file: check the path"),
    Bad("an empty list", bad.text("list.txt", "\n\n"), f"{DETECT} list.txt",
        "list.txt: this list is empty: write one image path per line"),
    Bad("a list in Latin-1", bad.raw("list.txt", b"one.png\ncaf\xe9.png\n"), f"{DETECT} list.txt",
        "list.txt:2: byte 0xe9 is not UTF-8; save the file as UTF-8"),
]
LISTS = [
    Bad("too few names", bad.text("bad.names", "lime\n"), f"{DETECT} one.png --names bad.names",
        "bad.names: 1 name, but the net has 2 classes: give one name for each"),
    Bad("names in Latin-1", bad.raw("bad.names", b"lime\ncaf\xe9\n"), f"{DETECT} one.png --names bad.names",
        "bad.names:2: byte 0xe9 is not UTF-8; save the file as UTF-8"),
    Bad("no such names", None, f"{DETECT} one.png --names bad.names", "bad.names: no such file: check the path"),
    Bad("directory as names", bad.directory("bad.names"), f"{DETECT} one.png --names bad.names",
        "bad.names: is a directory, not a list of names: give the name of a file in it"),
    Bad("empty names", bad.text("bad.names", ""), f"{DETECT} one.png --names bad.names",
        "bad.names: holds no names; write one class name per line"),
    Bad("weights as names", None, f"{DETECT} one.png --names tiny.weights",
        "tiny.weights:1: contains a NUL byte, so it is not a list of names in UTF-8 text: is it the right file?"),
    Bad("a .data file that names a missing file", bad.text("bad.data", "classes=2\nnames=none.names\n"), DATA,
        "bad.data:2: names=none.names: no such file, neither here nor beside this .data file: check the path"),
    Bad("a .data file without classes", bad.text("bad.data", "classes=0\nnames=my.names\n"), DATA,
        "bad.data:1: classes=0: must be at least 1"),
    Bad("no such .data file", None, DATA, "bad.data: no such file or directory: check the path"),
    Bad("directory as .data file", bad.directory("bad.data"), DATA,
        "bad.data: is a directory: give the name of a file in it"),
    Bad("a cfg as .data file", None, "detector test tiny.cfg tiny.cfg tiny.weights one.png",
        "tiny.cfg:1: [net] begins a section: this is a cfg, not a .data file"),
]
OUTPUT = [
    Bad("a list in a missing folder", None, f"{DETECT} one.png --json=none/a.json",
        "none/a.json: its folder does not exist: make it first"),
    Bad("a list below a file", None, f"{DETECT} one.png --csv=one.png/a.csv",
        "one.png/a.csv: what should be its folder is a file: choose another place"),
    Bad("a list that is a folder", bad.directory("res"), f"{DETECT} one.png --json=res",
        "res: is not a regular file, so it is not written to: give the name of a file"),
    Bad("a list that is a device", None, f"{DETECT} one.png --coco=/dev/full",
        "/dev/full: is not a regular file, so it is not written to: give the name of a file"),
    Bad("a list whose name is too long", None, f"{DETECT} one.png --json={'x' * 300}",
        f"{'x' * 300}: cannot be written: file name too long: choose another place"),
]

# exit status 2: the command line
USAGE = [
    Bad("an unknown command", None, "detct tiny.cfg", "darkpy: unknown command 'detct': did you mean detect?"),
    Bad("an unknown mode", None, "detector tst", "darkpy detector: unknown command 'tst': did you mean test?"),
    Bad("help for an unknown mode", None, "help detector tst",
        "darkpy detector: unknown command 'tst': did you mean test?"),
    Bad("no weights", None, "detect tiny.cfg",
        "darkpy detect: weights is missing (its parameters, .weights or .dpk); without cfg and weights, images alone "
        "are looked at with the network darkpy brings along"),
    Bad("an unknown option", None, f"{DETECT} one.png -tresh .5",
        "darkpy detect: unknown option -tresh: did you mean -thresh?"),
    Bad("an option without value", None, f"{DETECT} one.png -thresh",
        "darkpy detect: -thresh needs a value: -thresh X"),
    Bad("a flag with value", None, f"{DETECT} one.png --lax=1",
        "darkpy detect: --lax takes no value, but '1' is given"),
    Bad("a negative threshold", None, f"{DETECT} one.png -thresh -1", "darkpy detect: -thresh -1: must be at least 0"),
    Bad("a threshold of 50", None, f"{DETECT} one.png -thresh 50", "darkpy detect: -thresh 50: must be at most 1"),
    Bad("a threshold of nan", None, f"{DETECT} one.png -thresh nan", "darkpy detect: -thresh nan: is not a number"),
    Bad("--size 0", None, f"{DETECT} one.png --size 0", "darkpy detect: --size 0: must be at least 1"),
    Bad("--size 1x2x3", None, f"{DETECT} one.png --size 1x2x3",
        "darkpy detect: --size 1x2x3: must be a side as in 416, or width x height as in 640x384"),
    Bad("--batch 0", None, f"{DETECT} one.png --batch 0", "darkpy detect: --batch 0: must be at least 1"),
    Bad("--threads 0", None, f"{DETECT} one.png --threads 0", "darkpy detect: --threads 0: must be at least 1"),
    Bad("options that exclude each other", None, f"{DETECT} one.png --stretch --letterbox",
        "darkpy detect: --letterbox and --stretch exclude each other"),
    Bad("two lists on stdout", None, f"{DETECT} one.png --json --csv",
        "darkpy detect: only one list can go to stdout: name a file for the others, as in --json=FILE"),
    Bad("one file for two lists", None, f"{DETECT} one.png --json=a --csv=a",
        "darkpy detect: a is named for two results: give each its own file"),
    Bad("one picture for many images", None, f"{DETECT} photos -out a.jpg",
        "darkpy detect: -out a.jpg names one picture, but there are several images: name a folder"),
    Bad("a picture in place of its image", None, f"{DETECT} one.png -out one.png",
        "darkpy detect: one.png is one of the images: choose another place for the results with -out"),
    Bad("a list in place of an image", None, f"{DETECT} one.png --json=photos/../one.png",
        "darkpy detect: photos/../one.png is also read: give the results another name"),
    Bad("a list in place of the cfg", None, f"{DETECT} one.png --csv=tiny.cfg",
        "darkpy detect: tiny.cfg is also read: give the results another name"),
    Bad("a list in place of the weights", None, "classify tiny.cfg tiny.weights one.png --json=tiny.weights",
        "darkpy classify: tiny.weights is also read: give the results another name"),
    Bad("a test sheet in place of its image", None, "imtest one.png -out one.png",
        "darkpy imtest: one.png is also read: give the results another name"),
    Bad("weights in place of those read", None, "partial tiny.cfg tiny.weights tiny.weights 1",
        "darkpy partial: tiny.weights: is also read: give another output file, or --overwrite to replace it"),
    Bad("more layers than there are", None, "partial tiny.cfg tiny.weights out.weights 99",
        "darkpy partial: 99 layers of tiny.cfg: it has 3"),
    Bad("a negative number of layers", None, "partial tiny.cfg tiny.weights out.weights -1",
        "darkpy partial: layers -1: is not a whole number from 0 on: darkpy partial cfg weights outfile layers "
        "[options]"),
]
TABLE = [(status, row) for status, rows in ((3, CFGS + WEIGHTS_FILES), (4, IMAGES + LISTS + OUTPUT), (2, USAGE))
         for row in rows]

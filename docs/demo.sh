#!/bin/sh
# What `make demo` runs: boxes around the objects of one photo, with real weights.
#
#     sh docs/demo.sh [PHOTO]
#
# With a folder of reference data (DARKPY_SHARED) its model and photo are used.  Else YOLOv3-tiny is downloaded, and the
# photo has to be given: make demo PHOTO=my.jpg
set -eu
cd "$(dirname "$0")/.."

photo=${1:-${PHOTO:-}}
shared=${DARKPY_SHARED:-../shared}/golden
out=predictions.jpg

if ! command -v darkpy > /dev/null; then
    echo "darkpy is not installed here: run make demo, which sees to that" >&2
    exit 2
fi
if [ -n "$photo" ] && [ ! -f "$photo" ]; then
    echo "$photo: no such photo" >&2
    exit 4
fi

if [ -f "$shared/models/yolo-fastest-1.1-xl.weights" ]; then
    cfg=$shared/models/yolo-fastest-1.1-xl.cfg
    weights=$shared/models/yolo-fastest-1.1-xl.weights
    photo=${photo:-$shared/images/dog.jpg}
else
    cfg=cfg/yolov3-tiny.cfg
    if [ -z "$photo" ]; then
        echo "Which photo? The repository holds none. Run: make demo PHOTO=my.jpg" >&2
        exit 4
    fi
    echo "Downloading yolov3-tiny.weights (35 MB; kept for the next time) ..."
    weights=$(darkpy download yolov3-tiny)
fi

set -- darkpy detect "$cfg" "$weights" "$photo" --names data/coco.names -out "$out"
echo "\$ $*"
"$@"
echo
echo "The picture with boxes is $(pwd)/$out. Your own photo: make demo PHOTO=my.jpg"
